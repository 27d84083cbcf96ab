/* Vector table of an application: system entries and the interrupts of the F411 (RM0383, table 37:
 * 86, the last is SPI5). An application that uses number n of that table defines IRQn_Handler; the
 * demo uses none. */
#define ON_RESET Reset_Handler
#define ON_FAULT stm32_reset
#include "vectors.inc"

    .section .vectors, "a", %progbits
    system_vectors
    interrupt_vectors 86
