/* NVIC, SysTick, SCB, DWT cycle counter: the private peripheral bus (ARMv7-M B3). */
#include "sim_internal.h"

#include <string.h>

#define CPUID_M4      0x410FC241u
#define DBGMCU_IDCODE 0x42000u
#define CSR_ENABLE    1u
#define CSR_TICKINT   2u
#define CSR_CORE      4u
#define CSR_FLAG      (1u << 16)
#define DWT_CYCCNTENA 1u
#define DEMCR_TRCENA  (1u << 24)
#define AIRCR_KEY     0x05FAu

void sim_nvic_reset(struct ferry_sim *b)
{
    struct sim_nvic *n = &b->s.nvic;
    uint32_t line[4];
    memcpy(line, n->line, sizeof line);
    memset(n, 0, sizeof *n);
    memcpy(n->line, line, sizeof line);
    n->ccr = 0x200; /* STKALIGN */
    n->fpccr = 0xC0000000u;
    n->dwt_ctrl = 0x40000000u;
    b->s.timer[SIM_T_SYSTICK] = SIM_NEVER;
    sim_mpu_changed(b);
}

/* ---- pending and priorities ---- */

static bool bit(const uint32_t *map, int n)
{
    return (map[n >> 5] >> (n & 31)) & 1u;
}

int sim_nvic_priority(const struct ferry_sim *b, int exc)
{
    if (exc <= SIM_EXC_HARD)
        return exc - 4; /* reset -3 (as exception 1), NMI -2, HardFault -1 */
    if (exc >= SIM_EXC_MAX)
        return 0x100; /* none: below everything */
    /* Four priority bits; those right of the group point do not preempt. */
    uint32_t group_mask = 0xFFu << (b->s.nvic.prigroup + 1u);
    return (int)(b->s.nvic.priority[exc] & group_mask & 0xF0u);
}

int sim_nvic_highest(const struct ferry_sim *b)
{
    const struct sim_nvic *n = &b->s.nvic;
    int best = 0, best_priority = 0x100;
    for (int w = 0; w < 4; w++) {
        uint32_t candidates = n->pending[w] & (n->enabled[w] | (w == 0 ? 0xFFFFu : 0));
        for (; candidates; candidates &= candidates - 1u) {
            int exc = w * 32 + __builtin_ctz(candidates);
            int priority = exc <= SIM_EXC_HARD ? exc - 4 : n->priority[exc];
            if (priority < best_priority) {
                best = exc;
                best_priority = priority;
            }
        }
    }
    return best;
}

int sim_nvic_running(struct ferry_sim *b, bool with_masks)
{
    int running = 0x100;
    for (int w = 0; w < 4; w++) {
        for (uint32_t a = b->s.nvic.active[w]; a; a &= a - 1u) {
            int priority = sim_nvic_priority(b, w * 32 + __builtin_ctz(a));
            running = priority < running ? priority : running;
        }
    }
    if (!with_masks)
        return running;
    uint32_t basepri =
        sim_cpu_get(b, UC_ARM_REG_BASEPRI) & 0xF0u & (0xFFu << (b->s.nvic.prigroup + 1u));
    if (basepri && (int)basepri < running)
        running = (int)basepri;
    if ((sim_cpu_get(b, UC_ARM_REG_PRIMASK) & 1u) && running > 0)
        running = 0;
    if ((sim_cpu_get(b, UC_ARM_REG_FAULTMASK) & 1u) && running > -1)
        running = -1;
    return running;
}

bool sim_nvic_due(struct ferry_sim *b)
{
    int exc = sim_nvic_highest(b);
    return exc && sim_nvic_priority(b, exc) < sim_nvic_running(b, true);
}

bool sim_nvic_wakes(struct ferry_sim *b)
{
    int exc = sim_nvic_highest(b);
    if (!exc)
        return false;
    uint32_t basepri = sim_cpu_get(b, UC_ARM_REG_BASEPRI) & 0xF0u;
    int priority = sim_nvic_priority(b, exc);
    return priority < sim_nvic_running(b, false) && (!basepri || priority < (int)basepri);
}

void sim_nvic_pend(struct ferry_sim *b, int exc)
{
    b->s.nvic.pending[exc >> 5] |= 1u << (exc & 31);
    sim_kick(b);
}

void sim_nvic_line(struct ferry_sim *b, unsigned irq, bool level)
{
    int exc = SIM_EXC_IRQ0 + (int)irq;
    uint32_t mask = 1u << (exc & 31);
    uint32_t *line = &b->s.nvic.line[exc >> 5];
    if (level && !(*line & mask) && !bit(b->s.nvic.active, exc))
        sim_nvic_pend(b, exc);
    *line = level ? *line | mask : *line & ~mask;
}

