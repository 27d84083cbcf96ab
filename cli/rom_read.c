/* `ferry rom read`: memory into a file. */
#include "file.h"
#include "progress.h"
#include "rom_commands.h"
#include "rom_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int run(int argc, char **argv);

const struct cli_command rom_read = {
    .name = "rom read",
    .summary = "read flash or other memory through the ROM bootloader into a file",
    .usage = ROM_SESSION_PORT
    "\n                 [--address A] [--size N] FILE\n\n"
    "All of flash, where neither is given. The file is complete or not there. The protocol\n"
    "protects what is read by no checksum; on USART parity does: compare with `ferry rom\n"
    "verify` what matters.\n\n"
    "  --address A    first byte (default 0x08000000, the start of flash)\n"
    "  --size N       bytes (default: up to the end of flash)\n" ROM_SESSION_USAGE,
    .run = run,
};

static void show(void *ctx, uint32_t bytes)
{
    progress_update(ctx, bytes);
}

/* What is wanted lies in flash or elsewhere: there the size has to be given. */
static int choose_size(struct rom_session *session, uint32_t address, bool given, uint32_t *size)
{
    int status = rom_session_flash_size(session);
    if (status == FERRY_ROM_CHIP && given) {
        return FERRY_OK;
    }
    if (status != FERRY_OK || given) {
        return status;
    }
    const uint32_t offset = address - FERRY_ROM_FLASH_BASE; /* below it wraps: too large */
    if (offset >= session->flash_size) {
        return FERRY_ROM_RANGE;
    }
    *size = session->flash_size - offset;
    return FERRY_OK;
}

static int read_into(struct rom_session *session, const char *path, uint32_t address, uint32_t size)
{
    char text[PROGRESS_SIZE_TEXT];
    struct progress progress;
    uint8_t *bytes = size > 0 ? malloc(size) : NULL;
    if (bytes == NULL) {
        return cli_fail("out of memory");
    }
    progress_begin(&progress, "reading  ", 0, size);
    int status = rom_session_read(session, address, bytes, size, show, &progress);
    progress_end(&progress);
    int result = rom_session_result(session, NULL, status);
    if (result == CLI_OK && !file_write(path, bytes, size, 0644, true)) {
        result = CLI_FAILED;
    }
    if (result == CLI_OK) {
        printf("done      %s from 0x%08" PRIX32 " in %s\n", progress_size(size, text), address,
               path);
    }
    free(bytes);
    return result;
}

static int run(int argc, char **argv)
{
    static struct rom_session session;
    struct rom_args args;
    const char *path = NULL;
    const char *address_text = NULL;
    const char *size_text = NULL;
    uint32_t address = FERRY_ROM_FLASH_BASE;
    uint32_t size = 0;
    const struct cli_option own[] = {{"--address", &address_text, NULL},
                                     {"--size", &size_text, NULL}};
    struct cli_operands operands = {&path, 1, 0};
    if (!rom_args_parse(&rom_read, argc, argv, own, 2, &args, &operands)) {
        return CLI_USAGE;
    }
    if (path == NULL) {
        return cli_usage(&rom_read, "the file to write is missing");
    }
    if (address_text != NULL && !cli_parse_u32(address_text, &address)) {
        return cli_usage(&rom_read, "--address %s is no number", address_text);
    }
    if (size_text != NULL &&
        (!cli_parse_u32(size_text, &size) || size == 0 || size > FILE_MAX_BYTES)) {
        return cli_usage(&rom_read, "--size %s is no number of bytes", size_text);
    }
    int result = rom_session_begin(&session, &rom_read, &args);
    if (result == CLI_OK) {
        result = rom_session_result(&session, address_text,
                                    choose_size(&session, address, size_text != NULL, &size));
    }
    if (result == CLI_OK) {
        rom_session_print(&session);
        result = read_into(&session, path, address, size);
    }
    rom_session_close(&session);
    return result;
}
