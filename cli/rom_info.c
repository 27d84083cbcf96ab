/* `ferry rom info`: what the chip and its bootloader say of themselves. */
#include "rom_commands.h"
#include "rom_session.h"

#include <inttypes.h>
#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command rom_info = {
    .name = "rom info",
    .summary = "which chip is in its ROM bootloader, and what its flash holds",
    .usage = ROM_SESSION_PORT
    "\n\n"
    "Changes nothing in the chip; with --nrst it is in its ROM afterwards.\n\n" ROM_SESSION_USAGE,
    .run = run,
};

static const char *const kind_names[] = {
    [FERRY_ROM_READ_MEMORY] = "read",
    [FERRY_ROM_GO] = "go",
    [FERRY_ROM_WRITE_MEMORY] = "write",
    [FERRY_ROM_ERASE_PAGES] = "erase",
    [FERRY_ROM_WRITE_PROTECT] = "write-protect",
    [FERRY_ROM_WRITE_UNPROTECT] = "write-unprotect",
    [FERRY_ROM_READ_PROTECT] = "readout-protect",
    [FERRY_ROM_READ_UNPROTECT] = "readout-unprotect",
};

static void print_commands(const struct ferry_rom *rom)
{
    printf("commands ");
    for (size_t kind = 0; kind < sizeof kind_names / sizeof kind_names[0]; kind++) {
        if (kind_names[kind] != NULL && rom->opcode[kind] != 0) {
            printf(" %s(0x%02X)", kind_names[kind], rom->opcode[kind]);
        }
    }
    putchar('\n');
}

static int print_program(struct rom_session *session)
{
    uint8_t vectors[8];
    int status =
        rom_session_read(session, FERRY_ROM_FLASH_BASE, vectors, sizeof vectors, NULL, NULL);
    if (status != FERRY_OK) {
        return status;
    }
    if (ferry_get_u32(vectors) == UINT32_MAX && ferry_get_u32(vectors + 4) == UINT32_MAX) {
        printf("program   none: no vectors at 0x%08X\n", (unsigned)FERRY_ROM_FLASH_BASE);
    } else {
        printf("program   starts at 0x%08" PRIX32 ", stack from 0x%08" PRIX32 "\n",
               ferry_get_u32(vectors + 4), ferry_get_u32(vectors));
    }
    return FERRY_OK;
}

static int tell(struct rom_session *session)
{
    int status = rom_session_flash_size(session);
    if (status == FERRY_ROM_CHIP) {
        status = FERRY_OK; /* printed so; whether it may be read shows below */
    }
    const bool readable = status == FERRY_OK;
    if (!readable && status != FERRY_ROM_PROTECTED) {
        return rom_session_result(session, NULL, status);
    }
    rom_session_print(session);
    print_commands(&session->rom);
    status = readable ? print_program(session) : status;
    if (status != FERRY_OK && status != FERRY_ROM_PROTECTED) {
        return rom_session_result(session, NULL, status);
    }
    printf("readout   %s\n", status == FERRY_OK
                                 ? "not protected"
                                 : "protected: only `ferry rom unprotect --readout` is possible");
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    static struct rom_session session;
    struct rom_args args;
    struct cli_operands operands = {NULL, 0, 0};
    if (!rom_args_parse(&rom_info, argc, argv, NULL, 0, &args, &operands)) {
        return CLI_USAGE;
    }
    int result = rom_session_begin(&session, &rom_info, &args);
    if (result == CLI_OK) {
        result = tell(&session);
    }
    rom_session_close(&session);
    return result;
}