/* ---- SysTick (B3.3): "left" counts down to 0 and wraps to LOAD one tick later ---- */

static uint64_t systick_ps(const struct ferry_sim *b)
{
    return b->s.rcc.ps_per_cycle * ((b->s.nvic.systick_ctrl & CSR_CORE) ? 1u : 8u);
}

uint32_t sim_systick_left(const struct ferry_sim *b)
{
    uint64_t at = b->s.timer[SIM_T_SYSTICK];
    if (at == SIM_NEVER)
        return b->s.nvic.systick_left;
    if (at <= b->s.now_ps)
        return 0;
    uint64_t left = (at - b->s.now_ps) / systick_ps(b);
    return left > b->s.nvic.systick_load ? b->s.nvic.systick_load : (uint32_t)left;
}

void sim_systick_restart(struct ferry_sim *b, uint32_t left)
{
    struct sim_nvic *n = &b->s.nvic;
    n->systick_left = left;
    if (!(n->systick_ctrl & CSR_ENABLE) || n->systick_load == 0) {
        sim_timer_set(b, SIM_T_SYSTICK, SIM_NEVER);
        return;
    }
    uint64_t ticks = left ? left : (uint64_t)n->systick_load + 1u;
    sim_timer_set(b, SIM_T_SYSTICK, b->s.now_ps + ticks * systick_ps(b));
}

void sim_systick_expired(struct ferry_sim *b)
{
    struct sim_nvic *n = &b->s.nvic;
    uint64_t at = b->s.timer[SIM_T_SYSTICK];
    n->systick_flag = true;
    if (n->systick_ctrl & CSR_TICKINT)
        sim_nvic_pend(b, SIM_EXC_SYSTICK);
    uint64_t next = at + ((uint64_t)n->systick_load + 1u) * systick_ps(b);
    sim_timer_set(b, SIM_T_SYSTICK, n->systick_load ? next : SIM_NEVER);
}

static void systick_write(struct ferry_sim *b, uint32_t offset, uint32_t value)
{
    struct sim_nvic *n = &b->s.nvic;
    uint32_t left = sim_systick_left(b);
    if (offset == 0x10) {
        n->systick_ctrl = value & 7u;
        sim_systick_restart(b, left);
    } else if (offset == 0x14) {
        n->systick_load = value & 0xFFFFFFu;
        if (b->s.timer[SIM_T_SYSTICK] == SIM_NEVER)
            sim_systick_restart(b, left);
    } else if (offset == 0x18) {
        n->systick_flag = false;
        sim_systick_restart(b, 0);
    }
}

static uint32_t systick_read(struct ferry_sim *b, uint32_t offset)
{
    struct sim_nvic *n = &b->s.nvic;
    uint32_t value;
    switch (offset) {
    case 0x10:
        value = n->systick_ctrl | (n->systick_flag ? CSR_FLAG : 0);
        n->systick_flag = false;
        return value;
    case 0x14:
        return n->systick_load;
    case 0x18:
        return sim_systick_left(b);
    default:
        return 0x40000000u; /* CALIB: skew */
    }
}

/* ---- DWT cycle counter: goes on during sleep and stalls ---- */

uint32_t sim_cyccnt(const struct ferry_sim *b)
{
    const struct sim_nvic *n = &b->s.nvic;
    if (!(n->dwt_ctrl & DWT_CYCCNTENA) || !(n->demcr & DEMCR_TRCENA))
        return n->cyccnt_base;
    return n->cyccnt_base + (uint32_t)((b->s.now_ps - n->cyccnt_since_ps) / b->s.rcc.ps_per_cycle);
}

static void set_cyccnt(struct ferry_sim *b, uint32_t value)
{
    b->s.nvic.cyccnt_base = value;
    b->s.nvic.cyccnt_since_ps = b->s.now_ps;
}

/* ---- system control block ---- */

static uint32_t icsr(const struct ferry_sim *b)
{
    const struct sim_nvic *n = &b->s.nvic;
    uint32_t value = sim_cpu_get((struct ferry_sim *)(uintptr_t)b, UC_ARM_REG_XPSR) & 0x1FFu;
    int highest = sim_nvic_highest(b);
    value |= (uint32_t)highest << 12;
    value |= highest >= SIM_EXC_IRQ0 ? 1u << 22 : 0;
    value |= bit(n->pending, SIM_EXC_SYSTICK) ? 1u << 26 : 0;
    value |= bit(n->pending, SIM_EXC_PENDSV) ? 1u << 28 : 0;
    value |= bit(n->pending, SIM_EXC_NMI) ? 1u << 31 : 0;
    return value;
}

