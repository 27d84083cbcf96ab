/* Leaves the chip as a reset would, then starts an image (PM0214, sections 2.3.4 and 4.4.4). */
#include "board.h"
#include "port.h"
#include "chip.h"

extern char link_stack_guard[]; /* from memory.ld.in */

/* Resets what is switched on: nothing else can have been used. */
static void reset_peripherals(void)
{
    RCC_REGS->AHB1RSTR = RCC_REGS->AHB1ENR & ~(uint32_t)BOARD_AHB1ENR_RESET;
    RCC_REGS->APB1RSTR = RCC_REGS->APB1ENR;
    RCC_REGS->APB2RSTR = RCC_REGS->APB2ENR;
    RCC_REGS->AHB1RSTR = 0;
    RCC_REGS->APB1RSTR = 0;
    RCC_REGS->APB2RSTR = 0;
    RCC_REGS->AHB1ENR = BOARD_AHB1ENR_RESET;
    RCC_REGS->APB1ENR = 0;
    RCC_REGS->APB2ENR = 0;
}

/* HSI, which nobody switched off, no prescalers, then the rest off: never the clock in use. */
static void reset_clock(void)
{
    RCC_REGS->CFGR &= ~RCC_CFGR_SW_MASK;
    while ((RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) != 0) {
    }
    RCC_REGS->CFGR = 0; /* the prescalers after the clock: APB1 never gets more than it bears */
    RCC_REGS->CR = RCC_CR_RESET;
    RCC_REGS->PLLCFGR = RCC_PLLCFGR_RESET;
    FLASH_REGS->ACR = 0; /* no wait states, caches off and, next line, empty */
    FLASH_REGS->ACR = FLASH_ACR_ICRST | FLASH_ACR_DCRST;
    FLASH_REGS->ACR = 0;
}

void stm32_stack_guard(void)
{
    MPU_REGS->RBAR = (uint32_t)link_stack_guard; /* of region 0, which is selected after a reset */
    MPU_REGS->RASR = MPU_RASR_NO_ACCESS | MPU_RASR_SIZE(10) | MPU_RASR_ENABLE; /* 2^10 bytes */
    MPU_REGS->CTRL = MPU_CTRL_ENABLE | MPU_CTRL_PRIVDEFENA;
    stm32_barrier();
}

/* SysTick and NVIC are as after the reset: the bootloader uses no interrupt. */
static void reset_core(void)
{
    MPU_REGS->CTRL = 0;
    MPU_REGS->RASR = 0; /* an application that uses the MPU does not inherit our region */
    DWT_CTRL &= ~DWT_CTRL_CYCCNTENA;
    DEMCR &= ~DEMCR_TRCENA;
}

_Noreturn void stm32_jump(uint32_t vectors)
{
    const uint32_t *table = (const uint32_t *)vectors;
    uint32_t stack = table[0];
    uint32_t entry = table[1];
    /* The clock first: it needs PWR's regulator scale, which the peripheral reset takes back. */
    reset_clock();
    reset_peripherals();
    reset_core();
    SCB_REGS->VTOR = vectors;
    stm32_barrier();
    __asm__ volatile("msr msp, %0\n\t"
                     "isb\n\t"
                     "bx %1"
                     :
                     : "r"(stack), "r"(entry)
                     : "memory");
    __builtin_unreachable();
}
