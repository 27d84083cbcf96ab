/* STM32F407 on its board: 168 MHz, LEDs, console on USART2, CCM, twelve sectors (RM0090). */
#include "fw.h"

#define GPIOD_MODER REG(0x40020C00u)
#define GPIOD_BSRR  REG(0x40020C18u)
#define USART2      0x40004400u
#define CCM         0x10000000u
#define DMA_TARGET  ((volatile uint32_t *)0x20000100u)
#define LISR_TEIF0  (1u << 3)
#define MEMORY_COPY (2u << 6 | 2u << 11 | 2u << 13 | 1u << 10 | 1u << 9)

static void clock_168mhz(void)
{
    RCC_APB1ENR |= 1u << 28 | 1u << 17;
    PWR_CR |= 1u << 14;
    RCC_CR |= 1u << 16;
    while (!(RCC_CR & (1u << 17)))
        ;
    RCC_PLLCFGR = 8u | 336u << 6 | 1u << 22 | 7u << 24;
    RCC_CR |= 1u << 24;
    while (!(RCC_CR & (1u << 25)))
        ;
    FLASH_ACR = 5u | 7u << 8;
    RCC_CFGR = 5u << 10 | 4u << 13 | 2u; /* APB1 = HCLK / 4, APB2 = HCLK / 2 */
    while ((RCC_CFGR & 0xCu) != 8u)
        ;
}

static void hello(void)
{
    GPIOA_AFRL = (GPIOA_AFRL & ~0xFF00u) | 0x7700u;
    GPIOA_MODER = (GPIOA_MODER & ~0xF0u) | 0xA0u;
    REG(USART2 + 8u) = (42000000u + 57600u) / 115200u;
    REG(USART2 + 0xCu) = 1u << 13 | 3u << 2;
    for (const char *s = "407"; *s; s++) {
        while (!(REG(USART2) & (1u << 7)))
            ;
        REG(USART2 + 4u) = (uint8_t)*s;
    }
}

/* Memory to memory, DMA2 stream 0. @return the error flag */
static uint32_t copy(uint32_t from)
{
    RCC_AHB1ENR |= 1u << 22;
    DMA2_LIFCR = 0x3Du;
    STREAM_PAR(DMA2_S0) = from;
    STREAM_M0AR(DMA2_S0) = (uint32_t)DMA_TARGET;
    STREAM_NDTR(DMA2_S0) = 1;
    STREAM_CR(DMA2_S0) = MEMORY_COPY;
    STREAM_CR(DMA2_S0) |= 1u;
    return DMA2_LISR & LISR_TEIF0;
}

int main(void)
{
    clock_168mhz();
    RCC_AHB1ENR |= 1u << 0 | 1u << 3;
    GPIOD_MODER = 0x55u << 24;
    GPIOD_BSRR = 1u << 12 | 1u << 14;
    hello();
    REG(CCM) = 0x12345678u;
    REG(CCM + 0xFFFCu) = 0x9ABCDEF0u;
    RESULTS[1] = REG(CCM);
    RESULTS[2] = REG(CCM + 0xFFFCu);
    RESULTS[3] = copy((uint32_t)&RESULTS[1]);
    RESULTS[4] = *DMA_TARGET;
    RESULTS[5] = copy(CCM);
    fw_flash_unlock();
    RESULTS[6] = fw_flash_erase(11);
    RESULTS[7] = fw_flash_word(0x080FFFFCu, 0x407u);
    RESULTS[8] = REG(0x080FFFFCu);
    RESULTS[9] = fw_flash_erase(10);                 /* protected by the test: WRPERR */
    RESULTS[10] = REG(0xE0042000u) & 0xFFFu;         /* 0x413 */
    RESULTS[11] = *(volatile uint16_t *)0x1FFF7A22u; /* 1024 */
    RESULTS[12] = FLASH_OPTCR;
    RESULTS[0] = 0x600D;
    for (;;)
        __asm volatile("wfi");
}
