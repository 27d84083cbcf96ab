/* start.h - the reset vector of this port. */
#ifndef STM32L4_START_H
#define STM32L4_START_H

/* Where the core begins, after a reset or after the ROM's GO; goes on with Reset_Handler. Uses no
 * variable: there are none yet. */
_Noreturn void stm32_start(void);

#endif
