/* Stale lines of the ART data cache: shown until it is reset (RM0383 3.4.2). */
#include "fw.h"

#define SPARE 0x08060000u

int main(void)
{
    fw_clock_100mhz(); /* caches on */
    fw_flash_unlock();
    RESULTS[1] = fw_flash_erase(7);
    FLASH_ACR &= ~(1u << 10);
    FLASH_ACR |= 1u << 12;
    FLASH_ACR &= ~(1u << 12);
    FLASH_ACR |= 1u << 10;
    RESULTS[2] = fw_flash_word(SPARE, 0xCAFEF00Du);
    RESULTS[3] = REG(SPARE); /* written through */
    fw_flash_erase(7);
    RESULTS[4] = REG(SPARE); /* stale: 0xCAFEF00D */
    FLASH_ACR &= ~(1u << 10);
    RESULTS[5] = REG(SPARE); /* cache off: the truth */
    FLASH_ACR |= 1u << 10;
    RESULTS[6] = REG(SPARE); /* on again without a reset: stale */
    FLASH_ACR &= ~(1u << 10);
    FLASH_ACR |= 1u << 12;
    FLASH_ACR &= ~(1u << 12);
    FLASH_ACR |= 1u << 10;
    RESULTS[7] = REG(SPARE); /* 0xFFFFFFFF */
    RESULTS[8] = fw_flash_word(SPARE, 0xCAFEF00Du);
    FLASH_ACR &= ~(1u << 10);
    fw_flash_erase(7);
    RESULTS[9] = REG(SPARE); /* off: the truth */
    FLASH_ACR |= 1u << 10;
    RESULTS[10] = REG(SPARE); /* off during the erase is not enough: its lines were kept */
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
