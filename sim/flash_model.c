/*
 * The cells themselves, what a power cut leaves in them, and what the core sees of them.
 *
 * Two copies: cells is the truth, view is what the core reads and runs. They differ in two cases:
 * a sector that was erased with the ART data cache on shows its old contents until the cache is
 * reset (RM0383 3.4.2; the chip may show this for up to 8 lines, here it is the whole sector, so
 * that forgetting shows every time; to switch the cache off keeps its lines for later), and weak
 * bits after a torn operation read at random.
 */
#include "sim_internal.h"

#include <string.h>

#define ACR_DCEN       (1u << 10)
#define ACR_DCRST      (1u << 12)
#define WEAK_PERIOD_US 20u
#define LEAN_ONE_IN    16u /* reads in which a bit that leans one way reads the other way */
#define TEAR_FEW       8u /* bits at most that an erase did, or left, in its first or last moment */

static void touched(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    uint32_t generation = ++b->s.next_gen;
    uint32_t first = offset / SIM_CHUNK, last = (offset + size - 1u) / SIM_CHUNK;
    bool executed = false;
    for (uint32_t c = first; c <= last; c++) {
        b->s.flash.chunk_gen[c] = generation;
        executed = executed || b->exec_map[c];
    }
    if (!executed)
        return;
    /* Translated code is dropped between runs, not from inside one. */
    uint32_t end = offset + size;
    b->flush_low = b->flush_pending && b->flush_low < offset ? b->flush_low : offset;
    b->flush_high = b->flush_pending && b->flush_high > end ? b->flush_high : end;
    b->flush_pending = true;
    sim_kick(b);
}

static void show(struct ferry_sim *b, uint32_t offset, uint32_t size, const uint8_t *from)
{
    memcpy(b->view + offset, from + offset, size);
    touched(b, offset, size);
}

void sim_flash_changed(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    show(b, offset, size, b->cells);
    sim_ecc_loaded(b, offset, size);
}

/* An operation begins, which settles bits if it comes to its end. */
static void remember_weak(struct sim_flash *f)
{
    memcpy(f->op_weak, f->weak, f->weak_count * sizeof f->weak[0]);
    f->op_weak_count = f->weak_count;
}

/* It did not: what was unstable before it still is. */
static void recall_weak(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    memcpy(f->weak, f->op_weak, f->op_weak_count * sizeof f->weak[0]);
    f->weak_count = f->op_weak_count;
    if (f->weak_count)
        sim_timer_set(b, SIM_T_WEAK, b->s.now_ps + WEAK_PERIOD_US * SIM_PS_PER_US);
}

/* In these whole words only the bits of `mask` can stay unstable. */
static void settle_weak(struct sim_flash *f, uint32_t offset, uint32_t size, uint32_t mask)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->weak_count; i++) {
        struct sim_weak_word weak = f->weak[i];
        if (weak.offset >= offset && weak.offset - offset < size)
            weak.mask &= mask;
        weak.lean &= weak.mask;
        if (weak.mask != 0)
            f->weak[kept++] = weak;
    }
    f->weak_count = kept;
}

/* What was there before an erase: what the core sees, but where that is noise. */
static void keep_old(struct ferry_sim *b, uint32_t offset, uint32_t size)
{
    const struct sim_flash *f = &b->s.flash;
    memcpy(b->old + offset, b->view + offset, size);
    for (uint32_t i = 0; i < f->weak_count; i++) {
        uint32_t at = f->weak[i].offset;
        if (at >= offset && at - offset < size)
            memcpy(b->old + at, b->cells + at, 4);
    }
}

void sim_cells_erase(struct ferry_sim *b, uint32_t offset, uint32_t size, int sector)
{
    struct sim_flash *f = &b->s.flash;
    keep_old(b, offset, size);
    memset(b->cells + offset, 0xFF, size);
    sim_ecc_erased(b, offset, size);
    remember_weak(f);
    settle_weak(f, offset, size, 0);
    bool on = (f->acr & ACR_DCEN) != 0;
    f->stale_sector[sector] = on || f->cache_used;
    f->stale_any = f->stale_any || f->stale_sector[sector];
    if (on)
        touched(b, offset, size);
    else
        show(b, offset, size, b->cells);
}

void sim_cells_program(struct ferry_sim *b, uint32_t offset, unsigned size, uint64_t value)
{
    struct sim_flash *f = &b->s.flash;
    uint8_t bytes[8];
    memcpy(bytes, &value, 8);
    f->op_old = 0;
    memcpy(&f->op_old, b->cells + offset, size);
    uint8_t ones[8]; /* bits of both words that are not driven to 0 */
    memset(ones, 0xFF, sizeof ones);
    memcpy(ones + (offset & 3u), bytes, size);
    for (unsigned i = 0; i < size; i++)
        b->cells[offset + i] &= bytes[i];
    uint32_t masks[2];
    memcpy(masks, ones, 8);
    remember_weak(f);
    settle_weak(f, offset & ~3u, 4, masks[0]);
    settle_weak(f, (offset & ~3u) + 4, 4, masks[1]);
    memcpy(b->old + offset, b->cells + offset, size); /* a cached line is written through */
    show(b, offset, size, b->cells);
    memcpy(&value, b->cells + offset, size);
    sim_event(b, FERRY_SIM_EV_PROGRAM, b->chip->flash_base + offset, (uint32_t)value, size, "");
}