static uint32_t shcsr(const struct sim_nvic *n)
{
    static const struct {
        uint8_t shift, exc;
    } active_bits[] = {{0, SIM_EXC_MEM}, {1, SIM_EXC_BUS},     {3, SIM_EXC_USAGE},
                       {7, SIM_EXC_SVC}, {10, SIM_EXC_PENDSV}, {11, SIM_EXC_SYSTICK}};
    uint32_t value = n->shcsr_enable;
    for (size_t i = 0; i < sizeof active_bits / sizeof active_bits[0]; i++)
        value |= (uint32_t)bit(n->active, active_bits[i].exc) << active_bits[i].shift;
    return value;
}

static uint32_t priority_word(const struct sim_nvic *n, uint32_t first)
{
    uint32_t value = 0;
    for (uint32_t i = 0; i < 4; i++)
        value |= first + i < SIM_EXC_MAX ? (uint32_t)n->priority[first + i] << (8 * i) : 0;
    return value;
}

static void set_priority_word(struct sim_nvic *n, uint32_t first, uint32_t value, uint32_t mask)
{
    for (uint32_t i = 0; i < 4 && first + i < SIM_EXC_MAX; i++) {
        if ((mask >> (8 * i)) & 0xFFu)
            n->priority[first + i] = (uint8_t)((value >> (8 * i)) & 0xF0u);
    }
}

/* Interrupt bit registers count from IRQ 0, our maps from exception 0: 16 apart. */
static uint32_t irq_word(const uint32_t *map, uint32_t word)
{
    uint32_t high = word + 1 < 4 ? map[word + 1] << 16 : 0;
    return word < 4 ? map[word] >> 16 | high : 0;
}

static void change_irqs(struct ferry_sim *b, uint32_t *map, uint32_t word, uint32_t bits, bool on)
{
    for (; bits; bits &= bits - 1u) {
        uint32_t irq = word * 32u + (uint32_t)__builtin_ctz(bits);
        uint32_t exc = irq + SIM_EXC_IRQ0;
        if (irq >= b->chip->irq_count || exc >= SIM_EXC_MAX)
            continue;
        uint32_t mask = 1u << (exc & 31u);
        map[exc >> 5] = on ? map[exc >> 5] | mask : map[exc >> 5] & ~mask;
    }
    sim_kick(b);
}

static uint32_t nvic_read(const struct ferry_sim *b, uint32_t offset)
{
    const struct sim_nvic *n = &b->s.nvic;
    uint32_t word = (offset & 0x7Fu) / 4u;
    switch (offset & ~0x7Fu) {
    case 0x100:
    case 0x180:
        return irq_word(n->enabled, word);
    case 0x200:
    case 0x280:
        return irq_word(n->pending, word);
    case 0x300:
        return irq_word(n->active, word);
    default:
        return offset >= 0x400 ? priority_word(n, SIM_EXC_IRQ0 + offset - 0x400) : 0;
    }
}

static void nvic_write(struct ferry_sim *b, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct sim_nvic *n = &b->s.nvic;
    uint32_t word = (offset & 0x7Fu) / 4u;
    switch (offset & ~0x7Fu) {
    case 0x100:
        change_irqs(b, n->enabled, word, value, true);
        break;
    case 0x180:
        change_irqs(b, n->enabled, word, value, false);
        break;
    case 0x200:
        change_irqs(b, n->pending, word, value, true);
        break;
    case 0x280:
        change_irqs(b, n->pending, word, value, false);
        for (int i = 0; i < 4; i++) /* a line that is still up pends again */
            n->pending[i] |= n->line[i] & ~n->active[i];
        break;
    case 0x300:
        break;
    default:
        if (offset >= 0x400)
            set_priority_word(n, SIM_EXC_IRQ0 + offset - 0x400, value, mask);
        sim_kick(b);
        break;
    }
}

static uint32_t scb_read(struct ferry_sim *b, uint32_t offset)
{
    struct sim_nvic *n = &b->s.nvic;
    switch (offset) {
    case 0xD00:
        return CPUID_M4;
    case 0xD04:
        return icsr(b);
    case 0xD08:
        return n->vtor;
    case 0xD0C:
        return 0xFA050000u | n->prigroup << 8;
    case 0xD10:
        return n->scr;
    case 0xD14:
        return n->ccr;
    case 0xD18:
    case 0xD1C:
    case 0xD20:
        return priority_word(n, 4 + offset - 0xD18);
    case 0xD24:
        return shcsr(n);
    case 0xD28:
        return n->cfsr;
    case 0xD2C:
        return n->hfsr;
    case 0xD34:
        return n->mmfar;
    case 0xD38:
        return n->bfar;
    case 0xD88:
        return n->cpacr;
    case 0xDFC:
        return n->demcr;
    case 0xF34:
        return n->fpccr;
    case 0xF38:
        return n->fpcar;
    case 0xF3C:
        return n->fpdscr;
    default:
        return offset >= 0xD90 && offset <= 0xDB8 ? sim_mpu_read(n, offset) : 0;
    }
}

