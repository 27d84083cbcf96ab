/* Erases from RAM: the core goes on while the flash works, and stalls when it returns to flash. */
#include "fw.h"

RAMCODE static void erase_and_count(void)
{
    uint32_t turns = 0;
    FLASH_CR = 2u << 8 | 1u << 1 | 7u << 3;
    FLASH_CR |= 1u << 16;
    while ((FLASH_SR & (1u << 16)) && turns < 1000u)
        turns++;
    RESULTS[1] = turns;
}

int main(void)
{
    fw_flash_unlock();
    erase_and_count();
    RESULTS[2] = FLASH_SR; /* fetched from flash: the erase must be over */
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
