/*
 * Waits for an erase in RAM, round by round the same; takes bytes that arrive meanwhile. Before
 * that it writes a word, once, so that a test can tear it. Where the test left LOOK in flash, each
 * round looks at that word.
 */
#include "fw.h"

#define WORD 0x0800C000u
#define DONE 0x0800C100u
#define LOOK 0x0800C200u /* 0: look */

RAMCODE static void erase_and_wait(bool look)
{
    uint32_t first = REG(WORD), count = 0;
    FLASH_CR = 2u << 8 | 1u << 1 | 7u << 3;
    FLASH_CR |= 1u << 16;
    while (FLASH_SR & (1u << 16)) {
        if (USART_SR & (1u << 5)) {
            RESULTS[1] += USART_DR;
            RESULTS[2]++;
        }
        if (look && REG(WORD) == first)
            count++;
    }
    RESULTS[3] = count;
}

int main(void)
{
    RESULTS[0] = 0;
    fw_clock_100mhz();
    fw_uart_init();
    fw_flash_unlock();
    if (REG(DONE) == 0xFFFFFFFFu) {
        fw_flash_word(DONE, 0);
        fw_flash_word(WORD, 0);
    }
    erase_and_wait(REG(LOOK) == 0);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 5000u; i++) /* which bits, and when they flip */
        sum = sum * 31u + REG(WORD);
    RESULTS[4] = sum;
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
