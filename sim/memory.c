/* The programmer's side of flash: load, Intel HEX, dump, snapshots. */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

#define OPTION_BYTES 16u
#define ENGINE_LIFE  1500u /* restores; the engine leaks about 42 KB of dead code each time */
#define HEX_MAX_DATA 255u

/* ---- load ---- */

static int load_options(struct ferry_sim *b, uint32_t offset, const uint8_t *data, size_t size)
{
    uint8_t image[OPTION_BYTES];
    if (size > OPTION_BYTES - offset) /* offset < OPTION_BYTES: the caller looked */
        return FERRY_SIM_E_RANGE;
    memcpy(image, b->option, sizeof image);
    memcpy(image + offset, data, size);
    uint32_t optcr = (image[0] & 0xECu) | (uint32_t)image[1] << 8 | (uint32_t)image[8] << 16 |
                     (uint32_t)(image[9] & 0x8Fu) << 24;
    sim_flash_store_options(b, optcr);
    return FERRY_SIM_OK;
}

int ferry_sim_load(struct ferry_sim *sim, uint32_t address, const void *data, size_t size)
{
    uint32_t offset = address - sim->chip->flash_base;
    uint32_t option = address - SIM_OPTION_BASE;
    if (size == 0)
        return FERRY_SIM_OK;
    if (option < OPTION_BYTES && sim->chip->family == SIM_FAMILY_F4)
        return load_options(sim, option, data, size);
    if (offset >= sim->chip->flash_size || size > sim->chip->flash_size - offset)
        return FERRY_SIM_E_RANGE;
    memcpy(sim->cells + offset, data, size);
    sim_flash_changed(sim, offset, (uint32_t)size);
    return FERRY_SIM_OK;
}

struct hex {
    const char *text;
    size_t size, at;
    uint32_t base;
    bool ended;
};

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_byte(struct hex *h, uint8_t *out)
{
    if (h->size - h->at < 2) /* at never passes size */
        return false;
    int high = nibble(h->text[h->at]), low = nibble(h->text[h->at + 1]);
    h->at += 2;
    if (high < 0 || low < 0)
        return false;
    *out = (uint8_t)(high << 4 | low);
    return true;
}

static int hex_apply(struct ferry_sim *b, struct hex *h, const uint8_t *record)
{
    uint8_t length = record[0], type = record[3];
    uint32_t offset = (uint32_t)record[1] << 8 | record[2];
    const uint8_t *data = record + 4;
    uint32_t value = length >= 2 ? (uint32_t)data[0] << 8 | data[1] : 0;
    switch (type) {
    case 0x00:
        return ferry_sim_load(b, h->base + offset, data, length);
    case 0x01:
        h->ended = true;
        return FERRY_SIM_OK;
    case 0x02: /* segment */
    case 0x04: /* upper half of the address */
        h->base = value << (type == 0x02 ? 4 : 16);
        return length == 2 ? FERRY_SIM_OK : FERRY_SIM_E_FORMAT;
    case 0x03:
    case 0x05: /* start address: the vector table says it better */
        return FERRY_SIM_OK;
    default:
        return FERRY_SIM_E_FORMAT;
    }
}

static int hex_record(struct ferry_sim *b, struct hex *h)
{
    uint8_t record[HEX_MAX_DATA + 5u] = {0}, sum = 0;
    if (!hex_byte(h, &record[0]))
        return FERRY_SIM_E_FORMAT;
    for (unsigned i = 1; i < record[0] + 5u; i++) {
        if (!hex_byte(h, &record[i]))
            return FERRY_SIM_E_FORMAT;
    }
    for (unsigned i = 0; i < record[0] + 5u; i++)
        sum = (uint8_t)(sum + record[i]);
    return sum == 0 ? hex_apply(b, h, record) : FERRY_SIM_E_FORMAT;
}

int ferry_sim_load_hex(struct ferry_sim *sim, const char *text, size_t size)
{
    struct hex h = {.text = text, .size = size};
    while (h.at < h.size && !h.ended) {
        char c = h.text[h.at++];
        if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
            continue;
        int rc = c == ':' ? hex_record(sim, &h) : FERRY_SIM_E_FORMAT;
        if (rc != FERRY_SIM_OK)
            return rc;
    }
    return h.ended ? FERRY_SIM_OK : FERRY_SIM_E_FORMAT;
}

/* ---- look ---- */

uint32_t ferry_sim_flash_base(const struct ferry_sim *sim)
{
    return sim->chip->flash_base;
}

const uint8_t *ferry_sim_flash(const struct ferry_sim *sim, size_t *size_bytes)
{
    if (size_bytes)
        *size_bytes = sim->chip->flash_size;
    return sim->cells;
}

size_t ferry_sim_sector_count(const struct ferry_sim *sim)
{
    return sim->chip->sector_count;
}

int ferry_sim_sector(const struct ferry_sim *sim, size_t sector, uint32_t *address, uint32_t *size)
{
    if (sector >= sim->chip->sector_count)
        return FERRY_SIM_E_RANGE;
    *address = sim->chip->flash_base + sim->sector_offset[sector];
    *size = sim->chip->sector_sizes[sector];
    return FERRY_SIM_OK;
}

uint8_t *ferry_sim_ram(struct ferry_sim *sim, uint32_t address, size_t size)
{
    sim->cycle.off = true;
    return sim_bus_ram(sim, address, size);
}

uint32_t ferry_sim_option_bytes(const struct ferry_sim *sim)
{
    return sim->s.flash.optcr_stored;
}

