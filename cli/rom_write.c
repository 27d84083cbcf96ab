/* `ferry rom write` and `ferry rom verify`: a file against flash, by rom_update.h. */
#include "rom_update.h"

#include "clock.h"
#include "interrupt.h"
#include "progress.h"
#include "rom_commands.h"
#include "rom_image.h"
#include "rom_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run_write(int argc, char **argv);
static int run_verify(int argc, char **argv);

#define FILE_USAGE                                                                                 \
    "FILE is a raw binary, or a Ferry image: of that the payload is taken, to the address that\n"  \
    "it is linked for.\n\n"

const struct cli_command rom_write = {
    .name = "rom write",
    .summary = "write a program through the ROM bootloader, and read it back",
    .usage = ROM_SESSION_PORT
    "\n                 [--address A] [--start] [--force] FILE\n\n" FILE_USAGE
    "What flash holds already is left alone; of the rest whole pages are erased, written\n"
    "and read back. The vectors are erased first and written last: interrupted at any\n"
    "moment, the chip starts no half-written program, and the same command completes it.\n\n"
    "  --address A    where a raw binary goes: the start of a page (default 0x08000000)\n"
    "  --start        then start it: by NRST, else by the bootloader's GO\n"
    "  --force        also what is no program for this chip by its first two "
    "words\n" ROM_SESSION_USAGE,
    .run = run_write,
};

const struct cli_command rom_verify = {
    .name = "rom verify",
    .summary = "compare flash with a file through the ROM bootloader",
    .usage = ROM_SESSION_PORT
    "\n                 [--address A] FILE\n\n" FILE_USAGE
    "Changes nothing. Exit code 0: flash holds it; 1: it does not, or it cannot be read.\n\n"
    "  --address A    where a raw binary should be (default 0x08000000)\n" ROM_SESSION_USAGE,
    .run = run_verify,
};

enum {
    ATTEMPTS = 3,
    QUIET_MS = 12000 /* longer than a page takes to erase: a chip with NRST is reset then */
};

/* One file and one chip. */
struct job {
    struct rom_session *session;
    struct rom_image image;
    bool compare_only, start, force;
    struct ferry_rom_update update;
    uint8_t buffer[FERRY_ROM_UPDATE_BUFFER_SIZE];
    struct progress progress;
    uint8_t shown; /* phase that the bar is of */
    uint32_t pages_erased;
    uint32_t heard_ms; /* when the chip was heard last */
};

/* --- the update --------------------------------------------------------------------------- */

static const char *const labels[] = {
    [FERRY_ROM_UPDATE_COMPARE] = "comparing", [FERRY_ROM_UPDATE_PROGRAM] = "writing  "};

static void show(struct job *job)
{
    const struct ferry_rom_update *update = &job->update;
    if (update->phase > FERRY_ROM_UPDATE_PROGRAM) {
        progress_update(&job->progress, update->size);
        return;
    }
    if (update->phase != job->shown) {
        progress_end(&job->progress);
        job->shown = update->phase;
        progress_begin(&job->progress, labels[update->phase], 0, update->size);
    }
    progress_update(&job->progress, update->at);
}

/* Ctrl-C ends it between two commands, so that the ROM waits for nothing; twice: at once. */
static bool is_stopped(const struct ferry_rom_update *update)
{
    const int count = interrupt_count();
    return count > 1 || (count > 0 && (update->ready || update->needs));
}

static int do_action(struct job *job, const struct ferry_rom_action *action)
{
    struct rom_session *session = job->session;
    if (action->type == FERRY_ROM_SUPPLY) {
        memcpy(action->bytes, job->image.bytes + action->offset, action->size);
        ferry_rom_update_supply(&job->update);
        show(job);
        return FERRY_MORE;
    }
    if (action->type == FERRY_ROM_APPROVE) {
        ferry_rom_update_approve(&job->update); /* the file was read once and lies in memory */
        return FERRY_MORE;
    }
    const int status = rom_wire_do(&session->wire, &session->rom, action);
    const uint32_t now_ms = ferry_posix_now_ms();
    if (status == FERRY_MORE) {
        rom_wire_wait(&session->wire, action, -1);
    } else if (action->type == FERRY_ROM_READ) {
        job->heard_ms = now_ms;
    }
    if (session->wire.has_lines && now_ms - job->heard_ms > QUIET_MS) {
        return FERRY_ROM_LOST;
    }
    return status == FERRY_OK ? FERRY_MORE : status;
}

