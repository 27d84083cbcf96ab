#include "ferry/rom.h"

enum {
    ACK = 0x79,
    NACK = 0x1F,
    BUSY = 0x76, /* I2C, no-stretch commands: still erasing or writing */
    AUTO_BAUD = 0x7F,
    NACKS = 3, /* in a row end the search, see there */
    /* I2C: pauses before what failed is repeated. */
    POLL_MS = 1,       /* a read; none while a WRITE works, which takes 1 to 6 ms */
    REFUSED_MS = 10,   /* a transfer that was refused, */
    REFUSALS_MAX = 100 /* for a second: longer is a missing chip */
};

enum phase { IDLE, SYNC, RESYNC, COMMAND };

/* --- time --------------------------------------------------------------------------------- */

/* Every wait ends. What the wire itself needs is added (ferry_rom_sent). */
enum {
    /* The ACK to 0x7F comes within a byte; slow USB adapters and a ROM that has just left reset. */
    SYNC_MS = 500,
    /* A NACK comes within a byte; a USB adapter holds bytes back for 16 ms. */
    RESYNC_MS = 50,
    /* A ROM in the middle of the longest frame takes 258 bytes, 129 pairs, before it answers: 7 s;
     * an erase may still be running: 35 s as in the field. */
    RESYNC_ALL_MS = 35000
};

/* Of the last answer to a command, in seconds. */
enum {
    /* The ROM computes nothing for these; ten times what the slowest adapter needs. */
    ANSWER = 1,
    /* 256 bytes: 64 words of 100 us at most (DS10314 t_prog), 32 double words of 91 us on L4. The
     * field used 1 s; I2C masters stretch. */
    WRITING = 2,
    /* Per page: a 128 KB sector takes 2 s typically and 4 s at x8 (DS10314, table 45). */
    ERASING = 5,
    /* 16 s and 32 s for 1 MB in the data sheet, 35 s seen to work, 70 s reported on an F407. */
    ERASING_ALL = 80,
    /* Option bytes: an erase and a program of one row; 20 s when a readout protection goes on. */
    OPTIONS = 20
};

static bool reached(uint32_t now_ms, uint32_t time_ms)
{
    return (int32_t)(now_ms - time_ms) >= 0; /* the clock may wrap */
}

/* --- commands ----------------------------------------------------------------------------- */

/* What follows a command byte and its ACK. Each frame out is followed by an ACK in. */
enum step {
    END,
    ADDRESS,
    LENGTH,
    DATA,
    COUNT,
    LIST,
    ANOTHER_ACK,
    FIRST,    /* the command byte itself */
    GET_LIST, /* from here on bytes come without an ACK before them */
    GET_VERSION,
    GET_DATA
};

#define SCRIPT(a, b, c) ((a) | (b) << 4 | (c) << 8)

static const struct {
    uint16_t script; /* steps, the first in the lowest four bits */
    uint8_t limit_s; /* of the ACK that says that it is done */
    uint8_t opcode; /* kinds 1-9: the lowest of those that GET may list, its high nibble the kind */
} commands[] = {
    [FERRY_ROM_READ_MEMORY] = {SCRIPT(ADDRESS, LENGTH, GET_DATA), ANSWER, 0x11},
    [FERRY_ROM_GO] = {SCRIPT(ADDRESS, END, END), ANSWER, 0x21},
    [FERRY_ROM_WRITE_MEMORY] = {SCRIPT(ADDRESS, DATA, END), WRITING, 0x31},
    [FERRY_ROM_ERASE_PAGES] = {SCRIPT(COUNT, LIST, END), ERASING, 0x43},
    [FERRY_ROM_WRITE_PROTECT] = {SCRIPT(LIST, END, END), OPTIONS, 0x63},
    [FERRY_ROM_WRITE_UNPROTECT] = {SCRIPT(ANOTHER_ACK, END, END), OPTIONS, 0x73},
    [FERRY_ROM_READ_PROTECT] = {SCRIPT(ANOTHER_ACK, END, END), OPTIONS, 0x82},
    [FERRY_ROM_READ_UNPROTECT] = {SCRIPT(ANOTHER_ACK, END, END), ERASING_ALL, 0x92},
    [FERRY_ROM_VERSION] = {SCRIPT(GET_VERSION, ANOTHER_ACK, END), ANSWER, 0x01},
    [FERRY_ROM_GET] = {SCRIPT(GET_LIST, ANOTHER_ACK, END), ANSWER, 0x00},
    [FERRY_ROM_ID] = {SCRIPT(GET_LIST, ANOTHER_ACK, END), ANSWER, 0x02},
    [FERRY_ROM_ID_AGAIN] = {SCRIPT(GET_LIST, ANOTHER_ACK, END), ANSWER, 0x02},
};