/* What the operation under way found before it, for a byte of its range. */
static uint8_t before(const struct ferry_sim *b, uint32_t i)
{
    const struct sim_flash *f = &b->s.flash;
    if (f->op_erase)
        return b->old[f->op_offset + i];
    return (uint8_t)(f->op_old >> (8u * i));
}

void sim_cells_revert(struct ferry_sim *b)
{
    const struct sim_flash *f = &b->s.flash;
    for (uint32_t i = 0; i < f->op_size; i++)
        b->cells[f->op_offset + i] = before(b, i);
    recall_weak(b);
    if (f->op_erase)
        sim_ecc_reverted(b, f->op_offset, f->op_size);
    show(b, f->op_offset, f->op_size, b->cells);
}

uint32_t ferry_sim_unstable(const struct ferry_sim *sim)
{
    return sim->s.flash.weak_count;
}

uint32_t ferry_sim_unstable_in(const struct ferry_sim *sim, uint32_t address, uint32_t size)
{
    const struct sim_flash *f = &sim->s.flash;
    uint32_t count = 0, from = address - sim->chip->flash_base;
    for (uint32_t i = 0; i < f->weak_count; i++) {
        uint32_t at = f->weak[i].offset; /* a word that begins before the range may reach into it */
        count += at + 3u >= from && (at < from || at - from < size);
    }
    return count;
}

uint64_t ferry_sim_unstable_lost(const struct ferry_sim *sim)
{
    return sim->s.flash.weak_lost;
}

static uint32_t next_random(uint64_t *state)
{
    /* xorshift64*: good enough for noise, and the same everywhere */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 0x2545F4914F6CDD1Dull) >> 32);
}

/* How many words the operation may leave unstable: half the room, the next cut needs some too. */
static uint32_t weak_room(const struct sim_flash *f)
{
    return (SIM_WEAK_WORDS - f->weak_count + 1u) / 2u;
}

static void add_weak(struct ferry_sim *b, struct sim_weak_word weak)
{
    struct sim_flash *f = &b->s.flash;
    uint32_t i = 0;
    while (i < f->weak_count && f->weak[i].offset != weak.offset)
        i++;
    if (i == SIM_WEAK_WORDS) {
        f->weak_lost++;
        return;
    }
    if (i < f->weak_count) { /* what has no lean keeps none */
        weak.lean &= ~f->weak[i].mask | f->weak[i].lean;
        weak.lean |= f->weak[i].lean & ~weak.mask;
        weak.mask |= f->weak[i].mask;
    }
    f->weak[i] = weak;
    f->weak_count += i == f->weak_count;
    sim_timer_set(b, SIM_T_WEAK, b->s.now_ps + WEAK_PERIOD_US * SIM_PS_PER_US);
}

/* Words of the whole operation, each as likely as another (reservoir). */
struct choice {
    struct sim_weak_word word[SIM_WEAK_WORDS];
    uint32_t room, count, seen;
    uint64_t random;
};

static void consider(struct choice *c, uint32_t offset, uint32_t mask)
{
    if (mask == 0)
        return;
    uint32_t at = c->seen++ < c->room ? c->count++ : next_random(&c->random) % c->seen;
    if (at < c->room)
        c->word[at] = (struct sim_weak_word){.offset = offset, .mask = mask};
}

/* Each bit that should change does or does not. */
static void tear_word(struct ferry_sim *b, struct choice *c, uint32_t offset, uint32_t changed)
{
    uint32_t noise = next_random(&c->random), word;
    memcpy(&word, b->cells + offset, 4);
    word ^= changed & noise;
    memcpy(b->cells + offset, &word, 4);
    consider(c, offset, changed & next_random(&c->random));
}

/* Bits of the word at this offset that the operation under way should change. */
static uint32_t changed_bits(const struct ferry_sim *b, uint32_t word_offset)
{
    const struct sim_flash *f = &b->s.flash;
    uint32_t changed = 0;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t at = word_offset + i;
        if (at >= f->op_offset && at - f->op_offset < f->op_size)
            changed |= (uint32_t)(before(b, at - f->op_offset) ^ b->cells[at]) << (8u * i);
    }
    return changed;
}

static void flip_cells(struct ferry_sim *b, uint32_t offset, uint32_t mask)
{
    uint32_t word;
    memcpy(&word, b->cells + offset, 4);
    word ^= mask;
    memcpy(b->cells + offset, &word, 4);
}

/*
 * An erase in its first or last moment: of each chosen word one bit is unlike all others. Stable,
 * it has the other value; unstable, it leans to that of the others, so that the sector mostly reads
 * as if it were whole.
 */
