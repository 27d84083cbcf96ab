#include "rom_session.h"

#include "clock.h"
#include "interrupt.h"
#include "rom_fit.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    EMPTY_CHECK_PID = 0x435, /* L43x/L44x: blank at power-on, it starts its ROM at BOOT0 low */
    /* A ROM that has just started answers at once, at 1200 baud and on I2C in two seconds. */
    EMPTY_CHECK_MS = 5000,
    /* A command that an earlier program broke off: the ROM waits for at most 129 pairs of bytes,
     * one each 50 ms (core/rom, "search"). */
    SEARCH_MS = 8000
};

/* --- command line ------------------------------------------------------------------------- */

bool rom_args_parse(const struct cli_command *command, int argc, char **argv,
                    const struct cli_option *own, size_t own_count, struct rom_args *args,
                    struct cli_operands *operands)
{
    struct cli_option options[ROM_SESSION_OPTIONS_MAX] = {
        {"--port", &args->port, NULL},  {"--i2c", &args->i2c, NULL},
        {"--nrst", &args->nrst, NULL},  {"--boot0", &args->boot0, NULL},
        {"--baud", &args->baud, NULL},  {"--chunk", &args->chunk, NULL},
        {"--gap-ms", &args->gap, NULL},
    };
    const size_t common = 7;
    memset(args, 0, sizeof *args);
    for (size_t i = 0; i < own_count && common + i < ROM_SESSION_OPTIONS_MAX; i++) {
        options[common + i] = own[i];
    }
    return cli_parse(command, argc, argv, options, common + own_count, operands);
}

/* A number of an option, 0 where it is not given. */
static bool take_number(const struct cli_command *command, const char *name, const char *text,
                        uint32_t min, uint32_t max, uint32_t *value)
{
    *value = 0;
    if (text != NULL && (!cli_parse_u32(text, value) || *value < min || *value > max)) {
        cli_usage(command, "%s %s: a number of %" PRIu32 " to %" PRIu32 " is wanted", name, text,
                  min, max);
        return false;
    }
    return true;
}

static int take_port(struct rom_session *session, const struct cli_command *command,
                     const struct rom_args *args)
{
    const char *name = args->port != NULL ? args->port : args->i2c;
    const char *prefix = args->i2c != NULL && strncmp(args->i2c, "i2c:", 4) != 0 ? "i2c:" : "";
    if ((args->port != NULL) == (args->i2c != NULL)) {
        return cli_usage(command, "one of --port and --i2c is needed");
    }
    int length = snprintf(session->port, sizeof session->port, "%s%s", prefix, name);
    if (length < 0 || (size_t)length >= sizeof session->port) {
        return cli_usage(command, "%s: the name is too long", name);
    }
    return CLI_OK;
}

static int configure(struct rom_session *session, const struct cli_command *command,
                     const struct rom_args *args)
{
    uint32_t baud;
    uint32_t chunk;
    uint32_t gap;
    int result = take_port(session, command, args);
    if (result != CLI_OK) {
        return result;
    }
    if (!take_number(command, "--baud", args->baud, ROM_WIRE_BAUD_MIN, ROM_WIRE_BAUD_MAX, &baud) ||
        !take_number(command, "--chunk", args->chunk, FERRY_ROM_CHUNK_MIN, FERRY_ROM_CHUNK_MAX,
                     &chunk) ||
        !take_number(command, "--gap-ms", args->gap, 0, ROM_WIRE_GAP_MAX_MS, &gap)) {
        return CLI_USAGE;
    }
    if (args->baud != NULL && args->i2c != NULL) {
        return cli_usage(command, "--baud is for serial ports; the device tree sets an I2C clock");
    }
    const struct rom_wire_config config = {.port = session->port,
                                           .baud = baud,
                                           .chunk_bytes = (uint16_t)chunk,
                                           .gap_ms = (uint8_t)gap,
                                           .nrst = args->nrst,
                                           .boot0 = args->boot0};
    const char *wrong = rom_wire_init(&session->wire, &config);
    return wrong == NULL ? CLI_OK : cli_usage(command, "%s", wrong);
}

