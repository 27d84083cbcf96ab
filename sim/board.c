/* The board: creation, power, reset, and the loop that lets virtual time pass. */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

#define SYSTEM_SP     0x20002000u
#define OPCODE_WFI    0xBF30u
#define HFSR_DEBUGEVT (1u << 31)
#define DEFAULT_BAUD  921600u
#define PREDICATE_PS  SIM_PS_PER_MS

static const uint8_t default_uid[FERRY_SIM_UID_BYTES] = {0x34, 0x00, 0x2A, 0x00, 0x0D, 0x51,
                                                         0x37, 0x31, 0x35, 0x38, 0x32, 0x30};

/* ---- time and noise ---- */

void sim_kick(struct ferry_sim *b)
{
    b->deadline_ps = 0;
}

void sim_timer_set(struct ferry_sim *b, unsigned timer, uint64_t at_ps)
{
    b->s.timer[timer] = at_ps;
    if (at_ps < b->deadline_ps)
        b->deadline_ps = at_ps;
}

uint32_t sim_random(struct ferry_sim *b)
{
    uint64_t z = (b->s.random += 0x9E3779B97F4A7C15ull); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (uint32_t)((z ^ (z >> 31)) >> 16);
}

void sim_request_reset(struct ferry_sim *b, uint32_t flags)
{
    b->s.reset_pending |= flags;
    b->dead = true;
    sim_kick(b);
}

void ferry_sim_plan_cut(struct ferry_sim *sim, const struct ferry_sim_cut_plan *plan)
{
    sim->s.flash.cut = *plan;
    sim->s.flash.cut_at = sim->s.flash.ops + plan->after_flash_ops;
}

/* ---- timers ---- */

static unsigned next_timer(const struct ferry_sim *b)
{
    unsigned best = 0;
    for (unsigned t = 1; t < SIM_T_COUNT; t++) {
        if (b->s.timer[t] < b->s.timer[best])
            best = t;
    }
    return best;
}

static void tick(struct ferry_sim *b)
{
    sim_timer_set(b, SIM_T_TICK, b->s.timer[SIM_T_TICK] + b->s.tick_period_ps);
    if (b->tick_fn)
        b->tick_fn(b->tick_ctx, b);
}

static void fire(struct ferry_sim *b, unsigned timer)
{
    if (timer >= SIM_T_USART_IDLE)
        sim_usart_idle(b, timer - SIM_T_USART_IDLE);
    else if (timer >= SIM_T_USART_TX)
        sim_usart_sent(b, timer - SIM_T_USART_TX);
    else if (timer >= SIM_T_UART_IN)
        sim_line_arrived(b, timer - SIM_T_UART_IN);
    else if (timer == SIM_T_SYSTICK)
        sim_systick_expired(b);
    else if (timer == SIM_T_IWDG)
        sim_iwdg_expired(b);
    else if (timer == SIM_T_FLASH)
        sim_flash_finish(b);
    else if (timer == SIM_T_WEAK)
        sim_flash_jitter(b);
    else if (timer == SIM_T_TICK)
        tick(b);
    else if (timer == SIM_T_SPI)
        sim_spi_clock(b);
    else if (timer == SIM_T_I2C)
        sim_i2c_clock(b);
    else if (timer == SIM_T_ROM)
        sim_rom_timer(b);
    else if (timer == SIM_T_ROM_TX)
        sim_rom_uart_timer(b);
    else if (timer == SIM_T_RCC)
        sim_rcc_update(b);
}

static void fire_due(struct ferry_sim *b)
{
    for (;;) {
        unsigned t = next_timer(b);
        if (b->s.timer[t] > b->s.now_ps)
            return;
        fire(b, t);
    }
}

/*
 * Unstable bits flip every 20 us: 50,000 times a second. Nothing but the cells that the core sees
 * changes then, so it need not leave the engine for it. What jitter asks for (code in those cells)
 * comes as a kick.
 */
