/* Why the chip was reset (RM0394, section 6.4.29). */
#include "chip.h"
#include "port.h"

uint8_t stm32_reset_cause(void)
{
    uint32_t flags = RCC_REGS->CSR;
    unsigned cause = 0;

    RCC_REGS->CSR = flags | RCC_CSR_RMVF;
    if ((flags & RCC_CSR_BORRSTF) != 0) {
        return FERRY_RESET_POWER; /* a brown-out has no flag of its own */
    }
    cause |= (flags & RCC_CSR_SFTRSTF) != 0 ? FERRY_RESET_SOFTWARE : 0U;
    cause |= (flags & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) != 0 ? FERRY_RESET_WATCHDOG : 0U;
    /* Every reset pulls the pin low as well: it is the cause where no other is. */
    return cause == 0 ? FERRY_RESET_PIN : (uint8_t)cause;
}