static bool is_extended(const struct ferry_rom *rom)
{
    return rom->kind == FERRY_ROM_ERASE_PAGES && rom->opcode[FERRY_ROM_ERASE_PAGES] != 0x43;
}

/* I2C sends the number of pages and their list in two frames; a special code is one frame. */
static bool has_two_frames(const struct ferry_rom *rom)
{
    return rom->traits->framed && is_extended(rom) && rom->request.count > 0;
}

/* The chip may have obeyed, or be about to: the command is not repeated. */
static bool is_committed(const struct ferry_rom *rom)
{
    return rom->kind > FERRY_ROM_READ_MEMORY && rom->kind < FERRY_ROM_VERSION &&
           (rom->script == 0 || rom->kind >= FERRY_ROM_WRITE_UNPROTECT);
}

/* --- frames out --------------------------------------------------------------------------- */

static void send(struct ferry_rom *rom, uint32_t size)
{
    rom->out_size = size;
    rom->out_used = 0;
    rom->refusals = 0;
    rom->expect = 0; /* what comes before all has left is no answer */
}

/* Closes a frame: all its bytes XOR to 0, a single byte is followed by its complement. */
static void seal(struct ferry_rom *rom, uint32_t size)
{
    uint8_t check = size == 1 ? 0xFF : 0;
    for (uint32_t i = 0; i < size; i++) {
        check ^= rom->buffer[i];
    }
    rom->buffer[size] = check;
    send(rom, size + 1);
}

/* A number of `width` bytes, the highest first. */
static uint32_t put_number(struct ferry_rom *rom, uint32_t at, uint32_t value, uint32_t width)
{
    for (uint32_t i = width; i > 0; value >>= 8) {
        rom->buffer[at + --i] = (uint8_t)value;
    }
    return at + width;
}

/* The number of pages, then the pages; on I2C each in a frame of its own. Or a special code. */
static uint32_t put_list(struct ferry_rom *rom)
{
    const uint32_t count = rom->request.count;
    const uint32_t last = rom->step == COUNT ? 0 : count;
    uint32_t size = 0;
    for (uint32_t i = rom->step == LIST && has_two_frames(rom) ? 1 : 0; i <= last; i++) {
        const uint32_t number = i > 0       ? rom->request.address + i - 1U
                                : count > 0 ? count - 1U
                                            : rom->request.address;
        size = put_number(rom, size, number, is_extended(rom) ? 2 : 1);
    }
    return size;
}

/* Never more than the chunk, which is a multiple of every unit. */
static uint32_t put_data(struct ferry_rom *rom)
{
    const uint32_t unit = rom->chip != NULL ? rom->chip->unit_bytes : 4;
    const uint32_t size = (rom->request.count + unit - 1) & ~(unit - 1); /* a power of two */
    memset(rom->buffer, 0xFF, sizeof rom->buffer);
    memcpy(rom->buffer + 1, rom->request.data, rom->request.count);
    rom->buffer[0] = (uint8_t)(size - 1);
    return size + 1;
}

/* --- steps -------------------------------------------------------------------------------- */

