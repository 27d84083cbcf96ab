/*
 * rom_fit.h - is a program for this very chip? ST's ROM bootloader does not ask, so the gateway's
 * sink `rom` and `ferry rom write` do, after GET ID and before the first erase. Pure functions.
 */
#ifndef GATEWAY_SINKS_ROM_FIT_H
#define GATEWAY_SINKS_ROM_FIT_H

#include "ferry/rom.h"

/*
 * The chip's flash in bytes.
 *   size_register: the two bytes at ferry_rom_size_register. Hostile.
 * Never more than the chip's line of the table; all of that where the register holds no number for
 * it.
 */
uint32_t rom_fit_flash_size(const struct ferry_rom_chip *chip, const uint8_t size_register[2]);

/*
 * A board whose name holds another chip of the table ("F411" of stm32f411_blackpill, "L43" of
 * nucleo_l432kc), and not this one, is another board. Who calls his "pump" is free: true.
 *   board: ends with a 0.
 */
bool rom_fit_board(const struct ferry_rom_chip *chip, const char *board);

/* Does a stack that begins at this address have its first word in the chip's RAM? */
bool rom_fit_stack(const struct ferry_rom_chip *chip, uint32_t stack_pointer);

/* Do `size` bytes at `address` lie in this flash? Any numbers. */
bool rom_fit_place(uint32_t flash_size, uint32_t address, uint32_t size);

#endif
