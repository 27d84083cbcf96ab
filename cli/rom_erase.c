/* `ferry rom erase`: pages or the whole chip; what a ROM answers is not believed, flash is read. */
#include "progress.h"
#include "rom_commands.h"
#include "rom_pages.h"
#include "rom_session.h"

#include <inttypes.h>
#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command rom_erase = {
    .name = "rom erase",
    .summary = "erase pages or the whole chip through the ROM bootloader",
    .usage = ROM_SESSION_PORT
    "\n                 (--all | --pages FIRST[-LAST]) [--no-verify]\n\n"
    "A ROM bootloader tells no error where pages are write protected, and some never tell\n"
    "the end: so what was erased is read afterwards.\n\n"
    "  --all          everything in flash\n"
    "  --pages F-L    pages or sectors by number, as `--pages 0-3`\n"
    "  --no-verify    do not look: 512 KB take 50 s at 115200 baud\n" ROM_SESSION_USAGE,
    .run = run,
};

/* What was asked for, and what it is in this chip. */
struct job {
    bool all, no_verify;
    const char *text;
    struct rom_pages pages;
};

/* Flash tells what an answer did not. */
static bool is_readable(int status)
{
    return status == FERRY_ROM_UNKNOWN || status == FERRY_ROM_REFUSED || status == FERRY_ROM_BUS;
}

static int erase_pages(struct rom_session *session, const struct rom_pages *pages, int *doubt)
{
    const uint32_t most = ferry_rom_pages_max(&session->wire.traits);
    uint32_t left = pages->count;
    for (uint32_t first = pages->first; left > 0;) {
        const uint32_t count = left < most ? left : most;
        int status = rom_session_run(session, FERRY_ROM_ERASE_PAGES, first, count, NULL);
        if (status != FERRY_OK && !is_readable(status)) {
            return status;
        }
        *doubt = status == FERRY_OK ? *doubt : status;
        first += count;
        left -= count;
    }
    return FERRY_OK;
}

/* In one go; by pages where the ROM refuses that. */
static int erase_all(struct rom_session *session, const struct rom_pages *pages, int *doubt)
{
    int status = rom_session_run(session, FERRY_ROM_ERASE_PAGES, FERRY_ROM_ALL, 0, NULL);
    if (status == FERRY_ROM_REFUSED) {
        return erase_pages(session, pages, doubt);
    }
    if (is_readable(status)) {
        *doubt = status;
        return FERRY_OK;
    }
    return status;
}

static int look(struct rom_session *session, const struct rom_pages *pages)
{
    uint8_t bytes[FERRY_ROM_CHUNK_MAX];
    struct progress progress;
    int status = FERRY_OK;
    progress_begin(&progress, "reading  ", 0, pages->size);
    for (uint32_t at = 0; at < pages->size && status == FERRY_OK;) {
        const uint32_t chunk = session->wire.traits.chunk_bytes; /* pages are multiples of it */
        const uint32_t count = pages->size - at < chunk ? pages->size - at : chunk;
        status = rom_session_read(session, FERRY_ROM_FLASH_BASE + pages->start + at, bytes, count,
                                  NULL, NULL);
        for (uint32_t i = 0; i < count && status == FERRY_OK; i++) {
            status = bytes[i] == 0xFF ? FERRY_OK : FERRY_ROM_ERASE;
        }
        at += count;
        progress_update(&progress, at);
    }
    progress_end(&progress);
    return status;
}

static int work(struct rom_session *session, struct job *job)
{
    char text[PROGRESS_SIZE_TEXT];
    int doubt = FERRY_OK;
    int result = rom_session_result(session, NULL, rom_session_flash_size(session));
    if (result != CLI_OK) {
        return result;
    }
    rom_session_print(session);
    if (job->all) {
        struct ferry_rom_page last;
        (void)ferry_rom_page_at(session->rom.chip, session->flash_size - 1, &last);
        job->pages = (struct rom_pages){.first = 0, .count = last.number + 1};
    }
    if (!rom_pages_place(&job->pages, session->rom.chip, session->flash_size)) {
        return CLI_FAILED;
    }
    printf("erasing   %s from 0x%08" PRIX32 "\n", progress_size(job->pages.size, text),
           FERRY_ROM_FLASH_BASE + job->pages.start);
    fflush(stdout);
    int status = job->all ? erase_all(session, &job->pages, &doubt)
                          : erase_pages(session, &job->pages, &doubt);
    if (status == FERRY_OK) {
        status = job->no_verify ? doubt : look(session, &job->pages);
    }
    result = rom_session_result(session, NULL, status);
    if (result == CLI_OK) {
        puts(job->no_verify ? "done      erased, not looked at" : "done      erased, all blank");
    }
    return result;
}

static int run(int argc, char **argv)
{
    static struct rom_session session;
    static struct job job;
    struct rom_args args;
    struct cli_operands operands = {NULL, 0, 0};
    const struct cli_option own[] = {{"--all", NULL, &job.all},
                                     {"--pages", &job.text, NULL},
                                     {"--no-verify", NULL, &job.no_verify}};
    if (!rom_args_parse(&rom_erase, argc, argv, own, 3, &args, &operands)) {
        return CLI_USAGE;
    }
    if (job.all == (job.text != NULL)) {
        return cli_usage(&rom_erase, job.all ? "--all and --pages exclude each other"
                                             : "--all or --pages is needed");
    }
    if (job.text != NULL && !rom_pages_parse(job.text, &job.pages)) {
        return cli_usage(&rom_erase, "--pages %s: N or FIRST-LAST is wanted", job.text);
    }
    int result = rom_session_begin(&session, &rom_erase, &args);
    if (result == CLI_OK) {
        result = work(&session, &job);
    }
    rom_session_close(&session);
    return result;
}
