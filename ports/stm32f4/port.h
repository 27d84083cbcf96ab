/*
 * port.h - what the STM32F4 port gives to a main.c: ferry's flash, stream and clock, and the few
 * chip services around them.
 *
 * One of each exists in the chip, so these are plain functions on static state. Nothing allocates.
 * Call everything from thread mode.
 */
#ifndef STM32F4_PORT_H
#define STM32F4_PORT_H

#include "ferry/board.h"
#include "ferry/node.h"
#include "ferry/port.h"

/* The board that this build is for. */
extern const struct ferry_board FERRY_BOARD_SYMBOL;

/*
 * Raises the core clock to BOARD_CORE_HZ by the PLL: from the crystal (waits 50 ms at most), else
 * from HSI. Call once, first thing. If even the PLL does not lock, the chip stays on HSI, 16 MHz.
 */
void stm32f4_clock_start(void);

/* Source of the core clock, for INFO and self-tests. */
enum stm32f4_clock_source { STM32F4_CLOCK_HSE, STM32F4_CLOCK_HSI_PLL, STM32F4_CLOCK_HSI };
enum stm32f4_clock_source stm32f4_clock_source(void);

/* Core clock in Hz, as set by stm32f4_clock_start. */
uint32_t stm32f4_core_hz(void);

/*
 * Starts counting milliseconds. tick_poll.c (bootloader): by the core's cycle counter, without
 * interrupt, right also after an erase held the core for seconds; ask at least every 40 s.
 * tick_irq.c (applications): by the SysTick interrupt, which also ends a WFI; a tick that comes
 * late because an erase held the core counts for all the time that passed.
 */
void stm32f4_tick_start(void);
extern const struct ferry_clock stm32f4_clock;

/* Flash with x32 programming: needs 2.7 V (BOR level 3). Feeds the watchdog before each erase. */
extern const struct ferry_flash stm32f4_flash;

/*
 * Starts the board's UART at BOARD_UART_BAUD, 8N1. DMA fills the ring without the core's help.
 *   ring: 2 * half_bytes, borrowed for ever; not in CCM.
 *   half_bytes: 1..65535 (the DMA counter has 16 bits).
 */
void stm32f4_uart_start(uint8_t *ring, uint32_t half_bytes);

/* The stream of that UART; rx_capacity_bytes is set by stm32f4_uart_start. */
extern struct ferry_stream stm32f4_uart;

/* Independent watchdog, 8 s nominal (5.4 s where LSI runs at its fastest, 47 kHz; the longest
 * erase takes 2 s). Cannot be stopped but by a reset. Feeding it while it does not run is harmless.
 */
void stm32f4_watchdog_start(void);
void stm32f4_watchdog_feed(void);

void stm32f4_led_start(void);
void stm32f4_led_set(bool lit);

/* Fills unique id and option bytes of a node. */
void stm32f4_describe(struct ferry_node *node);

/* Why the chip was reset, FERRY_RESET_ bits; clears the flags, so once a start. Bootloader only. */
uint8_t stm32f4_reset_cause(void);

/*
 * What the bootloader tells the application: the first words of RAM, kept free by memory.ld.in
 * (section .handover, not initialised). An application that was not started by this bootloader
 * finds no valid one.
 */
struct stm32f4_handover {
    uint32_t magic;
    uint8_t reset_cause;              /* FERRY_RESET_ bits */
    uint8_t content[FERRY_SLOTS_MAX]; /* enum ferry_slot_content, as the bootloader found it */
    uint8_t reserved;
    uint32_t crc32; /* over the bytes before */
};
void stm32f4_handover_write(const struct ferry_node *node);

/* Takes it over into the node; without a valid one the node stays as it is. Returns whether. */
bool stm32f4_handover_read(struct ferry_node *node);

/* Resets the chip (cause: software). Does not return. */
_Noreturn void stm32f4_reset(void);

/*
 * Starts an image: DMA, UART, GPIO, clocks, SysTick, cycle counter, NVIC back to their reset state,
 * then VTOR, stack pointer, reset vector, with interrupts enabled as after a reset. The watchdog
 * stays as it is. `vectors`: address of a verified image's vector table, aligned to 512 bytes.
 */
_Noreturn void stm32f4_jump(uint32_t vectors);

#endif
