/**
 * ferry_sim: a virtual microcontroller board that runs the files users flash, byte for byte.
 *
 * Where it stands in the flow: it takes the node's place. Bytes in from a gateway's UART, flash and
 * LED states out. It knows nothing of Ferry's link, images or journal: only of a chip and a board.
 *
 * Time is virtual: halfwords executed, one core clock each, plus exact times for the UART, the
 * flash, the watchdog and sleep. The same calls give a bit-identical run; nothing reads the host's
 * clock. Figures taken from it are "virtual time, not cycle-accurate".
 *
 * Concurrency: a board belongs to one thread; several boards may live in one process, in several
 * threads. There are no globals. Callbacks run inside the run functions, on the caller's thread,
 * and may call every function here except run, reset, power, snapshot and destroy; use
 * ferry_sim_stop() there and act after the run function has returned.
 */
#ifndef FERRY_SIM_H
#define FERRY_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Status of every call: 0 or a negative error. X(name, value, text) */
#define FERRY_SIM_STATUS_MAP(X)                                                                    \
    X(FERRY_SIM_OK, 0, "ok")                                                                       \
    X(FERRY_SIM_E_ARGUMENT, -1, "argument out of range")                                           \
    X(FERRY_SIM_E_BOARD, -2, "no board of that name: see ferry_sim_board_name()")                  \
    X(FERRY_SIM_E_MEMORY, -3, "out of memory")                                                     \
    X(FERRY_SIM_E_ENGINE, -4, "the CPU engine refused: is libunicorn 2.0 installed?")              \
    X(FERRY_SIM_E_RANGE, -5, "address outside this chip's flash and option bytes")                 \
    X(FERRY_SIM_E_STATE, -6, "not possible in this state (power, running)")                        \
    X(FERRY_SIM_E_FORMAT, -7, "malformed file")                                                    \
    X(FERRY_SIM_E_NACK_ADDRESS, -8, "I2C address not acknowledged")                                \
    X(FERRY_SIM_E_NACK_DATA, -9, "I2C data not acknowledged")                                      \
    X(FERRY_SIM_E_TIMEOUT, -10, "I2C clock held low for too long")                                 \
    X(FERRY_SIM_E_BUSY, -11, "a transfer is under way on this bus")

enum ferry_sim_status {
#define FERRY_SIM_X(name, value, text) name = (value),
    FERRY_SIM_STATUS_MAP(FERRY_SIM_X)
#undef FERRY_SIM_X
};

/** Text of a status, never NULL. */
const char *ferry_sim_status_text(int status);

struct ferry_sim;
struct ferry_sim_snapshot;

#define FERRY_SIM_UID_BYTES   12u
#define FERRY_SIM_MAX_SECTORS 128u
#define FERRY_SIM_TIME_NEVER  UINT64_MAX

/** What to build differently from the standard board. All zero is the standard board. */
struct ferry_sim_options {
    const uint8_t *uid; /**< FERRY_SIM_UID_BYTES bytes, copied; NULL: a fixed default */
    bool no_hse;        /**< the crystal never starts */
    bool no_pll;        /**< the PLL never locks */
    bool boot0_high;    /**< BOOT0 is high to begin with: see FERRY_SIM_LINE_BOOT0 */
    uint32_t seed;      /**< noise source: RAM at power-on, unstable bits, UART noise */
};

/* ---- events ---------------------------------------------------------------------------------- */

