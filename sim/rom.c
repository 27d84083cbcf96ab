/* ST's boot loader, the commands: AN3155 (USART) and AN4221 (I2C). Fields in, answers out. */
#include "sim_internal.h"

#include <string.h>

#define LATE_PS         SIM_PS_PER_S
#define SWALLOW_GAP_PS  (5u * SIM_PS_PER_MS)
#define LOST_SYNC_BYTES 257u
#define RDP_LEVEL_0     0xAAu
#define PAGES_RESERVED  0xFFF0u
#define PAGES_ALL       0xFFFFu
#define PAGES_BANK_1    0xFFFEu

enum {
    GET = 0x00,
    GET_VERSION = 0x01,
    GET_ID = 0x02,
    READ = 0x11,
    GO = 0x21,
    WRITE = 0x31,
    WRITE_NS = 0x32,
    ERASE = 0x43,
    EXTENDED_ERASE = 0x44,
    EXTENDED_ERASE_NS = 0x45,
    WRITE_PROTECT = 0x63,
    WRITE_PROTECT_NS = 0x64,
    WRITE_UNPROTECT = 0x73,
    WRITE_UNPROTECT_NS = 0x74,
    READOUT_PROTECT = 0x82,
    READOUT_PROTECT_NS = 0x83,
    READOUT_UNPROTECT = 0x92,
    READOUT_UNPROTECT_NS = 0x93,
    GET_CHECKSUM = 0xA1
};

#define NO_STRETCH 0x11u
#define CHECKSUM   0x12u

/* In the order that GET tells them. i2c_from: only on I2C, from this version of the protocol on
 * (AN4221 table 3). when_protected: AN4221 table 2, note 2. */
static const struct {
    uint8_t code, i2c_from;
    bool when_protected;
} commands[] = {
    {GET, 0, true},
    {GET_VERSION, 0, true},
    {GET_ID, 0, true},
    {READ, 0, false},
    {GO, 0, false},
    {WRITE, 0, false},
    {ERASE, 0, false},
    {EXTENDED_ERASE, 0, false},
    {WRITE_PROTECT, 0, false},
    {WRITE_UNPROTECT, 0, false},
    {READOUT_PROTECT, 0, false},
    {READOUT_UNPROTECT, 0, true},
    {WRITE_NS, NO_STRETCH, false},
    {EXTENDED_ERASE_NS, NO_STRETCH, false},
    {WRITE_PROTECT_NS, NO_STRETCH, false},
    {WRITE_UNPROTECT_NS, NO_STRETCH, false},
    {READOUT_PROTECT_NS, NO_STRETCH, false},
    {READOUT_UNPROTECT_NS, NO_STRETCH, true},
    {GET_CHECKSUM, CHECKSUM, true},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

/* ---- which commands there are ---- */

static uint8_t version(const struct ferry_sim *b)
{
    const struct sim_rom_chip *c = b->chip->rom;
    if (b->s.rom.transport == SIM_ROM_UART)
        return c->uart_version;
    return sim_rom_quirk(b, FERRY_SIM_ROM_I2C_V1_0) ? 0x10 : c->i2c_version;
}

static bool offered(const struct ferry_sim *b, size_t i)
{
    bool classic = sim_rom_quirk(b, FERRY_SIM_ROM_ERASE_43);
    uint8_t code = commands[i].code;
    uint8_t i2c = b->s.rom.transport == SIM_ROM_I2C ? version(b) : 0;
    if (commands[i].i2c_from > i2c)
        return false;
    if (code == ERASE)
        return classic;
    return !classic || (code != EXTENDED_ERASE && code != EXTENDED_ERASE_NS);
}

/* Number of an offered command in the table, -1: none, or not while the flash is protected. */
static int find(const struct ferry_sim *b, uint8_t code)
{
    bool is_protected = ((b->s.flash.optcr_stored >> b->chip->rdp_shift) & 0xFFu) != RDP_LEVEL_0;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (commands[i].code == code && offered(b, i))
            return is_protected && !commands[i].when_protected ? -1 : (int)i;
    }
    return -1;
}

/* The command without the way in which it waits. */
static uint8_t plain(uint8_t code)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (commands[i].code == code && commands[i].i2c_from == NO_STRETCH)
            return (uint8_t)(code - 1u);
    }
    return code;
}

