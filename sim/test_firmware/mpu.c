/* MPU regions without access: a guard is met by reads, by writes and by the stacking of exceptions.
 */
#include "fw.h"

#define MPU_CTRL  REG(0xE000ED94u)
#define MPU_RNR   REG(0xE000ED98u)
#define MPU_RBAR  REG(0xE000ED9Cu)
#define MPU_RASR  REG(0xE000EDA0u)
#define SHCSR     REG(0xE000ED24u)
#define MMFAR     REG(0xE000ED34u)
#define MEMFAULTS (1u << 16)
#define ENABLE    1u
#define HFNMIENA  2u
#define PRIVDEF   4u
#define NO_ACCESS 0u
#define FULL      (3u << 24)

#define GUARD 0x20008420u /* 32 bytes, not at the start of anything */

#define LOG_COUNT RESULTS[8]
#define LOG(i)    RESULTS[16 + (i)]

static void log_number(uint32_t n)
{
    LOG(LOG_COUNT) = n;
    LOG_COUNT = LOG_COUNT + 1u;
}

/* RESULTS[4] is where main goes on, RESULTS[5] its stack. The frame may be missing: makes a new
 * one. */
__attribute__((used)) static uint32_t *fault(uint32_t number)
{
    uint32_t *frame = (uint32_t *)(RESULTS[5] - 32u);
    log_number(number);
    log_number(SCB_CFSR);
    log_number(MMFAR);
    log_number(SCB_HFSR);
    SCB_CFSR = SCB_CFSR;
    SCB_HFSR = SCB_HFSR;
    if (number == 23) { /* in HardFault the guard is off, or not */
        if (!(MPU_CTRL & HFNMIENA))
            log_number(REG(GUARD));
    }
    for (unsigned i = 0; i < 6; i++)
        frame[i] = 0;
    frame[6] = RESULTS[4] & ~1u;
    frame[7] = 1u << 24;
    return frame;
}

#define FAULT_HANDLER(name, number)                                                                \
    __attribute__((naked)) void name(void)                                                         \
    {                                                                                              \
        __asm volatile(                                                                            \
            "ldr r0, =0x20000014\n ldr r0, [r0]\n subs r0, #255\n subs r0, #1\n mov sp, r0\n "     \
            "movs r0, #" #number                                                                   \
            "\n push {r4, lr}\n bl fault\n pop {r4, lr}\n mov sp, r0\n bx lr\n .ltorg");           \
    }
FAULT_HANDLER(MemManage_Handler, 20)
FAULT_HANDLER(BusFault_Handler, 21)
FAULT_HANDLER(HardFault_Handler, 23)

/* Runs instructions with r2 = address that fault; the handler goes on behind them. */
#define EXPECT_FAULT(address, instructions)                                                        \
    __asm volatile(                                                                                \
        "ldr r3, =0x20000010\n adr r1, 1f\n str r1, [r3]\n mov r1, sp\n str r1, [r3, #4]\n"        \
        "mov r2, %0\n b 2f\n .ltorg\n .align 2\n 2: " instructions                                 \
        "\n nop\n .align 2\n 1: nop" ::"r"(address)                                                \
        : "r0", "r1", "r2", "r3", "r12", "lr", "cc", "memory")

static void region(uint32_t number, uint32_t address, uint32_t size_log2, uint32_t access)
{
    MPU_RNR = number;
    MPU_RBAR = address;
    MPU_RASR = access | (size_log2 - 1u) << 1 | 1u;
    __asm volatile("dsb\n isb");
}

static void enable(uint32_t ctrl)
{
    MPU_CTRL = ctrl;
    __asm volatile("dsb\n isb");
}

int main(void)
{
    LOG_COUNT = 0;
    for (uint32_t a = GUARD - 64u; a < GUARD + 96u; a += 4)
        REG(a) = a;
    region(0, GUARD, 5, NO_ACCESS);
    log_number(REG(GUARD)); /* the MPU is off */
    SHCSR = MEMFAULTS;
    enable(ENABLE | PRIVDEF);
    log_number(REG(GUARD - 4u)); /* neighbours, also unaligned, first, so that the page is known */
    log_number(REG(GUARD - 6u));
    log_number(REG(GUARD + 32u));
    REG8(GUARD - 1u) = 0xAB;
    log_number(REG(GUARD - 4u));
    EXPECT_FAULT(GUARD, "ldr r0, [r2]");
    EXPECT_FAULT(GUARD, "str r0, [r2, #28]");
    EXPECT_FAULT(GUARD, "ldr r0, [r2, #-2]"); /* its last half is in the guard */
    SHCSR = 0; /* HardFault, entered though its frame would be in the guard too */
    EXPECT_FAULT(GUARD + 36u, "mov sp, r2\n push {r0, r1}");
    region(1, GUARD & ~0xFFu, 8, FULL); /* the higher region decides */
    log_number(REG(GUARD));
    MPU_RASR = 0;
    __asm volatile("dsb\n isb");
    EXPECT_FAULT(GUARD, "ldr r0, [r2]");
    __asm volatile("cpsid f");
    log_number(REG(GUARD)); /* FAULTMASK: as in HardFault */
    __asm volatile("cpsie f");
    enable(0);
    log_number(REG(GUARD + 28u));
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
