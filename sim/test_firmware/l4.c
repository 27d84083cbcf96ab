/* STM32L432: clock, flash contract, SRAM2, LED, USART1 with DMA both ways, identity. */
#include "fw_l4.h"

static uint8_t received[8];

static void clock_80mhz(void)
{
    L4_RCC_CR |= 1u << 8;
    while (!(L4_RCC_CR & (1u << 10)))
        ;
    L4_RCC_PLLCFGR = 2u | 10u << 8 | 1u << 24; /* HSI16 * 10 / 2 */
    L4_RCC_CR |= 1u << 24;
    while (!(L4_RCC_CR & (1u << 25)))
        ;
    L4_FLASH_ACR = 4u | 0x600u;
    L4_RCC_CFGR = 3;
    while ((L4_RCC_CFGR & 0xCu) != 0xCu)
        ;
}

static void uart(void)
{
    L4_RCC_AHB1ENR |= 1u;
    L4_RCC_APB2ENR |= 1u << 14;
    L4_GPIOA_MODER = (L4_GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18;
    L4_GPIOA_AFRH = 0x770u;
    L4_BRR = (80000000u + 57600u) / 115200u;
    L4_CR3 = 3u << 6;
    L4_CR1 = 1u | 3u << 2;
    L4_DMA_CSELR = 2u << 12 | 2u << 16;
    L4_CPAR(5) = L4_RDR;
    L4_CMAR(5) = (uint32_t)received;
    L4_CNDTR(5) = sizeof received;
    L4_CCR(5) = 1u | 1u << 5 | 1u << 7; /* circular */
}

static void send(const void *data, uint32_t size)
{
    L4_CCR(4) = 0;
    L4_DMA_IFCR = 0xFu << 12;
    L4_CPAR(4) = L4_TDR;
    L4_CMAR(4) = (uint32_t)data;
    L4_CNDTR(4) = size;
    L4_CCR(4) = 1u | 1u << 4 | 1u << 7;
    while (!(L4_DMA_ISR & (1u << 13)))
        ;
}

static void flash(void)
{
    RESULTS[1] = L4_FLASH_CR >> 30; /* 3: both locks */
    l4_unlock();
    RESULTS[2] = L4_FLASH_CR >> 30; /* 1 */
    RESULTS[3] = l4_erase(L4_PAGE);
    RESULTS[4] = l4_program(L4_PAGE_START, 0x11223344u, 0x55667788u);
    RESULTS[5] = REG(L4_PAGE_START + 4u);
    RESULTS[6] = l4_program(L4_PAGE_START, 0x11223300u, 0x55667788u); /* only once: PROGERR */
    RESULTS[7] = REG(L4_PAGE_START);
    RESULTS[8] = l4_program(L4_PAGE_START, 0, 0); /* but for zeros */
    RESULTS[9] = l4_program(L4_PAGE_START + 12u, 1, 2) & (1u << 5);
    L4_FLASH_CR = 1;
    REG8(L4_PAGE_START + 16u) = 0;
    RESULTS[10] = l4_finish(); /* SIZERR */
    REG(L4_PAGE_START + 16u) = 0;
    RESULTS[11] = l4_finish();                            /* PGSERR: without PG */
    RESULTS[12] = l4_erase(101);                          /* protected by the test: WRPERR */
    RESULTS[21] = l4_erase(L4_PAGE) | REG(L4_PAGE_START); /* the data cache still has the zeros */
    L4_FLASH_ACR = 4u | 0x200u;
    L4_FLASH_ACR = 4u | 0x200u | 1u << 12; /* DCRST */
    L4_FLASH_ACR = 4u | 0x600u;
    RESULTS[22] = REG(L4_PAGE_START);
    RESULTS[13] = L4_FLASH_SR & (1u << 17);
}

int main(void)
{
    RESULTS[0] = 0;
    L4_RCC_AHB2ENR |= 3u;
    clock_80mhz();
    L4_GPIOB_MODER = (L4_GPIOB_MODER & ~(3u << 6)) | 1u << 6;
    L4_GPIOB_BSRR = 3u << 3;
    L4_GPIOB_BRR = 1u << 4;
    flash();
    RESULTS[14] = L4_GPIOB_ODR;
    REG(0x10000010u) = 0xCAFE0432u;
    RESULTS[15] = REG(0x2000C010u);
    RESULTS[16] = *(volatile uint16_t *)0x1FFF75E0u;
    RESULTS[17] = REG(0x1FFF7590u);
    RESULTS[18] = REG(0xE0042000u) & 0xFFFu;
    RESULTS[19] = REG(0x1FFF7800u) & 0xFFu; /* RDP */
    uart();
    send("L432\n", 5);
    while (L4_CNDTR(5) > 4u)
        ;
    while (!(L4_ISR & (1u << 4)))
        ; /* IDLE */
    L4_ICR = 1u << 4;
    RESULTS[20] = L4_ISR & (1u << 4);
    send(received, 4);
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