/* ---- answers ---- */

void sim_rom_reply(struct ferry_sim *b, const uint8_t *data, uint32_t size)
{
    struct sim_rom *r = &b->s.rom;
    if (r->out_at == r->out_size)
        r->out_at = r->out_size = r->frames = r->frame_at = 0;
    if (size > SIM_ROM_OUT - r->out_size || r->frames == SIM_ROM_FRAMES)
        return; /* a host that never takes answers */
    memcpy(r->out + r->out_size, data, size);
    r->out_size += size;
    r->frame[r->frames++] = (uint16_t)r->out_size;
    if (r->transport == SIM_ROM_UART)
        sim_rom_uart_send(b);
    else
        sim_i2c_wire_look(b);
}

void sim_rom_answer(struct ferry_sim *b, uint8_t byte)
{
    b->s.rom.asked_ps = b->s.now_ps;
    sim_rom_reply(b, &byte, 1);
}

static void next_field(struct ferry_sim *b, enum sim_rom_phase phase, uint32_t bytes)
{
    b->s.rom.phase = (uint8_t)phase;
    b->s.rom.in_used = 0;
    b->s.rom.in_need = bytes;
}

static void refuse(struct ferry_sim *b)
{
    next_field(b, SIM_ROM_COMMAND, 2);
    sim_rom_answer(b, SIM_ROM_NACK);
}

static void tell_get(struct ferry_sim *b)
{
    uint8_t data[2 + COMMANDS];
    uint8_t n = 0;
    data[1] = version(b);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (offered(b, i))
            data[2 + n++] = commands[i].code;
    }
    data[0] = n;
    sim_rom_reply(b, data, 2u + n);
    sim_rom_answer(b, SIM_ROM_ACK);
}

static void tell_version(struct ferry_sim *b)
{
    const uint8_t data[3] = {version(b), 0, 0}; /* the option bytes are always 0 (AN3155 3.2) */
    sim_rom_reply(b, data, b->s.rom.transport == SIM_ROM_UART ? 3 : 1);
    sim_rom_answer(b, SIM_ROM_ACK);
}

static void tell_id(struct ferry_sim *b)
{
    uint16_t pid = b->chip->rom->pid;
    const uint8_t data[3] = {1, (uint8_t)(pid >> 8), (uint8_t)pid};
    sim_rom_reply(b, data, sizeof data);
    sim_rom_answer(b, SIM_ROM_ACK);
}

/* ---- memory ---- */

/* Host pointer for READ, GO and WRITE to RAM; NULL: not an address that it accepts. */
static const uint8_t *memory(const struct ferry_sim *b, uint32_t address, uint32_t size)
{
    uint32_t offset = address - b->chip->flash_base, system = address - SIM_ROM_BASE;
    uint32_t option = address - SIM_OPTION_BASE;
    if (offset < b->chip->flash_size)
        return size <= b->chip->flash_size - offset ? b->view + offset : NULL;
    if (system < SIM_ROM_SIZE)
        return size <= SIM_ROM_SIZE - system ? b->rom + system : NULL;
    if (option < SIM_OPTION_SIZE)
        return size <= SIM_OPTION_SIZE - option ? b->option + option : NULL;
    return address >= b->chip->rom->ram_low ? sim_bus_ram(b, address, size) : NULL;
}

static bool address_ok(const struct ferry_sim *b, uint32_t address, uint8_t command)
{
    uint32_t align = command == WRITE          ? (b->chip->rom->program_bytes > 4 ? 8u : 4u)
                     : command == GET_CHECKSUM ? 4u
                                               : 1u;
    bool flash = address - b->chip->flash_base < b->chip->flash_size;
    bool ram = address >= b->chip->rom->ram_low && sim_bus_ram(b, address, 1);
    if (address % align != 0)
        return false;
    if (command == GET_CHECKSUM)
        return flash;
    return flash || ram || (command == READ && memory(b, address, 1));
}

static void read_memory(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint32_t size = r->in[0] + 1u;
    const uint8_t *from = memory(b, r->address, size);
    next_field(b, SIM_ROM_COMMAND, 2);
    sim_rom_answer(b, from ? SIM_ROM_ACK : SIM_ROM_NACK);
    if (from)
        sim_rom_reply(b, from, size);
}

