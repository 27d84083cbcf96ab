#include "ferry/base.h"

/* The remainders of the 16 nibbles: 64 bytes of flash instead of 1 KB, two look-ups a byte. */
static const uint32_t crc_nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t ferry_crc32(uint32_t crc, const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        crc = crc_nibble[crc & 15U] ^ (crc >> 4);
        crc = crc_nibble[crc & 15U] ^ (crc >> 4);
    }
    return ~crc;
}
