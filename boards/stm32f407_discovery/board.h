/*
 * stm32f407_discovery - ST's STM32F4DISCOVERY (MB997): STM32F407VG, 1 MB flash, 128 KB RAM and 64
 * KB that DMA cannot reach, 8 MHz crystal.
 *
 * The one description of this board. Read by C, by the linker scripts (through the preprocessor:
 * plain macros only) and by boards/board_map.c. Sectors from RM0090, table 5; pins from UM1472;
 * alternate functions from DS8626, table 9; DMA from RM0090, tables 42 and 43.
 */
#ifndef FERRY_BOARD_DESCRIPTION_H
#define FERRY_BOARD_DESCRIPTION_H

#define BOARD_NAME "stm32f407_discovery"

/* Flash map. X(start, size), every erase sector in order. */
#define BOARD_SECTORS(X)                                                                           \
    X(0x08000000, 0x4000)                                                                          \
    X(0x08004000, 0x4000)                                                                          \
    X(0x08008000, 0x4000)                                                                          \
    X(0x0800C000, 0x4000)                                                                          \
    X(0x08010000, 0x10000)                                                                         \
    X(0x08020000, 0x20000)                                                                         \
    X(0x08040000, 0x20000)                                                                         \
    X(0x08060000, 0x20000)                                                                         \
    X(0x08080000, 0x20000)                                                                         \
    X(0x080A0000, 0x20000)                                                                         \
    X(0x080C0000, 0x20000)                                                                         \
    X(0x080E0000, 0x20000)

#define BOARD_SLOT_COUNT       2
#define BOARD_BOOTLOADER_START 0x08000000
#define BOARD_BOOTLOADER_SIZE  0x4000 /* S0 */
#define BOARD_JOURNAL_0        3      /* sector numbers: S3, 16 KB, and S11, 128 KB */
#define BOARD_JOURNAL_1        11
#define BOARD_SLOT_A_START     0x08020000
#define BOARD_SLOT_A_SIZE      0x40000 /* S5-S6, 256 KB */
#define BOARD_SLOT_B_START     0x08060000
#define BOARD_SLOT_B_SIZE      0x80000 /* S7-S10, 512 KB */

#define BOARD_RAM_START 0x20000000
#define BOARD_RAM_SIZE  0x20000
#define BOARD_CCM_START 0x10000000 /* for a stack too */
#define BOARD_CCM_SIZE  0x10000

/* Clock: crystal, and the PLL from it or from HSI (16 MHz) to 168 MHz (RM0090, 7.3.2). */
#define BOARD_HSE_HZ      8000000
#define BOARD_CORE_HZ     168000000
#define BOARD_PLL_M_HSE   8 /* VCO input 1 MHz */
#define BOARD_PLL_M_HSI   16
#define BOARD_PLL_N       336 /* VCO 336 MHz */
#define BOARD_PLL_P       2   /* 168 MHz */
#define BOARD_PLL_Q       7   /* 48 MHz, unused */
#define BOARD_APB1_DIV    4   /* 42 MHz at most */
#define BOARD_APB2_DIV    2   /* 84 MHz at most */
#define BOARD_WAIT_STATES 5   /* 2.7-3.6 V, 150 < HCLK <= 168 MHz: RM0090, table 10 */

/* PWR_CR.VOS: regulator scale 1, needed above 144 MHz, and its reset value (RM0090, 5.4.1). */
#define BOARD_PWR_VOS       BIT(14)
#define BOARD_PWR_VOS_RESET BIT(14)

/* Reset value of RCC_AHB1ENR: the CCM RAM has a clock (RM0090, 7.3.10). */
#define BOARD_AHB1ENR_RESET BIT(20)

/* UART to the gateway: USART2, PA2 = TX, PA3 = RX. Not USART1: PA9 carries 4.7 uF of VBUS. */
#define BOARD_UART_BAUD        921600
#define BOARD_UART             USART2
#define BOARD_UART_ENR         APB1ENR
#define BOARD_UART_CLOCK       BIT(17)
#define BOARD_UART_APB_DIV     BOARD_APB1_DIV
#define BOARD_UART_PORT        'A'
#define BOARD_UART_TX_PIN      2
#define BOARD_UART_RX_PIN      3
#define BOARD_UART_AF          7
#define BOARD_UART_DMA         DMA1
#define BOARD_UART_DMA_CLOCK   RCC_AHB1_DMA1
#define BOARD_UART_DMA_CHANNEL 4
#define BOARD_UART_RX_STREAM   5
#define BOARD_UART_TX_STREAM   6

/* SPI from the gateway: SPI1 as slave, PA4 = NSS, PA5 = SCK, PA6 = MISO, PA7 = MOSI. */
#define BOARD_SPI             SPI1
#define BOARD_SPI_ENR         APB2ENR
#define BOARD_SPI_RSTR        APB2RSTR
#define BOARD_SPI_CLOCK       BIT(12)
#define BOARD_SPI_PORT        'A'
#define BOARD_SPI_NSS_PIN     4 /* SCK, MISO, MOSI are the next three */
#define BOARD_SPI_AF          5
#define BOARD_SPI_DMA         DMA2
#define BOARD_SPI_DMA_CLOCK   RCC_AHB1_DMA2
#define BOARD_SPI_DMA_CHANNEL 3
#define BOARD_SPI_RX_STREAM   0
#define BOARD_SPI_TX_STREAM   3

/* I2C from the gateway: I2C1 as slave, PB6 = SCL, PB7 = SDA; pull-ups on the bus. */
#define BOARD_I2C             I2C1
#define BOARD_I2C_ADDRESS     0x42
#define BOARD_I2C_CLOCK       BIT(21) /* in APB1ENR, as every I2C */
#define BOARD_I2C_PORT        'B'
#define BOARD_I2C_SCL_PIN     6
#define BOARD_I2C_SDA_PIN     7
#define BOARD_I2C_AF          4
#define BOARD_I2C_DMA         DMA1
#define BOARD_I2C_DMA_CLOCK   RCC_AHB1_DMA1
#define BOARD_I2C_DMA_CHANNEL 1
#define BOARD_I2C_RX_STREAM   0

/* LEDs by role: LED(port, pin, level that lights it). */
#define BOARD_LED_BOOT  LED('D', 14, 1) /* red */
#define BOARD_LED_TO_A  LED('D', 12, 1) /* green */
#define BOARD_LED_TO_B  LED('D', 15, 1) /* blue */
#define BOARD_LED_APP_A LED('D', 12, 1) /* green */
#define BOARD_LED_APP_B LED('D', 13, 1) /* orange */
#define BOARD_LED_DATA  LED('D', 15, 1) /* blue */
/* Chip select of the accelerometer, which shares PA5-PA7: high keeps it off the bus. */
#define BOARD_HELD_ACTIVE LED('E', 3, 1)

/* Receive rings, each two halves of this size. Bootloader: a small one for each transport, and one
 * for the transport that holds the transfer: 104 KB, so that the wire runs while a 128 KB sector is
 * erased (about 1 s, 92 KB at 921,600 baud). Application: 16 KB for each transport. */
#define BOARD_BOOT_RING_HALF   0x400
#define BOARD_SHARED_RING_HALF 0xD000
#define BOARD_APP_RING_HALF    0x2000

/* Least RAM left for the stack, bytes. `make size` prints the worst depth. */
#define BOARD_BOOT_STACK 4096
#define BOARD_APP_STACK  8192

#endif