static void write_memory(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint32_t size = r->in[0] + 1u;
    uint8_t *ram = r->address >= b->chip->rom->ram_low ? sim_bus_ram(b, r->address, size) : NULL;
    uint32_t offset = r->address - b->chip->flash_base;
    bool flash = offset < b->chip->flash_size && size <= b->chip->flash_size - offset;
    if (size % 4u != 0 || (!ram && !flash)) {
        refuse(b);
    } else if (ram) {
        memcpy(ram, r->in + 1, size);
        sim_cpu_flush_ram(b);
        next_field(b, SIM_ROM_COMMAND, 2);
        sim_rom_answer(b, SIM_ROM_ACK);
    } else {
        sim_rom_job_write(b, size);
    }
}

static uint32_t number(const struct sim_rom *r)
{
    return (uint32_t)r->in[0] << 24 | (uint32_t)r->in[1] << 16 | (uint32_t)r->in[2] << 8 | r->in[3];
}

/* AN4221 2.20: flash only, whole words. The sum is made once this acknowledge has left. */
static void got_size(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint32_t size = number(r), offset = r->address - b->chip->flash_base;
    if (size == 0 || size % 4u != 0 || size > b->chip->flash_size - offset) {
        refuse(b);
        return;
    }
    next_field(b, SIM_ROM_COMMAND, 2);
    r->job_bytes = size;
    r->then = SIM_ROM_WORK;
    sim_rom_answer(b, SIM_ROM_ACK);
}

static void got_address(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint8_t command = plain(r->command);
    r->address = number(r);
    if (!address_ok(b, r->address, command)) {
        refuse(b);
        return;
    }
    if (command == READ)
        next_field(b, SIM_ROM_LENGTH, 2);
    else if (command == WRITE)
        next_field(b, SIM_ROM_DATA, 1);
    else if (command == GET_CHECKSUM)
        next_field(b, SIM_ROM_LENGTH_32, 5);
    else
        next_field(b, SIM_ROM_COMMAND, 2);
    r->then = command == GO ? SIM_ROM_GO : SIM_ROM_STAY;
    sim_rom_answer(b, SIM_ROM_ACK);
}

/* ---- erase ---- */

static void erase_special(struct ferry_sim *b, uint32_t code)
{
    if (code == PAGES_ALL || (code == PAGES_BANK_1 && b->chip->rom->bank_1))
        sim_rom_job_erase_all(b);
    else
        refuse(b);
}

static void erase_pages(struct ferry_sim *b, uint32_t at, uint32_t count, uint32_t width)
{
    if (!sim_rom_job_erase(b, at, count, width))
        refuse(b);
}

static uint32_t page_code(const struct sim_rom *r)
{
    return (uint32_t)r->in[0] << 8 | r->in[1];
}

static void got_page_count(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint32_t code = page_code(r);
    if (code >= PAGES_RESERVED) {
        erase_special(b, code);
    } else if (code >= SIM_ROM_MAX_PAGES) {
        refuse(b);
    } else {
        next_field(b, SIM_ROM_PAGE_NUMBERS, 2u * (code + 1u) + 1u);
        sim_rom_answer(b, SIM_ROM_ACK);
    }
}

static void got_pages_16(struct ferry_sim *b)
{
    uint32_t code = page_code(&b->s.rom);
    if (code >= PAGES_RESERVED)
        erase_special(b, code);
    else
        erase_pages(b, 2, code + 1u, 2);
}

static void got_pages(struct ferry_sim *b)
{
    if (b->s.rom.in[0] == 0xFF)
        sim_rom_job_erase_all(b);
    else
        erase_pages(b, 1, b->s.rom.in[0] + 1u, 1);
}

/* ---- commands ---- */

static void begin(struct ferry_sim *b, uint8_t command)
{
    sim_rom_answer(b, SIM_ROM_ACK);
    switch (command) {
    case GET:
        tell_get(b);
        break;
    case GET_VERSION:
        tell_version(b);
        break;
    case GET_ID:
        tell_id(b);
        break;
    case READ:
    case WRITE:
    case GO:
    case GET_CHECKSUM:
        next_field(b, SIM_ROM_ADDRESS, 5);
        break;
    case ERASE:
        next_field(b, SIM_ROM_PAGES, 1);
        break;
    case EXTENDED_ERASE:
        if (b->s.rom.transport == SIM_ROM_I2C)
            next_field(b, SIM_ROM_PAGE_COUNT, 3);
        else
            next_field(b, SIM_ROM_PAGES_16, 2);
        break;
    case WRITE_PROTECT:
        next_field(b, SIM_ROM_SECTORS, 1);
        break;
    default: /* write unprotect, readout protect and unprotect: no parameters */
        b->s.rom.then = SIM_ROM_WORK;
        break;
    }
}