/** Things an observer with probes on the chip could see. X(name, json name, what a, b, c mean) */
#define FERRY_SIM_EVENT_MAP(X)                                                                     \
    X(FERRY_SIM_EV_POWER, "power")             /* a: 1 on, 0 off */                                \
    X(FERRY_SIM_EV_RESET, "reset")             /* a: RCC_CSR reset flags; text: the cause */       \
    X(FERRY_SIM_EV_LED, "led")                 /* a: LED index; b: 1 lit; text: its name */        \
    X(FERRY_SIM_EV_PIN, "pin")                 /* a: port * 16 + pin; b: level (outputs only) */   \
    X(FERRY_SIM_EV_ERASE_START, "erase_start") /* a: sector; b: address; c: bytes */               \
    X(FERRY_SIM_EV_ERASE_END, "erase_end")     /* a: sector; b: address; c: bytes */               \
    X(FERRY_SIM_EV_PROGRAM, "program")         /* a: address; b: value stored; c: bytes */         \
    X(FERRY_SIM_EV_OPTION, "option_bytes")     /* a: OPTCR as stored */                            \
    X(FERRY_SIM_EV_FLASH_ERROR, "flash_error") /* a: FLASH_SR flags; b: address; text */           \
    X(FERRY_SIM_EV_FAULT, "fault")             /* a: exception; b: pc; c: CFSR; text */            \
    X(FERRY_SIM_EV_MISUSE, "misuse")           /* text: set-up that the real chip punishes */      \
    X(FERRY_SIM_EV_LOCKUP, "lockup")           /* b: pc: the core hangs until a reset */           \
    X(FERRY_SIM_EV_CUT, "power_cut")           /* a: flash operation; b: enum ferry_sim_cut */     \
    X(FERRY_SIM_EV_ROM, "rom")                 /* a: address of GO; text: what ST's loader does */

enum ferry_sim_event_kind {
#define FERRY_SIM_X(name, text) name,
    FERRY_SIM_EVENT_MAP(FERRY_SIM_X)
#undef FERRY_SIM_X
        FERRY_SIM_EV_COUNT
};

struct ferry_sim_event {
    uint64_t time_ns; /**< virtual time since creation */
    enum ferry_sim_event_kind kind;
    uint32_t a, b, c;
    const char *text; /**< static string, never NULL */
};

typedef void (*ferry_sim_event_fn)(void *ctx, const struct ferry_sim_event *event);

/** The JSON name of an event kind, "?" when out of range. */
const char *ferry_sim_event_name(enum ferry_sim_event_kind kind);

/**
 * One event as a line of JSON without newline.
 * @return length, or -1 when it did not fit (256 bytes always do).
 */
int ferry_sim_event_json(const struct ferry_sim_event *event, char *out, size_t out_size);

/** Hear every event. NULL: none. ctx is borrowed until the next call or destroy. */
void ferry_sim_on_event(struct ferry_sim *sim, ferry_sim_event_fn fn, void *ctx);

/* ---- life ------------------------------------------------------------------------------------ */

/** Name of board number i, NULL past the end. */
const char *ferry_sim_board_name(size_t i);

/**
 * Build a board: flash erased, option bytes as shipped, power off.
 * @param out     set only on success; the caller destroys it
 * @param board   e.g. "stm32f411_blackpill"
 * @param options NULL for the standard board; not kept
 * @return E_BOARD, E_MEMORY, E_ENGINE
 */
int ferry_sim_create(struct ferry_sim **out, const char *board,
                     const struct ferry_sim_options *options);
void ferry_sim_destroy(struct ferry_sim *sim); /**< NULL is fine */

/**
 * Put bytes into flash, as a programmer with the board in its socket (any state; no erase first).
 * Addresses of the option bytes (0x1FFFC000) are understood too.
 * @return E_RANGE and nothing written when any byte is elsewhere
 */
int ferry_sim_load(struct ferry_sim *sim, uint32_t address, const void *data, size_t size);

/**
 * Load Intel HEX text (records 00, 01, 04, 05; CR LF or LF).
 * @return E_FORMAT (bad record or checksum), E_RANGE; flash may be partly written then
 */
int ferry_sim_load_hex(struct ferry_sim *sim, const char *text, size_t size);

/** Power on (RAM is noise, all registers at reset). No-op when on. */
void ferry_sim_power_on(struct ferry_sim *sim);
/** Pull the plug now: a flash operation under way is torn (seed: the board's). No-op when off. */
void ferry_sim_power_off(struct ferry_sim *sim);
bool ferry_sim_powered(const struct ferry_sim *sim);
/** A pulse on NRST. @return E_STATE when off, or held in reset by FERRY_SIM_LINE_NRST */
int ferry_sim_reset(struct ferry_sim *sim);