bool sim_time_goes_on(struct ferry_sim *b)
{
    unsigned timer = next_timer(b);
    if (b->deadline_ps == 0 || b->one_block || b->s.now_ps >= b->limit_ps)
        return false;
    while (b->s.timer[timer] <= b->s.now_ps) {
        if (timer != SIM_T_WEAK)
            return false;
        sim_flash_jitter(b);
        timer = next_timer(b);
    }
    if (b->deadline_ps == 0)
        return false;
    b->deadline_ps = b->s.timer[timer] < b->limit_ps ? b->s.timer[timer] : b->limit_ps;
    return true;
}

/* ---- the loop ---- */

static void pass_time(struct ferry_sim *b, uint64_t until_ps, uint64_t *counter_ns)
{
    if (counter_ns)
        *counter_ns += until_ps / SIM_PS_PER_NS - b->s.now_ps / SIM_PS_PER_NS;
    b->s.now_ps = until_ps;
}

static void sleep_or_fault(struct ferry_sim *b)
{
    uint32_t pc = sim_cpu_get(b, UC_ARM_REG_PC);
    uint16_t opcode = 0;
    uc_mem_read(b->uc, pc - 2u, &opcode, 2);
    if (opcode == OPCODE_WFI)
        b->s.sleeping = true;
    else /* the engine ends at address 0, the only other way to come here */
        sim_exception_fault(b, SIM_EXC_USAGE, SIM_CFSR_UNDEFINSTR, "ran into address 0");
}

static void handle_stop(struct ferry_sim *b, enum sim_cpu_stop why)
{
    if (b->dead)
        return;
    switch (why) {
    case SIM_CPU_DEADLINE:
    case SIM_CPU_CYCLE:
        break;
    case SIM_CPU_REPLAY:
        sim_replay_step(b);
        break;
    case SIM_CPU_SVC:
        sim_exception_svc(b);
        break;
    case SIM_CPU_EXC_RETURN:
        sim_exception_return(b, sim_cpu_get(b, UC_ARM_REG_PC) | 1u);
        break;
    case SIM_CPU_BKPT:
        b->s.nvic.hfsr |= HFSR_DEBUGEVT;
        sim_exception_fault(b, SIM_EXC_HARD, 0, "BKPT without a debugger");
        break;
    case SIM_CPU_UNDEFINED:
        sim_exception_fault(b, SIM_EXC_USAGE, SIM_CFSR_UNDEFINSTR, "undefined instruction");
        break;
    case SIM_CPU_WAIT:
        sleep_or_fault(b);
        break;
    case SIM_CPU_WAIT_EVENT:
        b->s.sleeping = b->s.sleep_event = true;
        break;
    case SIM_CPU_READ_FAULT:
        b->s.nvic.bfar = b->fault_address;
        sim_exception_fault(b, SIM_EXC_BUS, SIM_CFSR_PRECISERR | SIM_CFSR_BFARVALID, "bad read");
        break;
    case SIM_CPU_WRITE_FAULT: /* precise, as with ACTLR.DISDEFWBUF set: the store did not happen */
        b->s.nvic.bfar = b->fault_address;
        sim_exception_fault(b, SIM_EXC_BUS, SIM_CFSR_PRECISERR | SIM_CFSR_BFARVALID, "bad write");
        break;
    case SIM_CPU_MPU_FAULT:
        b->s.nvic.mmfar = b->fault_address;
        sim_exception_fault(b, SIM_EXC_MEM, SIM_CFSR_DACCVIOL | SIM_CFSR_MMARVALID,
                            "the MPU allows no access");
        break;
    case SIM_CPU_FETCH_FAULT:
        sim_exception_fault(b, SIM_EXC_BUS, SIM_CFSR_IBUSERR, "bad instruction fetch");
        break;
    }
}

/* WFE may wake without a reason, so it wakes at whatever happens next: SEV is not visible here. */
static void sleep_on(struct ferry_sim *b, uint64_t until_ps)
{
    if (!sim_nvic_wakes(b)) {
        pass_time(b, until_ps, &b->s.counters.sleeping_ns);
        if (!b->s.sleep_event)
            return;
    }
    b->s.sleeping = b->s.sleep_event = false;
}