static void got_command(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint8_t code = r->in[0];
    bool spoiled = (uint8_t)(code ^ r->in[1]) != 0xFFu;
    next_field(b, SIM_ROM_COMMAND, 2);
    if (spoiled || find(b, code) < 0 || r->refuse_next) {
        r->refuse_next = false;
        refuse(b);
        return;
    }
    if (sim_rom_quirk(b, FERRY_SIM_ROM_LOST_SYNC)) {
        r->quirks &= ~(1u << FERRY_SIM_ROM_LOST_SYNC);
        next_field(b, SIM_ROM_SWALLOW, LOST_SYNC_BYTES);
        return;
    }
    r->command = code;
    begin(b, plain(code));
}

/* Fields whose length is in their first bytes. @return true when the field is longer than it was */
static bool grows(struct sim_rom *r)
{
    uint32_t before = r->in_need;
    bool counted = r->phase == SIM_ROM_DATA || r->phase == SIM_ROM_SECTORS;
    if (counted && before == 1)
        r->in_need = r->in[0] + 3u;
    else if (r->phase == SIM_ROM_PAGES && before == 1)
        r->in_need = r->in[0] == 0xFF ? 2u : r->in[0] + 3u;
    else if (r->phase == SIM_ROM_PAGES_16 && before == 2 && page_code(r) >= PAGES_RESERVED)
        r->in_need = 3;
    else if (r->phase == SIM_ROM_PAGES_16 && before == 2 && page_code(r) < SIM_ROM_MAX_PAGES)
        r->in_need = 2u + 2u * (page_code(r) + 1u) + 1u;
    return r->in_need != before;
}

/* A single byte is followed by its complement, everything else by the XOR of its bytes. */
static bool sums_up(const struct sim_rom *r)
{
    uint8_t sum = 0;
    bool single = r->phase == SIM_ROM_LENGTH || (r->phase == SIM_ROM_PAGES && r->in_need == 2);
    for (uint32_t i = 0; i < r->in_need; i++)
        sum ^= r->in[i];
    return sum == (single ? 0xFFu : 0u) && r->in_need > 1 &&
           !(r->phase == SIM_ROM_PAGES_16 && r->in_need == 2);
}

static void got_field(struct ferry_sim *b)
{
    static void (*const code[])(struct ferry_sim *) = {
        [SIM_ROM_ADDRESS] = got_address,         [SIM_ROM_LENGTH] = read_memory,
        [SIM_ROM_DATA] = write_memory,           [SIM_ROM_PAGES] = got_pages,
        [SIM_ROM_PAGES_16] = got_pages_16,       [SIM_ROM_PAGE_COUNT] = got_page_count,
        [SIM_ROM_SECTORS] = sim_rom_job_options, [SIM_ROM_LENGTH_32] = got_size,
    };
    struct sim_rom *r = &b->s.rom;
    if (r->phase == SIM_ROM_COMMAND)
        got_command(b);
    else if (r->phase == SIM_ROM_SWALLOW || !sums_up(r))
        refuse(b);
    else if (r->phase == SIM_ROM_PAGE_NUMBERS)
        erase_pages(b, 0, (r->in_need - 1u) / 2u, 2);
    else
        code[r->phase](b);
}

/* Parameters that come more than a second after what asked for them. */
static bool too_late(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    bool goes_on = b->s.now_ps < r->swallow_ps;
    bool late = r->phase != SIM_ROM_COMMAND && r->in_used == 0 &&
                b->s.now_ps - r->asked_ps > LATE_PS &&
                sim_rom_quirk(b, FERRY_SIM_ROM_LATE_PARAMETERS);
    if (!late && !goes_on)
        return false;
    r->swallow_ps = b->s.now_ps + SWALLOW_GAP_PS;
    if (late)
        refuse(b);
    return true;
}

