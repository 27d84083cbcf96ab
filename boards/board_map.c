/*
 * board_map.c - turns a board's description into the `struct ferry_board` that the core reads.
 * Compiled once for each board with -I boards/<name> and -DFERRY_BOARD_SYMBOL=ferry_board_<name>.
 */
#include "ferry/board.h"
#include "board.h"

#include <stddef.h>

extern const struct ferry_board FERRY_BOARD_SYMBOL;

_Static_assert(sizeof(BOARD_NAME) - 1 <= FERRY_BOARD_NAME_MAX, "the board's name is too long");

#define SECTOR_MEMBER(first, bytes) char at_##first[bytes];
struct flash_map {
    BOARD_SECTORS(SECTOR_MEMBER)
};
#define SECTOR_CHECK(first, bytes)                                                                 \
    _Static_assert(offsetof(struct flash_map, at_##first) == (first)-BOARD_BOOTLOADER_START,       \
                   "sectors follow each other without a gap");
struct sector_checks {
    BOARD_SECTORS(SECTOR_CHECK) char none;
};

#define SECTOR_START(first, bytes) (first),
static const uint32_t sectors[] = {BOARD_SECTORS(SECTOR_START) BOARD_BOOTLOADER_START +
                                   sizeof(struct flash_map)};

const struct ferry_board FERRY_BOARD_SYMBOL = {
    .name = BOARD_NAME,
    .sectors = sectors,
    .sector_count = sizeof(sectors) / sizeof(sectors[0]) - 1,
    .slot_count = BOARD_SLOT_COUNT,
    .slots = {{.start = BOARD_SLOT_A_START, .size = BOARD_SLOT_A_SIZE},
              {.start = BOARD_SLOT_B_START, .size = BOARD_SLOT_B_SIZE}},
    .journal_sectors = {BOARD_JOURNAL_0, BOARD_JOURNAL_1},
    .bootloader = {.start = BOARD_BOOTLOADER_START, .size = BOARD_BOOTLOADER_SIZE},
    .ram = {{.start = BOARD_RAM_START, .size = BOARD_RAM_SIZE},
            {.start = BOARD_CCM_START, .size = BOARD_CCM_SIZE}},
};
