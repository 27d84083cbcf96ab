/* Vector table: system entries and the interrupts of the L432 (RM0394, table 46: 83, the last is
 * CRS). An application that uses number n of that table defines IRQn_Handler. */
#define ON_RESET stm32_start
#define ON_FAULT stm32_reset
#include "vectors.inc"

    .section .vectors, "a", %progbits
    system_vectors
    interrupt_vectors 83
