/* In a file of its own: a bootloader links another one, as its board has one. */
#include "ferry/image.h"

uint32_t ferry_image_payload_start(const struct ferry_image_header *header,
                                   const struct ferry_board *board)
{
    return header->load_address + (ferry_board_has_bootloader(board) ? header->header_size : 0U);
}
