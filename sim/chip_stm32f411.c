/* STM32F411. RM0383 is its reference manual, DS10314 its data sheet. */
#include "chip.h"

/* RM0383 2.3 memory map, 6.3.9-6.3.12 clock enable bits, 10.2 interrupt positions. */
static const struct sim_periph f411_periphs[] = {
    {"TIM2", 0x40000000, SIM_PERIPH_STORE, 0, SIM_BUS_APB1, 0, SIM_NO_IRQ},
    {"TIM3", 0x40000400, SIM_PERIPH_STORE, 1, SIM_BUS_APB1, 1, SIM_NO_IRQ},
    {"TIM4", 0x40000800, SIM_PERIPH_STORE, 2, SIM_BUS_APB1, 2, SIM_NO_IRQ},
    {"TIM5", 0x40000C00, SIM_PERIPH_STORE, 3, SIM_BUS_APB1, 3, SIM_NO_IRQ},
    {"RTC", 0x40002800, SIM_PERIPH_STORE, 4, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"WWDG", 0x40002C00, SIM_PERIPH_STORE, 5, SIM_BUS_APB1, 11, SIM_NO_IRQ},
    {"IWDG", 0x40003000, SIM_PERIPH_IWDG, 0, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"SPI2", 0x40003800, SIM_PERIPH_STORE, 6, SIM_BUS_APB1, 14, SIM_NO_IRQ},
    {"SPI3", 0x40003C00, SIM_PERIPH_STORE, 7, SIM_BUS_APB1, 15, SIM_NO_IRQ},
    {"USART2", 0x40004400, SIM_PERIPH_USART, 1, SIM_BUS_APB1, 17, 38},
    {"I2C1", 0x40005400, SIM_PERIPH_I2C, 0, SIM_BUS_APB1, 21, 31},
    {"I2C2", 0x40005800, SIM_PERIPH_STORE, 9, SIM_BUS_APB1, 22, SIM_NO_IRQ},
    {"I2C3", 0x40005C00, SIM_PERIPH_STORE, 10, SIM_BUS_APB1, 23, SIM_NO_IRQ},
    {"PWR", 0x40007000, SIM_PERIPH_PWR, 0, SIM_BUS_APB1, 28, SIM_NO_IRQ},
    {"TIM1", 0x40010000, SIM_PERIPH_STORE, 11, SIM_BUS_APB2, 0, SIM_NO_IRQ},
    {"USART1", 0x40011000, SIM_PERIPH_USART, 0, SIM_BUS_APB2, 4, 37},
    {"USART6", 0x40011400, SIM_PERIPH_USART, 2, SIM_BUS_APB2, 5, 71},
    {"ADC1", 0x40012000, SIM_PERIPH_STORE, 12, SIM_BUS_APB2, 8, SIM_NO_IRQ},
    {"SDIO", 0x40012C00, SIM_PERIPH_STORE, 13, SIM_BUS_APB2, 11, SIM_NO_IRQ},
    {"SPI1", 0x40013000, SIM_PERIPH_SPI, 0, SIM_BUS_APB2, 12, 35},
    {"SPI4", 0x40013400, SIM_PERIPH_STORE, 15, SIM_BUS_APB2, 13, SIM_NO_IRQ},
    {"SYSCFG", 0x40013800, SIM_PERIPH_STORE, 16, SIM_BUS_APB2, 14, SIM_NO_IRQ},
    {"EXTI", 0x40013C00, SIM_PERIPH_STORE, 17, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"TIM9", 0x40014000, SIM_PERIPH_STORE, 18, SIM_BUS_APB2, 16, SIM_NO_IRQ},
    {"TIM10", 0x40014400, SIM_PERIPH_STORE, 19, SIM_BUS_APB2, 17, SIM_NO_IRQ},
    {"TIM11", 0x40014800, SIM_PERIPH_STORE, 20, SIM_BUS_APB2, 18, SIM_NO_IRQ},
    {"SPI5", 0x40015000, SIM_PERIPH_STORE, 21, SIM_BUS_APB2, 20, SIM_NO_IRQ},
    {"GPIOA", 0x40020000, SIM_PERIPH_GPIO, 0, SIM_BUS_AHB1, 0, SIM_NO_IRQ},
    {"GPIOB", 0x40020400, SIM_PERIPH_GPIO, 1, SIM_BUS_AHB1, 1, SIM_NO_IRQ},
    {"GPIOC", 0x40020800, SIM_PERIPH_GPIO, 2, SIM_BUS_AHB1, 2, SIM_NO_IRQ},
    {"GPIOD", 0x40020C00, SIM_PERIPH_GPIO, 3, SIM_BUS_AHB1, 3, SIM_NO_IRQ},
    {"GPIOE", 0x40021000, SIM_PERIPH_GPIO, 4, SIM_BUS_AHB1, 4, SIM_NO_IRQ},
    {"GPIOH", 0x40021C00, SIM_PERIPH_GPIO, 7, SIM_BUS_AHB1, 7, SIM_NO_IRQ},
    {"CRC", 0x40023000, SIM_PERIPH_STORE, 22, SIM_BUS_AHB1, 12, SIM_NO_IRQ},
    {"RCC", 0x40023800, SIM_PERIPH_RCC, 0, SIM_BUS_ALWAYS, 0, SIM_NO_IRQ},
    {"FLASH", 0x40023C00, SIM_PERIPH_FLASH, 0, SIM_BUS_ALWAYS, 0, 4},
    {"DMA1", 0x40026000, SIM_PERIPH_DMA, 0, SIM_BUS_AHB1, 21, SIM_NO_IRQ},
    {"DMA2", 0x40026400, SIM_PERIPH_DMA, 1, SIM_BUS_AHB1, 22, SIM_NO_IRQ},
};

