/* ST's boot loader, its work on flash and option bytes: one operation after the other, each with
 * its time, counted and cut like those of a program. */
#include "sim_internal.h"

#include <string.h>

#define ERASE_7S_PS     (7u * SIM_PS_PER_S)
#define OPTIONS_TIME_PS (30u * SIM_PS_PER_MS)
#define RDP_LEVEL_0     0xAAu
#define RDP_LEVEL_1     0x55u
#define PSIZE_X8        0u
#define CRC_POLYNOMIAL  0x04C11DB7u
#define CRC_WORD_PS     (SIM_PS_PER_US / 4u) /* a guess: load, store, loop at some 50 MHz */

enum { WRITE_PROTECT = 0x63, WRITE_UNPROTECT = 0x73, READOUT_PROTECT = 0x82 };

static void begin(struct ferry_sim *b, enum sim_rom_job job, uint32_t count)
{
    struct sim_rom *r = &b->s.rom;
    r->job = (uint8_t)job;
    r->job_at = 0;
    r->job_count = count;
    sim_rom_job_step(b);
}

static void wait_for(struct ferry_sim *b, uint64_t duration_ps)
{
    sim_timer_set(b, SIM_T_ROM, b->s.now_ps + duration_ps);
}

static void finish(struct ferry_sim *b, uint8_t answer)
{
    struct sim_rom *r = &b->s.rom;
    bool erased = r->job == SIM_ROM_ERASE;
    sim_cache_clear(b); /* it reads what is there; an L4 starts with its data cache on */
    r->job = SIM_ROM_IDLE;
    r->phase = SIM_ROM_COMMAND;
    r->in_used = 0;
    r->in_need = 2;
    if (erased && sim_rom_quirk(b, FERRY_SIM_ROM_NO_ERASE_ACK)) {
        r->refuse_next = true;
        sim_i2c_wire_look(b);
        sim_rom_sent(b);
        return;
    }
    sim_rom_answer(b, answer);
}

/* ---- write ---- */

void sim_rom_job_write(struct ferry_sim *b, uint32_t bytes)
{
    struct sim_rom *r = &b->s.rom;
    uint32_t unit = b->chip->rom->program_bytes;
    uint32_t rest = bytes % unit;
    if (rest != 0) { /* up to a whole double word */
        memset(r->in + 1 + bytes, 0xFF, unit - rest);
        bytes += unit - rest;
    }
    r->job_bytes = bytes;
    begin(b, SIM_ROM_WRITE, bytes / unit);
}

/* @return false when nothing came of it: protected, or a double word that is not blank */
static bool program(struct ferry_sim *b, uint32_t offset, const uint8_t *data)
{
    uint32_t unit = b->chip->rom->program_bytes;
    int sector = sim_flash_sector_of(b, offset);
    uint64_t value = 0;
    memcpy(&value, data, unit);
    if (sim_flash_protected(b, (size_t)sector))
        return false;
    if (unit == 8 && !sim_flash_l4_blank(b, offset) && value != 0) {
        b->s.counters.flash_errors++;
        sim_event(b, FERRY_SIM_EV_FLASH_ERROR, 1u << 3, b->chip->flash_base + offset, 0,
                  "double word is not erased");
        return true; /* the boot loader does not tell */
    }
    if (sim_flash_operation(b, false, offset, unit, value, sector)) {
        b->s.counters.words_programmed[sector]++;
        b->s.counters.bytes_programmed += unit;
        sim_flash_busy(b, b->chip->rom->program_us * SIM_PS_PER_US);
    }
    return true;
}

static void write_step(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    const struct sim_rom_chip *c = b->chip->rom;
    uint32_t at = r->job_at * c->program_bytes;
    if (r->job_at == r->job_count) {
        finish(b, SIM_ROM_ACK);
        return;
    }
    r->job_at++;
    bool done = program(b, r->address - b->chip->flash_base + at, r->in + 1 + at);
    if (!done && !sim_rom_quirk(b, FERRY_SIM_ROM_SILENT_WRP))
        finish(b, SIM_ROM_NACK);
    else
        wait_for(b, c->program_us * SIM_PS_PER_US);
}

