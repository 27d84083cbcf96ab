/*
 * Waiting for the flash without executing the wait.
 *
 * Code in RAM that waits for an erase goes round in a loop. When all that the core can depend on
 * (its registers, RAM, every peripheral) is after a round what it was before, then so are the next
 * rounds, until something comes from outside: a timer or the host. Whole rounds are passed over at
 * once: the clock and the count of halfwords move, and the rest up to the next event is executed.
 * All comes out as if executed, to the picosecond; no knowledge of the program is in it.
 *
 * Reads of a clock are noticed and end the attempt. Unstable bits of the flash are flipped at the
 * very blocks where the engine would have stopped for it; that no round reads the flash is then
 * made sure of by taking away its permission for the round that is compared.
 *
 * And the shortest loop of all, `subs rN, #1; bne` to itself, is counted down at once to its last
 * round before the next event.
 */
#include "sim_internal.h"

#include <string.h>

enum {
    VISITS = 16,   /* of the place where a round may begin, until giving up */
    RETRY_US = 200 /* after giving up */
};

#define OPCODE_SUBS_1    0x3801u /* subs rN, #1; N in bits 8 to 10 */
#define OPCODE_BNE_SELF  0xD1FDu /* to the halfword before it */
#define COUNT_DOWN_BYTES 4u

enum { IDLE, SEEK, VERIFY, KNOWN };

#define FROM(member)     offsetof(struct sim_state, member)
#define TO(from, member) (offsetof(struct sim_state, member) - FROM(from))
#define LINE_TAIL        offsetof(struct sim_uart_line, head)

struct part {
    size_t at, size;
    bool flips; /* with each flip of an unstable bit */
};

/* All but time, counters, queued bytes (the host's; `head` and `count` tell when they change) and
 * registers that only remember: only the core writes those. */
static const struct part world[] = {
    {FROM(tick_period_ps), TO(tick_period_ps, random), false},
    {FROM(random), TO(random, ram_seed), true},
    {FROM(ram_seed), TO(ram_seed, next_gen), false},
    {FROM(next_gen), TO(next_gen, unclocked_told), true},
    {FROM(unclocked_told), TO(unclocked_told, flash.chunk_gen), false},
    {FROM(flash.chunk_gen), TO(flash.chunk_gen, gpio), true},
    {FROM(gpio), TO(gpio, line), false},
    {FROM(line[0].head), sizeof(struct sim_uart_line) - LINE_TAIL, false},
    {FROM(line[1].head), sizeof(struct sim_uart_line) - LINE_TAIL, false},
    {FROM(line[2].head), sizeof(struct sim_uart_line) - LINE_TAIL, false},
    {FROM(line[3].head), sizeof(struct sim_uart_line) - LINE_TAIL, false},
    {FROM(dma), TO(dma, store), false},
};
_Static_assert(SIM_UART_PORTS == 4, "each port has its line in `world`");

/* Padding is compared as well: both are copies of whole structs, and a difference only costs a
 * skip. */
