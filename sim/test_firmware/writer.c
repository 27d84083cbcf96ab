/* Erases sector 5, programs 64 words there, then says so: the prey of power cuts. */
#include "fw.h"

#define SLOT 0x08020000u

int main(void)
{
    fw_flash_unlock();
    RESULTS[0] = 1;
    fw_flash_erase(5);
    RESULTS[0] = 2;
    for (uint32_t i = 0; i < 64u; i++)
        fw_flash_word(SLOT + 4u * i, 0xA5000000u | i);
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
