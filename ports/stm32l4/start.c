/*
 * The first instructions after a reset, and after ST's ROM bootloader: its command GO jumps here
 * with the clock, the peripherals and the vector table that it used itself (AN2606, "Exiting
 * bootloader mode"). Leaves the chip as after a reset, but for the clock, which is HSI16.
 */
#include "chip.h"
#include "start.h"
#include "startup.h"

extern char link_vectors[]; /* from memory.ld.in */

static void start_hsi(void)
{
    RCC_REGS->CR |= RCC_CR_HSION;
    while ((RCC_REGS->CR & RCC_CR_HSIRDY) == 0) { /* always there, within 2 us */
    }
    RCC_REGS->CFGR = (RCC_REGS->CFGR & ~FIELD(3, 0)) | RCC_CFGR_SW_HSI;
    while ((RCC_REGS->CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_HSI) {
    }
    RCC_REGS->CFGR = RCC_CFGR_SW_HSI; /* no prescalers */
    RCC_REGS->CR &= ~RCC_CR_PLLON;    /* its factors can be changed only while it is off */
    while ((RCC_REGS->CR & RCC_CR_PLLRDY) != 0) {
    }
}

/* Resets what is switched on, not the interface of the flash that we run from. */
static void reset_peripherals(void)
{
    RCC_REGS->AHB1RSTR = RCC_REGS->AHB1ENR & ~RCC_AHB1_RESET;
    RCC_REGS->AHB2RSTR = RCC_REGS->AHB2ENR;
    RCC_REGS->APB1RSTR1 = RCC_REGS->APB1ENR1;
    RCC_REGS->APB1RSTR2 = RCC_REGS->APB1ENR2;
    RCC_REGS->APB2RSTR = RCC_REGS->APB2ENR;
    RCC_REGS->AHB1RSTR = 0;
    RCC_REGS->AHB2RSTR = 0;
    RCC_REGS->APB1RSTR1 = 0;
    RCC_REGS->APB1RSTR2 = 0;
    RCC_REGS->APB2RSTR = 0;
    RCC_REGS->AHB1ENR = RCC_AHB1_RESET;
    RCC_REGS->AHB2ENR = 0;
    RCC_REGS->APB1ENR1 = 0;
    RCC_REGS->APB1ENR2 = 0;
    RCC_REGS->APB2ENR = 0;
    RCC_REGS->CCIPR = 0; /* the USART runs on its bus's clock */
}

/* A chip that was blank when its power came on starts the ROM at each reset until then: the flag is
 * not looked at anew (section 2.6). A program that runs is the proof; the bit toggles. */
static void clear_empty_flag(void)
{
    if ((FLASH_REGS->SR & FLASH_SR_PEMPTY) != 0) {
        FLASH_REGS->SR = FLASH_SR_PEMPTY;
    }
}

static void reset_core(void)
{
    SYSTICK_REGS->CTRL = 0;
    SCB_REGS->ICSR = SCB_ICSR_PENDSTCLR | SCB_ICSR_PENDSVCLR;
    for (unsigned i = 0; i < NVIC_WORDS; i++) {
        NVIC_ICER[i] = UINT32_MAX;
        NVIC_ICPR[i] = UINT32_MAX;
    }
    SCB_REGS->VTOR = (uint32_t)link_vectors;
    stm32_barrier();
}

_Noreturn void stm32_start(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    reset_core();
    start_hsi();
    reset_peripherals();
    clear_empty_flag();
    __asm__ volatile("cpsie i" ::: "memory");
    Reset_Handler();
}
