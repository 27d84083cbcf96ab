#include "args.h"
#include "clock.h"
#include "engine.h"
#include "file.h"
#include "interrupt.h"
#include "node_session.h"
#include "progress.h"
#include "version_text.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const struct cli_command cmd_send = {
    .name = "send",
    .summary = "install an image on a node",
    .usage =
        "--port PORT [--baud N] [--nrst CHIP:LINE [--boot0 CHIP:LINE]] [--bootloader]\n"
        "                  [--no-reset] [--wait-confirm SECONDS] IMAGE...\n\n"
        "Give the images of all slots: the node says which one is free. A damaged file is refused\n"
        "before the node hears of it. A broken transfer is resumed, also by a later `ferry send`.\n"
        "Succeeds when the new image runs and has confirmed itself; fails when the node\n"
        "refuses it or goes back to the old one.\n"
        "Ctrl-C ends the transfer.\n\n" NODE_SESSION_USAGE NODE_SESSION_LINES_USAGE
        "                 where the node does not answer, it is reset by them\n"
        "  --bootloader   reset the node first: the bootloader receives without pauses\n"
        "  --no-reset     only install; the next start tries the image. Ends at once where the\n"
        "                 node has the image already\n"
        "  --wait-confirm SECONDS  how long to wait for the confirmation (default 420, 0: not "
        "at all)\n",
    .run = run,
};

enum { IMAGES_MAX = 16, RETRY_FIRST_MS = 500, RETRY_MAX_MS = 2000, RETRIES = 60 };

/* Image files as a source of the engine. */
struct files {
    const char *paths[IMAGES_MAX];
    struct file_bytes list[IMAGES_MAX];
    struct ferry_image images[IMAGES_MAX]; /* what the files claim */
    uint8_t count;
    uint8_t last; /* index of the file that was read last: the one being sent */
};

static enum gateway_answer files_check(void *ctx, const struct ferry_info *info,
                                       struct gateway_offer *offer)
{
    const struct files *files = ctx;
    (void)info;
    offer->count = files->count;
    offer->again = true; /* somebody asked for it */
    offer->force = true;
    return GATEWAY_OK;
}

static enum gateway_answer files_read(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                      uint32_t size, uint32_t *got)
{
    struct files *files = ctx;
    const struct file_bytes *file = &files->list[index];
    files->last = index;
    if (offset >= file->size) {
        return GATEWAY_REFUSED;
    }
    uint32_t left = file->size - offset;
    *got = size < left ? size : left;
    memcpy(out, file->bytes + offset, *got);
    return GATEWAY_OK;
}

static const char *files_error(void *ctx)
{
    (void)ctx;
    return "the image file is truncated";
}

static void files_free(struct files *files)
{
    for (uint8_t i = 0; i < files->count; i++) {
        file_free(&files->list[i]);
    }
}

/* A damaged file costs the node its other image: it is refused before the node hears of it. */
static bool file_is_whole(const char *path, struct file_bytes *file, struct ferry_image *image)
{
    int status = file_check_image(file, image);
    if (status == FERRY_IMAGE_HASH) {
        cli_fail("%s: the file is damaged (%s): copy or sign it again", path,
                 ferry_status_name(status));
    } else if (status == FERRY_IMAGE_SIZE && image->total_size != 0 &&
               image->total_size < file->size) {
        cli_fail("%s: the file is damaged (%s): %" PRIu32
                 " bytes follow the image; copy or sign it again",
                 path, ferry_status_name(status), file->size - image->total_size);
    } else if (status != FERRY_OK) {
        cli_fail_status(path, status);
    }
    return status == FERRY_OK;
}

static bool files_load(struct files *files, const char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        files->paths[i] = paths[i];
        if (!file_read(paths[i], &files->list[i])) {
            return false;
        }
        files->count++;
        if (!file_is_whole(paths[i], &files->list[i], &files->images[i])) {
            return false;
        }
    }
    return true;
}

/* --- what the user sees ------------------------------------------------------------------- */

struct display {
    struct progress progress;
    const struct files *files;
    const char *path; /* of the port */
    bool greeted;     /* the node was named */
    bool offered;     /* the image was named */
    uint32_t wait_s;  /* for the confirmation */
};

static void show_node(struct display *display, const struct ferry_info *info)
{
    char version[FERRY_VERSION_TEXT_SIZE];
    if (display->greeted) {
        return;
    }
    display->greeted = true;
    if (info->running < info->slot_count) {
        ferry_version_print(&info->slots[info->running].version, version);
        printf("node      %s, running %s in slot %s\n", info->board, version,
               node_slot_name(info->running));
    } else {
        printf("node      %s, in its bootloader\n", info->board);
    }
}

static void show_offer(struct display *display, const struct gateway_report *report)
{
    char version[FERRY_VERSION_TEXT_SIZE];
    char size[PROGRESS_SIZE_TEXT];
    if (display->offered) {
        return;
    }
    display->offered = true;
    ferry_version_print(report->version, version);
    printf("image     %s, %s\n", version, progress_size(report->total, size));
}

