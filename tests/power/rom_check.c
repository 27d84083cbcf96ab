/* What is right at each moment of a session with a ROM, and the images that tell it. */
#include "rom_rig.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BASE = 0x08000000,
    STACK_TOP = 0x2000A000,
    VECTORS = 64,     /* words */
    RESET_AT = 0x100, /* code, from the image's start */
    FAULT_AT = 0x120,
    SAYS_AT = 0x20004000, /* RAM: where an application writes who it is */
    SAYS_OLD = 0x01D01D01,
    SAYS_NEW = 0x2E32E32E,
    SAYS_FAULT = 0x0FA10FA1,
    VOIDED = 16, /* bytes that are voided before the first erase */
    LAST = 8,    /* bytes of stack pointer and reset vector */
    RESET_VECTOR_AT = 4,
    RUN_MS = 1
};

#define LATEST_NS 15000000000ULL /* more than any fault delays a byte */

/* --- images ----------------------------------------------------------------------------------- */

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t get_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* ldr r0, where; ldr r1, what; str r1, [r0]; wfi; b . - 2: asleep, virtual time costs little */
static void put_code(uint8_t *at, uint32_t says)
{
    put_u32(at, 0x49034802);
    put_u32(at + 4, 0xBF306001);
    put_u32(at + 8, 0xBF00E7FD);
    put_u32(at + 12, SAYS_AT);
    put_u32(at + 16, says);
}

/* Old and new have no byte in common but by chance; runs of 0xFF as in real ones. */
void rom_make_image(uint8_t *image, uint32_t size, bool is_new)
{
    uint32_t random = is_new ? 0x5EED2222 : 0x5EED1111;
    for (uint32_t i = 0; i < size; i++) {
        random = random * 1664525 + 1013904223;
        image[i] = i % 512 >= 480 ? 0xFF : (uint8_t)(random >> 24);
    }
    for (uint32_t i = 0; i < VECTORS; i++) {
        put_u32(image + i * 4, BASE + FAULT_AT + 1);
    }
    put_u32(image, is_new ? STACK_TOP : STACK_TOP - 0x400);
    put_u32(image + 4, BASE + RESET_AT + 1);
    put_code(image + RESET_AT, is_new ? SAYS_NEW : SAYS_OLD);
    put_code(image + FAULT_AT, SAYS_FAULT);
}

/* --- flash ------------------------------------------------------------------------------------ */

static const uint8_t *flash_of(const struct rom_rig *rig)
{
    size_t size;
    return ferry_sim_flash(rig->sim, &size);
}

static bool is_old(const struct rom_rig *rig, uint32_t from)
{
    return rig->old_size > 0 &&
           memcmp(flash_of(rig) + from, rig->old_image + from, rig->old_size - from) == 0;
}

static bool is_new(const struct rom_rig *rig, uint32_t from)
{
    return memcmp(flash_of(rig) + from, rig->new_image + from, rig->story->size - from) == 0;
}

static bool is_stable(const struct rom_rig *rig)
{
    return ferry_sim_unstable(rig->sim) == 0;
}

void rom_violation(struct rom_rig *rig, const char *what)
{
    if (rig->host.violation == NULL) {
        rig->host.violation = what;
    }
}

/* A core that finds these takes a stack and branches into flash. */
static bool could_start(const uint8_t *vectors)
{
    const uint32_t stack = get_u32(vectors), entry = get_u32(vectors + 4);
    return stack - 0x20000000 <= 0x40000 && stack % 4 == 0 && entry % 2 == 1 &&
           entry - BASE < 0x100000;
}

/* A double word that is torn starts nothing whatever it reads as: its check bits raise an NMI. So
 * there it is only looked at what really starts. */
void rom_check_flash(struct rom_rig *rig)
{
    const bool has_ecc = strcmp(rig->story->board, "nucleo_l432kc") == 0;
    if (!(has_ecc && rig->host.torn) && could_start(flash_of(rig)) && !is_old(rig, 0) &&
        !is_new(rig, 0)) {
        rom_violation(rig, "flash holds vectors that start, before something that is not whole");
    }
}