static void leave_few(struct ferry_sim *b, struct choice *c, bool unstable)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct sim_weak_word *weak = &c->word[i];
        uint32_t bit = 0;
        while ((weak->mask & bit) == 0)
            bit = 1u << (next_random(&c->random) & 31u);
        weak->mask = weak->lean = bit;
        if (!unstable)
            flip_cells(b, weak->offset, bit);
    }
}

/* L4: a double word that is neither as before nor as it should be has the check bits of nothing. */
static void mark_torn(struct ferry_sim *b, uint64_t target)
{
    const struct sim_flash *f = &b->s.flash;
    for (uint32_t i = 0; b->ecc_bad && i + 8u <= f->op_size; i += 8u) {
        uint8_t old[8];
        for (uint32_t k = 0; k < 8u; k++)
            old[k] = before(b, i + k);
        const uint8_t *now = b->cells + f->op_offset + i;
        if (memcmp(now, old, 8) != 0 && memcmp(now, &target, 8) != 0)
            sim_ecc_torn(b, f->op_offset + i);
    }
}

void sim_cells_tear(struct ferry_sim *b, uint32_t seed, bool unstable, enum ferry_sim_tear degree)
{
    const struct sim_flash *f = &b->s.flash;
    struct choice c = {.random = ((uint64_t)seed << 32 | 0x5EEDu) ^ 0x9E3779B97F4A7C15ull};
    bool half = !f->op_erase || degree == FERRY_SIM_TEAR_HALF;
    if (f->op_size == 0)
        return;
    uint64_t target = UINT64_MAX;
    memcpy(&target, b->cells + f->op_offset, f->op_size < 8u ? f->op_size : 8u);
    recall_weak(b);
    uint32_t few = 1u + next_random(&c.random) % TEAR_FEW;
    c.room = half || (unstable && few > weak_room(f)) ? weak_room(f) : few;
    for (uint32_t at = f->op_offset & ~3u; at < f->op_offset + f->op_size; at += 4) {
        uint32_t changed = changed_bits(b, at);
        if (half)
            tear_word(b, &c, at, changed);
        else
            consider(&c, at, changed);
        if (!half && degree == FERRY_SIM_TEAR_HARDLY)
            flip_cells(b, at, changed);
    }
    if (!half)
        leave_few(b, &c, unstable);
    for (uint32_t i = 0; unstable && i < c.count; i++)
        add_weak(b, c.word[i]);
    mark_torn(b, target);
    b->s.flash.weak_lost += unstable && c.room == 0 && c.seen > 0;
    show(b, f->op_offset, f->op_size, b->cells);
}

/* How this word reads now. */
static uint32_t jittered(struct ferry_sim *b, const struct sim_weak_word *weak)
{
    uint32_t word, cell, noise = sim_random(b);
    memcpy(&word, b->view + weak->offset, 4);
    memcpy(&cell, b->cells + weak->offset, 4);
    word ^= weak->mask & noise;
    if (weak->lean == 0)
        return word;
    uint32_t other = 0;
    for (uint32_t bit = 1; bit != 0; bit <<= 1) {
        if ((weak->lean & bit) && sim_random(b) % LEAN_ONE_IN == 0)
            other |= bit;
    }
    return (word & ~weak->lean) | ((cell ^ other) & weak->lean);
}

void sim_flash_jitter(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    sim_timer_set(b, SIM_T_WEAK, SIM_NEVER);
    for (uint32_t i = 0; i < f->weak_count; i++) {
        uint32_t word = jittered(b, &f->weak[i]), offset = f->weak[i].offset;
        memcpy(b->view + offset, &word, 4);
        touched(b, offset, 4);
    }
    if (f->weak_count)
        sim_timer_set(b, SIM_T_WEAK, b->s.now_ps + WEAK_PERIOD_US * SIM_PS_PER_US);
}

static void show_stale(struct ferry_sim *b, const uint8_t *from)
{
    for (size_t i = 0; i < b->chip->sector_count; i++) {
        if (b->s.flash.stale_sector[i])
            show(b, b->sector_offset[i], b->chip->sector_sizes[i], from);
    }
}

void sim_cache_clear(struct ferry_sim *b)
{
    struct sim_flash *f = &b->s.flash;
    f->cache_used = false;
    if (!f->stale_any)
        return;
    show_stale(b, b->cells);
    memset(f->stale_sector, 0, sizeof f->stale_sector);
    f->stale_any = false;
}

void sim_cache_control(struct ferry_sim *b, uint32_t acr_before, uint32_t acr)
{
    struct sim_flash *f = &b->s.flash;
    f->cache_used = f->cache_used || ((acr_before | acr) & ACR_DCEN);
    if ((acr & ACR_DCRST) && !(acr_before & ACR_DCRST)) {
        if (acr & ACR_DCEN)
            sim_misuse(b, "DCRST while the data cache is on: ignored");
        else
            sim_cache_clear(b);
    }
    if (!f->stale_any || !((acr_before ^ acr) & ACR_DCEN))
        return;
    show_stale(b, (acr & ACR_DCEN) ? b->old : b->cells);
}
