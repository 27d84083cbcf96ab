/* Where a bootloader runs, the header is in flash: no need to ask the board. */
#include "ferry/image.h"

uint32_t ferry_image_payload_start(const struct ferry_image_header *header,
                                   const struct ferry_board *board)
{
    (void)board;
    return header->load_address + header->header_size;
}
