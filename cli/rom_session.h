/*
 * rom_session.h - one chip in ST's ROM bootloader, for the parts of `ferry rom`: their common
 * options, the way into the ROM, one command after another, and what went wrong, in sentences.
 *
 * All functions print what went wrong. A session refers to itself: do not copy.
 */
#ifndef FERRY_CLI_ROM_SESSION_H
#define FERRY_CLI_ROM_SESSION_H

#include "args.h"
#include "cli.h"
#include "rom_wire.h"

#define ROM_SESSION_PORT "(--port PORT | --i2c BUS) [--nrst LINE [--boot0 LINE]]"
#define ROM_SESSION_USAGE                                                                          \
    "  --port PORT    serial port at the ROM's UART, as /dev/ttyUSB0 (8E1)\n"                      \
    "  --i2c BUS      or its I2C bus, as /dev/i2c-1:0x48; without :ADDRESS those of all known\n"   \
    "                 chips are tried, which other devices on the bus hear too\n"                  \
    "  --nrst LINE    resets the chip: gpiochip0:17, or dtr or rts of the serial adapter;\n"       \
    "                 with ! in front through an inverter, as '!dtr'\n"                            \
    "  --boot0 LINE   the same for BOOT0: high for the ROM bootloader, low for the application.\n" \
    "                 Without them hold BOOT0 high and reset the chip by hand first\n"             \
    "  --baud N       1200 to 115200 (default 115200; after another rate the chip needs a "        \
    "reset)\n"                                                                                     \
    "  --chunk N      bytes at a time, 16 to 256, a multiple of 16 (default 256)\n"                \
    "  --gap-ms N     pause after each byte sent, 0 to 100 ms (default 0)\n"

enum { ROM_SESSION_OPTIONS_MAX = 16 };

struct rom_args {
    const char *port, *i2c, *nrst, *boot0, *baud, *chunk, *gap;
};

struct rom_session {
    struct rom_wire wire;
    struct ferry_rom rom;
    uint32_t flash_size; /* bytes; 0: not asked yet */
    char port[NODE_PORT_PATH_SIZE + 8];
};

/*
 * Parses a part's command line: its own options and the common ones.
 *   own: at most ROM_SESSION_OPTIONS_MAX - 7.
 * Returns true, or false after a message: the caller returns CLI_USAGE.
 */
bool rom_args_parse(const struct cli_command *command, int argc, char **argv,
                    const struct cli_option *own, size_t own_count, struct rom_args *args,
                    struct cli_operands *operands);

/*
 * Opens the port without speaking to the chip.
 * Returns CLI_OK, CLI_USAGE or CLI_FAILED; the session may be closed in any case.
 */
int rom_session_open(struct rom_session *session, const struct cli_command *command,
                     const struct rom_args *args);

/* The same, brings the chip into its ROM where lines are given, and connects. */
int rom_session_begin(struct rom_session *session, const struct cli_command *command,
                      const struct rom_args *args);
void rom_session_close(struct rom_session *session);

/* Into the ROM (where lines are given) and CONNECT once more, with all patience. Prints nothing;
 * returns a status. */
int rom_session_connect(struct rom_session *session);

/* One command: a status. After Ctrl-C the command in hand is brought to its end, then ABORTED; a
 * second one ends it at once. */
int rom_session_run(struct rom_session *session, uint32_t kind, uint32_t address, uint32_t count,
                    const uint8_t *data);

/* READ_MEMORY in chunks. `out`: `size` bytes. `done` may be NULL: called with the bytes so far. */
int rom_session_read(struct rom_session *session, uint32_t address, uint8_t *out, uint32_t size,
                     void (*done)(void *ctx, uint32_t bytes), void *ctx);

/*
 * Fills session->flash_size from the chip's own register.
 * Returns FERRY_OK, FERRY_ROM_CHIP, or as rom_session_run (FERRY_ROM_PROTECTED: readout
 * protection).
 */
int rom_session_flash_size(struct rom_session *session);

/* Starts the application: by NRST with BOOT0 low; by GO without NRST, and where an L43x starts its
 * ROM again as it was blank at power-on. Returns a status. */
int rom_session_start_application(struct rom_session *session, uint32_t address);

/* The chip in a line: "chip      STM32F411 (0x431), 512 KB flash, ..." */
void rom_session_print(const struct rom_session *session);

/* The exit code for the end of a command, after a message where it is not OK. `what`: file or
 * address it is about; NULL: the port. */
int rom_session_result(const struct rom_session *session, const char *what, int status);

/* Asks on the terminal. Returns CLI_OK for "yes"; else after a message. */
int rom_session_confirm(const struct cli_command *command, const char *question, bool yes);

#endif
