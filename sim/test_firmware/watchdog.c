/* Reset causes: writes RCC_CSR of each start, then hangs by the watchdog, resets itself, locks up.
 */
#include "fw.h"

static void watchdog_100ms(void)
{
    IWDG_KR = 0x5555u;
    IWDG_PR = 0; /* 4: 8 kHz */
    IWDG_RLR = 799;
    while (IWDG_SR)
        ;
    IWDG_KR = 0xAAAAu;
    IWDG_KR = 0xCCCCu;
}

int main(void)
{
    uint32_t flags = RCC_CSR & 0xFE000000u;
    RCC_CSR |= 1u << 24;
    if (flags & (1u << 27))
        RESULTS[0] = 0;
    uint32_t start = RESULTS[0];
    RESULTS[1 + start] = flags;
    RESULTS[0] = start + 1u;
    if (start == 0) {
        watchdog_100ms();
        for (;;)
            __asm volatile("cpsid i\n wfi"); /* sleep does not stop it */
    }
    if (start == 1)
        SCB_AIRCR = 0x05FA0004u;
    if (start == 2) {
        watchdog_100ms();
        SCB_VTOR = 0x10000000u; /* no vectors there: HardFault cannot be entered */
        __asm volatile("udf #0");
    }
    for (;;)
        __asm volatile("wfi");
}
