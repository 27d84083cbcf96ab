/* Boards: which chip, and what is wired to it. Chips are in chip_<name>.c. */
#include "chip.h"

#include <string.h>

/* DS10314 and DS8626 "Flash memory programming", typical; x64 needs VPP and is not offered here. */
const struct sim_erase_time sim_stm32f4_erase_times[SIM_STM32F4_ERASE_TIMES] = {
    {0x4000, {400, 300, 250, 250}},
    {0x10000, {1200, 700, 550, 550}},
    {0x20000, {2000, 1300, 1000, 1000}},
};

static const struct sim_led blackpill_leds[] = {{"C13", SIM_PIN('C', 13), true}};

static const struct sim_uart_wiring blackpill_uarts[] = {
    {0, SIM_PIN('A', 9), SIM_PIN('A', 10), 7, 0},
    {1, SIM_PIN('A', 2), SIM_PIN('A', 3), 7, 0},
};

/* UM1472: LEDs 6.3, MEMS sensor on SPI1 6.7. USART1's PA9 is VBUS here, so the console is USART2.
 */
static const struct sim_led discovery_leds[] = {
    {"green", SIM_PIN('D', 12), false},
    {"orange", SIM_PIN('D', 13), false},
    {"red", SIM_PIN('D', 14), false},
    {"blue", SIM_PIN('D', 15), false},
};

static const struct sim_uart_wiring discovery_uarts[] = {
    {1, SIM_PIN('A', 2), SIM_PIN('A', 3), 7, 0},
    {3, SIM_PIN('C', 10), SIM_PIN('C', 11), 7, 0},
    {0, SIM_PIN('A', 9), SIM_PIN('A', 10), 7, 0}, /* ST's boot loader; it takes PC10, PC11 too */
};

/* The gateway's SPI and I2C, on every board: SPI1 on PA4-PA7, I2C1 on PB6 and PB7. */
static const struct sim_spi_wiring gateway_spi = {SIM_PIN('A', 4), SIM_PIN('A', 5), SIM_PIN('A', 6),
                                                  SIM_PIN('A', 7), 5};
static const struct sim_i2c_wiring gateway_i2c = {SIM_PIN('B', 6), SIM_PIN('B', 7), 4};

#define BLACKPILL_WIRING                                                                           \
    .chip = &sim_stm32f411, .hse_hz = 25000000, .leds = blackpill_leds, .led_count = 1,            \
    .uarts = blackpill_uarts, .uart_count = 2, .spi = &gateway_spi, .i2c = &gateway_i2c,           \
    .spi_neighbour = SIM_NO_PIN

/* UM1956: LD3 on PB3; D0 and D1 are PA10 and PA9. The USB port is USART2 on PA2 and PA15. */
static const struct sim_led nucleo_leds[] = {{"green", SIM_PIN('B', 3), false}};

static const struct sim_uart_wiring nucleo_uarts[] = {
    {0, SIM_PIN('A', 9), SIM_PIN('A', 10), 7, 0},
    {1, SIM_PIN('A', 2), SIM_PIN('A', 15), 7, 3},
};

static const struct sim_board boards[] = {
    {.name = "stm32f411_blackpill", BLACKPILL_WIRING},
    {.name = "stm32f411_single", BLACKPILL_WIRING}, /* the same, with another flash map */
    {
        .name = "stm32f407_discovery",
        .chip = &sim_stm32f407,
        .hse_hz = 8000000,
        .leds = discovery_leds,
        .led_count = 4,
        .uarts = discovery_uarts,
        .uart_count = 3,
        .spi = &gateway_spi,
        .i2c = &gateway_i2c,
        .spi_neighbour = SIM_PIN('E', 3),
    },
    {
        .name = "nucleo_l432kc",
        .chip = &sim_stm32l432,
        .leds = nucleo_leds,
        .led_count = 1,
        .uarts = nucleo_uarts,
        .uart_count = 2,
        .i2c = &gateway_i2c,
        .spi_neighbour = SIM_NO_PIN,
    },
};

const struct sim_board *sim_board_at(size_t i)
{
    return i < sizeof boards / sizeof boards[0] ? &boards[i] : NULL;
}

const struct sim_board *sim_board_find(const char *name)
{
    for (size_t i = 0; i < sizeof boards / sizeof boards[0]; i++) {
        if (strcmp(boards[i].name, name) == 0)
            return &boards[i];
    }
    return NULL;
}
