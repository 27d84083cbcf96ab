#include "ferry/board.h"

struct ferry_range ferry_board_sector(const struct ferry_board *board, uint32_t sector)
{
    const uint32_t *at = board->sectors + sector;
    return (struct ferry_range){.start = at[0], .size = at[1] - at[0]};
}

uint32_t ferry_board_sector_at(const struct ferry_board *board, uint32_t address)
{
    uint32_t sector = 0;
    while (sector < board->sector_count &&
           address - board->sectors[sector] >=
               board->sectors[sector + 1] - board->sectors[sector]) {
        sector++; /* the subtraction wraps to a huge number when the address lies before */
    }
    return sector;
}

uint8_t ferry_board_slot_at(const struct ferry_board *board, uint32_t address)
{
    for (uint8_t slot = 0; slot < board->slot_count; slot++) {
        if (board->slots[slot].start == address) {
            return slot;
        }
    }
    return FERRY_SLOT_NONE;
}

uint8_t ferry_board_slot_of(const struct ferry_board *board, uint32_t address)
{
    for (uint8_t slot = 0; slot < board->slot_count; slot++) {
        if (address - board->slots[slot].start < board->slots[slot].size) {
            return slot;
        }
    }
    return FERRY_SLOT_NONE;
}

uint32_t ferry_board_image_max(const struct ferry_board *board)
{
    uint32_t smallest = board->slots[0].size;
    for (uint8_t slot = 1; slot < board->slot_count; slot++) {
        if (board->slots[slot].size < smallest) {
            smallest = board->slots[slot].size;
        }
    }
    return smallest;
}
