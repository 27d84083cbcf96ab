/* Pins and LEDs (RM0383, section 8.4). */
#include "board.h"
#include "port.h"
#include "stm32f4.h"

enum { FAST = 2 };

static struct stm32f4_gpio_regs *start_port(char port)
{
    RCC_REGS->AHB1ENR |= RCC_AHB1_GPIO(GPIO_NUMBER(port));
    (void)RCC_REGS->AHB1ENR; /* two cycles until the clock is there (errata 2.1.12) */
    return GPIO_REGS(port);
}

void stm32f4_pin(char port, unsigned pin, unsigned function)
{
    struct stm32f4_gpio_regs *regs = start_port(port);
    regs->AFR[pin / 8] |= FIELD(function, pin % 8 * 4);
    regs->OSPEEDR |= FIELD(FAST, pin * 2);
    regs->PUPDR |= FIELD(GPIO_PULL_UP, pin * 2);
    regs->MODER |= FIELD(GPIO_ALTERNATE, pin * 2);
}

void stm32f4_pin_open_drain(char port, unsigned pin, unsigned function)
{
    start_port(port)->OTYPER |= BIT(pin);
    stm32f4_pin(port, pin, function);
}

struct led {
    char port; /* 0: the board has none for this role */
    uint8_t pin;
    bool active;
};
#define LED(port, pin, active)                                                                     \
    {                                                                                              \
        (port), (pin), (active)                                                                    \
    }
#define LED_NONE                                                                                   \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

static const struct led leds[] = {
    [STM32F4_LED_BOOT] = BOARD_LED_BOOT,   [STM32F4_LED_TO_A] = BOARD_LED_TO_A,
    [STM32F4_LED_TO_B] = BOARD_LED_TO_B,   [STM32F4_LED_APP_A] = BOARD_LED_APP_A,
    [STM32F4_LED_APP_B] = BOARD_LED_APP_B, [STM32F4_LED_DATA] = BOARD_LED_DATA,
    [STM32F4_HELD] = BOARD_HELD_ACTIVE,
};

void stm32f4_led_set(enum stm32f4_led role, bool lit)
{
    const struct led *led = &leds[role];
    if (led->port != 0) {
        GPIO_REGS(led->port)->BSRR = BIT(led->pin) << (lit == led->active ? 0 : 16);
    }
}

void stm32f4_led_start(void)
{
    for (unsigned role = 0; role <= STM32F4_HELD; role++) {
        if (leds[role].port != 0) {
            struct stm32f4_gpio_regs *regs = start_port(leds[role].port);
            stm32f4_led_set((enum stm32f4_led)role, false);
            regs->MODER |= FIELD(GPIO_OUTPUT, leds[role].pin * 2);
        }
    }
    stm32f4_led_set(STM32F4_HELD, true);
}
