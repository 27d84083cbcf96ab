/* The flash controller's contract: each refusal, then what must work. Results in RESULTS[1...]. */
#include "fw.h"

#define SPARE 0x08060000u /* sector 7 */

static uint32_t flags(void)
{
    while (FLASH_SR & (1u << 16))
        ;
    uint32_t sr = FLASH_SR & 0x1F3u;
    FLASH_SR = sr;
    return sr;
}

int main(void)
{
    uint32_t n = 1;
    REG(SPARE) = 0;
    RESULTS[n++] = flags(); /* 1: locked: PGSERR */
    fw_flash_unlock();
    RESULTS[n++] = FLASH_CR >> 31; /* 2: 0 */
    FLASH_CR = 2u << 8 | 1u;
    REG8(SPARE) = 0;
    RESULTS[n++] = flags(); /* 3: x8 with PSIZE x32: PGPERR */
    *(volatile uint32_t *)(SPARE + 2u) = 0;
    RESULTS[n++] = flags() != 0; /* 4: not aligned: refused */
    FLASH_CR = 0;
    RESULTS[n++] = fw_flash_word(SPARE, 0xFFFF00FFu); /* 5: 0 */
    RESULTS[n++] = fw_flash_word(SPARE, 0x1234FFFFu); /* 6: 0 */
    RESULTS[n++] = REG(SPARE);                        /* 7: only 1 -> 0: 0x123400FF */
    FLASH_CR = 1;                                     /* x8 */
    REG8(SPARE + 9u) = 0xA5;
    FLASH_CR = 1u | 1u << 8; /* x16 */
    *(volatile uint16_t *)(SPARE + 12u) = 0xBEEF;
    FLASH_CR = 0;
    RESULTS[n++] = REG(SPARE + 8u);   /* 8: 0xFFFFA5FF */
    RESULTS[n++] = REG(SPARE + 12u);  /* 9: 0xFFFFBEEF */
    RESULTS[n++] = fw_flash_erase(0); /* 10: write protected by the test: WRPERR */
    RESULTS[n++] = fw_flash_erase(7); /* 11: 0 */
    RESULTS[n++] = REG(SPARE);        /* 12: erased */
    FLASH_CR = 1u << 24;              /* EOPIE: only now does EOP show */
    FLASH_CR |= 2u << 8 | 1u;
    REG(SPARE) = 0x11111111u;
    RESULTS[n++] = flags(); /* 13: EOP */
    FLASH_CR = 1u << 31;
    FLASH_CR = 1u;
    RESULTS[n++] = FLASH_CR; /* 14: locked again: 0x8000.... */
    fw_flash_unlock();
    RESULTS[n++] = FLASH_CR >> 31; /* 15: 0 */
    FLASH_CR = 1u << 31;
    FLASH_KEYR = 0xDEADBEEFu;
    fw_flash_unlock();
    RESULTS[n++] = FLASH_CR >> 31; /* 16: 1, until reset */
    REG(0x40023800u + 0x44u) = 0;
    USART_BRR = 0x1234u;
    RESULTS[n++] = USART_BRR;                         /* 17: no clock: reads 0 */
    RESULTS[n++] = *(volatile uint16_t *)0x1FFF7A22u; /* 18: 512 */
    RESULTS[n++] = REG(0x1FFF7A10u);                  /* 19: unique id */
    RESULTS[n++] = REG(0xE0042000u) & 0xFFFu;         /* 20: 0x431 */
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
