/* What the chip lets pass and punishes later: clocks, wait states, DMA flags, wild addresses. */
#include "fw.h"

static volatile uint32_t bus_faults;

__attribute__((used)) static void skip(uint32_t *frame)
{
    bus_faults++;
    SCB_CFSR = SCB_CFSR;
    (void)frame; /* an imprecise fault: the program has gone on already */
}

__attribute__((naked)) void BusFault_Handler(void)
{
    __asm volatile("mrs r0, msp\n b skip");
}

int main(void)
{
    fw_clock_100mhz();
    FLASH_ACR = 0; /* 0 wait states at 100 MHz */
    FLASH_ACR = 3;
    RCC_CFGR = 2u; /* APB1 at 100 MHz */
    RCC_CFGR = 4u << 10 | 2u;
    RCC_PLLCFGR = 0;       /* while the PLL runs: ignored */
    RCC_CR &= ~(1u << 24); /* the PLL feeds the core: stays on */
    RESULTS[1] = RCC_CR >> 24 & 3u;
    REG(0xE000ED24u) = 1u << 17;
    REG(0x40005000u) = 1; /* no peripheral there */
    __asm volatile("isb");
    RESULTS[2] = bus_faults;
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
