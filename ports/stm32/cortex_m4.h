/*
 * cortex_m4.h - the registers of the core that the STM32 ports use: PM0214 (Cortex-M4 programming
 * manual) and ARMv7-M ARM (DWT).
 */
#ifndef STM32_CORTEX_M4_H
#define STM32_CORTEX_M4_H

#include <stdint.h>

typedef volatile uint32_t stm32_reg;

#define BIT(n)              (1UL << (n))
#define FIELD(value, shift) ((uint32_t)(value) << (shift))

/* SysTick, PM0214 section 4.5. */
struct stm32_systick_regs {
    stm32_reg CTRL, LOAD, VAL, CALIB;
};
#define SYSTICK_REGS       ((struct stm32_systick_regs *)0xE000E010)
#define SYSTICK_ENABLE     BIT(0)
#define SYSTICK_TICKINT    BIT(1)
#define SYSTICK_CORE_CLOCK BIT(2)

/* NVIC, PM0214 section 4.3; up to 96 interrupts: three words. */
#define NVIC_ICER ((stm32_reg *)0xE000E180)
#define NVIC_ICPR ((stm32_reg *)0xE000E280)
enum { NVIC_WORDS = 3 };

/* SCB, PM0214 section 4.4. */
struct stm32_scb_regs {
    stm32_reg CPUID, ICSR, VTOR, AIRCR, SCR, CCR, SHPR[3], SHCSR;
};
#define SCB_REGS           ((struct stm32_scb_regs *)0xE000ED00)
#define SCB_ICSR_PENDSTCLR BIT(25)
#define SCB_ICSR_PENDSVCLR BIT(27)
#define SCB_AIRCR_RESET    0x05FA0004U /* VECTKEY | SYSRESETREQ */

/* MPU, PM0214 section 4.2. */
struct stm32_mpu_regs {
    stm32_reg TYPE, CTRL, RNR, RBAR, RASR;
};
#define MPU_REGS            ((struct stm32_mpu_regs *)0xE000ED90)
#define MPU_CTRL_ENABLE     BIT(0)
#define MPU_CTRL_PRIVDEFENA BIT(2)  /* outside the regions: as without MPU */
#define MPU_RASR_NO_ACCESS  BIT(28) /* XN; AP = 0 */
#define MPU_RASR_SIZE(log2) FIELD((log2)-1, 1)
#define MPU_RASR_ENABLE     BIT(0)

/* Debug: cycle counter, ARMv7-M ARM sections C1.6.5 and C1.8.7. */
#define DEMCR              (*(stm32_reg *)0xE000EDFC)
#define DEMCR_TRCENA       BIT(24)
#define DWT_CTRL           (*(stm32_reg *)0xE0001000)
#define DWT_CTRL_CYCCNTENA BIT(0)
#define DWT_CYCCNT         (*(stm32_reg *)0xE0001004)

/* A function that runs from RAM, as nothing can be fetched from flash while that is busy. It must
 * not read constants either, and call only its like. */
#define STM32_RAMCODE __attribute__((section(".ramcode"), noinline))

/* Completes all memory accesses before the next instruction. */
static inline void stm32_barrier(void)
{
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

#endif