/* AN4221 2: on I2C a wait inside of a command ends, by a system reset. */
static void watch_the_wait(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    bool waits = !sim_rom_busy(b) && (r->phase != SIM_ROM_COMMAND || r->in_used != 0);
    r->wait_end_ps = 0;
    if (!waits || r->transport != SIM_ROM_I2C || !sim_rom_quirk(b, FERRY_SIM_ROM_I2C_TIMEOUT))
        return;
    r->wait_end_ps = b->s.now_ps + LATE_PS;
    sim_timer_set(b, SIM_T_ROM, r->wait_end_ps);
}

void sim_rom_take(struct ferry_sim *b, uint8_t byte)
{
    struct sim_rom *r = &b->s.rom;
    if (too_late(b))
        return;
    if (r->in_used < SIM_ROM_IN)
        r->in[r->in_used++] = byte;
    if (r->in_used == r->in_need && !grows(r))
        got_field(b);
    watch_the_wait(b);
}

/* ---- life ---- */

bool sim_rom_busy(const struct ferry_sim *b)
{
    return b->s.rom.job != SIM_ROM_IDLE;
}

static void go(struct ferry_sim *b)
{
    uint32_t vectors[2] = {0, 0};
    uint32_t address = b->s.rom.address;
    const uint8_t *from = memory(b, address, sizeof vectors);
    if (from)
        memcpy(vectors, from, sizeof vectors);
    sim_rom_stop(b);
    sim_event(b, FERRY_SIM_EV_ROM, address, 0, 0, "go");
    b->s.sleeping = b->s.sleep_event = false;
    sim_cpu_reset(b, vectors[0], vectors[1]);
    sim_kick(b);
}

void sim_rom_sent(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint8_t then = r->then;
    r->then = SIM_ROM_STAY;
    if (then == SIM_ROM_GO) {
        go(b);
    } else if (then == SIM_ROM_WORK && r->command == GET_CHECKSUM) {
        sim_rom_job_checksum(b);
    } else if (then == SIM_ROM_WORK) {
        sim_rom_job_options(b);
    } else if (then == SIM_ROM_RESET) {
        b->s.options_reload = true;
        sim_request_reset(b, b->chip->family == SIM_FAMILY_L4 ? SIM_RESET_OBL | SIM_RESET_PIN
                                                              : SIM_RESET_SOFT | SIM_RESET_PIN);
    } else if (r->held && !sim_rom_busy(b)) {
        r->held = false;
        sim_rom_take(b, r->held_byte);
    }
}

void sim_rom_stop(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    struct sim_rom fresh = {.quirks = r->quirks,
                            .disturb = r->disturb,
                            .disturb_at = r->disturb_at,
                            .disturbed = r->disturbed,
                            .bytes = {r->bytes[0], r->bytes[1]},
                            .empty = r->empty};
    *r = fresh;
    b->s.timer[SIM_T_ROM] = b->s.timer[SIM_T_ROM_TX] = SIM_NEVER;
}

void sim_rom_start(struct ferry_sim *b)
{
    if (!b->chip->rom)
        return;
    b->s.rom.active = true;
    next_field(b, SIM_ROM_COMMAND, 2);
    sim_timer_set(b, SIM_T_ROM, b->s.now_ps + b->chip->rom->start_ms * SIM_PS_PER_MS);
}

static void wait_is_over(struct ferry_sim *b)
{
    const struct sim_rom *r = &b->s.rom;
    if (r->wait_end_ps == 0)
        return;
    if (b->s.now_ps >= r->wait_end_ps)
        sim_request_reset(b, SIM_RESET_SOFT | SIM_RESET_PIN);
    else
        sim_timer_set(b, SIM_T_ROM, r->wait_end_ps);
}

void sim_rom_timer(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    sim_timer_set(b, SIM_T_ROM, SIM_NEVER);
    if (!r->ready) {
        r->ready = true;
        sim_event(b, FERRY_SIM_EV_ROM, SIM_ROM_BASE, 0, 0, "listens");
        sim_rom_uart_ready(b);
    } else if (sim_rom_busy(b)) {
        sim_rom_job_step(b);
    } else {
        sim_i2c_wire_look(b); /* the end of a planned delay */
        wait_is_over(b);
    }
}