static void begin(struct ferry_rom *rom)
{
    rom->phase = COMMAND;
    rom->script = commands[rom->kind].script;
    rom->step = FIRST;
    rom->limit_ms = ANSWER * 1000;
    rom->buffer[0] =
        rom->kind < FERRY_ROM_VERSION ? rom->opcode[rom->kind] : commands[rom->kind].opcode;
    seal(rom, 1);
}

static void finish(struct ferry_rom *rom, int status)
{
    rom->phase = IDLE;
    rom->status = status;
}

/*
 * The next bytes of a search for the place in the protocol, until NACK. Not FF 00 at first: to 0x43
 * that is "whole chip", to 0x44 after a lost byte too. FF 01 is never right: not as a command, nor
 * as an erase, nor (an odd number of FF) as the end of a WRITE of FF bytes.
 * A NACK says that the chip waits for a command, but it may have come to the FF, as the end of what
 * was before. From then on FF 00: if it is out of step, 00 FF is a GET, and its ACK says that a
 * single FF is missing. The first of them may meet the 01, so the third NACK counts.
 */
static void search(struct ferry_rom *rom)
{
    rom->buffer[0] = 0xFF;
    rom->buffer[1] = rom->nacks == 0;
    send(rom, rom->single ? 1 : 2);
    rom->single = false;
}

/* The next step sends, as if nothing had come in time; what comes before that is no answer. */
static void send_now(struct ferry_rom *rom, uint32_t now_ms)
{
    rom->out_size = rom->out_used;
    rom->expect = 0;
    rom->deadline_ms = now_ms;
}

static void resync(struct ferry_rom *rom, uint32_t now_ms)
{
    rom->phase = RESYNC;
    rom->step = END;
    rom->nacks = 0;
    rom->single = false;
    rom->limit_ms = RESYNC_MS;
    rom->resync_end_ms = now_ms + RESYNC_ALL_MS;
    send_now(rom, now_ms);
}

static void fail(struct ferry_rom *rom, int reason, uint32_t now_ms)
{
    rom->status = reason;
    if (is_committed(rom)) {
        rom->tries = 0;
        if (reason == FERRY_ROM_SILENT) {
            rom->status = FERRY_ROM_UNKNOWN;
        }
        if (rom->kind != FERRY_ROM_WRITE_MEMORY && rom->kind != FERRY_ROM_ERASE_PAGES) {
            rom->phase = IDLE; /* the chip resets or runs: these bytes would spoil its auto-baud */
            return;
        }
    }
    resync(rom, now_ms);
}

/* The search is over. */
static void found(struct ferry_rom *rom)
{
    if (rom->tries == 0) {
        rom->phase = IDLE;
        return;
    }
    rom->tries--;
    begin(rom);
}

/* I2C: bytes of GET's list by protocol version. A wrong guess is put right by the list itself. */
static uint32_t guess_list(const struct ferry_rom *rom)
{
    return rom->kind != FERRY_ROM_GET ? 3 : rom->version < 0x11 ? 13 : rom->version + 2U;
}

static void start_kind(struct ferry_rom *rom, uint8_t kind)
{
    rom->kind = kind;
    rom->tries = FERRY_ROM_TRIES;
    rom->list_bytes = guess_list(rom);
    begin(rom);
}

static void end_command(struct ferry_rom *rom)
{
    if (rom->request.kind == FERRY_ROM_CONNECT && rom->kind < FERRY_ROM_ID_AGAIN) {
        start_kind(rom, (uint8_t)(rom->kind + 1));
    } else {
        finish(rom, FERRY_OK);
    }
}

static uint32_t limit_s(const struct ferry_rom *rom)
{
    if (!is_committed(rom)) {
        return ANSWER;
    }
    if (rom->kind != FERRY_ROM_ERASE_PAGES) {
        return commands[rom->kind].limit_s;
    }
    return rom->request.count > 0 ? ERASING * rom->request.count : ERASING_ALL;
}

