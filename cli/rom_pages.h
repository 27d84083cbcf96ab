/* rom_pages.h - "--pages 2-5" on the command line, and its range in a chip. */
#ifndef FERRY_CLI_ROM_PAGES_H
#define FERRY_CLI_ROM_PAGES_H

#include "cli.h"

#include "ferry/rom.h"

struct rom_pages {
    uint32_t first, count;
    uint32_t start, size; /* bytes, start from the beginning of flash; by rom_pages_place */
};

/* N or FIRST-LAST. Returns false where it is neither; prints nothing. */
bool rom_pages_parse(const char *text, struct rom_pages *pages);

/* Finds them in the chip. Returns false after a message where it has no such pages.
 *   flash_size: of this very chip, bytes. */
bool rom_pages_place(struct rom_pages *pages, const struct ferry_rom_chip *chip,
                     uint32_t flash_size);

#endif
