/* Vector table of the bootloader: the 16 system entries only (PM0214, section 2.3.4), as it polls
 * and the boot block follows at 0x40. */
#define ON_RESET Reset_Handler
#define ON_FAULT stm32_fault /* leaves a mark for the boot log */
#include "vectors.inc"

    .section .vectors, "a", %progbits
    system_vectors
