/*
 * port.h - what an STM32 port gives to a main.c: ferry's flash, stream and clock, and the few
 * chip services around them.
 *
 * One of each exists in the chip, so these are plain functions on static state. Nothing allocates.
 * Call everything from thread mode. The STM32L4 port has no bootloader of Ferry's to serve: what is
 * for one, or comes from one, is missing there (a link error).
 */
#ifndef STM32_PORT_H
#define STM32_PORT_H

#include "ferry/board.h"
#include "ferry/node.h"
#include "ferry/port.h"

/* The board that this build is for. */
extern const struct ferry_board FERRY_BOARD_SYMBOL;

/*
 * Raises the core clock to BOARD_CORE_HZ by the PLL: from the crystal (waits 50 ms at most; L4: not
 * looked for), else, also where the PLL does not lock to it, from HSI. Call once, first thing. If
 * even that does not lock, the chip stays on HSI, 16 MHz.
 */
void stm32_clock_start(void);

/* Source of the core clock, for INFO and self-tests. */
enum stm32_clock_source { STM32_CLOCK_HSE, STM32_CLOCK_HSI_PLL, STM32_CLOCK_HSI };
enum stm32_clock_source stm32_clock_source(void);

/* Core clock in Hz, as set by stm32_clock_start. */
enum { STM32_HSI_HZ = 16000000 };
uint32_t stm32_core_hz(void);

/* The one of two values that fits the core clock: for dividers, which are then constants. */
uint32_t stm32_by_clock(uint32_t normal, uint32_t on_hsi);

/* 10-20 us at 100 MHz without a look at the buses: no byte is lost meanwhile (bootloader only).
 * None where the UART is alone. */
void stm32_pause(void);

/*
 * Starts counting milliseconds. tick_poll.c (bootloader): by the core's cycle counter, without
 * interrupt, right also after an erase held the core for seconds; ask at least every 40 s.
 * tick_irq.c (applications): by the SysTick interrupt, which also ends a WFI; a tick that comes
 * late because an erase held the core counts for all the time that passed.
 */
void stm32_tick_start(void);
extern const struct ferry_clock stm32_clock;

/* F4: x32 programming, needs 2.7 V (BOR level 3). L4: double words; program wants multiples of 8
 * bytes (else ARGUMENT), and read returns FLASH for a torn one. Feeds the watchdog before each
 * erase.
 */
extern const struct ferry_flash stm32_flash;

/*
 * A transport of the board. stream.ctx is the ring it receives into (ring.h).
 *   start: pins, clocks, DMA; called once by stm32_transports_start.
 *   while_busy: called about every 1 us while the flash is busy, from RAM and with interrupts off,
 *   and before each read of flash. NULL where DMA needs no help: where all are, the core stalls.
 */
struct stm32_transport {
    struct ferry_stream stream;
    void (*start)(void);
    void (*while_busy)(void);
};

/* UART, 8N1; SPI slave, mode 0; I2C slave. A file each: the build links those that the board lists
 * in board.cmake, and a table of them in the same order. */
extern struct stm32_transport stm32_uart, stm32_spi, stm32_i2c;
extern struct stm32_transport *const stm32_transports[];
extern const size_t stm32_transport_count;
enum { STM32_TRANSPORTS_MAX = 3 };

/*
 * Starts all transports of the board; rx_capacity_bytes of their streams is set.
 *   memory: for receive rings, 4-byte aligned, not in CCM, borrowed for ever:
 *   transports * 2 * own_half + 2 * shared_half bytes.
 *   own_half: each transport gets a ring of twice this size, 256..32767 (a DMA counter has 16
 * bits). shared_half: if not 0, a ring of twice this size goes to the transport that opens a
 * transfer. The UART alone (uart_alone.c) has one ring of both sizes from the start.
 */
void stm32_transports_start(uint8_t *memory, uint32_t own_half, uint32_t shared_half);

/* Independent watchdog, 8 s nominal (5.4 s where LSI runs at its fastest, 47 kHz; the longest
 * erase takes 2 s). Cannot be stopped but by a reset. Feeding it while it does not run is harmless.
 */
void stm32_watchdog_start(void);
void stm32_watchdog_feed(void);

/* What the LEDs tell. A board may use one for several roles; a role may have none. */
enum stm32_led {
    STM32_LED_BOOT,  /* bootloader: lit; toggles each 100 ms while nothing is bootable */
    STM32_LED_TO_A,  /* bootloader: starts slot A */
    STM32_LED_TO_B,  /* bootloader: starts slot B */
    STM32_LED_APP_A, /* application in slot A */
    STM32_LED_APP_B, /* application in slot B */
    STM32_LED_DATA,  /* toggles with each kilobyte of an update */
    STM32_HELD       /* no LED: a pin that is held at its active level */
};

/* All LEDs off. */
void stm32_led_start(void);
void stm32_led_set(enum stm32_led role, bool lit);

/* Switches a pin (port 'A'..'I') to an alternate function, with the weak pull-up; open drain: for
 * I2C. */
void stm32_pin(char port, unsigned pin, unsigned function);
void stm32_pin_open_drain(char port, unsigned pin, unsigned function);

/*
 * No access to the kilobyte at the end of the variables and rings, by the MPU: a stack that grows
 * into them ends in the fault handler. stm32_jump takes it back.
 */
void stm32_stack_guard(void);

/* For the bootloader's fault vectors: stm32_reset_marked(FERRY_RESET_FAULT). */
_Noreturn void stm32_fault(void);

/* Fills unique id and option bytes of a node. */
void stm32_describe(struct ferry_node *node);

/* Why the chip was reset, FERRY_RESET_ bits, with the mark of stm32_reset_marked; clears flags
 * and mark, so once a start. For what starts first: the bootloader, or the application without one.
 */
uint8_t stm32_reset_cause(void);

/*
 * What the bootloader tells the application: the first words of RAM, kept free by memory.ld.in
 * (section .handover, not initialised). An application that was not started by this bootloader
 * finds no valid one.
 */
struct stm32_handover {
    uint32_t magic;
    uint8_t reset_cause;              /* FERRY_RESET_ bits */
    uint8_t content[FERRY_SLOTS_MAX]; /* enum ferry_slot_content, as the bootloader found it */
    uint8_t journal_lost;             /* 1: no journal record was found at this start */
    uint32_t crc32;                   /* over the bytes before */
};
void stm32_handover_write(const struct ferry_node *node);

/* Takes it over into the node; without a valid one the node stays as it is. Returns whether. */
bool stm32_handover_read(struct ferry_node *node);

/* Resets the chip (cause: software). Does not return. */
_Noreturn void stm32_reset(void);

/*
 * Resets the chip and adds to the cause that the bootloader finds.
 *   mark: FERRY_RESET_FAULT, FERRY_RESET_UPDATE (it then listens for FERRY_LISTEN_PATIENCE_MS), 0.
 */
_Noreturn void stm32_reset_marked(uint8_t mark);

/*
 * Starts an image: DMA, UART, GPIO, clocks, SysTick, cycle counter, NVIC back to their reset state,
 * then VTOR, stack pointer, reset vector, with interrupts enabled as after a reset. The watchdog
 * stays as it is. `vectors`: address of a verified image's vector table, aligned to 512 bytes.
 */
_Noreturn void stm32_jump(uint32_t vectors);

#endif
