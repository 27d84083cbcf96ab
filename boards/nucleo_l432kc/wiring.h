/*
 * wiring.h - ST's NUCLEO-L432KC (MB1180). Pins from UM1956; alternate functions from DS11451; DMA
 * from RM0394, table 41.
 *
 *   gateway GND     GND (first of all)
 *   gateway TX  ->  D0, PA10 (USART1_RX)
 *   gateway RX  <-  D1, PA9  (USART1_TX)
 *   gateway line -> NRST
 *   gateway line -> BOOT0, PH3: the board ties it low by a resistor and has it on no connector
 *   instead of TX and RX, for the ROM only: I2C1, D5 = PB6 = SCL, D4 = PB7 = SDA, with pull-ups;
 *     solder bridges SB16 and SB18 open: they tie these to PA6 and PA5, where the ROM has its SPI
 *
 * The board's own USB port is no way in: the virtual COM port of its ST-LINK is USART2 on PA2 and
 * PA15, and ST's ROM listens on PA2 and PA3. The port powers the board and debugs it.
 */
#ifndef FERRY_BOARD_WIRING_H
#define FERRY_BOARD_WIRING_H

#define BOARD_RAM_START 0x20000000
#define BOARD_RAM_SIZE  0x10000 /* SRAM1, 48 KB, and SRAM2 right behind it (RM0394, 2.2.2) */
#define BOARD_CCM_START 0       /* none */
#define BOARD_CCM_SIZE  0

/* Clock: the PLL from HSI (16 MHz) to 80 MHz (RM0394, 6.4.4). No crystal is fitted. */
#define BOARD_CORE_HZ     80000000
#define BOARD_PLL_M       1  /* VCO input 16 MHz */
#define BOARD_PLL_N       10 /* VCO 160 MHz */
#define BOARD_PLL_R       2  /* 80 MHz */
#define BOARD_APB2_DIV    1
#define BOARD_WAIT_STATES 4 /* range 1, 64 < HCLK <= 80 MHz: RM0394, table 9 */

/* UART to the gateway, on the pins of ST's ROM: USART1, PA9 = TX, PA10 = RX. The ROM takes 115,200
 * baud at most and even parity; the application speaks as on every board, 8N1. */
#define BOARD_UART_BAUD        921600
#define BOARD_UART             USART1
#define BOARD_UART_ENR         APB2ENR
#define BOARD_UART_CLOCK       BIT(14)
#define BOARD_UART_PORT        'A'
#define BOARD_UART_TX_PIN      9
#define BOARD_UART_RX_PIN      10
#define BOARD_UART_AF          7
#define BOARD_UART_DMA         DMA1
#define BOARD_UART_DMA_CLOCK   RCC_AHB1_DMA1
#define BOARD_UART_DMA_REQUEST 2
#define BOARD_UART_RX_CHANNEL  5
#define BOARD_UART_TX_CHANNEL  4

/* LEDs by role: LED(port, pin, level that lights it). LD3 is the only one. */
#define BOARD_LED_BOOT    LED_NONE
#define BOARD_LED_TO_A    LED_NONE
#define BOARD_LED_TO_B    LED_NONE
#define BOARD_LED_APP_A   LED('B', 3, 1)
#define BOARD_LED_APP_B   LED_NONE
#define BOARD_LED_DATA    LED_NONE
#define BOARD_HELD_ACTIVE LED_NONE

/* The application's receive ring, two halves of this size. */
#define BOARD_APP_RING_HALF 0x400

/* Least RAM left for the stack, bytes. `make size` prints the worst depth. */
#define BOARD_APP_STACK 8192

#endif
