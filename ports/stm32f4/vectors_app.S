/* Vector table of an application: system entries and the interrupts of the F411 (RM0383, table 37:
 * 86, the last is SPI5). An application that uses number n of that table defines IRQn_Handler; the
 * demo uses none. */
#define ON_FAULT stm32f4_reset
#include "vectors.inc"

    .altmacro
    .macro interrupt number
    optional IRQ\number\()_Handler
    .word IRQ\number\()_Handler
    .endm

    .section .vectors, "a", %progbits
    system_vectors
    .set number, 0
    .rept 86
    interrupt %number
    .set number, number + 1
    .endr