static int run_update(struct job *job)
{
    struct ferry_rom_action action;
    job->session->wire.error[0] = '\0';
    int status = ferry_rom_update_start(&job->update, &job->session->rom, job->image.address,
                                        job->image.size, job->compare_only, job->buffer);
    if (status != FERRY_OK) {
        return status;
    }
    job->heard_ms = ferry_posix_now_ms();
    job->shown = FERRY_ROM_UPDATE_COMPARE;
    progress_begin(&job->progress, labels[FERRY_ROM_UPDATE_COMPARE], 0, job->image.size);
    do {
        status = is_stopped(&job->update)
                     ? FERRY_ABORTED
                     : ferry_rom_update_step(&job->update, ferry_posix_now_ms(), &action);
        if (status == FERRY_MORE) {
            status = do_action(job, &action);
        }
    } while (status == FERRY_MORE);
    if (status == FERRY_OK) {
        progress_update(&job->progress, job->image.size);
    }
    progress_end(&job->progress);
    job->pages_erased += job->update.pages_erased;
    return status;
}

/* The link to the ROM is lost, not its flash: worth another try. */
static bool is_link_lost(const struct job *job, int status)
{
    return job->session->wire.error[0] == '\0' &&
           (status == FERRY_ROM_NO_ANSWER || status == FERRY_ROM_BUS ||
            status == FERRY_ROM_SILENT || status == FERRY_ROM_LOST || status == FERRY_ROM_REPLY ||
            status == FERRY_ROM_UNKNOWN);
}

static int run_attempts(struct job *job)
{
    int status = run_update(job);
    for (int attempt = 2; attempt <= ATTEMPTS && is_link_lost(job, status); attempt++) {
        printf("again     %s; attempt %d of %d\n", ferry_status_text(status), attempt, ATTEMPTS);
        fflush(stdout);
        status = rom_session_connect(job->session);
        status = status == FERRY_OK ? run_update(job) : status;
    }
    return status;
}

/* --- results ------------------------------------------------------------------------------ */

static int tell_difference(const struct job *job)
{
    const struct ferry_rom_update *update = &job->update;
    const uint8_t *held = job->session->rom.buffer;
    const uint32_t from = update->at + update->probed;
    uint32_t i = 0;
    while (i + 1 < job->session->rom.request.count && held[i] == job->image.bytes[from + i]) {
        i++;
    }
    return cli_fail("%s: the flash differs at 0x%08" PRIX32
                    ": it holds 0x%02X, the file 0x%02X; `ferry rom write` puts it there (%s)",
                    job->image.path, job->image.address + from + i, held[i],
                    job->image.bytes[from + i], ferry_status_name(FERRY_ROM_VERIFY));
}

/* A vector page that would not be erased is the first that is touched, and what was read of it last
 * tells: with stack pointer and reset vector the old program is whole. */
static bool is_old_program_whole(const struct job *job, int status)
{
    const struct ferry_rom_update *update = &job->update;
    const uint8_t *vectors = job->session->rom.buffer;
    return job->pages_erased == 0 ||
           (status == FERRY_ROM_ERASE && update->page.start == 0 && update->at == 0 &&
            (vectors[4] & 1U) != 0 && ferry_get_u32(vectors) != UINT32_MAX);
}

static int tell_failure(const struct job *job, int status)
{
    if (status == FERRY_ROM_VERIFY && job->compare_only) {
        return tell_difference(job);
    }
    if (status == FERRY_ABORTED) {
        cli_fail("interrupted");
    }
    int result = rom_session_result(job->session, NULL, status);
    if (is_old_program_whole(job, status)) {
        fprintf(stderr, "ferry: flash is as it was\n");
    } else {
        fprintf(stderr, "ferry: the chip starts nothing until the same command has completed the "
                        "program\n");
    }
    return result;
}

static void tell_success(const struct job *job)
{
    char size[PROGRESS_SIZE_TEXT];
    progress_size(job->image.size, size);
    if (job->compare_only) {
        printf("done      flash holds all %s\n", size);
    } else if (job->pages_erased == 0) {
        printf("done      flash held all %s already; nothing was written\n", size);
    } else {
        printf("done      %s in flash, read back; %" PRIu32 " page%s erased\n", size,
               job->pages_erased, job->pages_erased == 1 ? "" : "s");
    }
    fflush(stdout);
}

