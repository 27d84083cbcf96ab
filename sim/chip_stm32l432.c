/* STM32L432. RM0394 is its reference manual, DS11451 its data sheet. */
#include "chip.h"

/* RM0394 2.2.2 memory map, 6.4.16-6.4.20 clock enable bits, table 46 interrupt positions. */
static const struct sim_periph l432_periphs[] = {
    {"TIM2", 0x40000000, SIM_PERIPH_STORE, 0, SIM_BUS_APB1, 0, SIM_NO_IRQ},
    {"TIM6", 0x40001000, SIM_PERIPH_STORE, 1, SIM_BUS_APB1, 4, SIM_NO_IRQ},
    {"TIM7", 0x40001400, SIM_PERIPH_STORE, 2, SIM_BUS_APB1, 5, SIM_NO_IRQ},
    {"RTC", 0x40002800, SIM_PERIPH_STORE, 3, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"WWDG", 0x40002C00, SIM_PERIPH_STORE, 4, SIM_BUS_APB1, 11, SIM_NO_IRQ},
    {"IWDG", 0x40003000, SIM_PERIPH_IWDG, 0, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"SPI3", 0x40003C00, SIM_PERIPH_STORE, 5, SIM_BUS_APB1, 15, SIM_NO_IRQ},
    {"USART2", 0x40004400, SIM_PERIPH_USART_V2, 1, SIM_BUS_APB1, 17, 38},
    {"I2C1", 0x40005400, SIM_PERIPH_STORE, 6, SIM_BUS_APB1, 21, SIM_NO_IRQ},
    {"I2C3", 0x40005C00, SIM_PERIPH_STORE, 7, SIM_BUS_APB1, 23, SIM_NO_IRQ},
    {"CRS", 0x40006000, SIM_PERIPH_STORE, 8, SIM_BUS_APB1, 24, SIM_NO_IRQ},
    {"PWR", 0x40007000, SIM_PERIPH_PWR_L4, 0, SIM_BUS_APB1, 28, SIM_NO_IRQ},
    {"SYSCFG", 0x40010000, SIM_PERIPH_STORE, 9, SIM_BUS_APB2, 0, SIM_NO_IRQ},
    {"EXTI", 0x40010400, SIM_PERIPH_STORE, 10, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"FIREWALL", 0x40011C00, SIM_PERIPH_STORE, 11, SIM_BUS_APB2, 7, SIM_NO_IRQ},
    {"TIM1", 0x40012C00, SIM_PERIPH_STORE, 12, SIM_BUS_APB2, 11, SIM_NO_IRQ},
    {"SPI1", 0x40013000, SIM_PERIPH_STORE, 13, SIM_BUS_APB2, 12, SIM_NO_IRQ},
    {"USART1", 0x40013800, SIM_PERIPH_USART_V2, 0, SIM_BUS_APB2, 14, 37},
    {"TIM15", 0x40014000, SIM_PERIPH_STORE, 14, SIM_BUS_APB2, 16, SIM_NO_IRQ},
    {"TIM16", 0x40014400, SIM_PERIPH_STORE, 15, SIM_BUS_APB2, 17, SIM_NO_IRQ},
    {"DMA1", 0x40020000, SIM_PERIPH_DMA_L4, 0, SIM_BUS_AHB1, 0, SIM_NO_IRQ},
    {"DMA2", 0x40020400, SIM_PERIPH_DMA_L4, 1, SIM_BUS_AHB1, 1, SIM_NO_IRQ},
    {"RCC", 0x40021000, SIM_PERIPH_RCC_L4, 0, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"FLASH", 0x40022000, SIM_PERIPH_FLASH_L4, 0, SIM_BUS_ALWAYS, 0, 4},
    {"CRC", 0x40023000, SIM_PERIPH_STORE, 16, SIM_BUS_AHB1, 12, SIM_NO_IRQ},
    {"GPIOA", 0x48000000, SIM_PERIPH_GPIO, 0, SIM_BUS_AHB2, 0, SIM_NO_IRQ},
    {"GPIOB", 0x48000400, SIM_PERIPH_GPIO, 1, SIM_BUS_AHB2, 1, SIM_NO_IRQ},
    {"GPIOC", 0x48000800, SIM_PERIPH_GPIO, 2, SIM_BUS_AHB2, 2, SIM_NO_IRQ},
    {"GPIOH", 0x48001C00, SIM_PERIPH_GPIO, 7, SIM_BUS_AHB2, 7, SIM_NO_IRQ},
};