/* --- what runs -------------------------------------------------------------------------------- */

void rom_forget_start(struct rom_rig *rig)
{
    put_u32(ferry_sim_ram(rig->sim, SAYS_AT, 4), 0);
}

static uint32_t says(struct rom_rig *rig)
{
    return ferry_sim_powered(rig->sim) ? get_u32(ferry_sim_ram(rig->sim, SAYS_AT, 4)) : 0;
}

bool rom_runs(struct rom_rig *rig, bool is_the_new)
{
    return says(rig) == (is_the_new ? SAYS_NEW : SAYS_OLD);
}

/* Voiding was cut short. A bit of the vectors may be unstable: it starts or not, and is whole. Or a
 * fault vector that is torn leads to any place of it, behind vectors that start nothing. */
static bool is_old_but_for_vectors(const struct rom_rig *rig)
{
    const uint8_t *flash = flash_of(rig);
    const bool entered_by_fault = !could_start(flash);
    return is_old(rig, VOIDED) &&
           (entered_by_fault || memcmp(flash, rig->old_image, RESET_VECTOR_AT) == 0) &&
           ferry_sim_unstable_in(rig->sim, BASE + VOIDED, rig->area - VOIDED) == 0;
}

/* A bit of the last word that is unstable may be read either way: only what lies behind is sure. */
static void judge_start(struct rom_rig *rig)
{
    const uint32_t from = is_stable(rig) ? 0 : LAST;
    struct ferry_sim_rom_state state;
    ferry_sim_rom_state(rig->sim, &state);
    if (rom_runs(rig, false) && !is_old_but_for_vectors(rig)) {
        rom_violation(rig, "the old application starts, and is no longer whole");
    } else if (rom_runs(rig, true) && !is_new(rig, from)) {
        rom_violation(rig, "the new application starts, and is not whole");
    } else if (says(rig) == SAYS_FAULT && !is_old(rig, VOIDED) &&
               !is_new(rig, FERRY_ROM_VECTORS_SIZE)) {
        rom_violation(rig, "a fault handler runs of something that is not whole");
    } else if (!rom_runs(rig, true) && is_stable(rig) && is_new(rig, 0) && !state.active) {
        rom_violation(rig, "the new application is whole, and does not start");
    } else if (!rom_runs(rig, false) && is_stable(rig) && is_old(rig, 0)) {
        rom_violation(rig, "the old application is whole, and does not start");
    }
}

void rom_check_start(struct rom_rig *rig)
{
    const uint64_t digest = rom_flash_digest(rig) ^ (uint64_t)ferry_sim_powered(rig->sim);
    const bool known = is_stable(rig) && rom_memo_has(&rig->starts, digest);
    rom_check_flash(rig);
    ferry_sim_line_set(rig->sim, FERRY_SIM_LINE_BOOT0, 0);
    if (!ferry_sim_powered(rig->sim)) {
        ferry_sim_power_on(rig->sim);
    } else {
        rom_forget_start(rig);
        ferry_sim_reset(rig->sim);
    }
    if (known) {
        return;
    }
    ferry_sim_run_for(rig->sim, RUN_MS * 1000000ULL);
    judge_start(rig);
    if (is_stable(rig) && rig->host.violation == NULL) {
        rom_memo_add(&rig->starts, digest);
    }
}

/* The chip refuses to change: an error, and the old application. */
static void check_protected(struct rom_rig *rig)
{
    if (rig->host.started || rig->host.status == FERRY_OK) {
        rom_violation(rig, "a protected chip was reported as updated");
    }
    if (!is_old(rig, 0)) {
        rom_violation(rig, "a protected chip was changed");
    }
    rom_check_start(rig);
}

