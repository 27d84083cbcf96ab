/* Reads a page, counting NMIs of its ECC; then erases it and programs 32 double words. */
#include "fw_l4.h"

void NMI_Handler(void)
{
    if (RESULTS[1] == 0)
        RESULTS[2] = L4_FLASH_ECCR;
    RESULTS[1]++;
    L4_FLASH_ECCR = 1u << 31;
}

int main(void)
{
    uint32_t sum = 0;
    RESULTS[0] = RESULTS[1] = RESULTS[2] = 0;
    for (uint32_t i = 0; i < 2048u; i += 8u)
        sum += REG(L4_PAGE_START + i);
    RESULTS[3] = sum;
    RESULTS[0] = 1;
    l4_unlock();
    RESULTS[4] = l4_erase(L4_PAGE);
    for (uint32_t i = 0; i < 32u; i++)
        RESULTS[4] |= l4_program(L4_PAGE_START + 8u * i, 0x01234567u, i);
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