/* ---- time ------------------------------------------------------------------------------------ */

enum ferry_sim_stop {
    FERRY_SIM_STOP_LIMIT,     /**< the asked time has come */
    FERRY_SIM_STOP_REQUESTED, /**< a callback called ferry_sim_stop(), or the predicate said so */
    FERRY_SIM_STOP_POWER_CUT  /**< the injected power cut has happened: the board is off */
};

typedef bool (*ferry_sim_predicate)(void *ctx, struct ferry_sim *sim);

uint64_t ferry_sim_time_ns(const struct ferry_sim *sim);
/** Run until virtual time t (absolute). A board that is off only lets time pass. */
enum ferry_sim_stop ferry_sim_run_until(struct ferry_sim *sim, uint64_t time_ns);
enum ferry_sim_stop ferry_sim_run_for(struct ferry_sim *sim, uint64_t duration_ns);
/**
 * Run until done(ctx) is true, but no longer than duration_ns. done is asked after every timer,
 * byte and interrupt, and at least once a virtual millisecond.
 */
enum ferry_sim_stop ferry_sim_run_while_not(struct ferry_sim *sim, ferry_sim_predicate done,
                                            void *ctx, uint64_t duration_ns);
/** Make the run function return soon. For callbacks. */
void ferry_sim_stop(struct ferry_sim *sim);
/** True when the core sleeps in WFI/WFE, hangs, or waits for power: nothing to compute. */
bool ferry_sim_idle(const struct ferry_sim *sim);

typedef void (*ferry_sim_peer_fn)(void *ctx, struct ferry_sim *sim);
/** Call fn every period_ns of virtual time (the place for a peer that has timeouts). 0: never. */
void ferry_sim_on_tick(struct ferry_sim *sim, uint64_t period_ns, ferry_sim_peer_fn fn, void *ctx);

/* ---- UART, host side. port: 0 is the board's console --------------------------------------- */

/** One byte from the node, at the end of its stop bit. */
typedef void (*ferry_sim_uart_fn)(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte);

/** The host's baud rate, default 921600; bytes take 10 bit times. @return E_ARGUMENT (port, 0) */
int ferry_sim_uart_baud(struct ferry_sim *sim, unsigned port, uint32_t baud);
void ferry_sim_on_uart(struct ferry_sim *sim, unsigned port, ferry_sim_uart_fn fn, void *ctx);
/** Queue bytes towards the node. @return how many were taken (the queue holds 16384). */
size_t ferry_sim_uart_send(struct ferry_sim *sim, unsigned port, const void *data, size_t size);
/** Bytes queued by ferry_sim_uart_send() that are not on the node's pin yet. */
size_t ferry_sim_uart_queued(const struct ferry_sim *sim, unsigned port);
/** Forget them. */
void ferry_sim_uart_flush(struct ferry_sim *sim, unsigned port);
/** Pull or plug the cable: while it is out, bytes both ways are lost (and not counted). */
void ferry_sim_uart_plug(struct ferry_sim *sim, unsigned port, bool plugged);
/**
 * The host's parity. Programs on the node take 8N1; ST's boot loader wants 8E1, and gets 8N1 right
 * only when a gap follows each byte.
 * @return E_ARGUMENT
 */
enum ferry_sim_parity {
    FERRY_SIM_PARITY_MATCH, /**< whatever the node expects: the default */
    FERRY_SIM_PARITY_NONE,
    FERRY_SIM_PARITY_EVEN,
    FERRY_SIM_PARITY_ODD
};
int ferry_sim_uart_parity(struct ferry_sim *sim, unsigned port, enum ferry_sim_parity parity);
/** Corrupt one byte in n on the wire towards and from the node, by the board's seed. 0: none. */
void ferry_sim_uart_noise(struct ferry_sim *sim, unsigned port, uint32_t one_in_n);

/* ---- pins ------------------------------------------------------------------------------------ */