/* True: what differs from the new image is unstable, so that it could be read as that. */
static bool is_new_by_chance(const struct rom_rig *rig)
{
    const uint8_t *flash = flash_of(rig);
    for (uint32_t at = 0; at < rig->story->size; at++) {
        if (flash[at] != rig->new_image[at] && ferry_sim_unstable_in(rig->sim, BASE + at, 1) == 0) {
            return false;
        }
    }
    return true;
}

/* Marginal: see rom_sweep.c. */
static void check_success(struct rom_rig *rig)
{
    rig->host.marginal = !is_stable(rig);
    if (!is_new_by_chance(rig)) {
        rom_violation(rig, "success, but flash holds something else");
    }
}

void rom_check_end(struct rom_rig *rig)
{
    if (rig->host.violation != NULL) {
        return;
    }
    if (rig->story->is_protected) {
        check_protected(rig);
        return;
    }
    if (!rig->host.started) {
        rom_check_start(rig);
        ferry_sim_run_for(rig->sim, LATEST_NS); /* a wire that holds bytes back holds others too */
        rom_rig_begin(rig);
        while (rom_rig_next(rig)) {
            rom_rig_do(rig);
        }
    }
    if (rig->host.started) {
        check_success(rig);
    } else {
        rom_violation(rig, "a new session does not succeed");
    }
}

/* --- digests ---------------------------------------------------------------------------------- */

/* Not for adversaries: eight bytes at a time. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t word = 0;
    for (; size > 0; size -= size < 8 ? size : 8, at += 8) {
        memcpy(&word, at, size < 8 ? size : 8);
        digest = (digest ^ word) * 0x9E3779B97F4A7C15ULL;
        digest ^= digest >> 29;
    }
    return digest;
}

uint64_t rom_flash_digest(const struct rom_rig *rig)
{
    return mix(1, flash_of(rig), rig->area);
}

uint64_t rom_digest(const struct rom_rig *rig)
{
    const struct rom_host *host = &rig->host;
    struct ferry_rom_update update = host->update;
    struct ferry_rom rom = host->rom;
    update.pages_erased = 0;
    /* Times; and what a search for the place in the protocol left. */
    rom.deadline_ms = rom.hold_ms = rom.resync_end_ms = 0;
    rom.nacks = rom.refusals = 0;
    memset(rom.buffer + rom.out_size, 0, sizeof rom.buffer - rom.out_size);
    uint64_t digest = mix(rom_flash_digest(rig), &update, sizeof update);
    digest = mix(digest, &rom, sizeof rom);
    digest = mix(digest, host->buffer, sizeof host->buffer);
    return mix(digest, (const uint8_t[]){host->stage, host->attempts}, 2);
}

static void place(struct rom_memo *memo, uint64_t digest)
{
    size_t at = (size_t)digest;
    while (memo->list[at & (memo->room - 1)] != 0 && memo->list[at & (memo->room - 1)] != digest) {
        at++;
    }
    memo->count += memo->list[at & (memo->room - 1)] == 0;
    memo->list[at & (memo->room - 1)] = digest;
}

bool rom_memo_has(const struct rom_memo *memo, uint64_t digest)
{
    for (size_t at = (size_t)digest; memo->room > 0; at++) {
        const uint64_t held = memo->list[at & (memo->room - 1)];
        if (held == 0 || held == digest) {
            return held == digest;
        }
    }
    return false;
}

void rom_memo_add(struct rom_memo *memo, uint64_t digest)
{
    if (memo->count * 2 >= memo->room) {
        struct rom_memo larger = {.room = memo->room == 0 ? 4096 : memo->room * 2};
        larger.list = calloc(larger.room, sizeof larger.list[0]);
        if (larger.list == NULL) {
            abort();
        }
        for (size_t i = 0; i < memo->room; i++) {
            if (memo->list[i] != 0) {
                place(&larger, memo->list[i]);
            }
        }
        free(memo->list);
        *memo = larger;
    }
    place(memo, digest == 0 ? 1 : digest);
}
