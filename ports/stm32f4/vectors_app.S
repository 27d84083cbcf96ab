/* Vector table of an application: system entries and the interrupts of the F411 (RM0383, table 37:
 * 86, the last is SPI5). The demo uses none of the latter. */
#define ON_FAULT stm32f4_reset
#include "vectors.inc"

    .section .vectors, "a", %progbits
    system_vectors
    .rept 86
    .word Default_Handler
    .endr
