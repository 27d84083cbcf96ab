/* Pins and LEDs (RM0383 and RM0394, section 8.4). */
#include "board.h"
#include "port.h"
#include "chip.h"

enum { FAST = 2 };

static struct stm32_gpio_regs *start_port(char port)
{
    RCC_REGS->RCC_GPIO_ENR |= RCC_GPIO(GPIO_NUMBER(port));
    (void)RCC_REGS->RCC_GPIO_ENR; /* two cycles until the clock is there (errata 2.1.12) */
    return GPIO_REGS(port);
}

void stm32_pin(char port, unsigned pin, unsigned function)
{
    struct stm32_gpio_regs *regs = start_port(port);
    regs->AFR[pin / 8] |= FIELD(function, pin % 8 * 4);
    regs->OSPEEDR |= FIELD(FAST, pin * 2);
    regs->PUPDR |= FIELD(GPIO_PULL_UP, pin * 2);
    gpio_set_mode(regs, pin, GPIO_ALTERNATE);
}

void stm32_pin_open_drain(char port, unsigned pin, unsigned function)
{
    start_port(port)->OTYPER |= BIT(pin);
    stm32_pin(port, pin, function);
}

/* BSRR sets a pin by one bit and clears it by the one 16 above. */
enum { CLEARS = 16 };

struct led {
    char port;   /* 0: the board has none for this role */
    uint8_t lit; /* bit of BSRR that lights it; CLEARS more or less puts it out */
};
#define LED(port, pin, active)                                                                     \
    {                                                                                              \
        (port), (pin) + ((active) ? 0 : CLEARS)                                                    \
    }
#define LED_NONE                                                                                   \
    {                                                                                              \
        0, 0                                                                                       \
    }

static const struct led leds[] = {
    [STM32_LED_BOOT] = BOARD_LED_BOOT,   [STM32_LED_TO_A] = BOARD_LED_TO_A,
    [STM32_LED_TO_B] = BOARD_LED_TO_B,   [STM32_LED_APP_A] = BOARD_LED_APP_A,
    [STM32_LED_APP_B] = BOARD_LED_APP_B, [STM32_LED_DATA] = BOARD_LED_DATA,
    [STM32_HELD] = BOARD_HELD_ACTIVE,
};

void stm32_led_set(enum stm32_led role, bool lit)
{
    const struct led *led = &leds[role];
    if (led->port != 0) {
        GPIO_REGS(led->port)->BSRR = BIT(lit ? led->lit : led->lit ^ CLEARS);
    }
}

void stm32_led_start(void)
{
    for (unsigned role = 0; role <= STM32_HELD; role++) {
        if (leds[role].port != 0) {
            struct stm32_gpio_regs *regs = start_port(leds[role].port);
            stm32_led_set((enum stm32_led)role, false);
            gpio_set_mode(regs, leds[role].lit % CLEARS, GPIO_OUTPUT);
        }
    }
    stm32_led_set(STM32_HELD, true);
}