static void show_opened(struct display *display, const struct gateway_report *report)
{
    char size[PROGRESS_SIZE_TEXT];
    if (report->done > 0) {
        printf("resuming  at %s\n", progress_size(report->done, size));
    }
    progress_begin(&display->progress, "sending ", report->done, report->total);
}

static void show_retry(const struct display *display, const struct gateway_report *report)
{
    const char *reason = report->text[0] != '\0' ? report->text : ferry_status_text(report->status);
    printf("%s: %s; trying again in %.1f s\n", display->path, reason, report->wait_ms / 1000.0);
}

static bool is_for_board(const struct ferry_image *image, const struct ferry_info *info)
{
    return strlen(info->board) == image->board_size &&
           memcmp(info->board, image->board, image->board_size) == 0;
}

static void show_wrong_board(const char *path, const struct ferry_image *image,
                             const struct ferry_info *info)
{
    cli_fail("%s: the image is for %.*s, this node is %s (%s)", path, image->board_size,
             image->board, info->board, ferry_status_name(FERRY_IMAGE_BOARD));
}

/* No file is for the slot that is free: names both sides for each. An address says nothing of a
 * file for another board. */
static void show_wrong_slot(const struct files *files, const struct gateway_report *report)
{
    const struct ferry_info *info = report->info;
    const char *wanted = node_slot_name(gateway_wanted_slot(info));
    for (uint8_t i = 0; i < files->count; i++) {
        const struct ferry_image *image = &files->images[i];
        uint8_t slot = gateway_slot_at(info, image->header.load_address);
        if (!is_for_board(image, info)) {
            show_wrong_board(files->paths[i], image, info);
        } else if (slot == FERRY_SLOT_NONE) {
            cli_fail("slot %s is free, %s is linked for 0x%08" PRIX32 ", where no slot is (%s)",
                     wanted, files->paths[i], image->header.load_address,
                     ferry_status_name(report->status));
        } else {
            cli_fail("slot %s is free, %s is linked for slot %s (%s)", wanted, files->paths[i],
                     node_slot_name(slot), ferry_status_name(report->status));
        }
    }
}

/* What the node, or the engine for it, has against an image: names the file and the values. */
static void show_refusal(const struct files *files, const struct gateway_report *report)
{
    const struct ferry_image *image = &files->images[files->last];
    const char *path = files->paths[files->last];
    const char *name = ferry_status_name(report->status);
    switch (report->status) {
    case FERRY_IMAGE_SLOT:
        show_wrong_slot(files, report);
        break;
    case FERRY_SLOT_RUNNING:
    case FERRY_SLOT_CONFIRMED:
        cli_fail("%s: slot %s holds the image that the next start needs; `ferry reset`, then send "
                 "again (%s)",
                 path, node_slot_name(gateway_slot_at(report->info, image->header.load_address)),
                 name);
        break;
    case FERRY_IMAGE_COUNTER:
        cli_fail("%s: its security counter is %" PRIu32 ", the node takes none below %" PRIu32
                 "; sign it with that or a higher one (%s)",
                 path, image->security_counter, report->info->security_counter, name);
        break;
    case FERRY_IMAGE_BOARD:
        show_wrong_board(path, image, report->info);
        break;
    default:
        cli_fail_status(path, report->status);
    }
}

/* Of a trial whose time is up nothing is lost yet: says what can be done. */
static void show_unconfirmed(const struct display *display, const struct gateway_report *report)
{
    char version[FERRY_VERSION_TEXT_SIZE];
    ferry_version_print(report->version, version);
    cli_fail("%s runs but did not confirm itself within %u s; it is still on trial: `ferry "
             "confirm`, `ferry revert`, or wait",
             version, display->wait_s);
}

static bool is_about_image(int status)
{
    return status >= FERRY_IMAGE_MAGIC && status <= FERRY_SLOT_CONFIRMED;
}

static void show_failed(const struct display *display, const struct gateway_report *report)
{
    if (report->status == FERRY_TIMEOUT && report->on_trial) {
        show_unconfirmed(display, report);
    } else if (report->text[0] != '\0') {
        cli_fail("%s: %s", display->path, report->text);
    } else if (report->status == FERRY_ABORTED) {
        cli_fail("interrupted; what the node has stays and can be resumed");
    } else if (is_about_image(report->status)) {
        show_refusal(display->files, report);
    } else {
        cli_fail_status(display->path, report->status);
    }
}