static bool same_bytes(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static bool same_counters(const struct sim_state *now, const struct sim_state *then)
{
    struct ferry_sim_counters counters = now->counters;
    counters.halfwords = then->counters.halfwords;
    return same_bytes(&counters, &then->counters, sizeof counters);
}

static bool same_world(const struct sim_state *now, const struct sim_state *then, bool flips)
{
    for (size_t i = 0; i < sizeof world / sizeof world[0]; i++) {
        const struct part *p = &world[i];
        bool counts = !(flips && p->flips);
        if (counts &&
            memcmp((const uint8_t *)now + p->at, (const uint8_t *)then + p->at, p->size) != 0)
            return false;
    }
    return same_counters(now, then);
}

static void note_world(struct sim_state *note, const struct sim_state *now)
{
    for (size_t i = 0; i < sizeof world / sizeof world[0]; i++)
        memcpy((uint8_t *)note + world[i].at, (const uint8_t *)now + world[i].at, world[i].size);
    note->counters = now->counters;
}

static void watch(struct ferry_sim *b, bool on)
{
    if (b->cycle.watching != on)
        sim_cpu_watch_flash(b, on);
    b->cycle.watching = on;
}

void sim_cycle_forget(struct ferry_sim *b)
{
    b->cycle.phase = IDLE;
    b->cycle.anchor = 0;
    b->cycle.retry_ps = 0; /* a snapshot may bring an earlier time */
    b->cycle.noting = false;
    watch(b, false);
}

static void give_up(struct ferry_sim *b)
{
    sim_cycle_forget(b);
    b->cycle.retry_ps = b->s.now_ps + RETRY_US * SIM_PS_PER_US;
}

void ferry_sim_shortcuts(struct ferry_sim *sim, bool on)
{
    sim->cycle.on = on;
    sim_cycle_forget(sim);
}

uint64_t ferry_sim_skipped_ns(const struct ferry_sim *sim)
{
    return sim->cycle.skipped_ps / SIM_PS_PER_NS;
}

/* Nothing that would make one round differ from the next without a trace in the state. */
static bool is_quiet(const struct ferry_sim *b)
{
    return b->cycle.on && !b->cycle.off && !b->spi.active && b->enter.count == 0 &&
           b->replay.return_to == 0 && b->s.timer[SIM_T_SPI] == SIM_NEVER &&
           b->s.timer[SIM_T_I2C] == SIM_NEVER && !b->one_block;
}

static bool flips(const struct ferry_sim *b)
{
    return b->s.timer[SIM_T_WEAK] != SIM_NEVER;
}

/* Where the rounds must end: flips can be done on the way, if no predicate is asked meanwhile. */
static uint64_t horizon(const struct ferry_sim *b)
{
    if (!b->cycle.flips || b->limit_ps == 0 || b->deadline_ps == 0)
        return b->deadline_ps;
    uint64_t until_ps = b->limit_ps;
    for (unsigned t = 0; t < SIM_T_COUNT; t++) {
        if (t != SIM_T_WEAK && b->s.timer[t] < until_ps)
            until_ps = b->s.timer[t];
    }
    return until_ps;
}

void sim_cycle_before(struct ferry_sim *b, uint32_t pc)
{
    struct sim_cycle *c = &b->cycle;
    bool kept = is_quiet(b) && !c->disturbed && c->pace == b->cycles_per_halfword;
    if (c->phase >= VERIFY && kept && c->flips == flips(b) && same_world(&b->s, &c->note, c->flips))
        return;
    if (c->phase >= VERIFY || (c->phase == SEEK && !kept))
        give_up(b);
    if (c->phase == SEEK || b->s.now_ps < c->retry_ps)
        return;
    if (!is_quiet(b)) {
        give_up(b);
        return;
    }
    c->phase = SEEK;
    c->anchor = pc & ~1u;
    c->visits = 0;
    c->disturbed = false;
    c->pace = b->cycles_per_halfword;
    c->passed_ps = c->since_ps = b->s.now_ps;
    sim_cpu_save(b, &c->regs);
}

void sim_cycle_after(struct ferry_sim *b, enum sim_cpu_stop why)
{
    if (why != SIM_CPU_DEADLINE && why != SIM_CPU_CYCLE)
        sim_cycle_forget(b);
    else if (b->cycle.phase >= VERIFY)
        note_world(&b->cycle.note, &b->s);
}

bool sim_cycle_stops(const struct ferry_sim *b, uint32_t address)
{
    const struct sim_cycle *c = &b->cycle;
    if (!c->on)
        return false;
    if (c->phase == IDLE) /* the erase began within this run, or an attempt failed */
        return b->s.now_ps >= c->retry_ps;
    if (c->phase == SEEK && b->s.now_ps - c->since_ps > RETRY_US * SIM_PS_PER_US)
        return true; /* the place is not passed again */
    return address == c->anchor && b->s.now_ps != c->passed_ps &&
           (c->phase != KNOWN || horizon(b) - b->s.now_ps > c->period_ps);
}

void sim_cycle_note_block(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    if (c->blocks < SIM_CYCLE_BLOCKS)
        c->block_ps[c->blocks] = b->s.now_ps - c->start.now_ps;
    c->blocks++;
}

static void begin_round(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    c->phase = VERIFY;
    c->visits = c->blocks = 0;
    c->flips = c->noting = flips(b);
    watch(b, c->flips);
    c->start = b->s;
    memcpy(b->cycle_ram, b->ram, sim_ram_total(b));
    note_world(&c->note, &b->s);
}

static bool ends_round(const struct ferry_sim *b)
{
    const struct sim_cycle *c = &b->cycle;
    uint64_t timer[SIM_T_COUNT];
    memcpy(timer, c->start.timer, sizeof timer);
    if (c->flips)
        timer[SIM_T_WEAK] = b->s.timer[SIM_T_WEAK];
    return c->flips == flips(b) && c->blocks <= SIM_CYCLE_BLOCKS &&
           same_world(&b->s, &c->start, c->flips) && memcmp(b->s.timer, timer, sizeof timer) == 0 &&
           memcmp(b->s.store, c->start.store, sizeof c->start.store) == 0 &&
           memcmp(b->ram, b->cycle_ram, sim_ram_total(b)) == 0;
}

/* The first block that begins at at_ps or later, in rounds from base_ps. */
static uint64_t block_from(const struct sim_cycle *c, uint64_t base_ps, uint64_t at_ps)
{
    uint64_t into_ps = (at_ps - base_ps) % c->period_ps, round_ps = at_ps - into_ps;
    for (uint32_t i = 0; i < c->blocks; i++) {
        if (c->block_ps[i] >= into_ps)
            return round_ps + c->block_ps[i];
    }
    return round_ps + c->period_ps;
}

static void flip_until(struct ferry_sim *b, uint64_t base_ps, uint64_t end_ps)
{
    while (b->s.timer[SIM_T_WEAK] < end_ps) {
        uint64_t at_ps = block_from(&b->cycle, base_ps, b->s.timer[SIM_T_WEAK]);
        if (at_ps >= end_ps)
            return;
        b->s.now_ps = at_ps;
        sim_flash_jitter(b);
    }
}

/* The block hook would have let each of these rounds begin: before the deadline. */
static void pass_rounds(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    uint64_t base_ps = b->s.now_ps, until_ps = horizon(b);
    uint64_t rounds = until_ps > base_ps ? (until_ps - base_ps - 1u) / c->period_ps : 0;
    uint64_t end_ps = base_ps + rounds * c->period_ps;
    if (c->flips)
        flip_until(b, base_ps, end_ps);
    b->s.now_ps = end_ps;
    c->skipped_ps += end_ps - base_ps;
    b->s.counters.halfwords += rounds * c->halfwords;
    c->passed_ps = end_ps;
}

static void learn(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    c->phase = KNOWN;
    c->noting = false;
    watch(b, false);
    c->period_ps = b->s.now_ps - c->start.now_ps;
    c->halfwords = b->s.counters.halfwords - c->start.counters.halfwords;
}

static bool same_registers(struct ferry_sim *b)
{
    struct sim_cpu_regs regs;
    memset(&regs, 0, sizeof regs);
    sim_cpu_save(b, &regs);
    return same_bytes(&regs, &b->cycle.regs, sizeof regs);
}

/* The core is where it was when this wait was first met. */
static void look(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    if (c->phase == KNOWN) {
        pass_rounds(b);
    } else if (!same_registers(b)) {
        if (++c->visits == VISITS)
            give_up(b);
    } else if (c->phase == SEEK) {
        begin_round(b);
    } else if (ends_round(b)) {
        learn(b);
        pass_rounds(b);
    } else {
        give_up(b);
    }
}

void sim_cycle_step(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    c->passed_ps = b->s.now_ps; /* the block here is next */
    if (c->phase == IDLE)
        return;
    if (b->s.now_ps - c->since_ps > RETRY_US * SIM_PS_PER_US && c->phase == SEEK) {
        sim_cycle_forget(b);
    } else if (c->disturbed || !is_quiet(b)) {
        give_up(b);
    } else {
        look(b);
    }
}

/* ---- counting down ---- */

/* @return the register that the block at `address` counts down, or -1 */
static int counter_of(const struct ferry_sim *b, uint32_t address)
{
    uint32_t offset = address - b->chip->flash_base;
    bool in_flash = offset < b->chip->flash_size - COUNT_DOWN_BYTES;
    const uint8_t *code = in_flash ? b->view + offset : sim_bus_ram(b, address, COUNT_DOWN_BYTES);
    uint16_t half[2];
    if (!code)
        return -1;
    memcpy(half, code, sizeof half);
    if ((half[0] & 0xF8FFu) != OPCODE_SUBS_1 || half[1] != OPCODE_BNE_SELF)
        return -1;
    return UC_ARM_REG_R0 + (half[0] >> 8 & 7);
}

/* The flags are those of the round before, and stay so: neither 0 nor negative, no borrow. */
void sim_cycle_count_down(struct ferry_sim *b, uint32_t address)
{
    int reg = b->enter.count == 0 && !b->cycle.noting && !b->dead ? counter_of(b, address) : -1;
    uint32_t count = reg >= 0 ? sim_cpu_get(b, reg) : 0;
    uint64_t round_ps = 2u * (uint64_t)b->cycles_per_halfword * b->s.rcc.ps_per_cycle;
    if (count < 2u || count >= 0x80000000u || b->s.now_ps >= b->deadline_ps)
        return;
    uint64_t rounds = (b->deadline_ps - b->s.now_ps - 1u) / round_ps;
    rounds = rounds < count - 1u ? rounds : count - 1u;
    sim_cpu_set(b, reg, count - (uint32_t)rounds);
    b->s.now_ps += rounds * round_ps;
    b->s.counters.halfwords += 2u * rounds;
    b->cycle.skipped_ps += rounds * round_ps;
}