/** Level of a pin as seen on the board: output, or what drives it. pin: port * 16 + number. */
int ferry_sim_pin_get(const struct ferry_sim *sim, unsigned pin);
/** Drive an input from outside. level: 0, 1, or -1 to let go (the pull decides). */
void ferry_sim_pin_set(struct ferry_sim *sim, unsigned pin, int level);
/**
 * Lines of a gateway: NRST, BOOT0, and the pins (FERRY_SIM_LINE_PIN + port * 16 + number).
 * NRST low holds the chip in reset: an erase under way is torn, the pins float, nothing runs; let
 * go, it starts. BOOT0 is looked at when a reset ends: high starts the system memory, where ST's
 * boot loader is modelled (see ferry_sim_rom_quirk), until its GO or a reset with BOOT0 low.
 */
#define FERRY_SIM_LINE_NRST  0u
#define FERRY_SIM_LINE_BOOT0 1u
#define FERRY_SIM_LINE_PIN   16u

/**
 * Drive a line; not from a callback. level: 0, 1, or -1 to let go (NRST is pulled up, BOOT0 down).
 * @return E_ARGUMENT: no such line
 */
int ferry_sim_line_set(struct ferry_sim *sim, unsigned line, int level);
/** Level of a line, 0 or 1. @return E_ARGUMENT: no such line */
int ferry_sim_line_get(const struct ferry_sim *sim, unsigned line);

/** "PC13" -> number, -1 when it is no pin name. */
int ferry_sim_pin_number(const char *name);
size_t ferry_sim_led_count(const struct ferry_sim *sim);
const char *ferry_sim_led_name(const struct ferry_sim *sim, size_t led);
bool ferry_sim_led_lit(const struct ferry_sim *sim, size_t led);

/* ---- SPI and I2C, the master's side ---------------------------------------------------------- */

/*
 * The node is the slave: SPI1 on PA4-PA7, I2C1 on PB6/PB7. A transfer takes the time of its bits.
 * _begin() starts one and returns; done comes from a run function when it is over. _transfer() runs
 * the board until then (not from a callback; ferry_sim_stop() waits for the end of it).
 * One transfer at a time on each bus. Power-off and restore end it with E_STATE.
 */
#define FERRY_SIM_SPI_MAX_HZ 100000000u
#define FERRY_SIM_I2C_MAX_HZ 1000000u

/** count: bytes clocked (SPI), bytes that the node acknowledged (I2C). */
typedef void (*ferry_sim_bus_fn)(void *ctx, struct ferry_sim *sim, int status, size_t count);

/** NSS is low for the whole transfer. The buffers are borrowed until done. */
struct ferry_sim_spi {
    const uint8_t *tx; /**< NULL: zeros */
    uint8_t *rx;       /**< NULL: not kept. What nobody drives reads as the pull of MISO */
    size_t size;       /**< bytes; 0: only a pulse on NSS */
    uint32_t hz;       /**< 1 to FERRY_SIM_SPI_MAX_HZ; above half of the node's PCLK2 it misreads */
    unsigned mode;     /**< SPI mode, 0 to 3 */
};

/** @return E_ARGUMENT, E_STATE (power is off), E_BUSY */
int ferry_sim_spi_begin(struct ferry_sim *sim, const struct ferry_sim_spi *transfer,
                        ferry_sim_bus_fn done, void *ctx);
/** In mode 0, waited for. @return as begin; E_STATE also when the power went meanwhile */
int ferry_sim_spi_transfer(struct ferry_sim *sim, const uint8_t *tx, uint8_t *rx, size_t size,
                           uint32_t hz);

/**
 * Spikes on SCK: the slave counts bits (1 to 7, each 0) that no master clocked, as if chip select
 * were low. What follows is shifted until the SPI is reset. @return E_ARGUMENT, E_STATE (the slave
 * is off)
 */
int ferry_sim_spi_glitch(struct ferry_sim *sim, unsigned bits);

struct ferry_sim_i2c_message {
    bool read;
    uint16_t size; /**< bytes; 0: the address only */
    uint8_t *data; /**< read: filled; write: not changed */
};

