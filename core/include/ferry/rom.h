/*
 * ferry/rom.h - the host's side of the bootloader that ST puts into the system memory of its
 * chips: AN3155 over USART, AN4221 over I2C. It stands where link/ stands for nodes with Ferry's
 * own bootloader: the gateway or `ferry rom` above it, the wire below. It knows commands; what to
 * erase and write, and in which order, is gateway/sinks/rom_update.h.
 *
 * A state machine without I/O, one command at a time. The owner moves the bytes and tells the time:
 *
 *   ferry_rom_start(rom, &request, now_ms); then, until ferry_rom_step is not FERRY_MORE, do the
 *   action that it gives, and report it:
 *     FERRY_ROM_WRITE  write action.bytes (I2C: in one transfer), then ferry_rom_sent
 *     FERRY_ROM_READ   USART: give what comes within wait_ms to ferry_rom_input, byte by byte or
 *                      in any pieces. I2C: one read of exactly action.size bytes, then
 *                      ferry_rom_input. A transfer that was not acknowledged, or that the master
 *                      gave up while the clock was stretched: ferry_rom_refused
 *     FERRY_ROM_WAIT   come again after wait_ms
 *   Give the bytes that have come before asking for the next step: time-outs are noticed there.
 *
 * What the chip answers is believed only where the protocol protects it: commands, addresses and
 * written data carry checksums, lists and read data carry none. So the chip id is read twice, and a
 * READ that matters is compared with something (ferry_rom_update does so for every byte).
 *
 * When a command fails before the chip can have obeyed, the machine finds its place again and
 * repeats it, FERRY_ROM_TRIES times. When the last answer to WRITE or ERASE is missing, the outcome
 * is unknown: it finds its place again and says so (FERRY_ROM_UNKNOWN); the caller reads back.
 * Every wait is bounded (core/rom/rom.c, "time"), no command ends later than the sum of them.
 *
 * No heap, no globals, no blocking; not for interrupts. One struct per chip, the caller's.
 */
#ifndef FERRY_ROM_H
#define FERRY_ROM_H

#include "ferry/base.h"

/*
 * Why a command or an update failed: X(name, number, sentence, what to do about it). The numbers
 * continue FERRY_STATUS_MAP, so ferry_status_name, _text and _remedy know them.
 */
#define FERRY_ROM_REASON_MAP(X)                                                                    \
    X(NO_ANSWER, 60, "the chip's ROM bootloader does not answer",                                  \
      "check ground, power and crossed RX/TX, hold BOOT0 high during a reset, and try again")      \
    X(BUS, 61, "the I2C bus or the chip's address on it does not respond",                         \
      "check address, pull-ups and pins, or use a smaller chunk; reset with BOOT0 high")           \
    X(SILENT, 62, "the ROM bootloader stopped answering in the middle of a command",               \
      "check the wiring, lower the baud rate, and try again")                                      \
    X(LOST, 63, "the ROM bootloader answers, but no common place in the protocol was found again", \
      "reset the chip with BOOT0 high and try again")                                              \
    X(REFUSED, 64, "the ROM bootloader refused the address or the data",                           \
      "check that the address lies in this chip's memory")                                         \
    X(PROTECTED, 65, "the ROM bootloader refuses this command: readout protection is active",      \
      "remove it with `ferry rom unprotect --readout`, which erases the whole chip")               \
    X(NO_COMMAND, 66, "this chip's ROM bootloader does not have this command",                     \
      "use another command, for example an erase by pages instead of the whole chip")              \
    X(UNKNOWN, 67, "the last answer is missing: the command may or may not have been carried out", \
      "read back what is in the chip")                                                             \
    X(REPLY, 68, "the ROM bootloader's reply makes no sense",                                      \
      "check the wiring, the parity (8E1) and the baud rate")                                      \
    X(CHIP, 69, "this chip is not in Ferry's table", "add its line to core/rom/rom_chip.c")        \
    X(RANGE, 70, "the address or size does not fit this chip's flash or its pages",                \
      "check the load address and the size of the image")                                          \
    X(VERIFY, 71, "the chip's flash holds something else than was written",                        \
      "remove the write protection with `ferry rom unprotect`; if it stays, the flash is worn "    \
      "out")                                                                                       \
    X(ERASE, 72, "a page is not blank after it was erased",                                        \
      "remove the write protection with `ferry rom unprotect`; if it stays, the flash is worn "    \
      "out")