/* The chip acknowledged: on to the next step of the script. */
static void advance(struct ferry_rom *rom, uint32_t now_ms)
{
    do {
        rom->step = rom->script & 15U;
        rom->script >>= 4;
    } while (rom->step == COUNT && !has_two_frames(rom));
    rom->limit_ms = limit_s(rom) * 1000U;
    rom->deadline_ms = now_ms + rom->limit_ms;
    rom->got = 0;
    rom->expect = 1;
    switch (rom->step) {
    case END:
        end_command(rom);
        break;
    case ADDRESS:
        seal(rom, put_number(rom, 0, rom->request.address, 4));
        break;
    case LENGTH:
        seal(rom, put_number(rom, 0, rom->request.count - 1U, 1));
        break;
    case DATA:
        seal(rom, put_data(rom));
        break;
    case COUNT:
    case LIST:
        seal(rom, put_list(rom));
        break;
    case GET_LIST:
        if (rom->traits->framed) {
            rom->expect = rom->list_bytes;
        }
        break;
    case GET_VERSION:
        rom->expect = rom->traits->framed ? 1 : 3;
        break;
    case GET_DATA:
        rom->expect = rom->request.count;
        break;
    default: /* ANOTHER_ACK */
        break;
    }
}

/* --- answers ------------------------------------------------------------------------------ */

/* An erase has two forms; on I2C each command that changes flash has a no-stretch form, one more.
 */
static void learn_opcodes(struct ferry_rom *rom, uint32_t count)
{
    const bool no_stretch = rom->traits->framed && rom->version >= 0x11;
    memset(rom->opcode, 0, sizeof rom->opcode);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t code = rom->buffer[2 + i];
        const uint32_t kind = code >> 4;
        const uint32_t forms = (kind == FERRY_ROM_ERASE_PAGES ? 1U : 0U) +
                               (kind > FERRY_ROM_GO && no_stretch ? 1U : 0U);
        if (kind < FERRY_ROM_VERSION && (uint32_t)code - commands[kind].opcode <= forms &&
            code > rom->opcode[kind]) {
            rom->opcode[kind] = code;
        }
    }
}

/* N, then N + 1 bytes. false: it makes no sense. */
static bool take_list(struct ferry_rom *rom)
{
    const uint16_t pid = (uint16_t)(rom->buffer[1] << 8 | rom->buffer[2]);
    const bool same = rom->pid == pid;
    if (rom->kind == FERRY_ROM_GET) {
        rom->version = rom->buffer[1];
        learn_opcodes(rom, rom->buffer[0]);
        return true;
    }
    rom->pid = pid;
    rom->chip = ferry_rom_chip_by_pid(pid);
    return rom->buffer[0] > 0 && (same || rom->kind == FERRY_ROM_ID);
}

static void take_bytes(struct ferry_rom *rom, uint32_t now_ms)
{
    if (rom->step == GET_LIST) {
        const uint32_t size = rom->buffer[0] + 2U;
        if (!rom->traits->framed && rom->got == 1) {
            rom->expect = size; /* <= 257 */
            return;
        }
        if (size != rom->got || !take_list(rom)) {
            rom->list_bytes = size;
            fail(rom, FERRY_ROM_REPLY, now_ms);
            return;
        }
    } else if (rom->step == GET_VERSION) {
        rom->version = rom->buffer[0];
        memcpy(rom->option_bytes, rom->buffer + 1, rom->expect - 1U);
    }
    advance(rom, now_ms);
}

static void take_ack(struct ferry_rom *rom, uint32_t now_ms)
{
    if (rom->phase == COMMAND) {
        advance(rom, now_ms);
    } else if (rom->phase == SYNC) {
        start_kind(rom, FERRY_ROM_VERSION);
    } else {
        rom->single = rom->nacks > 0 && rom->out_size > 1; /* once its reply is over */
    }
}