static void run_core(struct ferry_sim *b, uint64_t until_ps)
{
    bool flash_busy = b->s.flash.busy_until_ps > b->s.now_ps;
    uint32_t pc = flash_busy ? sim_cpu_get(b, UC_ARM_REG_PC) : 0;
    if (flash_busy && !sim_bus_ram(b, pc, 2)) {
        b->s.stall_until_ps = b->s.flash.busy_until_ps;
        return;
    }
    b->deadline_ps = b->one_block ? b->s.now_ps + 1u : until_ps;
    if (flash_busy)
        sim_cycle_before(b, pc);
    else if (b->cycle.phase != 0)
        sim_cycle_forget(b);
    enum sim_cpu_stop why = sim_cpu_run(b);
    if (why == SIM_CPU_CYCLE && !b->dead)
        sim_cycle_step(b);
    sim_cycle_after(b, why);
    handle_stop(b, why);
}

/* One step towards until_ps: idle time, an exception, or a run of the core. */
static void step(struct ferry_sim *b, uint64_t until_ps)
{
    if (!b->s.powered || b->s.lockup || b->s.held) {
        pass_time(b, until_ps, NULL);
    } else if (b->s.stall_until_ps > b->s.now_ps) {
        uint64_t end = b->s.stall_until_ps < until_ps ? b->s.stall_until_ps : until_ps;
        pass_time(b, end, &b->s.counters.stalled_ns);
    } else if (b->bus_fault) {
        b->bus_fault = false;
        sim_exception_fault(b, SIM_EXC_BUS, SIM_CFSR_IMPRECISERR, "reserved peripheral address");
    } else if (b->s.sleeping) {
        sleep_on(b, until_ps);
    } else {
        b->watch_masks = b->one_block = false;
        if (!sim_exception_dispatch(b))
            run_core(b, until_ps);
    }
}

static void settle(struct ferry_sim *b)
{
    fire_due(b);
    if (b->flush_pending) {
        sim_cpu_flush(b, b->flush_low, b->flush_high - b->flush_low);
        b->flush_pending = false;
    }
    if (b->s.reset_pending && b->s.powered && !b->s.cut_pending)
        sim_reset_chip(b, b->s.reset_pending);
    sim_mpu_settle(b);
}

/* The core sleeps, and only unstable bits move: their flips up to what comes next (a tie is left to
 * settle), without a look at all the rest after each. */
static void doze(struct ferry_sim *b, uint64_t limit_ps)
{
    uint64_t end = limit_ps;
    if (!b->s.powered || b->s.lockup || b->s.held || b->bus_fault || !b->s.sleeping ||
        b->s.sleep_event || b->s.stall_until_ps > b->s.now_ps || sim_nvic_wakes(b))
        return;
    for (unsigned t = 0; t < SIM_T_COUNT; t++) {
        if (t != SIM_T_WEAK && b->s.timer[t] < end)
            end = b->s.timer[t];
    }
    while (b->s.timer[SIM_T_WEAK] < end) {
        pass_time(b, b->s.timer[SIM_T_WEAK], &b->s.counters.sleeping_ns);
        sim_flash_jitter(b);
    }
}

static enum ferry_sim_stop run(struct ferry_sim *b, uint64_t limit_ps, ferry_sim_predicate done,
                               void *ctx)
{
    b->stop_requested = false;
    b->limit_ps = done ? 0 : limit_ps; /* a predicate is asked after each step */
    while (b->s.now_ps < limit_ps) {
        settle(b);
        if (b->s.cut_pending) {
            ferry_sim_power_off(b);
            return FERRY_SIM_STOP_POWER_CUT;
        }
        if (b->stop_requested || (done && done(ctx, b)))
            return FERRY_SIM_STOP_REQUESTED;
        if (!done)
            doze(b, limit_ps);
        uint64_t until = b->s.timer[next_timer(b)];
        uint64_t slice = done ? b->s.now_ps + PREDICATE_PS : SIM_NEVER;
        until = until < slice ? until : slice;
        if (b->s.now_ps < until)
            step(b, until < limit_ps ? until : limit_ps);
    }
    return done && done(ctx, b) ? FERRY_SIM_STOP_REQUESTED : FERRY_SIM_STOP_LIMIT;
}