enum ferry_rom_reason {
#define FERRY_ROM_REASON_ENUM(name, number, text, remedy) FERRY_ROM_##name = (number),
    FERRY_ROM_REASON_MAP(FERRY_ROM_REASON_ENUM)
#undef FERRY_ROM_REASON_ENUM
};

enum {
    FERRY_ROM_CHUNK_MIN = 16,  /* bytes: smallest chunk, for masters with small buffers */
    FERRY_ROM_CHUNK_MAX = 256, /* bytes: the protocol's largest READ and WRITE */
    FERRY_ROM_TRIES = 3,       /* times that a command is repeated where that is harmless */
    FERRY_ROM_BUFFER_SIZE = 260
};

/* How a transport differs from the other. Const, borrowed for the life of struct ferry_rom. */
struct ferry_rom_traits {
    /* true: I2C. A read is a transfer of a known length, a list is read whole, BUSY is polled, page
     * numbers have a frame of their own, the no-stretch commands are used where GET lists them.
     * false: USART, 8E1, 1200-115200 baud, which begins with the auto-baud byte 0x7F. */
    bool framed;
    /* Most bytes of memory in a READ or WRITE: 16-256, a multiple of 16. A WRITE is 2 bytes longer
     * on the wire. Default 256; smaller for I2C masters with small buffers. */
    uint16_t chunk_bytes;
    /* Pause after each byte in ms; 0 (default) = none. Only for links that cannot do 8E1: with 8N1
     * the next start bit falls on the place of the parity bit. */
    uint8_t gap_ms;
    /* Time of one byte on the wire in microseconds, added to the time-outs: 11 bits, so 95 at
     * 115,200 baud and 9167 at 1200 baud. */
    uint16_t byte_us;
};

/* What FERRY_ROM_* request: fields of struct ferry_rom_request that it uses. */
enum ferry_rom_kind {
    FERRY_ROM_READ_MEMORY = 1,   /* address, count: bytes, 1-chunk. Then rom->buffer holds them */
    FERRY_ROM_GO = 2,            /* address of a vector table. Prefer BOOT0 low and NRST: the ROM
                                    leaves clocks and VTOR as they are. Afterwards the ROM is gone */
    FERRY_ROM_WRITE_MEMORY = 3,  /* address: multiple of 4 (8 on L4); count: 1-chunk; data. Filled
                                    up with 0xFF to the chip's unit */
    FERRY_ROM_ERASE_PAGES = 4,   /* address: first page or sector; count of them, at most
                                    ferry_rom_pages_max; or count 0 and address
                                    FERRY_ROM_ALL, _BANK_1, _BANK_2 */
    FERRY_ROM_WRITE_PROTECT = 6, /* address: first sector, count. The chip resets: connect again */
    FERRY_ROM_WRITE_UNPROTECT = 7, /* all sectors. The chip resets: connect again */
    FERRY_ROM_READ_PROTECT = 8,    /* the chip resets: connect again */
    FERRY_ROM_READ_UNPROTECT = 9,  /* ERASES THE WHOLE CHIP, resets it: connect again */
    FERRY_ROM_VERSION = 10,        /* fills version, option bytes */
    FERRY_ROM_GET = 11,            /* fills version, opcode */
    FERRY_ROM_ID = 12,             /* fills pid, chip */
    FERRY_ROM_ID_AGAIN = 13,       /* the same, and FERRY_ROM_REPLY if it is another id */
    FERRY_ROM_CONNECT = 14,        /* finds the ROM, then the four above. First of all requests */
    FERRY_ROM_RESYNC = 15          /* finds the place in the protocol again */
};