static void take_nack(struct ferry_rom *rom, uint32_t now_ms)
{
    if (rom->phase == RESYNC) {
        rom->deadline_ms = now_ms + rom->limit_ms;
        if (rom->nacks < NACKS && ++rom->nacks < NACKS) {
            send_now(rom, now_ms);
        }
    } else if (rom->phase == SYNC) {
        start_kind(rom, FERRY_ROM_VERSION); /* it knew our baud rate already */
    } else if (rom->step == FIRST && rom->kind < FERRY_ROM_READ_UNPROTECT) {
        fail(rom, FERRY_ROM_PROTECTED, now_ms);
    } else {
        fail(rom, FERRY_ROM_REFUSED, now_ms);
    }
}

static void take_byte(struct ferry_rom *rom, uint8_t byte, uint32_t now_ms)
{
    const bool data = rom->phase == COMMAND && rom->step >= GET_LIST;
    rom->deadline_ms = data ? now_ms + rom->limit_ms : rom->deadline_ms;
    if (data) {
        rom->buffer[rom->got++] = byte;
        if (rom->got == rom->expect) {
            take_bytes(rom, now_ms);
        }
    } else if (byte == NACK) {
        take_nack(rom, now_ms);
    } else if (byte == ACK) {
        take_ack(rom, now_ms);
    } else if (rom->traits->framed) {
        /* BUSY, or nothing of sense: read again */
        rom->hold_ms = now_ms + (rom->step == DATA ? 0 : POLL_MS);
    } /* USART: a stray byte, 0x00 after a reset; the ACK may still come */
}

void ferry_rom_input(struct ferry_rom *rom, const uint8_t *bytes, size_t size, uint32_t now_ms)
{
    while (size-- > 0 && rom->phase != IDLE && rom->expect > 0) {
        take_byte(rom, *bytes++, now_ms);
    }
}

/* --- the owner's calls -------------------------------------------------------------------- */

void ferry_rom_init(struct ferry_rom *rom, const struct ferry_rom_traits *traits)
{
    memset(rom, 0, sizeof *rom);
    rom->traits = traits;
}

static bool is_valid(const struct ferry_rom *rom, const struct ferry_rom_request *request)
{
    /* Page numbers have two bytes in the extended erase only: cut off, they are other pages. */
    const bool wide =
        request->kind == FERRY_ROM_ERASE_PAGES && rom->opcode[FERRY_ROM_ERASE_PAGES] != 0x43;
    const uint32_t special = wide ? FERRY_ROM_BANK_2 : FERRY_ROM_ALL;
    const uint32_t limit = wide ? FERRY_ROM_ALL + 1 : 0x100;
    uint32_t most = rom->traits->chunk_bytes;
    switch (request->kind) {
    case FERRY_ROM_READ_MEMORY:
        break;
    case FERRY_ROM_WRITE_MEMORY:
        if (request->address % 4 != 0 || request->data == NULL) {
            return false;
        }
        break;
    case FERRY_ROM_ERASE_PAGES:
    case FERRY_ROM_WRITE_PROTECT:
        if (request->count == 0 && request->kind == FERRY_ROM_ERASE_PAGES) {
            return request->address - special <= FERRY_ROM_ALL - special;
        }
        if (request->address >= limit || request->count > limit - request->address) {
            return false;
        }
        most = ferry_rom_pages_max(rom->traits);
        break;
    default:
        return request->kind - 1U < FERRY_ROM_RESYNC;
    }
    return request->count - 1U < most;
}

