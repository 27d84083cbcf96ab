/* Vector table, start-up and the few helpers of the test programs. */
#include "fw.h"

#include <stddef.h>

extern uint32_t __stack_top, __data_start, __data_end, __data_load, __bss_start, __bss_end;
int main(void);

void Reset_Handler(void);
void Default_Handler(void);
#define WEAK __attribute__((weak, alias("Default_Handler")))
WEAK void NMI_Handler(void);
WEAK void HardFault_Handler(void);
WEAK void MemManage_Handler(void);
WEAK void BusFault_Handler(void);
WEAK void UsageFault_Handler(void);
WEAK void SVC_Handler(void);
WEAK void PendSV_Handler(void);
WEAK void SysTick_Handler(void);
WEAK void Flash_Handler(void);
WEAK void Usart1_Handler(void);
WEAK void Dma2Stream2_Handler(void);
WEAK void Dma2Stream7_Handler(void);

void Default_Handler(void)
{
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16 + 86])(void) = {
    [0] = (void (*)(void)) & __stack_top,
    [1] = Reset_Handler,
    [2] = NMI_Handler,
    [3] = HardFault_Handler,
    [4] = MemManage_Handler,
    [5] = BusFault_Handler,
    [6] = UsageFault_Handler,
    [11] = SVC_Handler,
    [14] = PendSV_Handler,
    [15] = SysTick_Handler,
    [16 + 4] = Flash_Handler,
    [16 + 37] = Usart1_Handler,
    [16 + 58] = Dma2Stream2_Handler,
    [16 + 70] = Dma2Stream7_Handler,
};

void Reset_Handler(void)
{
    volatile uint32_t *to = &__data_start;
    const uint32_t *from = &__data_load;
    while (to < &__data_end)
        *to++ = *from++;
    for (to = &__bss_start; to < &__bss_end;)
        *to++ = 0;
    SCB_CPACR |= 0xFu << 20;
    main();
    for (;;)
        ;
}

static uint32_t hclk = 16000000u;

uint32_t fw_hclk(void)
{
    return hclk;
}

void fw_clock_100mhz(void)
{
    RCC_APB1ENR |= 1u << 28;
    PWR_CR |= 3u << 14;
    RCC_CR |= 1u << 16;
    uint32_t tries = 0;
    while (!(RCC_CR & (1u << 17)) && tries < 20000u)
        tries++;
    bool hse = RCC_CR & (1u << 17);
    uint32_t m = hse ? 25u : 16u;
    RCC_PLLCFGR = m | 200u << 6 | 0u << 16 | (hse ? 1u << 22 : 0) | 4u << 24;
    RCC_CR |= 1u << 24;
    while (!(RCC_CR & (1u << 25)))
        ;
    FLASH_ACR = 3u | 7u << 8; /* 3 wait states, prefetch and both caches */
    RCC_CFGR = 4u << 10 | 2u; /* APB1 = HCLK / 2, PLL */
    while ((RCC_CFGR & 0xCu) != 8u)
        ;
    hclk = 100000000u;
}

void fw_uart_init(void)
{
    RCC_AHB1ENR |= 1u;
    RCC_APB2ENR |= 1u << 4;
    GPIOA_MODER = (GPIOA_MODER & ~(0xFu << 18)) | 0xAu << 18;
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0u) | 0x770u;
    USART_BRR = (hclk + 460800u) / 921600u;
    USART_CR1 = 1u << 13 | 3u << 2;
}

void fw_put(char c)
{
    while (!(USART_SR & (1u << 7)))
        ;
    USART_DR = (uint8_t)c;
}

void fw_print(const char *s)
{
    while (*s)
        fw_put(*s++);
}

void fw_print_hex(uint32_t v)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        fw_put("0123456789abcdef"[(v >> shift) & 15u]);
}

void fw_led_init(void)
{
    RCC_AHB1ENR |= 1u << 2;
    GPIOC_BSRR = 1u << 13;
    GPIOC_MODER = (GPIOC_MODER & ~(3u << 26)) | 1u << 26;
}

void fw_flash_unlock(void)
{
    FLASH_KEYR = 0x45670123u;
    FLASH_KEYR = 0xCDEF89ABu;
}

static uint32_t finish(void)
{
    while (FLASH_SR & (1u << 16))
        ;
    uint32_t errors = FLASH_SR & 0x1F2u;
    FLASH_SR = errors | 1u;
    return errors;
}

uint32_t fw_flash_erase(uint32_t sector)
{
    FLASH_CR = 2u << 8 | 1u << 1 | sector << 3;
    FLASH_CR |= 1u << 16;
    uint32_t errors = finish();
    FLASH_CR = 0;
    return errors;
}

uint32_t fw_flash_word(uint32_t address, uint32_t value)
{
    FLASH_CR = 2u << 8 | 1u;
    REG(address) = value;
    uint32_t errors = finish();
    FLASH_CR = 0;
    return errors;
}
