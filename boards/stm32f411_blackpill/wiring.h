/*
 * wiring.h - WeAct "Black Pill" V2/V3 and compatible: STM32F411CEU6, 512 KB flash, 128 KB RAM,
 * 25 MHz crystal, LED on PC13 (lit when low). All but the flash map; shared by the boards that are
 * this hardware. Sizes from DS10314; alternate functions from its table 9, DMA from RM0383, tables
 * 27 and 28.
 */
#ifndef FERRY_BOARD_WIRING_H
#define FERRY_BOARD_WIRING_H

#define BOARD_RAM_START 0x20000000
#define BOARD_RAM_SIZE  0x20000
#define BOARD_CCM_START 0 /* none */
#define BOARD_CCM_SIZE  0

/* Clock: crystal, and the PLL from it or from HSI (16 MHz) to 100 MHz (RM0383, 6.3.2). */
#define BOARD_HSE_HZ      25000000
#define BOARD_CORE_HZ     100000000
#define BOARD_PLL_M_HSE   25 /* VCO input 1 MHz */
#define BOARD_PLL_M_HSI   16
#define BOARD_PLL_N       200 /* VCO 200 MHz */
#define BOARD_PLL_P       2   /* 100 MHz */
#define BOARD_PLL_Q       4   /* 50 MHz, unused; 2 at least */
#define BOARD_APB1_DIV    2   /* 50 MHz at most */
#define BOARD_APB2_DIV    1   /* 100 MHz at most */
#define BOARD_WAIT_STATES 3   /* 2.7-3.6 V, 90 < HCLK <= 100 MHz: RM0383, table 6 */

/* PWR_CR.VOS: regulator scale 1, needed above 84 MHz, and its reset value (RM0383, 5.4.1). */
#define BOARD_PWR_VOS       FIELD(3, 14)
#define BOARD_PWR_VOS_RESET FIELD(2, 14)

/* Reset value of RCC_AHB1ENR (RM0383, 6.3.9). */
#define BOARD_AHB1ENR_RESET 0

/* UART to the gateway: USART1, PA9 = TX, PA10 = RX. */
#define BOARD_UART_BAUD        921600
#define BOARD_UART             USART1
#define BOARD_UART_ENR         APB2ENR
#define BOARD_UART_CLOCK       BIT(4)
#define BOARD_UART_APB_DIV     BOARD_APB2_DIV
#define BOARD_UART_PORT        'A'
#define BOARD_UART_TX_PIN      9
#define BOARD_UART_RX_PIN      10
#define BOARD_UART_AF          7
#define BOARD_UART_DMA         DMA2
#define BOARD_UART_DMA_CLOCK   RCC_AHB1_DMA2
#define BOARD_UART_DMA_CHANNEL 4
#define BOARD_UART_RX_STREAM   5
#define BOARD_UART_TX_STREAM   7

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

/* LEDs by role: LED(port, pin, level that lights it). One LED for all; it does not toggle with the
 * data, as it blinks already. */
#define BOARD_LED_BOOT    LED('C', 13, 0)
#define BOARD_LED_TO_A    LED('C', 13, 0)
#define BOARD_LED_TO_B    LED('C', 13, 0)
#define BOARD_LED_APP_A   LED('C', 13, 0)
#define BOARD_LED_APP_B   LED('C', 13, 0)
#define BOARD_LED_DATA    LED_NONE
#define BOARD_HELD_ACTIVE LED_NONE

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