/* RM0383 9.3.3, tables 27 and 28. */
static const struct sim_dma_request f411_dma_requests[] = {
    {1, 2, 4, SIM_DMA_USART_RX, 0}, {1, 5, 4, SIM_DMA_USART_RX, 0}, {1, 7, 4, SIM_DMA_USART_TX, 0},
    {0, 5, 4, SIM_DMA_USART_RX, 1}, {0, 7, 6, SIM_DMA_USART_RX, 1}, {0, 6, 4, SIM_DMA_USART_TX, 1},
    {1, 1, 5, SIM_DMA_USART_RX, 2}, {1, 2, 5, SIM_DMA_USART_RX, 2}, {1, 6, 5, SIM_DMA_USART_TX, 2},
    {1, 7, 5, SIM_DMA_USART_TX, 2}, {1, 0, 3, SIM_DMA_SPI_RX, 0},   {1, 2, 3, SIM_DMA_SPI_RX, 0},
    {1, 3, 3, SIM_DMA_SPI_TX, 0},   {1, 5, 3, SIM_DMA_SPI_TX, 0},   {0, 0, 1, SIM_DMA_I2C_RX, 0},
    {0, 5, 1, SIM_DMA_I2C_RX, 0},   {0, 6, 1, SIM_DMA_I2C_TX, 0},   {0, 7, 1, SIM_DMA_I2C_TX, 0},
};

static const uint32_t f411_sectors[] = {0x4000,  0x4000,  0x4000,  0x4000,
                                        0x10000, 0x20000, 0x20000, 0x20000};

static const uint32_t f411_wait_state_mhz[] = {30, 64, 90, 100}; /* RM0383 table 5 */

/* AN2606. The boot loader of the F4 assumes 1.8 V: it programs bytes and erases at x8, whose
 * typical times these are (data sheet, "Flash memory programming"). */
static const struct sim_rom_chip f411_rom = {
    .pid = 0x431,
    .uart_version = 0x31,
    .i2c_version = 0x11, /* AN2606 rev. 70, table 3 */
    .i2c_address = 0x39,
    .program_bytes = 1,
    .program_us = 16,
    .mass_erase_ms = 8000,
    .start_ms = 85,
    .ram_low = 0x20003000,
    .pins = {{SIM_PIN('A', 9), SIM_PIN('A', 10)}, {SIM_PIN('D', 5), SIM_PIN('D', 6)}},
    .pins_count = 2,
};

const struct sim_chip sim_stm32f411 = {
    .family = SIM_FAMILY_F4,
    .rom = &f411_rom,
    .uid_offset = 0x7A10, /* RM0383 24.1, RM0090 39.1 */
    .flash_size_offset = 0x7A22,
    .rdp_shift = 8,
    .iwdg_software = 1u << 5,
    .name = "stm32f411",
    .flash_base = 0x08000000,
    .flash_size = 512 * 1024,
    .ram_base = 0x20000000,
    .ram_size = 128 * 1024,
    .idcode = 0x10006431, /* RM0383 23.6.1 */
    .sector_sizes = f411_sectors,
    .sector_count = sizeof f411_sectors / sizeof f411_sectors[0],
    .erase_times = sim_stm32f4_erase_times,
    .erase_time_count = SIM_STM32F4_ERASE_TIMES,
    .program_us = 16,
    .mass_erase_ms = 8000,
    .wait_state_mhz = f411_wait_state_mhz,
    .wait_state_count = 4,
    .vos_mhz = {0, 64, 84, 100}, /* RM0383 5.4.1 */
    .vos_reset = 2,
    .apb1_max_mhz = 50,
    .apb2_max_mhz = 100,
    .optcr_reset = 0x0FFFAAED, /* RM0383 3.8.6: nWRP all 1, RDP AA, BOR off */
    .nwrp_mask = 0x00FF0000,
    .enr_reset = {0, 0, 0, 0},
    .periphs = f411_periphs,
    .periph_count = sizeof f411_periphs / sizeof f411_periphs[0],
    .dma_requests = f411_dma_requests,
    .dma_request_count = sizeof f411_dma_requests / sizeof f411_dma_requests[0],
    .dma_irq = {{11, 12, 13, 14, 15, 16, 17, 47}, {56, 57, 58, 59, 60, 68, 69, 70}},
    .irq_count = 86,
    .gpio_moder_reset = {0xA8000000, 0x00000280}, /* RM0383 8.4.1: the debug pins */
    .gpio_pupdr_reset = {0x64000000, 0x00000100},
};
