/*
 * ferry/board.h - the flash map of a board as the core sees it.
 *
 * Made from boards/<name>/board.h by boards/board_map.c; the same file gives the linker scripts
 * their addresses. Host programs see all boards (`ferry_board_find`), a node only its own.
 */
#ifndef FERRY_BOARD_H
#define FERRY_BOARD_H

#include "ferry/base.h"

enum { FERRY_SLOT_A = 0, FERRY_SLOT_B = 1, FERRY_SLOT_NONE = 0xFF, FERRY_SLOTS_MAX = 2 };
enum { FERRY_BOARD_NAME_MAX = 32 }; /* longest board name in bytes, without terminator */

struct ferry_range {
    uint32_t start; /* absolute address */
    uint32_t size;  /* bytes */
};

struct ferry_board {
    const char *name;        /* board identity: in images, INFO and on the server */
    const uint32_t *sectors; /* addresses of the erase units, then the last one's end */
    uint8_t sector_count;
    uint8_t slot_count;                        /* 1 or 2 */
    struct ferry_range slots[FERRY_SLOTS_MAX]; /* whole sectors each */
    uint8_t journal_sectors[2];                /* sector numbers; sizes may differ */
    struct ferry_range bootloader;             /* vectors at its start; size 0: none, see below */
    struct ferry_range ram[2];                 /* an image's initial stack pointer points into one
                                                  or to its end; the second may have size 0 */
};

/*
 * Does the board have Ferry's bootloader? One without is updated through the bootloader in the
 * chip's ROM: it has no journal (journal_sectors mean nothing) and one slot, which holds the
 * payload of an image without its header. The first 0x200 bytes of the image's file are then in no
 * flash.
 */
static inline bool ferry_board_has_bootloader(const struct ferry_board *board)
{
    return board->bootloader.size != 0;
}

/* Erase unit `sector`, below sector_count. */
struct ferry_range ferry_board_sector(const struct ferry_board *board, uint32_t sector);

/* The sector that holds `address`; the board's sector_count if none does. */
uint32_t ferry_board_sector_at(const struct ferry_board *board, uint32_t address);

/* The slot that starts at `address`, or FERRY_SLOT_NONE. */
uint8_t ferry_board_slot_at(const struct ferry_board *board, uint32_t address);

/* The slot that holds `address` (for an application to find itself by its program counter), or
 * FERRY_SLOT_NONE. */
uint8_t ferry_board_slot_of(const struct ferry_board *board, uint32_t address);

/* Bytes of the largest image file that every slot can hold: slots may differ, and an application
 * that fits only one of them could never be updated. */
uint32_t ferry_board_image_max(const struct ferry_board *board);

/* Host programs: all boards that this build knows, by number (NULL past the last) and by name. */
const struct ferry_board *ferry_board_list(size_t index);
const struct ferry_board *ferry_board_find(const char *name);

#endif
