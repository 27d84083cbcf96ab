/* `ferry rom protect` and `ferry rom unprotect`. Each ends in a reset of the chip. */
#include "rom_commands.h"
#include "rom_pages.h"
#include "rom_session.h"

#include <poll.h>
#include <stdio.h>

static int run_protect(int argc, char **argv);
static int run_unprotect(int argc, char **argv);

const struct cli_command rom_protect = {
    .name = "rom protect",
    .summary = "protect sectors from writing, or all of flash from reading",
    .usage = ROM_SESSION_PORT
    "\n                 (--pages FIRST[-LAST] | --readout)\n\n"
    "Write protected sectors are left alone by erase and write without an error. With\n"
    "readout protection (level 1) the bootloader only knows `ferry rom unprotect "
    "--readout`,\n"
    "which erases the chip. On L4 an area from the first to the last page is protected.\n"
    "The chip resets afterwards.\n\n"
    "  --pages F-L    sectors or pages by number, as `--pages 0-3`\n"
    "  --readout      readout protection\n" ROM_SESSION_USAGE,
    .run = run_protect,
};

const struct cli_command rom_unprotect = {
    .name = "rom unprotect",
    .summary = "remove the write protection, or the readout protection and with it all of flash",
    .usage = ROM_SESSION_PORT
    "\n                 [--readout [--yes]]\n\n"
    "The write protection of all sectors, or with --readout the readout protection: the\n"
    "chip erases ALL OF ITS FLASH then. The chip resets afterwards.\n\n"
    "  --readout      remove the readout protection, erase everything\n"
    "  --yes          do not ask\n" ROM_SESSION_USAGE,
    .run = run_unprotect,
};

/* The reset that follows takes the ROM's start; then it can be looked at. Not all boards hold BOOT0
 * high: nothing is wrong where nobody answers. */
static void tell_end(struct rom_session *session, const char *what)
{
    printf("done      %s\n", what);
    fflush(stdout);
    poll(NULL, 0, ROM_WIRE_START_MS);
    if (!session->wire.has_lines) {
        puts("          the chip was reset: for another command BOOT0 has to be high still");
    }
}

/* --- protect ------------------------------------------------------------------------------ */

static int protect_pages(struct rom_session *session, struct rom_pages *pages)
{
    int result = rom_session_result(session, NULL, rom_session_flash_size(session));
    if (result != CLI_OK) {
        return result;
    }
    rom_session_print(session);
    if (!rom_pages_place(pages, session->rom.chip, session->flash_size)) {
        return CLI_FAILED;
    }
    if (pages->count > ferry_rom_pages_max(&session->wire.traits)) {
        return cli_fail("at most %u pages at a time with this --chunk; name fewer",
                        (unsigned)ferry_rom_pages_max(&session->wire.traits));
    }
    int status =
        rom_session_run(session, FERRY_ROM_WRITE_PROTECT, pages->first, pages->count, NULL);
    result = rom_session_result(session, NULL, status);
    if (result == CLI_OK) {
        tell_end(session, "these pages can no longer be written");
    }
    return result;
}

static int protect_readout(struct rom_session *session)
{
    rom_session_print(session);
    int result = rom_session_result(session, NULL,
                                    rom_session_run(session, FERRY_ROM_READ_PROTECT, 0, 0, NULL));
    if (result == CLI_OK) {
        tell_end(session, "flash can no longer be read");
    }
    return result;
}

static int run_protect(int argc, char **argv)
{
    static struct rom_session session;
    struct rom_args args;
    struct rom_pages pages = {0, 0, 0, 0};
    const char *text = NULL;
    bool readout = false;
    struct cli_operands operands = {NULL, 0, 0};
    const struct cli_option own[] = {{"--pages", &text, NULL}, {"--readout", NULL, &readout}};
    if (!rom_args_parse(&rom_protect, argc, argv, own, 2, &args, &operands)) {
        return CLI_USAGE;
    }
    if (readout == (text != NULL)) {
        return cli_usage(&rom_protect, readout ? "--pages and --readout exclude each other"
                                               : "--pages or --readout is needed");
    }
    if (text != NULL && !rom_pages_parse(text, &pages)) {
        return cli_usage(&rom_protect, "--pages %s: N or FIRST-LAST is wanted", text);
    }
    int result = rom_session_begin(&session, &rom_protect, &args);
    if (result == CLI_OK) {
        result = readout ? protect_readout(&session) : protect_pages(&session, &pages);
    }
    rom_session_close(&session);
    return result;
}

/* --- unprotect ---------------------------------------------------------------------------- */

static int unprotect(struct rom_session *session, bool readout)
{
    const uint32_t kind = readout ? FERRY_ROM_READ_UNPROTECT : FERRY_ROM_WRITE_UNPROTECT;
    rom_session_print(session);
    if (readout) {
        puts("erasing   everything; this takes up to 80 s, leave the power on");
        fflush(stdout);
    }
    int result = rom_session_result(session, NULL, rom_session_run(session, kind, 0, 0, NULL));
    if (result == CLI_OK) {
        tell_end(session, readout ? "flash is erased and can be read and written"
                                  : "all pages can be written");
    }
    return result;
}

static int run_unprotect(int argc, char **argv)
{
    static struct rom_session session;
    struct rom_args args;
    bool readout = false;
    bool yes = false;
    struct cli_operands operands = {NULL, 0, 0};
    const struct cli_option own[] = {{"--readout", NULL, &readout}, {"--yes", NULL, &yes}};
    if (!rom_args_parse(&rom_unprotect, argc, argv, own, 2, &args, &operands)) {
        return CLI_USAGE;
    }
    int result =
        !readout ? CLI_OK
                 : rom_session_confirm(&rom_unprotect, "This erases all of the chip's flash.", yes);
    if (result != CLI_OK) {
        return result;
    }
    result = rom_session_begin(&session, &rom_unprotect, &args);
    if (result == CLI_OK) {
        result = unprotect(&session, readout);
    }
    rom_session_close(&session);
    return result;
}