/* RM0394 11.3.2, tables 41 and 42; stream is the channel number, channel its CSELR value. */
static const struct sim_dma_request l432_dma_requests[] = {
    {0, 4, 2, SIM_DMA_USART_TX, 0}, {0, 5, 2, SIM_DMA_USART_RX, 0}, {1, 6, 2, SIM_DMA_USART_TX, 0},
    {1, 7, 2, SIM_DMA_USART_RX, 0}, {0, 6, 2, SIM_DMA_USART_RX, 1}, {0, 7, 2, SIM_DMA_USART_TX, 1},
};

#define PAGES_8   2048, 2048, 2048, 2048, 2048, 2048, 2048, 2048
#define PAGES_32  PAGES_8, PAGES_8, PAGES_8, PAGES_8
#define PAGES_128 PAGES_32, PAGES_32, PAGES_32, PAGES_32

static const uint32_t l432_pages[] = {PAGES_128};

static const struct sim_erase_time l432_erase_times[] = {{2048, {22, 22, 22, 22}}};

static const uint32_t l432_wait_state_mhz[] = {16, 32, 48, 64, 80}; /* RM0394 table 9, range 1 */

/* AN2606. USART2 is on PA2/PA3, which the Nucleo's own USB port is not (it has PA15). */
static const struct sim_rom_chip l432_rom = {
    .pid = 0x435,
    .uart_version = 0x31,
    .i2c_version = 0x12, /* AN2606 rev. 70, table 3 */
    .i2c_address = 0x48,
    .program_bytes = 8,
    .program_us = 82,
    .mass_erase_ms = 22,
    .start_ms = 100,
    .ram_low = 0x20003100,
    .bank_1 = true,
    .pins = {{SIM_PIN('A', 9), SIM_PIN('A', 10)}, {SIM_PIN('A', 2), SIM_PIN('A', 3)}},
    .pins_count = 2,
};

const struct sim_chip sim_stm32l432 = {
    .name = "stm32l432",
    .family = SIM_FAMILY_L4,
    .rom = &l432_rom,
    .empty_check = true,
    .flash_base = 0x08000000,
    .flash_size = 256 * 1024,
    .ram_base = 0x20000000,
    .ram_size = 64 * 1024, /* SRAM1 48 KB and, behind it, SRAM2 */
    .alias_base = 0x10000000,
    .alias_offset = 48 * 1024,
    .alias_size = 16 * 1024,
    .uid_offset = 0x7590, /* RM0394 46.1, 46.2 */
    .flash_size_offset = 0x75E0,
    .rdp_shift = 0,
    .iwdg_software = 1u << 16,
    .idcode = 0x10016435,
    .sector_sizes = l432_pages,
    .sector_count = sizeof l432_pages / sizeof l432_pages[0],
    .erase_times = l432_erase_times, /* DS11451 table "Flash memory characteristics" */
    .erase_time_count = 1,
    .program_us = 82,
    .mass_erase_ms = 22,
    .wait_state_mhz = l432_wait_state_mhz,
    .wait_state_count = sizeof l432_wait_state_mhz / sizeof l432_wait_state_mhz[0],
    .vos_mhz = {80, 80, 26, 80}, /* RM0394 5.1.8 */
    .apb1_max_mhz = 80,
    .apb2_max_mhz = 80,
    .optcr_reset = 0xFFEFF8AA, /* RM0394 3.7.8 */
    .enr_reset = {0x00000100, 0, 0, 0},
    .periphs = l432_periphs,
    .periph_count = sizeof l432_periphs / sizeof l432_periphs[0],
    .dma_requests = l432_dma_requests,
    .dma_request_count = sizeof l432_dma_requests / sizeof l432_dma_requests[0],
    .dma_irq = {{0, 11, 12, 13, 14, 15, 16, 17}, {0, 56, 57, 58, 59, 60, 68, 69}},
    .irq_count = 83,
    .gpio_moder_reset = {0xABFFFFFF, 0xFFFFFEBF, 0xFFFFFFFF, 0, 0, 0, 0, 0x0000000F},
    .gpio_pupdr_reset = {0x64000000, 0x00000100},
};
