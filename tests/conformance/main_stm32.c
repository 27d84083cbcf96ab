/*
 * The conformance test as an application for the STM32 ports: flash, clock, and the stream of the
 * UART. Ends with interrupts off, asleep; the verdict stands in registers, where
 * the virtual board (run_board.c) or a debugger reads it.
 *   r0  0, or part << 16 | line: part 1 flash, 2 clock, 3 stream
 *   r1  the mark below
 */
#include "conformance.h"

#include "board.h"
#include "chip.h"
#include "port.h"

#define CONFORMANCE_MARK 0x434F4E46U /* "CONF" */

enum { ERASE_MIN_MS = STM32_ERASE_MS / 2 };

__attribute__((section(".ring"), aligned(4))) static uint8_t ring[2 * RING_HALF];

int main(void);

static uint32_t run(void)
{
    const struct ferry_board *board = &FERRY_BOARD_SYMBOL;
    const struct ferry_range *slot = &board->slots[board->slot_count - 1];
    uint32_t sector = ferry_board_sector_at(board, slot->start + slot->size - 1);

    int line = ferry_conformance_flash(&stm32_flash, board, sector, board->bootloader.start,
                                       STM32_PROGRAM_BYTES);
    if (line != 0) {
        return 1U << 16 | (uint32_t)line;
    }
    line = ferry_conformance_clock(&stm32_clock, &stm32_flash, sector, ERASE_MIN_MS);
    if (line != 0) {
        return 2U << 16 | (uint32_t)line;
    }
    line = ferry_conformance_stream(&stm32_uart.stream, &stm32_clock, NULL);
    return line != 0 ? 3U << 16 | (uint32_t)line : 0;
}

int main(void)
{
    stm32_clock_start();
    stm32_tick_start();
    stm32_transports_start(ring, RING_HALF, 0);

    register uint32_t verdict __asm__("r0") = run();
    register uint32_t mark __asm__("r1") = CONFORMANCE_MARK;
    __asm__ volatile("cpsid i\n"
                     "1: wfi\n"
                     "b 1b" ::"r"(verdict),
                     "r"(mark));
    return 0;
}