/* ---- erase ---- */

bool sim_rom_job_erase(struct ferry_sim *b, uint32_t at, uint32_t count, uint32_t width)
{
    struct sim_rom *r = &b->s.rom;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = r->in + at + i * width;
        uint32_t page = width == 1 ? p[0] : (uint32_t)p[0] << 8 | p[1];
        if (page >= b->chip->sector_count)
            return false;
        r->pages[i] = (uint16_t)page;
    }
    r->job_all = false;
    begin(b, SIM_ROM_ERASE, count);
    return true;
}

static bool any_protected(const struct ferry_sim *b)
{
    for (size_t i = 0; i < b->chip->sector_count; i++) {
        if (sim_flash_protected(b, i))
            return true;
    }
    return false;
}

void sim_rom_job_erase_all(struct ferry_sim *b)
{
    /* A mass erase with a protected sector does nothing (RM0383 3.6.5, RM0394 3.5.2). */
    b->s.rom.job_all = true;
    bool held_up = any_protected(b);
    if (held_up && !sim_rom_quirk(b, FERRY_SIM_ROM_SILENT_WRP))
        finish(b, SIM_ROM_NACK);
    else
        begin(b, SIM_ROM_ERASE, held_up ? 0 : (uint32_t)b->chip->sector_count);
}

static uint64_t erase_ps(const struct ferry_sim *b, uint32_t size)
{
    const struct sim_rom *r = &b->s.rom;
    uint64_t time = SIM_PS_PER_S;
    for (size_t i = 0; i < b->chip->erase_time_count; i++) {
        if (b->chip->erase_times[i].size == size)
            time = b->chip->erase_times[i].ms[PSIZE_X8] * SIM_PS_PER_MS;
    }
    if (r->job_all) /* its share of the time of the whole */
        time = b->chip->rom->mass_erase_ms * SIM_PS_PER_MS / (b->chip->flash_size / size);
    if (sim_rom_quirk(b, FERRY_SIM_ROM_ERASE_7S) && time < ERASE_7S_PS / r->job_count)
        time = ERASE_7S_PS / r->job_count + 1u;
    return time;
}

static void erase_step(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    if (r->job_at == r->job_count) {
        finish(b, SIM_ROM_ACK);
        return;
    }
    uint32_t i = r->job_at++;
    uint32_t sector = r->job_all ? i : r->pages[i];
    uint32_t offset = b->sector_offset[sector], size = b->chip->sector_sizes[sector];
    uint64_t time = erase_ps(b, size);
    if (sim_flash_protected(b, sector)) {
        if (sim_rom_quirk(b, FERRY_SIM_ROM_SILENT_WRP))
            wait_for(b, SIM_PS_PER_US);
        else
            finish(b, SIM_ROM_NACK);
        return;
    }
    if (sim_flash_operation(b, true, offset, size, UINT64_MAX, (int)sector)) {
        b->s.counters.erases[sector]++;
        sim_flash_busy(b, time);
    }
    wait_for(b, time);
}

/* ---- option bytes ---- */

static void protect_sectors(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    if (b->chip->family == SIM_FAMILY_L4) {
        sim_flash_l4_protect(b, r->in + 1, r->in[0] + 1u);
        return;
    }
    r->job_optcr |= b->chip->nwrp_mask; /* those of an earlier command are free again */
    for (uint32_t i = 0; i <= r->in[0]; i++) {
        if (r->in[1u + i] < b->chip->sector_count)
            r->job_optcr &= ~(1u << (16u + r->in[1u + i]));
    }
}

static uint32_t with_rdp(const struct ferry_sim *b, uint32_t rdp)
{
    uint32_t shift = b->chip->rdp_shift;
    return (b->s.rom.job_optcr & ~(0xFFu << shift)) | rdp << shift;
}

