/*
 * stm32f411_blackpill - WeAct "Black Pill" V2/V3 and compatible: STM32F411CEU6, 512 KB flash,
 * 128 KB RAM, 25 MHz crystal, LED on PC13 (lit when low).
 *
 * The one description of this board. Read by C, by the linker scripts (through the preprocessor:
 * plain macros only) and by boards/board_map.c. Sizes from DS10314; sectors from RM0383, table 5.
 */
#ifndef FERRY_BOARD_DESCRIPTION_H
#define FERRY_BOARD_DESCRIPTION_H

#define BOARD_NAME "stm32f411_blackpill"

/* Flash map. X(start, size), every erase sector in order. */
#define BOARD_SECTORS(X)                                                                           \
    X(0x08000000, 0x4000)                                                                          \
    X(0x08004000, 0x4000)                                                                          \
    X(0x08008000, 0x4000)                                                                          \
    X(0x0800C000, 0x4000)                                                                          \
    X(0x08010000, 0x10000)                                                                         \
    X(0x08020000, 0x20000)                                                                         \
    X(0x08040000, 0x20000)                                                                         \
    X(0x08060000, 0x20000)

#define BOARD_SLOT_COUNT       2
#define BOARD_BOOTLOADER_START 0x08000000
#define BOARD_BOOTLOADER_SIZE  0x8000 /* S0-S1 of the 64 KB boot region */
#define BOARD_JOURNAL_0        2      /* sector numbers: S2 and S3 */
#define BOARD_JOURNAL_1        3
#define BOARD_SLOT_A_START     0x08010000
#define BOARD_SLOT_A_SIZE      0x30000 /* S4-S5, 192 KB */
#define BOARD_SLOT_B_START     0x08040000
#define BOARD_SLOT_B_SIZE      0x40000 /* S6-S7, 256 KB */

#define BOARD_RAM_START 0x20000000
#define BOARD_RAM_SIZE  0x20000

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

/* Reset value of RCC_AHB1ENR (RM0383, 6.3.9). */
#define BOARD_AHB1ENR_RESET 0

/* UART to the gateway: USART1, PA9 = TX, PA10 = RX, alternate function 7 (DS10314, table 9); DMA2
 * channel 4, streams 7 (TX) and 5 (RX): RM0383, table 28. */
#define BOARD_UART_BAUD        921600
#define BOARD_UART             USART1
#define BOARD_UART_ENR         APB2ENR
#define BOARD_UART_CLOCK       BIT(4)
#define BOARD_UART_APB_DIV     BOARD_APB2_DIV
#define BOARD_UART_AHB1        (BIT(0) | BIT(22)) /* GPIOA, DMA2 */
#define BOARD_UART_PORT        GPIOA
#define BOARD_UART_TX_PIN      9
#define BOARD_UART_RX_PIN      10
#define BOARD_UART_AF          7
#define BOARD_UART_DMA         DMA2
#define BOARD_UART_DMA_CHANNEL 4
#define BOARD_UART_RX_STREAM   5
#define BOARD_UART_TX_STREAM   7

/* Receive rings, each two halves of this size. Bootloader: 112 KB, so that the wire runs while a
 * 128 KB sector is erased (about 1 s, 92 KB at 921,600 baud). Application: 16 KB. */
#define BOARD_BOOT_RING_HALF 0xE000
#define BOARD_APP_RING_HALF  0x2000

/* Least RAM left for the stack, bytes. `make size` prints the worst depth. */
#define BOARD_BOOT_STACK 4096
#define BOARD_APP_STACK  8192

/* LED: port, pin, level that lights it. */
#define BOARD_LED_PORT   GPIOC
#define BOARD_LED_AHB1   BIT(2) /* GPIOC */
#define BOARD_LED_PIN    13
#define BOARD_LED_ACTIVE 0

#endif
