/* Exception entry and return (ARMv7-M B1.5), which the engine leaves to its host. */
#include "sim_internal.h"

#include <string.h>

#define ENTRY_CYCLES    12u
#define BASIC_WORDS     8u
#define EXTENDED_WORDS  26u /* with S0-S15, FPSCR and a reserved word */
#define HFSR_VECTTBL    (1u << 1)
#define HFSR_FORCED     (1u << 30)
#define CONTROL_SPSEL   2u
#define CONTROL_FPCA    4u
#define XPSR_T          (1u << 24)
#define XPSR_ALIGN      (1u << 9)
#define XPSR_IT         0x0600FC00u
#define SCR_SLEEPONEXIT 2u

static void lock_up(struct ferry_sim *b)
{
    if (b->s.lockup)
        return;
    b->s.lockup = true;
    sim_event(b, FERRY_SIM_EV_LOCKUP, 0, sim_cpu_get(b, UC_ARM_REG_PC), b->s.nvic.cfsr,
              "core locked up");
}

static bool read_vector(struct ferry_sim *b, int exc, uint32_t *vector)
{
    uint32_t address = b->s.nvic.vtor + 4u * (uint32_t)exc;
    return uc_mem_read(b->uc, address, vector, 4) == UC_ERR_OK;
}

static void fill_frame(struct ferry_sim *b, uint32_t *frame, bool extended, uint32_t xpsr)
{
    static const int regs[] = {UC_ARM_REG_R0,  UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3,
                               UC_ARM_REG_R12, UC_ARM_REG_LR, UC_ARM_REG_PC};
    for (int i = 0; i < 7; i++)
        frame[i] = sim_cpu_get(b, regs[i]);
    frame[7] = xpsr;
    if (!extended)
        return;
    for (int i = 0; i < 16; i++)
        frame[8 + i] = sim_cpu_get(b, UC_ARM_REG_S0 + i);
    frame[24] = sim_cpu_get(b, UC_ARM_REG_FPSCR);
    frame[25] = 0;
}

/* What CFSR says of a frame at sp; 0: nothing is wrong with it */
static uint32_t stack_error(struct ferry_sim *b, uint32_t sp, uint32_t size)
{
    if (sim_mpu_denies(b, sp, size)) /* at the priority before the exception (B1.5.6) */
        return SIM_CFSR_MSTKERR;
    return sim_bus_ram(b, sp, size) ? 0 : SIM_CFSR_STKERR;
}

/* Push the frame. @return EXC_RETURN; *error as stack_error: then it is not in memory, SP is as if
 */
static uint32_t push_frame(struct ferry_sim *b, int exc, uint32_t *error)
{
    uint32_t control = sim_cpu_get(b, UC_ARM_REG_CONTROL);
    uint32_t xpsr = sim_cpu_get(b, UC_ARM_REG_XPSR);
    bool thread = (xpsr & 0x1FFu) == 0, psp = thread && (control & CONTROL_SPSEL);
    bool extended = (control & CONTROL_FPCA) != 0;
    uint32_t words = extended ? EXTENDED_WORDS : BASIC_WORDS;
    uint32_t sp = sim_cpu_get(b, UC_ARM_REG_SP);
    uint32_t frame[EXTENDED_WORDS];
    fill_frame(b, frame, extended, (xpsr & ~XPSR_ALIGN) | ((sp & 4u) ? XPSR_ALIGN : 0));
    sp = (sp - words * 4u) & ~7u;
    *error = stack_error(b, sp, words * 4u);
    if (*error == 0)
        memcpy(sim_bus_ram(b, sp, words * 4u), frame, words * 4u);
    /* Handler mode is on MSP and privileged from here: then SP, CONTROL. */
    sim_cpu_set(b, UC_ARM_REG_XPSR_NZCVQG, (xpsr & ~(0x1FFu | XPSR_IT)) | XPSR_T | (uint32_t)exc);
    sim_cpu_set(b, psp ? UC_ARM_REG_PSP : UC_ARM_REG_MSP, sp);
    sim_cpu_set(b, UC_ARM_REG_CONTROL, control & 1u);
    return 0xFFFFFFE1u | (extended ? 0 : 0x10u) | (thread ? 8u : 0) | (psp ? 4u : 0);
}