/* --- into the ROM ------------------------------------------------------------------------- */

static uint32_t search_end_ms;

static bool is_stopped(void)
{
    return interrupt_count() > 0;
}

static bool is_stopped_now(void)
{
    return interrupt_count() > 1;
}

static bool is_search_over(void)
{
    return is_stopped() || (int32_t)(ferry_posix_now_ms() - search_end_ms) >= 0;
}

static int run_kind(struct rom_session *session, uint32_t kind, bool (*stop)(void))
{
    const struct ferry_rom_request request = {.kind = kind};
    session->wire.error[0] = '\0';
    return rom_wire_run(&session->wire, &session->rom, &request, stop);
}

/* CONNECT at each address that there is to try. */
static int connect_anywhere(struct rom_session *session)
{
    int status;
    do {
        ferry_rom_init(&session->rom, &session->wire.traits);
        status = run_kind(session, FERRY_ROM_CONNECT, is_stopped);
    } while ((status == FERRY_ROM_BUS || status == FERRY_ROM_NO_ANSWER) &&
             rom_wire_next_address(&session->wire));
    return status;
}

/* Without a reset the ROM may wait for the rest of what another program began. */
static int connect_after_search(struct rom_session *session)
{
    int status;
    search_end_ms = ferry_posix_now_ms() + SEARCH_MS;
    ferry_rom_init(&session->rom, &session->wire.traits);
    status = run_kind(session, FERRY_ROM_RESYNC, is_search_over);
    if (is_stopped() || session->wire.error[0] != '\0') {
        return status;
    }
    return status == FERRY_OK ? connect_anywhere(session) : FERRY_ROM_NO_ANSWER;
}

int rom_session_connect(struct rom_session *session)
{
    session->wire.error[0] = '\0';
    int status = rom_wire_reset(&session->wire, true, is_stopped);
    if (status != FERRY_OK) {
        return status;
    }
    status = connect_anywhere(session);
    if (status == FERRY_ROM_NO_ANSWER && !session->wire.has_lines) {
        status = connect_after_search(session);
    }
    return status;
}

int rom_session_open(struct rom_session *session, const struct cli_command *command,
                     const struct rom_args *args)
{
    memset(session, 0, sizeof *session);
    const struct rom_wire_config nothing = {.port = NULL};
    (void)rom_wire_init(&session->wire, &nothing); /* closable */
    int result = configure(session, command, args);
    if (result != CLI_OK) {
        return result;
    }
    int status = rom_wire_open(&session->wire);
    if (status != FERRY_OK) {
        return cli_fail("%s%s", session->wire.error,
                        status == FERRY_ARGUMENT
                            ? "; `ls /dev/serial/by-id /dev/ttyAMA* /dev/i2c-*` shows what is there"
                            : "");
    }
    interrupt_catch();
    if (session->wire.no_parity) {
        fprintf(stderr,
                "ferry: note: %s cannot do even parity (8E1), so 8N1 is used: fine on a "
                "pseudo-terminal, not on a chip\n",
                session->port);
    }
    return CLI_OK;
}

int rom_session_begin(struct rom_session *session, const struct cli_command *command,
                      const struct rom_args *args)
{
    int result = rom_session_open(session, command, args);
    if (result != CLI_OK) {
        return result;
    }
    return rom_session_result(session, NULL, rom_session_connect(session));
}

void rom_session_close(struct rom_session *session)
{
    rom_wire_close(&session->wire);
}

/* --- commands ----------------------------------------------------------------------------- */

int rom_session_run(struct rom_session *session, uint32_t kind, uint32_t address, uint32_t count,
                    const uint8_t *data)
{
    const struct ferry_rom_request request = {
        .kind = kind, .count = count, .address = address, .data = data};
    if (is_stopped()) {
        return FERRY_ABORTED;
    }
    session->wire.error[0] = '\0';
    return rom_wire_run(&session->wire, &session->rom, &request, is_stopped_now);
}

