/*
 * rom_wire.h - the wire below ferry/rom.h on Linux: a serial port or an I2C bus, and the lines NRST
 * and BOOT0. It carries out the actions of ferry_rom_step (and of an update) and reports them; it
 * knows no command. Used by the gateway's sink `rom` and by `ferry rom`.
 *
 * Without waiting, for a loop with other work:
 *
 *   rom_wire_open, ferry_rom_init(&rom, &wire.traits), rom_wire_reset_begin(true); then
 *   rom_wire_reset_step until it is not MORE; then for each action of ferry_rom_step:
 *     rom_wire_do      OK: something moved, ask for the next action at once
 *                      MORE: nothing yet; sleep (rom_wire_wait), ask for the next action
 *                      else: the wire itself failed (`error`), the session is over
 *
 * or with it: rom_wire_reset, rom_wire_run.
 *
 * On UART nothing waits but rom_wire_wait. On I2C rom_wire_do takes as long as the transfer, while
 * the chip holds the clock too: ROM_WIRE_STRETCH_MS at most, where the driver obeys. One thread at
 * a time may use an object. It refers to itself: do not copy.
 */
#ifndef GATEWAY_SINKS_ROM_WIRE_H
#define GATEWAY_SINKS_ROM_WIRE_H

#include "ferry/rom.h"

#include "i2c.h"
#include "lines.h"
#include "node_port.h"
#include "serial.h"

enum {
    ROM_WIRE_BAUD = 115200, /* the fastest that every ROM measures reliably (AN2606) */
    ROM_WIRE_BAUD_MIN = 1200,
    ROM_WIRE_BAUD_MAX = 115200,
    ROM_WIRE_GAP_MAX_MS = 100,
    ROM_WIRE_I2C_HZ = 100000,    /* taken for the time-outs where none is given */
    ROM_WIRE_STRETCH_MS = 10000, /* 7 s were seen in the field */
    ROM_WIRE_PULSE_MS = GATEWAY_PULSE_MS,
    ROM_WIRE_START_MS = 150, /* from the end of a reset until the ROM listens: 85-100 ms (AN2606) */
    ROM_WIRE_STUCK_MS = 5000 /* a port that takes no byte for so long is broken */
};

/* Strings are borrowed for the wire's life. 0 and NULL: the default. */
struct rom_wire_config {
    const char *port;     /* /dev/ttyX, i2c:/dev/i2c-1[:0x48][@HZ], or /dev/i2c-1[...] */
    uint32_t baud;        /* UART: 1200-115200, default 115200 */
    uint16_t chunk_bytes; /* 16-256, multiple of 16, default 256 */
    uint8_t gap_ms;       /* UART: pause between bytes, 0-100; default none */
    const char *nrst;     /* names as lines.h has them; NULL or "": not connected */
    const char *boot0;    /* only with nrst */
};

struct rom_wire {
    struct ferry_rom_traits traits;      /* for ferry_rom_init */
    char error[FERRY_DEVICE_ERROR_SIZE]; /* why the last call failed: a sentence for people */
    bool no_parity;  /* the port cannot do 8E1 and stays at 8N1: right on a pty only */
    uint8_t address; /* I2C: the one in use */
    bool has_lines;  /* NRST is connected */
    /* Private. */
    struct rom_wire_config config;
    struct node_port_name name;
    struct ferry_serial serial;
    struct ferry_i2c i2c;
    struct gateway_gpio gpio;
    struct gateway_lines lines;
    size_t tried; /* lines of the chip table whose address was tried */
    bool stuck;   /* the port takes no byte, since: */
    uint32_t stuck_ms;
    uint8_t reset_part; /* of a reset under way, since: */
    uint32_t reset_ms;
    bool reset_rom;
};

/*
 * Prepares a closed wire.
 * Returns NULL, or what is wrong with the configuration: a sentence. Closing is allowed then too.
 */
const char *rom_wire_init(struct rom_wire *wire, const struct rom_wire_config *config);

/* Opens the port, at the first address to try. Returns as ferry_serial_open and ferry_i2c_open. */
int rom_wire_open(struct rom_wire *wire);

/* Lets a held chip go, BOOT0 low for its next reset; releases port and lines. */
void rom_wire_close(struct rom_wire *wire);

/*
 * After a CONNECT that ended with FERRY_ROM_BUS or _NO_ANSWER: opens the bus at the next address of
 * the chip table. Other devices on the bus hear two bytes of it: with neighbours, give the address.
 * Returns true: CONNECT again. false: all were tried, or the address was given, or it is no I2C;
 * the wire stays as it is.
 */
bool rom_wire_next_address(struct rom_wire *wire);

/*
 * Carries out one action of ferry_rom_step or ferry_rom_update_step, and reports it to `rom`;
 * SUPPLY and APPROVE are not for a wire.
 * Returns OK: something moved; MORE: nothing did yet; IO (the adapter is gone, or takes no bytes)
 * or ARGUMENT (the I2C adapter cannot do transfers of this size: smaller chunk), with `error`.
 */
int rom_wire_do(struct rom_wire *wire, struct ferry_rom *rom,
                const struct ferry_rom_action *action);

/* After MORE: sleeps until the action can go on, `stop_fd` (-1: none) becomes readable, a signal
 * comes, or action->wait_ms is over. */
void rom_wire_wait(const struct rom_wire *wire, const struct ferry_rom_action *action, int stop_fd);

/*
 * One command from start to end. Blocks.
 *   stop: asked between actions, ends the command with ABORTED when it gives true; NULL: never.
 * Returns what ferry_rom_start, ferry_rom_step or rom_wire_do says.
 */
int rom_wire_run(struct rom_wire *wire, struct ferry_rom *rom,
                 const struct ferry_rom_request *request, bool (*stop)(void));

/*
 * Begins a reset: BOOT0 to `rom`, NRST low. Without NRST it is a step that does nothing.
 *   rom: true: into ST's bootloader; false: into the application.
 * rom_wire_reset_step: MORE until the chip was let go and, for `rom`, listens: call it again after
 * at most 10 ms. OK; else why a line cannot be set, with `error`.
 */
int rom_wire_reset_begin(struct rom_wire *wire, bool rom);
int rom_wire_reset_step(struct rom_wire *wire);

/* Both, waiting. Ends with ABORTED where `stop` says so, the chip let go, BOOT0 low. */
int rom_wire_reset(struct rom_wire *wire, bool rom, bool (*stop)(void));

#endif