static void set_bit(uint32_t *map, int bit, bool on)
{
    if (on)
        map[bit >> 5] |= 1u << (bit & 31);
    else
        map[bit >> 5] &= ~(1u << (bit & 31));
}

static void enter(struct ferry_sim *b, int exc)
{
    uint32_t vector = 0, error;
    uint32_t exc_return = push_frame(b, exc, &error);
    b->s.counters.exceptions++;
    b->s.now_ps += ENTRY_CYCLES * b->s.rcc.ps_per_cycle;
    b->s.sleeping = false;
    set_bit(b->s.nvic.pending, exc, false);
    set_bit(b->s.nvic.active, exc, true);
    bool vector_ok = read_vector(b, exc, &vector);
    sim_cpu_set(b, UC_ARM_REG_LR, exc_return);
    sim_cpu_set(b, UC_ARM_REG_PC, vector | 1u);
    b->s.nvic.cfsr |= error;
    if (error != 0 && exc != SIM_EXC_HARD) { /* which is entered all the same (B1.5.14) */
        bool mpu = error == SIM_CFSR_MSTKERR;
        sim_exception_fault(b, mpu ? SIM_EXC_MEM : SIM_EXC_BUS, error,
                            mpu ? "the MPU allows no access to the exception stack"
                                : "exception stack is not RAM");
    } else if (!vector_ok) {
        b->s.nvic.hfsr |= HFSR_VECTTBL;
        if (exc == SIM_EXC_HARD)
            lock_up(b);
        else
            sim_exception_fault(b, SIM_EXC_HARD, 0, "vector table is not readable");
    } else if (!(vector & 1u)) {
        sim_exception_fault(b, SIM_EXC_USAGE, SIM_CFSR_INVSTATE, "vector without Thumb bit");
    }
}

bool sim_exception_dispatch(struct ferry_sim *b)
{
    int exc = sim_nvic_highest(b);
    if (exc == 0)
        return false;
    int priority = sim_nvic_priority(b, exc);
    if (priority >= sim_nvic_running(b, true)) {
        /* The mask registers change without our hearing of it: let the block hook look. */
        b->watch_masks = priority < sim_nvic_running(b, false);
        return false;
    }
    if (sim_cpu_get(b, UC_ARM_REG_XPSR) & XPSR_IT) {
        b->one_block = true; /* between two instructions of an IT block: after the next block */
        return false;
    }
    enter(b, exc);
    return true;
}

void sim_exception_svc(struct ferry_sim *b)
{
    if (sim_nvic_priority(b, SIM_EXC_SVC) < sim_nvic_running(b, true))
        enter(b, SIM_EXC_SVC);
    else
        sim_exception_fault(b, SIM_EXC_HARD, 0, "SVC at a priority that cannot take it");
}

static bool fault_enabled(const struct ferry_sim *b, int exc)
{
    return exc >= SIM_EXC_MEM && exc <= SIM_EXC_USAGE &&
           (b->s.nvic.shcsr_enable & (1u << (16 + exc - SIM_EXC_MEM)));
}

void sim_exception_fault(struct ferry_sim *b, int exc, uint32_t cfsr, const char *text)
{
    struct sim_nvic *n = &b->s.nvic;
    int running = sim_nvic_running(b, true);
    n->cfsr |= cfsr;
    sim_event(b, FERRY_SIM_EV_FAULT, (uint32_t)exc, sim_cpu_get(b, UC_ARM_REG_PC), n->cfsr, text);
    if (fault_enabled(b, exc) && sim_nvic_priority(b, exc) < running) {
        enter(b, exc);
    } else if (running > sim_nvic_priority(b, SIM_EXC_HARD)) {
        if (exc != SIM_EXC_HARD)
            n->hfsr |= HFSR_FORCED;
        enter(b, SIM_EXC_HARD);
    } else {
        lock_up(b);
    }
}

static bool active(const struct ferry_sim *b, int exc)
{
    return (b->s.nvic.active[exc >> 5] >> (exc & 31)) & 1u;
}

