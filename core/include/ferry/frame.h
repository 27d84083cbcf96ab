/*
 * ferry/frame.h - messages as frames on a byte stream: COBS, closed by 0x00, CRC-32 inside.
 *
 *   message | CRC-32 (LE)  --COBS-->  no zero bytes  | 0x00
 *
 * The same stream serves UART, SPI and I2C; extra 0x00 bytes between frames are filler and ignored.
 * COBS: Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999. No I/O, no heap.
 */
#ifndef FERRY_FRAME_H
#define FERRY_FRAME_H

#include "ferry/base.h"

enum {
    FERRY_FRAME_CRC_SIZE = 4,
    FERRY_DATA_MAX = 2048, /* largest payload of a DATA message, bytes */
    FERRY_MESSAGE_MAX = FERRY_DATA_MAX + 8
};

/* Bytes on the wire that a message of `n` bytes needs at most, closing 0x00 included. */
#define FERRY_FRAME_SIZE(n) ((n) + FERRY_FRAME_CRC_SIZE + ((n) + FERRY_FRAME_CRC_SIZE) / 254 + 2)

/* Takes a stream apart. The caller owns the buffer for as long as the decoder lives. */
struct ferry_frame_decoder {
    uint8_t *buffer;    /* decoded message, then its CRC */
    uint16_t capacity;  /* bytes in buffer: largest message + FERRY_FRAME_CRC_SIZE */
    uint16_t length;    /* decoded so far */
    uint8_t block_left; /* bytes left of the current COBS block */
    bool zero_follows;  /* the current block ends in an implied zero */
    bool started;       /* a byte of this frame was seen */
    bool broken;        /* overlong or malformed: wait for the closing 0x00 */
};

void ferry_frame_decoder_init(struct ferry_frame_decoder *decoder, uint8_t *buffer,
                              size_t capacity);

/*
 * Feeds bytes until a frame ends or the input is used up.
 *   used: number of bytes taken, <= size; call again with the rest.
 *   message_size: on OK, size of the message now at the start of the buffer (CRC checked and
 *   removed); it stays valid until the next call.
 * Returns OK (a message), MORE (input used up), or BAD_FRAME (a frame ended that is damaged, longer
 * than the buffer or shorter than a header: dropped; go on feeding).
 */
int ferry_frame_feed(struct ferry_frame_decoder *decoder, const uint8_t *bytes, size_t size,
                     size_t *used, size_t *message_size);

/*
 * Encodes a message.
 *   out: at least FERRY_FRAME_SIZE(size) bytes; must not overlap `message`.
 * Returns the number of bytes in `out`.
 */
size_t ferry_frame_encode(const uint8_t *message, size_t size, uint8_t *out);

#endif
