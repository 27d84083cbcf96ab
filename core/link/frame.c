#include "ferry/frame.h"

#include <string.h>

enum { COBS_BLOCK_MAX = 254, MESSAGE_MIN = 4 };

void ferry_frame_decoder_init(struct ferry_frame_decoder *decoder, uint8_t *buffer, size_t capacity)
{
    memset(decoder, 0, sizeof(*decoder));
    decoder->buffer = buffer;
    decoder->capacity = (uint16_t)(capacity > UINT16_MAX ? UINT16_MAX : capacity);
}

static void next_frame(struct ferry_frame_decoder *decoder)
{
    decoder->length = 0;
    decoder->block_left = 0;
    decoder->zero_follows = false;
    decoder->started = false;
    decoder->broken = false;
}

static void put(struct ferry_frame_decoder *decoder, uint8_t byte)
{
    if (decoder->length == decoder->capacity) {
        decoder->broken = true;
        return;
    }
    decoder->buffer[decoder->length++] = byte;
}

/* A byte that is not the closing zero: a block's code, or data of the current block. */
static void take(struct ferry_frame_decoder *decoder, uint8_t byte)
{
    decoder->started = true;
    if (decoder->broken) {
        return;
    }
    if (decoder->block_left > 0) {
        decoder->block_left--;
    } else {
        bool ends_in_zero = decoder->zero_follows; /* the block before */
        decoder->block_left = (uint8_t)(byte - 1);
        decoder->zero_follows = byte != COBS_BLOCK_MAX + 1;
        if (!ends_in_zero) {
            return;
        }
        byte = 0;
    }
    put(decoder, byte);
}

/* The closing zero came: is what we have a message? */
static int finish(struct ferry_frame_decoder *decoder, size_t *message_size)
{
    bool whole = !decoder->broken && decoder->block_left == 0 &&
                 decoder->length >= MESSAGE_MIN + FERRY_FRAME_CRC_SIZE;
    size_t size = whole ? (size_t)decoder->length - FERRY_FRAME_CRC_SIZE : 0;

    next_frame(decoder);
    if (!whole || ferry_crc32(0, decoder->buffer, size) != ferry_get_u32(decoder->buffer + size)) {
        return FERRY_BAD_FRAME;
    }
    *message_size = size;
    return FERRY_OK;
}

int ferry_frame_feed(struct ferry_frame_decoder *decoder, const uint8_t *bytes, size_t size,
                     size_t *used, size_t *message_size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            take(decoder, bytes[i]);
        } else if (decoder->started) {
            *used = i + 1;
            return finish(decoder, message_size);
        }
    }
    *used = size;
    return FERRY_MORE;
}

/* Encoder: `code_at` is where the length of the open block goes. */
struct cobs_writer {
    uint8_t *out;
    size_t size;
    size_t code_at;
};

static void close_block(struct cobs_writer *writer)
{
    writer->out[writer->code_at] = (uint8_t)(writer->size - writer->code_at);
    writer->code_at = writer->size++;
}

static void encode(struct cobs_writer *writer, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (writer->size - writer->code_at == COBS_BLOCK_MAX + 1) {
            close_block(writer); /* a full block is followed by no implied zero */
        }
        if (bytes[i] == 0) {
            close_block(writer);
        } else {
            writer->out[writer->size++] = bytes[i];
        }
    }
}

size_t ferry_frame_encode(const uint8_t *message, size_t size, uint8_t *out)
{
    struct cobs_writer writer = {.out = out, .size = 1, .code_at = 0};
    uint8_t crc[FERRY_FRAME_CRC_SIZE];

    ferry_put_u32(crc, ferry_crc32(0, message, size));
    encode(&writer, message, size);
    encode(&writer, crc, sizeof(crc));
    out[writer.code_at] = (uint8_t)(writer.size - writer.code_at);
    out[writer.size++] = 0;
    return writer.size;
}
