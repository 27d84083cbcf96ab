/*
 * The demo application of a board without Ferry's bootloader: it blinks, faster with each major
 * version, and says over the link which version it is. The gateway replaces it through the
 * bootloader in the chip's ROM, and asks it afterwards.
 */
#include "board.h"
#include "chip.h"
#include "plain.h"
#include "port.h"

enum { BLINK_MS = 500 / DEMO_MAJOR };

__attribute__((section(".ring"), aligned(4))) static uint8_t ring[2 * BOARD_APP_RING_HALF];
static struct ferry_plain plain;

int main(void);

int main(void)
{
    const struct ferry_plain_config config = {
        .stream = &stm32_uart.stream,
        .board = &FERRY_BOARD_SYMBOL,
        .uid = STM32_UID,
        .version = {.major = DEMO_MAJOR},
        .reset_cause = stm32_reset_cause(),
    };
    stm32_clock_start();
    stm32_tick_start();
    stm32_led_start();
    stm32_transports_start(ring, BOARD_APP_RING_HALF, 0);
    ferry_plain_init(&plain, &config);
    for (;;) {
        uint32_t events = ferry_plain_step(&plain);
        if ((events & FERRY_EVENT_RESET) != 0) {
            stm32_reset();
        }
        stm32_led_set(STM32_LED_APP_A, stm32_clock.now_ms(NULL) / BLINK_MS % 2 == 0);
        if (events == 0) {
            __asm__ volatile("wfi"); /* until the next tick, 1 ms at most */
        }
    }
}