static int finish(struct job *job, int status)
{
    if (status != FERRY_OK) {
        return tell_failure(job, status);
    }
    tell_success(job);
    if (!job->start) {
        return CLI_OK;
    }
    int result = rom_session_result(
        job->session, "start", rom_session_start_application(job->session, job->image.address));
    if (result == CLI_OK) {
        puts("started");
    }
    return result;
}

/* --- command line ------------------------------------------------------------------------- */

static int echo_chunk(struct rom_session *session, uint32_t address, uint32_t size)
{
    uint8_t sent[FERRY_ROM_CHUNK_MAX];
    uint8_t read[FERRY_ROM_CHUNK_MAX] = {0};
    for (uint32_t i = 0; i < size; i++) {
        sent[i] = (uint8_t)(i * 7 + 1);
    }
    int status = rom_session_run(session, FERRY_ROM_WRITE_MEMORY, address, size, sent);
    if (status == FERRY_OK) {
        status = rom_session_read(session, address, read, size, NULL, NULL);
    }
    return status == FERRY_OK && memcmp(sent, read, size) != 0 ? FERRY_ROM_REPLY : status;
}

/* Not every I2C master sends and reads a chunk in one transfer: better found out in RAM than after
 * an erase. */
static int try_chunk(struct rom_session *session)
{
    const uint32_t size = session->wire.traits.chunk_bytes;
    const uint32_t address = ferry_rom_ram_start(session->rom.chip);
    int status = echo_chunk(session, address, size);
    for (int attempt = 2; attempt <= ATTEMPTS && status != FERRY_OK; attempt++) {
        if (status == FERRY_ABORTED || session->wire.error[0] != '\0') {
            break;
        }
        status = echo_chunk(session, address, size);
    }
    if (status != FERRY_OK && status != FERRY_ABORTED) {
        cli_fail("transfers of %" PRIu32 " bytes fail; try a smaller --chunk. Flash is as it was",
                 size);
    }
    return rom_session_result(session, NULL, status);
}

static int work(struct job *job)
{
    char size[PROGRESS_SIZE_TEXT];
    struct rom_session *session = job->session;
    int result = rom_session_result(session, NULL, rom_session_flash_size(session));
    if (result != CLI_OK) {
        return result;
    }
    rom_session_print(session);
    printf("image     %s, %s at 0x%08" PRIX32 "\n", job->image.path,
           progress_size(job->image.size, size), job->image.address);
    fflush(stdout);
    if (!rom_image_fits(&job->image, session->rom.chip, session->flash_size, job->force)) {
        return CLI_FAILED;
    }
    if (session->wire.traits.framed && !job->compare_only) {
        result = try_chunk(session);
    }
    return result == CLI_OK ? finish(job, run_attempts(job)) : result;
}

static int run_job(const struct cli_command *command, struct job *job, const struct rom_args *args,
                   const char *path, const char *address_text)
{
    static struct rom_session session;
    uint32_t address = FERRY_ROM_FLASH_BASE;
    if (path == NULL) {
        return cli_usage(command, "a file is needed");
    }
    if (address_text != NULL && !cli_parse_u32(address_text, &address)) {
        return cli_usage(command, "--address %s is no number", address_text);
    }
    if (!rom_image_load(&job->image, path, address, address_text != NULL)) {
        rom_image_free(&job->image);
        return CLI_FAILED;
    }
    job->session = &session;
    int result = rom_session_begin(&session, command, args);
    if (result == CLI_OK) {
        result = work(job);
    }
    rom_session_close(&session);
    rom_image_free(&job->image);
    return result;
}

static int run_write(int argc, char **argv)
{
    static struct job job;
    struct rom_args args;
    const char *path = NULL;
    const char *address = NULL;
    const struct cli_option own[] = {{"--address", &address, NULL},
                                     {"--start", NULL, &job.start},
                                     {"--force", NULL, &job.force}};
    struct cli_operands operands = {&path, 1, 0};
    if (!rom_args_parse(&rom_write, argc, argv, own, 3, &args, &operands)) {
        return CLI_USAGE;
    }
    return run_job(&rom_write, &job, &args, path, address);
}

static int run_verify(int argc, char **argv)
{
    static struct job job = {.compare_only = true, .force = true};
    struct rom_args args;
    const char *path = NULL;
    const char *address = NULL;
    const struct cli_option own[] = {{"--address", &address, NULL}};
    struct cli_operands operands = {&path, 1, 0};
    if (!rom_args_parse(&rom_verify, argc, argv, own, 1, &args, &operands)) {
        return CLI_USAGE;
    }
    return run_job(&rom_verify, &job, &args, path, address);
}
