#include "port.h"
#include "cortex_m4.h"

_Noreturn void stm32_reset(void)
{
    stm32_barrier();
    SCB_REGS->AIRCR = SCB_AIRCR_RESET;
    stm32_barrier();
    for (;;) {
    }
}
