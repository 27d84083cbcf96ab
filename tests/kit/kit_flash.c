#include "kit_flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t kit_random(uint32_t *state)
{
    uint32_t x = *state ? *state : 0x9E3779B9U;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    /* The state alone is linear in the seed: small seeds would all fall on the same cases. */
    uint32_t mixed = x * 0x9E3779B1U;
    return mixed ^ mixed >> 15;
}

static void breach(const char *what, uint32_t address)
{
    fprintf(stderr, "flash contract broken: %s at 0x%08x\n", what, (unsigned)address);
    abort();
}

static uint32_t check_range(const struct kit_flash *flash, uint32_t address, size_t size)
{
    if (address < flash->base ||
        !ferry_within(address - flash->base, (uint32_t)size, flash->size)) {
        breach("outside of the flash", address);
    }
    return address - flash->base;
}

static bool is_stable(const uint8_t *noise, size_t size)
{
    return size == 0 || (noise[0] == 0 && memcmp(noise, noise + 1, size - 1) == 0);
}

static int kit_read(void *ctx, uint32_t address, void *out, size_t size)
{
    struct kit_flash *flash = ctx;
    uint32_t at = check_range(flash, address, size);
    uint8_t *bytes = out;

    if (flash->dead) {
        return FERRY_FLASH;
    }
    if (!flash->noisy || is_stable(flash->unstable + at, size)) {
        memcpy(out, flash->memory + at, size);
        return FERRY_OK;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t noise = flash->unstable[at + i];
        bytes[i] = flash->memory[at + i];
        if (noise != 0) {
            bytes[i] = (uint8_t)((bytes[i] & ~noise) | (kit_random(&flash->random) & noise));
        }
    }
    return FERRY_OK;
}

/* Is this the operation that is cut? Counts it. */
static enum kit_cut next_operation(struct kit_flash *flash, const struct kit_operation *next)
{
    if (flash->watch != NULL) {
        flash->watch(flash->watcher, next);
    }
    if (++flash->operations != flash->cut_at || flash->cut == KIT_CUT_NONE) {
        return KIT_CUT_NONE;
    }
    flash->dead = true;
    flash->noisy |= flash->cut == KIT_CUT_TORN;
    flash->degree = (enum kit_degree)(kit_random(&flash->random) % 3);
    return flash->cut;
}

/* Of the bits that were to change: those that did. */
static uint8_t torn_bits(struct kit_flash *flash, uint8_t change)
{
    uint32_t chance = kit_random(&flash->random);

    switch (flash->degree) {
    case KIT_HARDLY:
        return (uint8_t)(change & chance & chance >> 8);
    case KIT_HALF:
        return (uint8_t)(change & chance);
    default:
        return change;
    }
}

/* Of the bits that changed: those that read as noise from now on. */
static uint8_t torn_noise(struct kit_flash *flash, uint8_t changed)
{
    uint32_t chance = kit_random(&flash->random);

    if (flash->degree == KIT_NEARLY) {
        chance &= chance >> 8 & chance >> 16; /* one in eight */
    }
    return (uint8_t)(changed & chance);
}

static void program_word(struct kit_flash *flash, uint32_t at, const uint8_t *word)
{
    struct kit_operation next = {.where = flash->base + at, .word = word};
    enum kit_cut cut = next_operation(flash, &next);

    for (uint32_t i = 0; i < 4; i++) {
        uint8_t *cell = &flash->memory[at + i];
        uint8_t *noise = &flash->unstable[at + i];
        uint8_t change = (uint8_t)((*cell | *noise) & ~word[i]); /* bits on their way to 0 */

        if (cut == KIT_CUT_LOST) {
            continue;
        }
        if (cut == KIT_CUT_TORN) {
            uint8_t reached = torn_bits(flash, change);
            *noise = (uint8_t)(*noise | torn_noise(flash, reached));
            *cell = (uint8_t)(*cell & ~reached);
        } else {
            *cell = (uint8_t)(*cell & word[i]);
            *noise = (uint8_t)(*noise & word[i]); /* a bit driven to 0 is solid again */
        }
    }
}

static int kit_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    struct kit_flash *flash = ctx;
    uint32_t at = check_range(flash, address, size);
    uint32_t sector = ferry_board_sector_at(flash->board, address);
    struct ferry_range range = ferry_board_sector(flash->board, sector);
    const uint8_t *bytes = data;

    if (address % 4 != 0 || size % 4 != 0 || size == 0) {
        breach("unaligned program", address);
    }
    if (!ferry_within(address - range.start, (uint32_t)size, range.size)) {
        breach("program across a sector", address);
    }
    for (size_t i = 0; i < size && !flash->dead; i += 4) {
        for (size_t b = i; b < i + 4; b++) {
            uint8_t zeros = (uint8_t) ~(flash->memory[at + b] | flash->unstable[at + b]);
            flash->raised += (bytes[b] & zeros) != 0; /* the chip leaves such a bit at 0 */
        }
        program_word(flash, at + (uint32_t)i, bytes + i);
        flash->words[sector]++;
    }
    return flash->dead ? FERRY_FLASH : FERRY_OK;
}

