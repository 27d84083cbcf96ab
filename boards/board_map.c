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
#define SECTOR_START(first, bytes) (first),
static const uint32_t sectors[] = {BOARD_SECTORS(SECTOR_START) BOARD_BOOTLOADER_START +
                                   sizeof(struct flash_map)};

#define SECTOR_IN_PLACE(first, bytes)                                                              \
    +(offsetof(struct flash_map, at_##first) == (first)-BOARD_BOOTLOADER_START)
enum { COUNT = sizeof(sectors) / sizeof(sectors[0]) - 1 };
enum { IN_PLACE = 0 BOARD_SECTORS(SECTOR_IN_PLACE) };
_Static_assert((int)IN_PLACE == (int)COUNT, "there is no gap between two sectors");

const struct ferry_board FERRY_BOARD_SYMBOL = {
    .name = BOARD_NAME,
    .sectors = sectors,
    .sector_count = COUNT,
    .slot_count = BOARD_SLOT_COUNT,
    .slots = {{.start = BOARD_SLOT_A_START, .size = BOARD_SLOT_A_SIZE},
              {.start = BOARD_SLOT_B_START, .size = BOARD_SLOT_B_SIZE}},
    .journal_sectors = {BOARD_JOURNAL_0, BOARD_JOURNAL_1},
    .bootloader = {.start = BOARD_BOOTLOADER_START, .size = BOARD_BOOTLOADER_SIZE},
    .ram = {{.start = BOARD_RAM_START, .size = BOARD_RAM_SIZE},
            {.start = BOARD_CCM_START, .size = BOARD_CCM_SIZE}},
};
