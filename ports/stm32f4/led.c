#include "board.h"
#include "port.h"
#include "stm32f4.h"

void stm32f4_led_start(void)
{
    RCC_REGS->AHB1ENR |= BOARD_LED_AHB1;
    (void)RCC_REGS->AHB1ENR;
    stm32f4_led_set(false);
    BOARD_LED_PORT->MODER |= FIELD(GPIO_OUTPUT, BOARD_LED_PIN * 2);
}

void stm32f4_led_set(bool lit)
{
    uint32_t high = lit == (BOARD_LED_ACTIVE != 0) ? 0 : 16;
    BOARD_LED_PORT->BSRR = BIT(BOARD_LED_PIN) << high;
}