static uint64_t to_ps(uint64_t ns)
{
    return ns > SIM_NEVER / SIM_PS_PER_NS ? SIM_NEVER - 1u : ns * SIM_PS_PER_NS;
}

enum ferry_sim_stop ferry_sim_run_until(struct ferry_sim *sim, uint64_t time_ns)
{
    return run(sim, to_ps(time_ns), NULL, NULL);
}

enum ferry_sim_stop ferry_sim_run_for(struct ferry_sim *sim, uint64_t duration_ns)
{
    return run(sim, sim->s.now_ps + to_ps(duration_ns), NULL, NULL);
}

enum ferry_sim_stop ferry_sim_run_while_not(struct ferry_sim *sim, ferry_sim_predicate done,
                                            void *ctx, uint64_t duration_ns)
{
    return run(sim, sim->s.now_ps + to_ps(duration_ns), done, ctx);
}

void ferry_sim_stop(struct ferry_sim *sim)
{
    sim->stop_requested = true;
    sim_kick(sim);
}

uint64_t ferry_sim_time_ns(const struct ferry_sim *sim)
{
    return sim->s.now_ps / SIM_PS_PER_NS;
}

bool ferry_sim_idle(const struct ferry_sim *sim)
{
    return !sim->s.powered || sim->s.lockup || sim->s.held || sim->s.sleeping;
}

void ferry_sim_on_tick(struct ferry_sim *sim, uint64_t period_ns, ferry_sim_peer_fn fn, void *ctx)
{
    sim->tick_fn = fn;
    sim->tick_ctx = ctx;
    sim->s.tick_period_ps = period_ns * SIM_PS_PER_NS;
    sim_timer_set(sim, SIM_T_TICK, period_ns ? sim->s.now_ps + sim->s.tick_period_ps : SIM_NEVER);
}

/* ---- creation ---- */

const char *ferry_sim_board_name(size_t i)
{
    const struct sim_board *board = sim_board_at(i);
    return board ? board->name : NULL;
}

static uint8_t *pages(size_t size)
{
    return aligned_alloc(0x1000, size);
}

static bool allocate(struct ferry_sim *b)
{
    const struct sim_chip *c = b->chip;
    b->cells = pages(c->flash_size);
    b->view = pages(c->flash_size);
    b->old = pages(c->flash_size);
    b->ram = pages(sim_ram_total(b));
    b->rom = pages(SIM_ROM_SIZE);
    b->option = pages(SIM_OPTION_SIZE);
    b->cycle_ram = pages(sim_ram_total(b));
    b->exec_map = calloc(c->flash_size / SIM_CHUNK, 1);
    b->ecc_bad = c->family == SIM_FAMILY_L4 ? calloc(c->flash_size / 8u, 1) : NULL;
    if (c->family == SIM_FAMILY_L4 && !b->ecc_bad)
        return false;
    return b->cells && b->view && b->old && b->ram && b->rom && b->option && b->cycle_ram &&
           b->exec_map;
}

/* ST's boot loader is a model outside the core (rom.c), which sleeps meanwhile. */
static void fill_system_memory(struct ferry_sim *b)
{
    static const uint32_t vectors[] = {SYSTEM_SP, SIM_ROM_BASE + 8u + 1u};
    static const uint16_t code[] = {OPCODE_WFI, 0xE7FDu /* b to it */};
    memset(b->rom, 0xFF, SIM_ROM_SIZE);
    memcpy(b->rom, vectors, sizeof vectors);
    memcpy(b->rom + 8, code, sizeof code);
}

