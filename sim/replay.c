/*
 * Replay of pure functions: executed once for each input, later only their time passes and their
 * result appears. For sweeps that verify the same signatures thousands of times.
 */
#include "sim_internal.h"

#include <string.h>

int ferry_sim_replay(struct ferry_sim *sim, uint32_t address, const uint32_t sizes[4])
{
    struct sim_replay *r = &sim->replay;
    uint32_t total = 0;
    for (int i = 0; i < 4; i++)
        total += sizes[i] ? sizes[i] : 4u;
    if (r->function_count == SIM_REPLAY_FUNCTIONS || total > SIM_REPLAY_INPUT)
        return FERRY_SIM_E_ARGUMENT;
    struct sim_replay_function *f = &r->function[r->function_count++];
    f->address = address & ~1u;
    memcpy(f->sizes, sizes, sizeof f->sizes);
    return FERRY_SIM_OK;
}

void ferry_sim_replay_none(struct ferry_sim *sim)
{
    sim->replay.function_count = 0;
    sim_replay_forget(sim);
}

void ferry_sim_pace(struct ferry_sim *sim, uint32_t cycles)
{
    sim->pace = cycles > 0 ? cycles : 1;
    if (sim->replay.return_to == 0)
        sim->cycles_per_halfword = sim->pace;
}

uint64_t ferry_sim_replayed(const struct ferry_sim *sim)
{
    return sim->replay.replayed;
}

/* The input: registers, or what they point to. @return false when a pointer leads nowhere */
static bool gather(struct ferry_sim *b, const struct sim_replay_function *f, uint8_t *input)
{
    memset(input, 0, SIM_REPLAY_INPUT);
    for (int i = 0; i < 4; i++) {
        uint32_t value = sim_cpu_get(b, UC_ARM_REG_R0 + i);
        if (f->sizes[i] == 0)
            continue; /* the function does not take it */
        if (uc_mem_read(b->uc, value, input, f->sizes[i]) != UC_ERR_OK)
            return false;
        input += f->sizes[i];
    }
    return true;
}

static struct sim_replay_entry *find(struct sim_replay *r, uint32_t address, const uint8_t *input)
{
    for (uint32_t i = 0; i < r->entry_count; i++) {
        struct sim_replay_entry *e = &r->entry[i];
        if (e->address == address && memcmp(e->input, input, SIM_REPLAY_INPUT) == 0)
            return e;
    }
    return NULL;
}

static void enter(struct ferry_sim *b, const struct sim_replay_function *f)
{
    struct sim_replay *r = &b->replay;
    struct sim_replay_entry *running = &r->running;
    r->pass = f->address; /* unless it is known, it is executed now */
    r->return_to = 0;
    if (!gather(b, f, running->input))
        return;
    uint32_t lr = sim_cpu_get(b, UC_ARM_REG_LR);
    const struct sim_replay_entry *known = find(r, f->address, running->input);
    if (known) {
        r->pass = 0;
        r->replayed++;
        sim_cpu_set(b, UC_ARM_REG_R0, known->result);
        sim_cpu_set(b, UC_ARM_REG_PC, lr | 1u);
        b->s.stall_until_ps = b->s.now_ps + known->duration_ps;
        return;
    }
    running->address = f->address;
    r->return_to = lr & ~1u;
    b->cycles_per_halfword = 1; /* its time is that of the chip, whatever the pace */
    r->sp = sim_cpu_get(b, UC_ARM_REG_SP);
    r->started_ps = b->s.now_ps;
}

static void leave(struct ferry_sim *b)
{
    struct sim_replay *r = &b->replay;
    r->pass = r->return_to;
    if (sim_cpu_get(b, UC_ARM_REG_SP) != r->sp)
        return; /* another call that passes here */
    r->return_to = 0;
    b->cycles_per_halfword = b->pace;
    r->running.result = sim_cpu_get(b, UC_ARM_REG_R0);
    r->running.duration_ps = b->s.now_ps - r->started_ps;
    r->entry[r->entry_count++ % SIM_REPLAY_ENTRIES] = r->running;
    if (r->entry_count > SIM_REPLAY_ENTRIES)
        r->entry_count = SIM_REPLAY_ENTRIES;
}

bool sim_replay_stops(struct ferry_sim *b, uint32_t address)
{
    struct sim_replay *r = &b->replay;
    bool stops = r->return_to != 0 && address == r->return_to;
    for (uint32_t i = 0; i < r->function_count && !stops; i++)
        stops = address == r->function[i].address;
    if (!stops || r->pass == address) {
        r->pass = stops ? 0 : r->pass;
        return false;
    }
    return true;
}

void sim_replay_step(struct ferry_sim *b)
{
    struct sim_replay *r = &b->replay;
    uint32_t pc = sim_cpu_get(b, UC_ARM_REG_PC) & ~1u;
    for (uint32_t i = 0; i < r->function_count; i++) {
        if (r->function[i].address == pc) {
            enter(b, &r->function[i]);
            return;
        }
    }
    leave(b);
}

void sim_replay_forget(struct ferry_sim *b)
{
    b->replay.pass = b->replay.return_to = 0;
    b->cycles_per_halfword = b->pace;
}