/** One combined transfer: start, messages with a repeated start between them, stop. */
struct ferry_sim_i2c {
    struct ferry_sim_i2c_message *messages; /**< borrowed until done */
    size_t count;                           /**< 1 or more */
    uint32_t hz;                            /**< 1 to FERRY_SIM_I2C_MAX_HZ */
    uint32_t timeout_ms; /**< 1 or more: how long the node may hold SCL low at a time */
    uint8_t address;     /**< 7 bits */
};

/** @return E_ARGUMENT, E_STATE (power is off), E_BUSY */
int ferry_sim_i2c_begin(struct ferry_sim *sim, const struct ferry_sim_i2c *transfer,
                        ferry_sim_bus_fn done, void *ctx);
/**
 * Waited for.
 * @param acknowledged bytes that the node acknowledged, over all writes; may be NULL
 * @return as begin, and E_NACK_ADDRESS, E_NACK_DATA (both followed by a stop), E_TIMEOUT (no stop:
 *         the node still holds SCL), E_STATE also when the power went meanwhile
 */
int ferry_sim_i2c_transfer(struct ferry_sim *sim, const struct ferry_sim_i2c *transfer,
                           size_t *acknowledged);

/* ---- what the board counted ------------------------------------------------------------------ */

struct ferry_sim_counters {
    uint64_t uart_to_node[4];   /**< bytes on the wire, per port */
    uint64_t uart_from_node[4]; /**< bytes on the wire, per port */
    uint64_t uart_overrun[4];   /**< bytes the node lost because it did not read in time */
    uint64_t uart_framing[4];   /**< bytes that arrived corrupted (baud mismatch) */
    uint64_t spi_bytes;         /**< exchanged while the node listened */
    uint64_t spi_unheard;       /**< clocked by the master while it did not */
    uint64_t spi_overrun;       /**< lost because the node did not read in time */
    uint64_t spi_underrun;      /**< bytes the node sent without having given one */
    uint64_t i2c_to_node;       /**< data bytes */
    uint64_t i2c_from_node;     /**< data bytes */
    uint64_t i2c_overrun;       /**< lost or repeated, only without clock stretching */
    uint64_t i2c_nack;          /**< addresses and bytes not acknowledged */
    uint64_t i2c_stretched_ns;  /**< SCL held low by the node */
    uint32_t erases[FERRY_SIM_MAX_SECTORS];
    uint64_t words_programmed[FERRY_SIM_MAX_SECTORS]; /**< program operations, per sector */
    uint64_t bytes_programmed;
    uint64_t flash_ops; /**< erase + program operations begun */
    uint64_t flash_errors;
    uint64_t halfwords;   /**< executed */
    uint64_t exceptions;  /**< taken, interrupts included */
    uint64_t stalled_ns;  /**< core halted by the flash */
    uint64_t sleeping_ns; /**< in WFI/WFE */
    uint32_t resets;
};

void ferry_sim_counters(const struct ferry_sim *sim, struct ferry_sim_counters *out);
/** All to zero. */
void ferry_sim_counters_reset(struct ferry_sim *sim);

/**
 * Stack used since power-on: RAM that no longer holds its power-on noise, searched upwards from
 * low.
 * @param low,high the region that the linker script gives the stack
 * @return bytes from the lowest touched word to high; 0 when the range is not in RAM
 */
uint32_t ferry_sim_stack_used(const struct ferry_sim *sim, uint32_t low, uint32_t high);

struct ferry_sim_cpu {
    uint32_t r[16]; /**< r13 is the stack pointer in use */
    uint32_t xpsr, msp, psp, control;
    uint32_t sysclk_hz, hclk_hz;
    bool sleeping, lockup;
};
void ferry_sim_cpu(struct ferry_sim *sim, struct ferry_sim_cpu *out);

typedef void (*ferry_sim_enter_fn)(void *ctx, struct ferry_sim *sim, uint32_t address);
/**
 * Hear each time the core comes to the first instruction of a function: the probe of a stopwatch.
 * What returns there by a branch (a loop around the whole function) counts too. No time passes.
 * @param address of the function, as its ELF file says; with or without the Thumb bit
 * @param fn,ctx  one for all functions: the last given; called with the address without that bit
 * @return E_ARGUMENT (more than 4 functions)
 */