enum { FERRY_ROM_ALL = 0xFFFF, FERRY_ROM_BANK_1 = 0xFFFE, FERRY_ROM_BANK_2 = 0xFFFD };

struct ferry_rom_request {
    uint32_t kind; /* enum ferry_rom_kind */
    uint32_t count;
    uint32_t address;
    const uint8_t *data; /* borrowed until the command ended */
};

enum ferry_rom_action_type {
    FERRY_ROM_WAIT,
    FERRY_ROM_WRITE,
    FERRY_ROM_READ,
    FERRY_ROM_SUPPLY, /* these two: gateway/sinks/rom_update.h only */
    FERRY_ROM_APPROVE
};

struct ferry_rom_action {
    uint8_t type;     /* enum ferry_rom_action_type */
    bool flush;       /* WRITE: first drop what was received and not read (USART) */
    bool page_start;  /* SUPPLY */
    uint32_t size;    /* bytes to write, to read at most (I2C: exactly), or to supply */
    uint32_t wait_ms; /* READ, WAIT: come back after this time at the latest */
    uint32_t offset;  /* SUPPLY */
    uint8_t *bytes;   /* WRITE: take them from here; SUPPLY: put them here */
};

/* A chip: one line of the table in core/rom/rom_chip.c, 24 bytes. Sources: AN2606, reference
 * manuals. */
struct ferry_rom_chip {
    uint16_t pid;           /* as GET ID says */
    uint16_t size_register; /* low half of its address, see ferry_rom_size_register */
    uint8_t i2c_address;    /* 7 bits, of the ROM */
    uint8_t unit_bytes;     /* what is programmed at once: WRITE addresses are multiples of it */
    uint8_t rom_ram;        /* 256 bytes: what the ROM uses at the start of RAM */
    uint8_t ram_kb;         /* KB: RAM in one piece from 0x20000000 */
    struct {
        uint8_t count, size_kb;
    } pages[3];    /* flash from 0x08000000: so many pages or sectors of this size */
    char name[10]; /* behind "STM32" */
};

enum { FERRY_ROM_FLASH_BASE = 0x08000000, FERRY_ROM_RAM_BASE = 0x20000000 };

/* Address of the u16 that holds the flash size in KB. */
static inline uint32_t ferry_rom_size_register(const struct ferry_rom_chip *chip)
{
    return 0x1FFF0000U + chip->size_register;
}

/* RAM that a host may use: from here up to ferry_rom_ram_end. */
static inline uint32_t ferry_rom_ram_start(const struct ferry_rom_chip *chip)
{
    return FERRY_ROM_RAM_BASE + chip->rom_ram * 256U;
}

static inline uint32_t ferry_rom_ram_end(const struct ferry_rom_chip *chip)
{
    return FERRY_ROM_RAM_BASE + chip->ram_kb * 1024U;
}

struct ferry_rom_page {
    uint32_t number;      /* as ERASE counts */
    uint32_t start, size; /* offset in flash and length, bytes */
};

/* Bytes come first, then words: a Cortex-M reaches those nearest to the start in shorter code. */
struct ferry_rom {
    uint8_t kind;        /* request.kind, or the part of CONNECT that is under way. Private, as: */
    uint8_t phase, step; /* where the command stands */
    uint8_t tries;       /* repeats that are left */
    uint8_t refusals;    /* I2C: of the frame in hand */
    uint8_t nacks;       /* of a search for the place in the protocol */
    bool single;         /* its next frame is one byte */
    uint8_t version;     /* USART: of the bootloader; I2C: of the protocol; 0x12 = 1.2 */
    uint8_t opcode[10];  /* by kind 1-9: from GET, 0 = this ROM does not have it */
    uint8_t option_bytes[2]; /* USART: as VERSION says; historic, usually 0 */
    uint16_t pid;
    const struct ferry_rom_traits *traits;
    const struct ferry_rom_chip *chip; /* by ID; NULL = unknown */
    struct ferry_rom_request request;  /* the command in hand. Private, as all that follows but: */
    uint32_t script, list_bytes;
    uint32_t out_size, out_used, expect, got; /* bytes in `buffer` */
    uint32_t limit_ms, deadline_ms, hold_ms, resync_end_ms;
    int status;
    uint8_t buffer[FERRY_ROM_BUFFER_SIZE]; /* frame out, reply in; after READ_MEMORY the bytes */
};

