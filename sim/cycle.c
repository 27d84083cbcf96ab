/*
 * Waiting for the flash without executing the wait.
 *
 * Code in RAM that waits for an erase goes round in a loop. When all that the core can depend on
 * (its registers, RAM, every peripheral) is after a round what it was before, then so are the next
 * rounds, until something comes from outside: a timer or the host. Whole rounds are passed over at
 * once: the clock and the count of halfwords move, and the rest up to the next event is executed.
 * All comes out as if executed, to the picosecond; no knowledge of the program is in it.
 *
 * Reads of a clock are noticed and end the attempt. Reads of unstable bits cannot be noticed: while
 * there are such bits nothing is passed over.
 */
#include "sim_internal.h"

#include <string.h>

enum {
    VISITS = 16,   /* of the place where a round may begin, until giving up */
    RETRY_US = 200 /* after giving up */
};

enum { IDLE, SEEK, VERIFY, KNOWN };

#define FROM(member)     offsetof(struct sim_state, member)
#define TO(from, member) (offsetof(struct sim_state, member) - FROM(from))
#define LINE_TAIL        offsetof(struct sim_uart_line, head)

struct part {
    size_t at, size;
};

/* All but time, counters, queued bytes (the host's; `head` and `count` tell when they change) and
 * registers that only remember: only the core writes those. */
static const struct part world[] = {
    {FROM(tick_period_ps), TO(tick_period_ps, line)},
    {FROM(line[0].head), sizeof(struct sim_uart_line) - LINE_TAIL},
    {FROM(line[1].head), sizeof(struct sim_uart_line) - LINE_TAIL},
    {FROM(line[2].head), sizeof(struct sim_uart_line) - LINE_TAIL},
    {FROM(line[3].head), sizeof(struct sim_uart_line) - LINE_TAIL},
    {FROM(dma), TO(dma, store)},
};
_Static_assert(SIM_UART_PORTS == 4, "each port has its line in `world`");

static bool same_counters(const struct sim_state *now, const struct sim_state *then)
{
    struct ferry_sim_counters counters = now->counters;
    counters.halfwords = then->counters.halfwords;
    return memcmp(&counters, &then->counters, sizeof counters) == 0;
}

static bool same_world(const struct sim_state *now, const struct sim_state *then)
{
    for (size_t i = 0; i < sizeof world / sizeof world[0]; i++) {
        const struct part *p = &world[i];
        if (memcmp((const uint8_t *)now + p->at, (const uint8_t *)then + p->at, p->size) != 0)
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

void sim_cycle_forget(struct ferry_sim *b)
{
    b->cycle.phase = IDLE;
    b->cycle.anchor = 0;
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
           b->replay.return_to == 0 && b->s.timer[SIM_T_WEAK] == SIM_NEVER &&
           b->s.timer[SIM_T_SPI] == SIM_NEVER && b->s.timer[SIM_T_I2C] == SIM_NEVER &&
           !b->one_block;
}

void sim_cycle_before(struct ferry_sim *b, uint32_t pc)
{
    struct sim_cycle *c = &b->cycle;
    bool kept = is_quiet(b) && !c->disturbed && c->pace == b->cycles_per_halfword;
    if (c->phase >= VERIFY && kept && same_world(&b->s, &c->note))
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
           (c->phase != KNOWN || b->deadline_ps - b->s.now_ps > c->period_ps);
}

static void begin_round(struct ferry_sim *b)
{
    struct sim_cycle *c = &b->cycle;
    c->phase = VERIFY;
    c->visits = 0;
    c->start = b->s;
    memcpy(b->cycle_ram, b->ram, sim_ram_total(b));
    note_world(&c->note, &b->s);
}

static bool ends_round(const struct ferry_sim *b)
{
    const struct sim_state *start = &b->cycle.start;
    return same_world(&b->s, start) && memcmp(b->s.timer, start->timer, sizeof start->timer) == 0 &&
           memcmp(b->s.store, start->store, sizeof start->store) == 0 &&
           memcmp(b->ram, b->cycle_ram, sim_ram_total(b)) == 0;
}

/* The block hook would have let each of these rounds begin: before the deadline. */
static void pass_rounds(struct ferry_sim *b, uint64_t until_ps)
{
    struct sim_cycle *c = &b->cycle;
    uint64_t rounds = until_ps > b->s.now_ps ? (until_ps - b->s.now_ps - 1u) / c->period_ps : 0;
    b->s.now_ps += rounds * c->period_ps;
    c->skipped_ps += rounds * c->period_ps;
    b->s.counters.halfwords += rounds * c->halfwords;
    c->passed_ps = b->s.now_ps;
}

static bool same_registers(struct ferry_sim *b)
{
    struct sim_cpu_regs regs;
    memset(&regs, 0, sizeof regs);
    sim_cpu_save(b, &regs);
    return memcmp(&regs, &b->cycle.regs, sizeof regs) == 0;
}

void sim_cycle_step(struct ferry_sim *b, uint64_t until_ps)
{
    struct sim_cycle *c = &b->cycle;
    c->passed_ps = b->s.now_ps; /* the block here is next */
    if (c->phase == IDLE)
        return;
    if (b->s.now_ps - c->since_ps > RETRY_US * SIM_PS_PER_US && c->phase == SEEK) {
        sim_cycle_forget(b);
    } else if (c->disturbed || !is_quiet(b)) {
        give_up(b);
    } else if (c->phase == KNOWN) {
        pass_rounds(b, until_ps);
    } else if (!same_registers(b)) {
        if (++c->visits == VISITS)
            give_up(b);
    } else if (c->phase == SEEK) {
        begin_round(b);
    } else if (ends_round(b)) {
        c->phase = KNOWN;
        c->period_ps = b->s.now_ps - c->start.now_ps;
        c->halfwords = b->s.counters.halfwords - c->start.counters.halfwords;
        pass_rounds(b, until_ps);
    } else {
        give_up(b);
    }
}