int ferry_sim_on_enter(struct ferry_sim *sim, uint32_t address, ferry_sim_enter_fn fn, void *ctx);

/* ---- flash ----------------------------------------------------------------------------------- */

uint32_t ferry_sim_flash_base(const struct ferry_sim *sim);
/** The flash cells (not what a stale cache would show). Borrowed, valid until destroy, read only.
 */
const uint8_t *ferry_sim_flash(const struct ferry_sim *sim, size_t *size_bytes);
size_t ferry_sim_sector_count(const struct ferry_sim *sim);
/** @return E_RANGE */
int ferry_sim_sector(const struct ferry_sim *sim, size_t sector, uint32_t *address, uint32_t *size);
/** RAM at address, borrowed; NULL when [address, address + size) is not RAM. */
uint8_t *ferry_sim_ram(struct ferry_sim *sim, uint32_t address, size_t size);
/** Option bytes as FLASH_OPTCR shows them (bits 31..2). */
uint32_t ferry_sim_option_bytes(const struct ferry_sim *sim);
void ferry_sim_set_option_bytes(struct ferry_sim *sim, uint32_t optcr);
/** Readout protection 0, 1 or 2, and the brown-out level, of the option bytes as stored. */
unsigned ferry_sim_rdp_level(const struct ferry_sim *sim);
unsigned ferry_sim_bor_level(const struct ferry_sim *sim);
/** Is a sector write-protected by the option bytes as stored? */
bool ferry_sim_sector_protected(const struct ferry_sim *sim, size_t sector);
/** Write protection of an L4, FLASH_WRP1AR and WRP1BR as stored; on others nothing. */
void ferry_sim_write_protection(const struct ferry_sim *sim, uint32_t wrp[2]);
void ferry_sim_set_write_protection(struct ferry_sim *sim, const uint32_t wrp[2]);

enum ferry_sim_cut {
    FERRY_SIM_CUT_NONE,
    FERRY_SIM_CUT_LOST, /**< the operation had no effect */
    FERRY_SIM_CUT_TORN, /**< a random subset of its bits changed */
    FERRY_SIM_CUT_DONE, /**< it was complete, then the power went */
};

/** How far an erase had come that is torn. */
enum ferry_sim_tear {
    FERRY_SIM_TEAR_HALF,   /**< each bit with even odds */
    FERRY_SIM_TEAR_NEARLY, /**< all but one to 8 bits: these are still 0, or if unstable mostly 1 */
    FERRY_SIM_TEAR_HARDLY, /**< none but one to 8 bits: these are 1, or if unstable mostly 0 */
    FERRY_SIM_TEARS
};

struct ferry_sim_cut_plan {
    enum ferry_sim_cut mode;
    uint64_t after_flash_ops; /**< the operation with this number (0 is the next to come, counted
                                 from now) is the one that is cut */
    uint32_t seed;            /**< for TORN */
    bool unstable;            /**< TORN: some bits read back at random until they are erased or
                                 programmed to 0 */
    enum ferry_sim_tear tear; /**< TORN, an erase; a word is always torn half */
};

/** Plan one power cut; a second call replaces it, mode NONE cancels. Power must be on at that time.
 */
void ferry_sim_plan_cut(struct ferry_sim *sim, const struct ferry_sim_cut_plan *plan);

/** Places in flash with bits that read at random now: 0, and the cells are all there is to know. */
uint32_t ferry_sim_unstable(const struct ferry_sim *sim);
/** The same in `size` bytes from this address on, which lie in flash. */
uint32_t ferry_sim_unstable_in(const struct ferry_sim *sim, uint32_t address, uint32_t size);
/**
 * Torn operations whose unstable bits the board had no room to remember. It remembers 64 words, and
 * an operation takes half of what is left: seven torn erases in a row fit.
 */
uint64_t ferry_sim_unstable_lost(const struct ferry_sim *sim);

