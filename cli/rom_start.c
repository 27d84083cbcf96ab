/* `ferry rom go` and `ferry rom reset`: two ways out of the ROM bootloader. */
#include "rom_commands.h"
#include "rom_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run_go(int argc, char **argv);
static int run_reset(int argc, char **argv);

const struct cli_command rom_go = {
    .name = "rom go",
    .summary = "start the program in flash by the ROM bootloader's GO",
    .usage = ROM_SESSION_PORT
    "\n                 [ADDRESS]\n\n"
    "ADDRESS of the vector table, default 0x08000000. The ROM leaves clocks and VTOR as it\n"
    "used them: `ferry rom reset` is the cleaner start. An L43x that was blank at power-on\n"
    "needs this one: until the next power-on each reset starts its ROM "
    "again.\n\n" ROM_SESSION_USAGE,
    .run = run_go,
};

const struct cli_command rom_reset = {
    .name = "rom reset",
    .summary = "start the program in flash: BOOT0 low and a pulse on NRST",
    .usage = "[--port PORT] --nrst LINE [--boot0 LINE]\n\n"
             "The port is needed where a line is dtr or rts; nothing is sent. After the first\n"
             "programming of a blank L43x use `ferry rom go`.\n\n" ROM_SESSION_USAGE,
    .run = run_reset,
};

static int go(struct rom_session *session, uint32_t address)
{
    uint8_t vectors[8];
    char text[16];
    snprintf(text, sizeof text, "0x%08" PRIX32, address);
    int status = rom_session_read(session, address, vectors, sizeof vectors, NULL, NULL);
    if (status != FERRY_OK) {
        return rom_session_result(session, text, status);
    }
    if (ferry_get_u32(vectors) == UINT32_MAX || (ferry_get_u32(vectors + 4) & 1U) == 0) {
        return cli_fail("%s: no program starts there: its vectors are 0x%08" PRIX32
                        " and 0x%08" PRIX32 "; write one with `ferry rom write`",
                        text, ferry_get_u32(vectors), ferry_get_u32(vectors + 4));
    }
    if (session->wire.has_lines) { /* NRST stays high: only BOOT0 changes, for later resets */
        status = session->wire.lines.reset(session->wire.lines.ctx, false, false);
        if (status != FERRY_OK) {
            return cli_fail("%s", session->wire.lines.error(session->wire.lines.ctx));
        }
    }
    return rom_session_result(session, text,
                              rom_session_run(session, FERRY_ROM_GO, address, 0, NULL));
}

static int run_go(int argc, char **argv)
{
    static struct rom_session session;
    struct rom_args args;
    const char *text = NULL;
    uint32_t address = FERRY_ROM_FLASH_BASE;
    struct cli_operands operands = {&text, 1, 0};
    if (!rom_args_parse(&rom_go, argc, argv, NULL, 0, &args, &operands)) {
        return CLI_USAGE;
    }
    if (text != NULL && (!cli_parse_u32(text, &address) || address % 4 != 0)) {
        return cli_usage(&rom_go, "%s is no address of a vector table", text);
    }
    int result = rom_session_begin(&session, &rom_go, &args);
    if (result == CLI_OK) {
        result = go(&session, address);
    }
    rom_session_close(&session);
    if (result == CLI_OK) {
        printf("started   the program at 0x%08" PRIX32 "\n", address);
    }
    return result;
}

/* Without a port the lines alone. */
static int reset_by_lines(const struct rom_args *args)
{
    static struct rom_wire wire;
    const struct rom_wire_config config = {
        .port = "/dev/null", .nrst = args->nrst, .boot0 = args->boot0};
    const char *wrong = rom_wire_init(&wire, &config);
    if (wrong != NULL) {
        return cli_usage(&rom_reset, "%s", wrong);
    }
    int status = rom_wire_reset(&wire, false, NULL);
    rom_wire_close(&wire);
    return status == FERRY_OK ? CLI_OK
                              : cli_fail("%s; check the name of the line (%s)", wire.error,
                                         ferry_status_name(status));
}

static int reset_with_port(const struct rom_args *args)
{
    static struct rom_session session;
    int result = rom_session_open(&session, &rom_reset, args);
    if (result == CLI_OK) {
        result = rom_session_result(&session, NULL, rom_wire_reset(&session.wire, false, NULL));
    }
    rom_session_close(&session);
    return result;
}

static int run_reset(int argc, char **argv)
{
    struct rom_args args;
    struct cli_operands operands = {NULL, 0, 0};
    if (!rom_args_parse(&rom_reset, argc, argv, NULL, 0, &args, &operands)) {
        return CLI_USAGE;
    }
    if (args.nrst == NULL || args.nrst[0] == '\0') {
        return cli_usage(&rom_reset, "--nrst is needed");
    }
    if (args.port == NULL && args.i2c == NULL &&
        (gateway_line_is_modem(args.nrst) || gateway_line_is_modem(args.boot0))) {
        return cli_usage(&rom_reset, "dtr and rts are lines of a serial port: --port is needed");
    }
    if (args.port == NULL && args.i2c == NULL &&
        (args.baud != NULL || args.chunk != NULL || args.gap != NULL)) {
        return cli_usage(&rom_reset, "--baud, --chunk and --gap-ms mean nothing without a port");
    }
    int result =
        args.port == NULL && args.i2c == NULL ? reset_by_lines(&args) : reset_with_port(&args);
    if (result == CLI_OK) {
        puts("the chip restarts");
    }
    return result;
}