/* What the stored option bytes become. They are programmed when job_at comes to job_count. */
void sim_rom_job_options(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    uint8_t command = r->command & 0xFEu; /* 0x63 and 0x64 differ from this: looked at below */
    bool write_protect = r->command == WRITE_PROTECT || r->command == WRITE_PROTECT + 1;
    bool write_unprotect = r->command == WRITE_UNPROTECT || r->command == WRITE_UNPROTECT + 1;
    r->job_optcr = b->s.flash.optcr_stored;
    if (write_protect) {
        protect_sectors(b);
    } else if (write_unprotect) {
        r->job_optcr |= b->chip->nwrp_mask;
        sim_flash_l4_protect(b, NULL, 0);
    } else if (command == READOUT_PROTECT) {
        r->job_optcr = with_rdp(b, RDP_LEVEL_1);
    } else {
        r->job_optcr = with_rdp(b, RDP_LEVEL_0);
    }
    bool unprotect = !write_protect && !write_unprotect && command != READOUT_PROTECT;
    r->job_all = true;
    begin(b, SIM_ROM_OPTIONS, unprotect ? (uint32_t)b->chip->sector_count : 0);
}

/* Readout unprotect: everything is erased first, and write protection does not hold it up. The
 * option bytes change last: a power cut in between leaves the chip protected. */
static void options_step(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    if (r->job_at < r->job_count) {
        uint32_t i = r->job_at++;
        uint64_t time = erase_ps(b, b->chip->sector_sizes[i]);
        if (sim_flash_operation(b, true, b->sector_offset[i], b->chip->sector_sizes[i], UINT64_MAX,
                                (int)i)) {
            b->s.counters.erases[i]++;
            sim_flash_busy(b, time);
        }
        wait_for(b, time);
    } else if (r->job_at == r->job_count) {
        r->job_at++;
        wait_for(b, OPTIONS_TIME_PS);
    } else {
        sim_flash_store_options(b, r->job_optcr);
        sim_event(b, FERRY_SIM_EV_OPTION, b->s.flash.optcr_stored, 0, 0, "option bytes programmed");
        r->then = SIM_ROM_RESET;
        finish(b, SIM_ROM_ACK);
    }
}

/* ---- checksum ---- */

/* RM0394 14.3: the CRC unit as after a reset: 0x04C11DB7, from all ones, each word MSB first. */
static uint32_t crc_unit(const uint8_t *bytes, uint32_t size)
{
    uint32_t crc = UINT32_MAX;
    for (uint32_t at = 0; at < size; at += 4) {
        uint32_t word;
        memcpy(&word, bytes + at, sizeof word);
        crc ^= word;
        for (int bit = 0; bit < 32; bit++)
            crc = crc << 1 ^ ((crc >> 31) ? CRC_POLYNOMIAL : 0u);
    }
    return crc;
}

void sim_rom_job_checksum(struct ferry_sim *b)
{
    begin(b, SIM_ROM_CHECKSUM, 1);
}

static void checksum_step(struct ferry_sim *b)
{
    struct sim_rom *r = &b->s.rom;
    if (r->job_at++ == 0) {
        wait_for(b, r->job_bytes / 4u * CRC_WORD_PS);
        return;
    }
    uint32_t crc = crc_unit(b->cells + (r->address - b->chip->flash_base), r->job_bytes);
    uint8_t data[5] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                       (uint8_t)crc};
    data[4] = data[0] ^ data[1] ^ data[2] ^ data[3];
    finish(b, SIM_ROM_ACK);
    sim_rom_reply(b, data, sizeof data);
}

void sim_rom_job_step(struct ferry_sim *b)
{
    switch (b->s.rom.job) {
    case SIM_ROM_WRITE:
        write_step(b);
        break;
    case SIM_ROM_ERASE:
        erase_step(b);
        break;
    case SIM_ROM_OPTIONS:
        options_step(b);
        break;
    case SIM_ROM_CHECKSUM:
        checksum_step(b);
        break;
    default:
        break;
    }
}