/* The last moment of an erase: all reads blank, but for one bit that is not solid yet. */
static void erase_but_one(struct kit_flash *flash, uint32_t at, uint32_t size)
{
    uint32_t from = kit_random(&flash->random) % (8 * size), bit = 0;
    bool rising = false;

    for (uint32_t i = 0; i < 8 * size && !rising; i++) {
        bit = (from + i) % (8 * size);
        uint8_t byte = (uint8_t)(~flash->memory[at + bit / 8] | flash->unstable[at + bit / 8]);
        rising = ((uint32_t)byte >> bit % 8 & 1U) != 0;
    }
    memset(flash->memory + at, 0xFF, size);
    memset(flash->unstable + at, 0, size);
    if (rising) {
        flash->unstable[at + bit / 8] = (uint8_t)(1U << bit % 8);
    }
}

static void erase_torn(struct kit_flash *flash, uint32_t at, uint32_t size)
{
    if (flash->degree == KIT_NEARLY) {
        erase_but_one(flash, at, size);
        return;
    }
    for (uint32_t i = at; i < at + size; i++) {
        uint8_t rising = torn_bits(flash, (uint8_t)~flash->memory[i]);
        flash->memory[i] |= rising;
        flash->unstable[i] |= torn_noise(flash, rising);
    }
}

static void erase_bytes(struct kit_flash *flash, uint32_t at, uint32_t size, enum kit_cut cut)
{
    if (cut == KIT_CUT_TORN) {
        erase_torn(flash, at, size);
    } else if (cut != KIT_CUT_LOST) {
        memset(flash->memory + at, 0xFF, size);
        memset(flash->unstable + at, 0, size);
    }
}

static int kit_erase(void *ctx, uint32_t sector)
{
    struct kit_flash *flash = ctx;

    if (sector >= flash->board->sector_count) {
        breach("no such sector", sector);
    }
    if (flash->dead) {
        return FERRY_FLASH;
    }
    struct ferry_range range = ferry_board_sector(flash->board, sector);
    struct kit_operation next = {.erase = true, .where = sector};
    enum kit_cut cut = next_operation(flash, &next);
    flash->erases[sector]++;
    erase_bytes(flash, range.start - flash->base, range.size, cut);
    return flash->dead ? FERRY_FLASH : FERRY_OK;
}

void kit_flash_init(struct kit_flash *flash, const struct ferry_board *board)
{
    memset(flash, 0, sizeof(*flash));
    flash->board = board;
    flash->base = board->sectors[0];
    flash->size = board->sectors[board->sector_count] - flash->base;
    flash->memory = malloc(flash->size);
    flash->unstable = calloc(1, flash->size);
    if (flash->memory == NULL || flash->unstable == NULL) {
        abort();
    }
    memset(flash->memory, 0xFF, flash->size);
    flash->port = (struct ferry_flash){
        .ctx = flash, .read = kit_read, .program = kit_program, .erase = kit_erase};
}

void kit_flash_free(struct kit_flash *flash)
{
    free(flash->memory);
    free(flash->unstable);
}

void kit_flash_copy(struct kit_flash *to, const struct kit_flash *from)
{
    uint8_t *memory = to->memory, *unstable = to->unstable;

    *to = *from;
    to->port.ctx = to;
    to->memory = memory;
    to->unstable = unstable;
    to->watch = NULL;
    memcpy(memory, from->memory, from->size);
    memcpy(unstable, from->unstable, from->size);
}

void kit_flash_arm(struct kit_flash *flash, enum kit_cut cut, uint32_t in_operations, uint32_t seed)
{
    flash->cut = cut;
    flash->cut_at = flash->operations + in_operations;
    flash->random = seed;
}

void kit_flash_power_on(struct kit_flash *flash)
{
    flash->dead = false;
    flash->cut = KIT_CUT_NONE;
}

void kit_flash_after_cut(struct kit_flash *to, const struct kit_flash *from,
                         const struct kit_operation *next, enum kit_cut cut, uint32_t seed)
{
    kit_flash_copy(to, from);
    kit_flash_arm(to, cut, 1, seed);
    int status = next->erase ? to->port.erase(to, next->where)
                             : to->port.program(to, next->where, next->word, 4);
    if (status != FERRY_FLASH || !to->dead) {
        abort(); /* not cut */
    }
    kit_flash_power_on(to);
}

void kit_flash_load(struct kit_flash *flash, uint32_t address, const void *bytes, size_t size)
{
    memcpy(flash->memory + check_range(flash, address, size), bytes, size);
}

bool kit_flash_is_stable(const struct kit_flash *flash)
{
    return !flash->noisy || is_stable(flash->unstable, flash->size);
}