void ferry_sim_set_option_bytes(struct ferry_sim *sim, uint32_t optcr)
{
    sim_flash_store_options(sim, optcr);
}

/* RM0383 3.6.3, RM0394 3.4.1: AA is level 0, CC is 2, all else is 1. */
unsigned ferry_sim_rdp_level(const struct ferry_sim *sim)
{
    uint32_t rdp = (sim->s.flash.optcr_stored >> sim->chip->rdp_shift) & 0xFFu;
    return rdp == 0xAAu ? 0 : rdp == 0xCCu ? 2 : 1;
}

unsigned ferry_sim_bor_level(const struct ferry_sim *sim)
{
    uint32_t stored = sim->s.flash.optcr_stored;
    return sim->chip->family == SIM_FAMILY_L4 ? (stored >> 8) & 7u : 3u - ((stored >> 2) & 3u);
}

bool ferry_sim_sector_protected(const struct ferry_sim *sim, size_t sector)
{
    return sector < sim->chip->sector_count && sim_flash_protected(sim, sector);
}

/* ---- snapshot: flash in chunks, and only those that changed since are copied back ---- */

struct ferry_sim_snapshot {
    struct sim_state s;
    struct sim_cpu_regs regs;
    uint8_t *memory; /* RAM, CCM, cells, view, old, option bytes */
};

static size_t ecc_size(const struct ferry_sim *b)
{
    return b->ecc_bad ? b->chip->flash_size / 8u : 0;
}

static size_t memory_size(const struct ferry_sim *b)
{
    return sim_ram_total(b) + 3u * (size_t)b->chip->flash_size + SIM_OPTION_SIZE + ecc_size(b);
}

struct ferry_sim_snapshot *ferry_sim_snapshot(struct ferry_sim *sim)
{
    struct ferry_sim_snapshot *shot = malloc(sizeof *shot);
    uint8_t *memory = malloc(memory_size(sim));
    if (!shot || !memory) {
        free(shot);
        free(memory);
        return NULL;
    }
    size_t flash = sim->chip->flash_size, ram = sim_ram_total(sim);
    shot->s = sim->s;
    shot->memory = memory;
    sim_cpu_save(sim, &shot->regs);
    memcpy(memory, sim->ram, ram);
    memcpy(memory + ram, sim->cells, flash);
    memcpy(memory + ram + flash, sim->view, flash);
    memcpy(memory + ram + 2 * flash, sim->old, flash);
    memcpy(memory + ram + 3 * flash, sim->option, SIM_OPTION_SIZE);
    if (sim->ecc_bad)
        memcpy(memory + ram + 3 * flash + SIM_OPTION_SIZE, sim->ecc_bad, ecc_size(sim));
    return shot;
}

static void restore_flash(struct ferry_sim *b, const struct ferry_sim_snapshot *shot)
{
    size_t flash = b->chip->flash_size;
    const uint8_t *cells = shot->memory + sim_ram_total(b);
    for (uint32_t c = 0; c < flash / SIM_CHUNK; c++) {
        if (shot->s.flash.chunk_gen[c] == b->s.flash.chunk_gen[c])
            continue;
        size_t at = (size_t)c * SIM_CHUNK;
        memcpy(b->cells + at, cells + at, SIM_CHUNK);
        memcpy(b->view + at, cells + flash + at, SIM_CHUNK);
        memcpy(b->old + at, cells + 2 * flash + at, SIM_CHUNK);
        sim_cpu_flush(b, (uint32_t)at, SIM_CHUNK);
    }
    memcpy(b->option, cells + 3 * flash, SIM_OPTION_SIZE);
    if (b->ecc_bad)
        memcpy(b->ecc_bad, cells + 3 * flash + SIM_OPTION_SIZE, ecc_size(b));
}

int ferry_sim_restore(struct ferry_sim *sim, const struct ferry_sim_snapshot *snapshot)
{
    sim_spi_abort(sim);
    sim_i2c_abort(sim);
    uint32_t generation = sim->s.next_gen; /* never goes back: it names contents */
    bool remapped = sim->s.system_memory != snapshot->s.system_memory;
    sim->s.system_memory = snapshot->s.system_memory;
    sim->s.flash.ecc_bad_count = snapshot->s.flash.ecc_bad_count;
    remapped = remapped || sim->ecc_hooked != (sim->s.flash.ecc_bad_count != 0);
    if (++sim->restores > ENGINE_LIFE || remapped) {
        int rc = sim_cpu_reopen(sim);
        if (rc != FERRY_SIM_OK)
            return rc;
    }
    restore_flash(sim, snapshot);
    sim->s = snapshot->s;
    sim->s.next_gen = generation;
    if (sim->chip->family == SIM_FAMILY_L4)
        sim_flash_store_options(sim, sim->s.flash.optcr_stored);
    sim->s.timer[SIM_T_SPI] = sim->s.timer[SIM_T_I2C] = SIM_NEVER; /* their master is gone */
    memcpy(sim->ram, snapshot->memory, sim_ram_total(sim));
    sim_cpu_flush_ram(sim);
    sim_cpu_load(sim, &snapshot->regs);
    sim->dead = sim->bus_fault = sim->watch_masks = sim->flush_pending = false;
    sim_replay_forget(sim);
    sim_mpu_changed(sim);
    return FERRY_SIM_OK;
}

void ferry_sim_snapshot_free(struct ferry_sim_snapshot *snapshot)
{
    if (!snapshot)
        return;
    free(snapshot->memory);
    free(snapshot);
}
