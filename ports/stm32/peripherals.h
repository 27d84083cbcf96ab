/*
 * peripherals.h - peripherals that are the same in all families that Ferry has a port for. Where
 * they stand, and what switches their clocks on, is in the family's chip.h.
 */
#ifndef STM32_PERIPHERALS_H
#define STM32_PERIPHERALS_H

#include "cortex_m4.h"

/* One GPIO port: RM0383 section 8.4, RM0394 section 8.4. */
struct stm32_gpio_regs {
    stm32_reg MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFR[2];
};
enum { GPIO_INPUT = 0, GPIO_OUTPUT = 1, GPIO_ALTERNATE = 2 };
enum { GPIO_PULL_NONE = 0, GPIO_PULL_UP = 1 };
#define GPIO_NUMBER(letter) ((unsigned)(letter) - 'A')

/* IWDG, RM0383 section 15.4, RM0394 section 32.4. */
struct stm32_iwdg_regs {
    stm32_reg KR, PR, RLR, SR;
};
#define IWDG_REGS      ((struct stm32_iwdg_regs *)0x40003000)
#define IWDG_KEY_FEED  0xAAAAU
#define IWDG_KEY_WRITE 0x5555U
#define IWDG_KEY_START 0xCCCCU

#endif