static void leave(struct ferry_sim *b, int exc)
{
    struct sim_nvic *n = &b->s.nvic;
    set_bit(n->active, exc, false);
    if (exc >= SIM_EXC_IRQ0 && ((n->line[exc >> 5] >> (exc & 31)) & 1u))
        set_bit(n->pending, exc, true); /* the line is still up */
    if (exc != SIM_EXC_NMI)
        sim_cpu_set(b, UC_ARM_REG_FAULTMASK, 0);
}

static void pop_frame(struct ferry_sim *b, const uint32_t *frame, uint32_t sp, uint32_t exc_return)
{
    static const int regs[] = {UC_ARM_REG_R0, UC_ARM_REG_R1,  UC_ARM_REG_R2,
                               UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};
    bool extended = !(exc_return & 0x10u), thread = exc_return & 8u, psp = exc_return & 4u;
    uint32_t control = sim_cpu_get(b, UC_ARM_REG_CONTROL) & 1u;
    sp += (extended ? EXTENDED_WORDS : BASIC_WORDS) * 4u;
    if (frame[7] & XPSR_ALIGN)
        sp |= 4u;
    if (extended) {
        for (int i = 0; i < 16; i++)
            sim_cpu_set(b, UC_ARM_REG_S0 + i, frame[8 + i]);
        sim_cpu_set(b, UC_ARM_REG_FPSCR, frame[24]);
    }
    for (int i = 0; i < 6; i++)
        sim_cpu_set(b, regs[i], frame[i]);
    sim_cpu_set(b, psp ? UC_ARM_REG_PSP : UC_ARM_REG_MSP, sp);
    /* CONTROL.SPSEL can be written in Thread mode only, nPRIV last takes the right to. */
    uint32_t ipsr = thread ? 0 : frame[7] & 0x1FFu;
    sim_cpu_set(b, UC_ARM_REG_XPSR_NZCVQG, (frame[7] & ~(0x1FFu | XPSR_ALIGN)) | XPSR_T | ipsr);
    sim_cpu_set(b, UC_ARM_REG_CONTROL,
                control | (psp ? CONTROL_SPSEL : 0) | (extended ? CONTROL_FPCA : 0));
    sim_cpu_set(b, UC_ARM_REG_PC, frame[6] | 1u);
}

static bool valid_return(uint32_t exc_return)
{
    uint32_t low = exc_return | 0x10u;
    return low == 0xFFFFFFF1u || low == 0xFFFFFFF9u || low == 0xFFFFFFFDu;
}

void sim_exception_return(struct ferry_sim *b, uint32_t exc_return)
{
    int exc = (int)(sim_cpu_get(b, UC_ARM_REG_XPSR) & 0x1FFu);
    if (exc == 0) {
        sim_exception_fault(b, SIM_EXC_BUS, SIM_CFSR_IBUSERR, "jump to EXC_RETURN in Thread mode");
        return;
    }
    if (!valid_return(exc_return) || exc >= SIM_EXC_MAX || !active(b, exc)) {
        sim_exception_fault(b, SIM_EXC_USAGE, SIM_CFSR_INVPC, "bad EXC_RETURN");
        return;
    }
    uint32_t sp = sim_cpu_get(b, (exc_return & 4u) ? UC_ARM_REG_PSP : UC_ARM_REG_MSP) & ~3u;
    uint32_t frame[EXTENDED_WORDS] = {0};
    uint32_t size = ((exc_return & 0x10u) ? BASIC_WORDS : EXTENDED_WORDS) * 4u;
    const uint8_t *memory = sim_bus_ram(b, sp, size);
    leave(b, exc);
    if (sim_mpu_denies(b, sp, size)) {
        sim_exception_fault(b, SIM_EXC_MEM, SIM_CFSR_MUNSTKERR,
                            "the MPU allows no access to the return stack");
        return;
    }
    if (!memory) {
        sim_exception_fault(b, SIM_EXC_BUS, SIM_CFSR_UNSTKERR, "return stack is not RAM");
        return;
    }
    memcpy(frame, memory, size);
    pop_frame(b, frame, sp, exc_return);
    b->s.now_ps += ENTRY_CYCLES * b->s.rcc.ps_per_cycle;
    if ((exc_return & 8u) && (b->s.nvic.scr & SCR_SLEEPONEXIT))
        b->s.sleeping = true;
}
