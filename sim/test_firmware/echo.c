/* Says hello, echoes bytes from the receive interrupt, blinks each 500 ms, sleeps in between. */
#include "fw.h"

static volatile uint32_t ticks;

void SysTick_Handler(void)
{
    if (++ticks % 500u == 0)
        GPIOC_ODR ^= 1u << 13;
}

void Usart1_Handler(void)
{
    if (USART_SR & (1u << 5))
        USART_DR = USART_DR;
}

int main(void)
{
    RESULTS[0] = RCC_CSR;
    fw_clock_100mhz();
    fw_led_init();
    fw_uart_init();
    fw_print("hello ");
    fw_print_hex(fw_hclk());
    fw_print("\n");
    SYST_RVR = fw_hclk() / 1000u - 1u;
    SYST_CVR = 0;
    SYST_CSR = 7;
    USART_CR1 |= 1u << 5;
    NVIC_ISER(1) = 1u << (37 - 32);
    for (;;)
        __asm volatile("wfi");
}