static void write_icsr(struct ferry_sim *b, uint32_t value)
{
    uint32_t *pending = &b->s.nvic.pending[0];
    if (value & (1u << 25))
        *pending &= ~(1u << SIM_EXC_SYSTICK);
    if (value & (1u << 26))
        *pending |= 1u << SIM_EXC_SYSTICK;
    if (value & (1u << 27))
        *pending &= ~(1u << SIM_EXC_PENDSV);
    if (value & (1u << 28))
        *pending |= 1u << SIM_EXC_PENDSV;
    if (value & (1u << 31))
        *pending |= 1u << SIM_EXC_NMI;
    sim_kick(b);
}

static void write_aircr(struct ferry_sim *b, uint32_t value)
{
    if (value >> 16 != AIRCR_KEY)
        return;
    b->s.nvic.prigroup = (value >> 8) & 7u;
    if (value & 4u)
        sim_request_reset(b, SIM_RESET_SOFT | SIM_RESET_PIN);
}

static void scb_write(struct ferry_sim *b, uint32_t offset, uint32_t value, uint32_t mask)
{
    struct sim_nvic *n = &b->s.nvic;
    switch (offset) {
    case 0xD04:
        write_icsr(b, value);
        break;
    case 0xD08:
        n->vtor = sim_merge(n->vtor, value, mask) & 0x3FFFFF80u;
        break;
    case 0xD0C:
        write_aircr(b, value);
        break;
    case 0xD10:
        n->scr = value & 0x16u;
        break;
    case 0xD14:
        n->ccr = sim_merge(n->ccr, value, mask) & 0x31Bu;
        break;
    case 0xD18:
    case 0xD1C:
    case 0xD20:
        set_priority_word(n, 4 + offset - 0xD18, value, mask);
        sim_kick(b);
        break;
    case 0xD24:
        n->shcsr_enable = sim_merge(n->shcsr_enable, value, mask) & 0x70000u;
        break;
    case 0xD28:
        n->cfsr &= ~(value & mask);
        break;
    case 0xD2C:
        n->hfsr &= ~(value & mask);
        break;
    case 0xD88:
        n->cpacr = sim_merge(n->cpacr, value, mask);
        break;
    case 0xDFC:
        set_cyccnt(b, sim_cyccnt(b));
        n->demcr = sim_merge(n->demcr, value, mask);
        break;
    case 0xF00:
        if ((value & 0x1FFu) < b->chip->irq_count)
            sim_nvic_pend(b, SIM_EXC_IRQ0 + (int)(value & 0x1FFu));
        break;
    case 0xF34:
        n->fpccr = value;
        break;
    case 0xF38:
        n->fpcar = value;
        break;
    case 0xF3C:
        n->fpdscr = value;
        break;
    default:
        sim_mpu_write(b, offset, value);
        break;
    }
}

uint32_t sim_nvic_read(struct ferry_sim *b, uint32_t offset)
{
    if (offset == DBGMCU_IDCODE)
        return b->chip->idcode;
    if (offset == 0x1000)
        return b->s.nvic.dwt_ctrl;
    if (offset == 0x1004)
        return sim_cyccnt(b);
    if (offset < 0xE000 || offset >= 0xF000)
        return 0;
    offset -= 0xE000;
    if (offset == 0x4)
        return (b->chip->irq_count - 1u) / 32u; /* ICTR */
    if (offset >= 0x10 && offset < 0x20)
        return systick_read(b, offset);
    return offset < 0xD00 ? nvic_read(b, offset) : scb_read(b, offset);
}

void sim_nvic_write(struct ferry_sim *b, uint32_t offset, uint32_t value, uint32_t mask)
{
    if (offset == 0x1000) {
        set_cyccnt(b, sim_cyccnt(b));
        b->s.nvic.dwt_ctrl = 0x40000000u | (value & DWT_CYCCNTENA);
    } else if (offset == 0x1004) {
        set_cyccnt(b, value);
    }
    if (offset < 0xE000 || offset >= 0xF000)
        return;
    offset -= 0xE000;
    if (offset >= 0x10 && offset < 0x20)
        systick_write(b, offset, value);
    else if (offset < 0xD00)
        nvic_write(b, offset, value, mask);
    else
        scb_write(b, offset, value, mask);
}