/** One flash operation, for journals of a golden run. */
struct ferry_sim_flash_op {
    uint64_t time_ns;
    uint32_t address; /**< of the sector for an erase */
    uint32_t size;    /**< bytes */
    uint32_t value;   /**< stored by a program operation; 0xFFFFFFFF for an erase */
    uint32_t high;    /**< its upper half, where size is 8 */
    bool erase;
};
typedef void (*ferry_sim_flash_op_fn)(void *ctx, const struct ferry_sim_flash_op *op);
/** Hear every flash operation as it begins. NULL: none. */
void ferry_sim_on_flash_op(struct ferry_sim *sim, ferry_sim_flash_op_fn fn, void *ctx);

/* ---- ST's boot loader in the system memory --------------------------------------------------- */

/*
 * Active after a reset with BOOT0 high (on chips with an empty check also when flash was blank at
 * power-on). It answers AN3155 on the chip's USART pins and AN4221 on I2C1, whichever is used
 * first, erases and programs the same flash with its own times, and its operations are counted and
 * cut like those of a program. The core sleeps meanwhile.
 */

/** Habits of real parts, each a switch. X(name, text name, on from the start, what it does) */
#define FERRY_SIM_ROM_QUIRK_MAP(X)                                                                 \
    X(STRAY_ZERO, "stray-zero", 0, "a 0x00 leaves each UART when it starts")                       \
    X(NO_ERASE_ACK, "no-erase-ack", 0, "no last ACK of an erase; the next command is refused")     \
    X(LATE_PARAMETERS, "late-parameters", 0, "NACK when parameters come after more than 1 s")      \
    X(I2C_TIMEOUT, "i2c-timeout", 0, "I2C: a reset 1 s into a wait for the rest of a command")     \
    X(I2C_MAX_64, "i2c-max-64", 0, "I2C writes of more than 64 data bytes are not acknowledged")   \
    X(I2C_MAX_128, "i2c-max-128", 0, "the same above 128")                                         \
    X(SILENT_WRP, "silent-wrp", 1, "no error for writes and erases of protected sectors")          \
    X(EMPTY_CHECK, "empty-check", 1, "L43x: starts although BOOT0 is low, when blank at power-on") \
    X(ERASE_7S, "erase-7s", 0, "an erase takes 7 s at least; the I2C clock is stretched for it")   \
    X(LOST_SYNC, "lost-sync", 0, "once: a command is taken for the start of 257 bytes of data")    \
    X(I2C_V1_0, "i2c-v1.0", 0, "I2C protocol 1.0: without the no-stretch commands")                \
    X(ERASE_43, "erase-43", 0, "offers ERASE 0x43 in place of EXTENDED ERASE 0x44")

enum ferry_sim_rom_quirk {
#define FERRY_SIM_X(name, text, on, what) FERRY_SIM_ROM_##name,
    FERRY_SIM_ROM_QUIRK_MAP(FERRY_SIM_X)
#undef FERRY_SIM_X
        FERRY_SIM_ROM_QUIRK_COUNT
};

/**
 * Switch one on by its name, or off by "no-" and its name. Survives resets.
 * @return E_ARGUMENT: no such quirk
 */
int ferry_sim_rom_quirk(struct ferry_sim *sim, const char *name);
/** Name of a quirk, and whether it is on. NULL past the end. */
const char *ferry_sim_rom_quirk_name(unsigned quirk);
bool ferry_sim_rom_quirk_on(const struct ferry_sim *sim, unsigned quirk);

enum ferry_sim_rom_fault {
    FERRY_SIM_ROM_FAULT_NONE,
    FERRY_SIM_ROM_DROP,   /**< the byte is lost */
    FERRY_SIM_ROM_REPEAT, /**< it arrives twice */
    FERRY_SIM_ROM_FLIP,   /**< bits of mask are inverted */
    FERRY_SIM_ROM_DELAY   /**< it arrives delay_ns later (I2C: SCL is held) */
};

/** One fault on the wires of the boot loader; for exhaustive tests of a host. */
struct ferry_sim_rom_disturb {
    enum ferry_sim_rom_fault fault;
    bool from_rom;     /**< false: a byte of the host; true: one of the boot loader */
    uint64_t after;    /**< the byte with this number is struck: 0 is the next in its direction */
    uint8_t mask;      /**< FLIP */
    uint64_t delay_ns; /**< DELAY */
};