static void show(void *ctx, const struct gateway_report *report)
{
    struct display *display = ctx;
    char version[FERRY_VERSION_TEXT_SIZE];
    if (report->event == GATEWAY_EVENT_PROGRESS) {
        progress_update(&display->progress, report->done);
        return;
    }
    progress_end(&display->progress);
    ferry_version_print(report->version, version);
    switch (report->event) {
    case GATEWAY_EVENT_NODE:
        show_node(display, report->info);
        break;
    case GATEWAY_EVENT_OFFER:
        show_offer(display, report);
        break;
    case GATEWAY_EVENT_OPENED:
        show_opened(display, report);
        break;
    case GATEWAY_EVENT_INSTALLED:
        printf("accepted  %s\n", report->info->phase == FERRY_PHASE_TRIAL
                                     ? "it is on trial already"
                                     : "the next start tries it");
        break;
    case GATEWAY_EVENT_TRIAL:
        printf("waiting   for %s to confirm itself, at most %u s a start\n", version,
               display->wait_s);
        break;
    case GATEWAY_EVENT_PULSE:
        printf("silent    the node is reset by NRST\n");
        break;
    case GATEWAY_EVENT_RETRY:
        show_retry(display, report);
        break;
    case GATEWAY_EVENT_SUCCEEDED:
        printf("done      %s runs, confirmed\n", version);
        break;
    case GATEWAY_EVENT_FAILED:
        show_failed(display, report);
        break;
    default:
        break;
    }
    fflush(stdout);
}

/* --- the loop ----------------------------------------------------------------------------- */

static int run_engine(struct gateway_engine *engine, struct node_session *session)
{
    bool aborted = false;
    for (;;) {
        uint32_t now_ms = ferry_posix_now_ms();
        if (interrupt_count() > 1) {
            return CLI_INTERRUPTED; /* a second Ctrl-C does not wait for the node */
        }
        if (interrupt_count() > 0 && !aborted) {
            aborted = true;
            gateway_engine_abort(engine, now_ms);
            continue;
        }
        gateway_engine_step(engine, now_ms);
        uint32_t wait_ms = gateway_engine_wait_ms(engine, ferry_posix_now_ms());
        if (engine->result != GATEWAY_RESULT_NONE) {
            break;
        }
        if (gateway_engine_is_resting(engine)) {
            poll(NULL, 0, (int)wait_ms); /* the application may talk meanwhile */
        } else if (wait_ms > 0) {
            node_session_wait(session, wait_ms);
        }
    }
    if (aborted) {
        return CLI_INTERRUPTED;
    }
    return engine->result == GATEWAY_RESULT_SUCCEEDED ? CLI_OK : CLI_FAILED;
}

/* Says early and clearly when there is no node at all. */
static int send_files(struct node_session *session, struct files *files,
                      const struct gateway_options *options)
{
    static struct gateway_engine engine;
    struct ferry_info info;
    struct display display = {
        .files = files, .path = session->path, .wait_s = options->confirm_ms / 1000};
    const struct gateway_source source = {files, files_check, files_read, files_error};
    const struct gateway_sink sink = gateway_link_sink(&session->link);
    const struct gateway_reporter reporter = {&display, show};
    const struct gateway_reporter *reporters[] = {&reporter};
    if (session->lines.reset == NULL) { /* else the engine knows a way */
        int result = node_session_info(session, &info);
        if (result != CLI_OK) {
            return result;
        }
        const struct ferry_board *board = ferry_board_find(info.board);
        if (board != NULL && !ferry_board_has_bootloader(board)) {
            return cli_fail("%s: this node is %s, which has no bootloader of Ferry's: `ferry rom "
                            "write` updates it through the one in its chip",
                            session->path, info.board);
        }
    }
    gateway_engine_init(&engine, &source, &sink, reporters, 1, options, ferry_posix_seed());
    return run_engine(&engine, session);
}

static int run(int argc, char **argv)
{
    static struct node_session session;
    static struct files files;
    const char *port = NULL;
    const char *baud = NULL;
    const char *wait = NULL;
    const char *nrst = NULL;
    const char *boot0 = NULL;
    const char *paths[IMAGES_MAX];
    uint32_t wait_s = 420;
    struct gateway_options engine = gateway_options_default();
    const struct cli_option options[] = {{"--port", &port, NULL},
                                         {"--baud", &baud, NULL},
                                         {"--wait-confirm", &wait, NULL},
                                         {"--nrst", &nrst, NULL},
                                         {"--boot0", &boot0, NULL},
                                         {"--bootloader", NULL, &engine.by_bootloader},
                                         {"--no-reset", NULL, &engine.no_reset}};
    struct cli_operands operands = {paths, IMAGES_MAX, 0};
    if (!cli_parse(&cmd_send, argc, argv, options, 7, &operands)) {
        return CLI_USAGE;
    }
    if (operands.count == 0) {
        return cli_usage(&cmd_send, "an image is needed");
    }
    if (wait != NULL && (!cli_parse_u32(wait, &wait_s) || wait_s > 86400)) {
        return cli_usage(&cmd_send, "--wait-confirm wants 0 to 86400 seconds");
    }
    engine.confirm_ms = wait_s * 1000;
    engine.retry_first_ms = RETRY_FIRST_MS;
    engine.retry_max_ms = RETRY_MAX_MS;
    engine.retries = RETRIES;
    int result = CLI_FAILED;
    if (files_load(&files, paths, operands.count)) {
        result = node_session_open(&session, &cmd_send, port, baud);
    }
    if (result == CLI_OK) {
        result = node_session_lines(&session, &cmd_send, nrst, boot0);
    }
    if (result == CLI_OK) {
        result = send_files(&session, &files, &engine);
        node_session_close(&session);
    }
    files_free(&files);
    return result;
}