/*
 * Prepares a struct for a chip that nothing is known of yet.
 *   traits: borrowed for the struct's life.
 */
void ferry_rom_init(struct ferry_rom *rom, const struct ferry_rom_traits *traits);

/*
 * Begins a command; no command may be under way. CONNECT comes first, and again after each reset.
 *   request: copied; request->data is borrowed until the command ended.
 * If power fails here: WRITE_MEMORY leaves any part of its bytes written, ERASE_PAGES any part of
 * the pages erased, perhaps so weakly that they read as blank; READ_UNPROTECT goes on erasing at
 * the chip's next start. Everything else leaves flash alone.
 * FERRY_OK: go on with ferry_rom_step. FERRY_ARGUMENT: a field is outside its range.
 * FERRY_ROM_NO_COMMAND: GET did not list it (or CONNECT has not been done).
 */
int ferry_rom_start(struct ferry_rom *rom, const struct ferry_rom_request *request,
                    uint32_t now_ms);

/*
 * What to do next.
 *   action: filled in; its bytes are borrowed until the next call.
 * FERRY_MORE: do the action. Else the command ended: FERRY_OK, or
 *   FERRY_ROM_NO_ANSWER, _LOST: nobody there: reset the chip, CONNECT again
 *   FERRY_ROM_BUS: I2C transfers were not acknowledged. WRITE and ERASE: read back; if that ends
 *     with BUS too, nobody is there
 *   FERRY_ROM_SILENT, _REPLY: in vain FERRY_ROM_TRIES times, the chip did not obey; may be retried
 *   FERRY_ROM_PROTECTED: NACK to the command byte itself, every time: readout protection
 *   FERRY_ROM_REFUSED: NACK to an address or to data. WRITE and ERASE: read back
 *   FERRY_ROM_UNKNOWN: last answer missing. WRITE and ERASE: the place is found again, read back.
 *     GO, protect, unprotect: reset the chip, CONNECT and look
 */
int ferry_rom_step(struct ferry_rom *rom, uint32_t now_ms, struct ferry_rom_action *action);

/* `size` bytes of a WRITE action have left (I2C: were acknowledged). */
void ferry_rom_sent(struct ferry_rom *rom, size_t size, uint32_t now_ms);

/* Received bytes, in any pieces; hostile. What is not expected is dropped. */
void ferry_rom_input(struct ferry_rom *rom, const uint8_t *bytes, size_t size, uint32_t now_ms);

/* I2C: the transfer of the last action failed: a read is asked for again 10 ms later, a write ends
 * this attempt at the command. */
void ferry_rom_refused(struct ferry_rom *rom, uint32_t now_ms);

/* Most pages in one ERASE_PAGES or WRITE_PROTECT, so that a frame is no longer than a WRITE's. */
static inline uint32_t ferry_rom_pages_max(const struct ferry_rom_traits *traits)
{
    return traits->chunk_bytes / 2U - 1U;
}

/* --- chips (core/rom/rom_chip.c) ---------------------------------------------------------- */

/* The line of a chip, or NULL. */
const struct ferry_rom_chip *ferry_rom_chip_by_pid(uint16_t pid);

/* The lines one by one, from index 0; NULL after the last. For people who look for a name. */
const struct ferry_rom_chip *ferry_rom_chip_at(size_t index);

/*
 * The page or sector in which a byte lies.
 *   offset: from 0x08000000, bytes.
 * false: beyond the largest flash of this chip's line; `page` then holds the end as its start. A
 * smaller chip of the family NACKs: its size register tells.
 */
bool ferry_rom_page_at(const struct ferry_rom_chip *chip, uint32_t offset,
                       struct ferry_rom_page *page);

#endif