int ferry_rom_start(struct ferry_rom *rom, const struct ferry_rom_request *request, uint32_t now_ms)
{
    const uint8_t kind = (uint8_t)request->kind;
    if (!is_valid(rom, request)) {
        return FERRY_ARGUMENT;
    }
    if (kind < FERRY_ROM_VERSION && rom->opcode[kind] == 0) {
        return FERRY_ROM_NO_COMMAND;
    }
    rom->request = *request;
    rom->hold_ms = now_ms;
    rom->status = FERRY_OK;
    rom->kind = kind;
    rom->tries = 0;
    if (kind == FERRY_ROM_RESYNC) {
        resync(rom, now_ms);
    } else if (kind == FERRY_ROM_CONNECT && !rom->traits->framed) {
        rom->phase = SYNC;
        rom->limit_ms = SYNC_MS;
        rom->buffer[0] = AUTO_BAUD;
        rom->tries = FERRY_ROM_TRIES + 1;
        send_now(rom, now_ms);
    } else {
        start_kind(rom, kind == FERRY_ROM_CONNECT ? FERRY_ROM_VERSION : kind);
    }
    return FERRY_OK;
}

/* Nothing came in time. */
static void time_out(struct ferry_rom *rom, uint32_t now_ms)
{
    if (rom->phase == COMMAND) {
        fail(rom, FERRY_ROM_SILENT, now_ms);
    } else if (rom->phase == RESYNC && rom->nacks < NACKS) {
        search(rom);
    } else if (rom->phase == RESYNC) {
        found(rom); /* and nothing late comes any more */
    } else if (--rom->tries > 0) {
        /* The ACK to the first 0x7F may have got lost: then the second begins a command, and the
         * third makes it a wrong one: NACK. */
        send(rom, 1);
    } else {
        finish(rom, FERRY_ROM_NO_ANSWER);
    }
}

int ferry_rom_step(struct ferry_rom *rom, uint32_t now_ms, struct ferry_rom_action *action)
{
    const bool sends = rom->out_used < rom->out_size;
    memset(action, 0, sizeof *action);
    if (rom->phase == RESYNC && reached(now_ms, rom->resync_end_ms)) {
        finish(rom, FERRY_ROM_LOST);
    }
    if (rom->phase == IDLE) {
        return rom->status;
    }
    if (!sends && reached(now_ms, rom->deadline_ms)) {
        time_out(rom, now_ms);
        return rom->phase == IDLE ? rom->status : FERRY_MORE;
    }
    if (!reached(now_ms, rom->hold_ms)) {
        action->wait_ms = rom->hold_ms - now_ms;
    } else if (sends) {
        action->type = FERRY_ROM_WRITE;
        action->flush = rom->out_used == 0;
        action->bytes = rom->buffer + rom->out_used;
        action->size = rom->traits->gap_ms > 0 ? 1 : rom->out_size - rom->out_used;
    } else {
        action->type = FERRY_ROM_READ;
        action->size = rom->expect - rom->got;
        action->wait_ms = rom->deadline_ms - now_ms;
    }
    return FERRY_MORE;
}

void ferry_rom_sent(struct ferry_rom *rom, size_t size, uint32_t now_ms)
{
    /* Two bytes more: the answer, and the one before us in the adapter. Milliseconds of 1,024 us:
     * a byte less in a frame of 40. */
    const uint32_t wire_ms = (uint32_t)(size + 2) * rom->traits->byte_us / 1024U + 1U;
    rom->out_used += (uint32_t)size;
    rom->expect = rom->out_used == rom->out_size ? 1 : 0;
    rom->got = 0;
    rom->hold_ms = now_ms + rom->traits->gap_ms;
    rom->deadline_ms = now_ms + rom->limit_ms + wire_ms;
}

/*
 * A refused write may have arrived: a master that gives up while the clock is stretched cannot
 * tell. Sent again, a count of pages would be taken for the list. So it is never sent again, but
 * for the frames of a search.
 */
void ferry_rom_refused(struct ferry_rom *rom, uint32_t now_ms)
{
    const bool sends = rom->out_used < rom->out_size;
    rom->hold_ms = now_ms + REFUSED_MS;
    if (sends && rom->phase == COMMAND) {
        fail(rom, FERRY_ROM_BUS, now_ms);
    } else if (sends && ++rom->refusals > REFUSALS_MAX) {
        finish(rom, FERRY_ROM_BUS);
    }
}