int rom_session_read(struct rom_session *session, uint32_t address, uint8_t *out, uint32_t size,
                     void (*done)(void *ctx, uint32_t bytes), void *ctx)
{
    for (uint32_t at = 0; at < size;) {
        const uint32_t chunk = session->wire.traits.chunk_bytes;
        const uint32_t count = size - at < chunk ? size - at : chunk;
        int status = rom_session_run(session, FERRY_ROM_READ_MEMORY, address + at, count, NULL);
        if (status != FERRY_OK) {
            return status;
        }
        memcpy(out + at, session->rom.buffer, count);
        at += count;
        if (done != NULL) {
            done(ctx, at);
        }
    }
    return FERRY_OK;
}

int rom_session_flash_size(struct rom_session *session)
{
    const struct ferry_rom_chip *chip = session->rom.chip;
    uint8_t bytes[2];
    if (chip == NULL) {
        return FERRY_ROM_CHIP;
    }
    int status = rom_session_read(session, ferry_rom_size_register(chip), bytes, 2, NULL, NULL);
    if (status != FERRY_OK) {
        return status;
    }
    session->flash_size = rom_fit_flash_size(chip, bytes);
    return FERRY_OK;
}

/* The L43x's ROM answers although BOOT0 is low: GO is the way out. Whatever else answers, or says
 * something unasked, is the application. */
static int leave_empty_check(struct rom_session *session, uint32_t address)
{
    poll(NULL, 0, ROM_WIRE_START_MS);
    ferry_rom_init(&session->rom, &session->wire.traits);
    search_end_ms = ferry_posix_now_ms() + EMPTY_CHECK_MS;
    int status = run_kind(session, FERRY_ROM_CONNECT, is_search_over);
    if (is_stopped()) {
        return FERRY_ABORTED;
    }
    if (session->wire.error[0] != '\0') {
        return status;
    }
    if (status != FERRY_OK || session->rom.pid != EMPTY_CHECK_PID) {
        return FERRY_OK;
    }
    return rom_session_run(session, FERRY_ROM_GO, address, 0, NULL);
}

int rom_session_start_application(struct rom_session *session, uint32_t address)
{
    const bool checks_empty = session->rom.pid == EMPTY_CHECK_PID;
    if (!session->wire.has_lines) {
        return rom_session_run(session, FERRY_ROM_GO, address, 0, NULL);
    }
    session->wire.error[0] = '\0';
    int status = rom_wire_reset(&session->wire, false, is_stopped);
    if (status != FERRY_OK || !checks_empty) {
        return status;
    }
    return leave_empty_check(session, address);
}

/* --- people ------------------------------------------------------------------------------- */

void rom_session_print(const struct rom_session *session)
{
    const struct ferry_rom *rom = &session->rom;
    printf("chip      %s%s (0x%03X)", rom->chip != NULL ? "STM32" : "not in Ferry's table",
           rom->chip != NULL ? rom->chip->name : "", rom->pid);
    if (session->flash_size > 0) {
        printf(", %" PRIu32 " KB flash", session->flash_size / 1024U);
    }
    if (session->wire.traits.framed) {
        printf(", I2C protocol %d.%d at 0x%02X\n", rom->version >> 4, rom->version & 15,
               session->wire.address);
    } else {
        printf(", ROM bootloader %d.%d\n", rom->version >> 4, rom->version & 15);
    }
    fflush(stdout);
}

int rom_session_result(const struct rom_session *session, const char *what, int status)
{
    if (status == FERRY_OK) {
        return CLI_OK;
    }
    if (status == FERRY_ABORTED && is_stopped()) {
        return CLI_INTERRUPTED;
    }
    if (session->wire.error[0] != '\0') {
        return cli_fail("%s: %s; check adapter and wiring, then try again (%s)", session->port,
                        session->wire.error, ferry_status_name(status));
    }
    return cli_fail_status(what != NULL ? what : session->port, status);
}

int rom_session_confirm(const struct cli_command *command, const char *question, bool yes)
{
    char answer[8] = "";
    if (yes) {
        return CLI_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_usage(command, "%s Nobody is there to ask: it needs --yes", question);
    }
    printf("%s Type yes to go on: ", question);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) == NULL || strcmp(answer, "yes\n") != 0) {
        return cli_fail("nothing was done");
    }
    return CLI_OK;
}