/** Plan it; a second call replaces it, FAULT_NONE cancels. Only while the boot loader is active. */
void ferry_sim_rom_disturb(struct ferry_sim *sim, const struct ferry_sim_rom_disturb *plan);

struct ferry_sim_rom_state {
    bool active;
    bool ready;          /**< it listens */
    bool busy;           /**< erases or programs */
    bool uart, i2c;      /**< what it was spoken to on; none yet: both false */
    bool empty;          /**< the empty flag, as last evaluated */
    bool disturbed;      /**< the planned fault has happened */
    uint64_t bytes_to;   /**< data bytes of hosts, since power-on */
    uint64_t bytes_from; /**< data bytes to hosts */
};
void ferry_sim_rom_state(const struct ferry_sim *sim, struct ferry_sim_rom_state *out);
/** First UART port (as in ferry_sim_uart_send) that the boot loader listens on. -1: none */
int ferry_sim_rom_port(const struct ferry_sim *sim);
/** 7-bit address on I2C1. -1: none */
int ferry_sim_rom_i2c_address(const struct ferry_sim *sim);

/* ---- snapshot -------------------------------------------------------------------------------- */

/** Everything: registers, RAM, flash, peripherals, queued bytes, counters, time. NULL: no memory.
 */
struct ferry_sim_snapshot *ferry_sim_snapshot(struct ferry_sim *sim);
/**
 * Back to that moment. Only on the board that it was taken from; may be used any number of times.
 * Callbacks, and the host's view of what it already received, stay as they are.
 */
int ferry_sim_restore(struct ferry_sim *sim, const struct ferry_sim_snapshot *snapshot);
void ferry_sim_snapshot_free(struct ferry_sim_snapshot *snapshot); /**< NULL is fine */

/**
 * A watchdog reset now, as NRST by ferry_sim_reset() but with the watchdog's cause.
 * @return E_STATE: no power, or held in reset
 */
int ferry_sim_watchdog(struct ferry_sim *sim);

/* ---- replay ---------------------------------------------------------------------------------- */

/**
 * Execute a function of the firmware once for each input; from then on only let its time pass and
 * return the same result. For long series of runs over the same signatures. The caller vouches that
 * the function is pure: its result is r0 and depends on nothing but the bytes that r0-r3 point to,
 * and it writes nothing but its stack. Interrupts that come meanwhile wait, as in a flash stall.
 * @param address of the function
 * @param sizes   bytes behind r0, r1, r2, r3; 0: not an argument; 256 bytes in all
 * @return E_ARGUMENT (more than 4 functions, sizes)
 */
int ferry_sim_replay(struct ferry_sim *sim, uint32_t address, const uint32_t sizes[4]);
/** Execute them all again, every time. Results stay known, for a function that is named anew. */
void ferry_sim_replay_none(struct ferry_sim *sim);
/**
 * A slower core: each halfword takes so many clock cycles (1: the standard board). The clocks, the
 * wires, the flash and the watchdog keep their times, so a program that waits or polls takes as
 * many steps fewer. For long series of runs in which no time is measured. Replayed functions keep
 * the time of the standard board. Not part of a snapshot.
 */
void ferry_sim_pace(struct ferry_sim *sim, uint32_t cycles);
/**
 * Work that can be foretold exactly is not executed: rounds of a wait for the flash, of
 * a loop that only counts down. Time,
 * counters, memory and registers come out the same, to the picosecond. Off until asked for. After a
 * call of ferry_sim_ram nothing is passed over: that memory may change at any time.
 */
void ferry_sim_shortcuts(struct ferry_sim *sim, bool on);
/** Virtual time that was passed over in this way. */
uint64_t ferry_sim_skipped_ns(const struct ferry_sim *sim);
/** How often a result was replayed. */
uint64_t ferry_sim_replayed(const struct ferry_sim *sim);

#ifdef __cplusplus
}
#endif
#endif