static void fill_memory(struct ferry_sim *b)
{
    const struct sim_chip *c = b->chip;
    uint32_t offset = 0;
    for (size_t i = 0; i < c->sector_count; i++) {
        b->sector_offset[i] = offset;
        offset += c->sector_sizes[i];
    }
    memset(b->cells, 0xFF, c->flash_size);
    memset(b->view, 0xFF, c->flash_size);
    memset(b->old, 0xFF, c->flash_size);
    memset(b->ram, 0, sim_ram_total(b));
    fill_system_memory(b);
    memcpy(b->rom + c->uid_offset, b->uid, sizeof b->uid);
    b->rom[c->flash_size_offset] = (uint8_t)(c->flash_size / 1024u);
    b->rom[c->flash_size_offset + 1] = (uint8_t)(c->flash_size / 1024u >> 8);
    sim_flash_l4_init(b);
    sim_flash_store_options(b, c->optcr_reset);
}

static void init_state(struct ferry_sim *b)
{
    for (unsigned t = 0; t < SIM_T_COUNT; t++)
        b->s.timer[t] = SIM_NEVER;
    for (unsigned p = 0; p < SIM_UART_PORTS; p++)
        b->s.line[p].baud = DEFAULT_BAUD;
    b->s.random = 0x5DEECE66Dull ^ b->seed;
    sim_flash_reset(b);
    sim_rcc_reset(b, SIM_RESET_POR);
    sim_bus_reset(b);
}

int ferry_sim_create(struct ferry_sim **out, const char *board,
                     const struct ferry_sim_options *options)
{
    static const struct ferry_sim_options standard;
    const struct ferry_sim_options *o = options ? options : &standard;
    const struct sim_board *description = sim_board_find(board);
    if (!description)
        return FERRY_SIM_E_BOARD;
    struct ferry_sim *b = calloc(1, sizeof *b);
    int rc = FERRY_SIM_E_MEMORY;
    if (!b)
        return rc;
    b->board = description;
    b->chip = description->chip;
    b->no_hse = o->no_hse;
    b->no_pll = o->no_pll;
    b->pace = b->cycles_per_halfword = 1;
    b->s.boot0_high = o->boot0_high;
    b->s.rom.quirks = sim_rom_quirks_at_start();
    b->seed = o->seed;
    memcpy(b->uid, o->uid ? o->uid : default_uid, sizeof b->uid);
    if (!allocate(b))
        goto fail;
    fill_memory(b);
    sim_bus_init(b);
    rc = sim_cpu_open(b);
    if (rc != FERRY_SIM_OK)
        goto fail;
    init_state(b);
    *out = b;
    return FERRY_SIM_OK;
fail:
    ferry_sim_destroy(b);
    return rc;
}

void ferry_sim_destroy(struct ferry_sim *sim)
{
    if (!sim)
        return;
    sim_cpu_close(sim);
    free(sim->cells);
    free(sim->view);
    free(sim->old);
    free(sim->ram);
    free(sim->rom);
    free(sim->option);
    free(sim->cycle_ram);
    free(sim->exec_map);
    free(sim->ecc_bad);
    free(sim);
}

void ferry_sim_cpu(struct ferry_sim *sim, struct ferry_sim_cpu *out)
{
    struct sim_cpu_regs regs;
    sim_cpu_save(sim, &regs);
    memcpy(out->r, regs.r, sizeof regs.r);
    out->r[13] = sim_cpu_get(sim, UC_ARM_REG_SP);
    out->r[14] = regs.lr;
    out->r[15] = regs.pc;
    out->xpsr = regs.xpsr;
    out->msp = regs.msp;
    out->psp = regs.psp;
    out->control = regs.control;
    out->sysclk_hz = sim->s.rcc.sysclk_hz;
    out->hclk_hz = sim->s.rcc.hclk_hz;
    out->sleeping = sim->s.sleeping;
    out->lockup = sim->s.lockup;
}
