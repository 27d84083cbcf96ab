/*
 * Fuzzes the frame decoder: first byte = size of the portions, the rest is the stream. Any portions
 * must give the same messages, and every message must survive being framed again.
 */
#include "ferry/frame.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 600, LARGEST = BUFFER - FERRY_FRAME_CRC_SIZE };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    uint32_t messages, damaged, crc;
};

static void check_again(const uint8_t *message, size_t size)
{
    struct ferry_frame_decoder decoder;
    uint8_t wire[FERRY_FRAME_SIZE(LARGEST)], buffer[BUFFER];
    size_t used, again, length = ferry_frame_encode(message, size, wire);

    ferry_frame_decoder_init(&decoder, buffer, sizeof(buffer));
    if (length > FERRY_FRAME_SIZE(size) || memchr(wire, 0, length) != wire + length - 1 ||
        ferry_frame_feed(&decoder, wire, length, &used, &again) != FERRY_OK || used != length ||
        again != size || memcmp(buffer, message, size) != 0) {
        abort();
    }
}

static struct outcome decode(const uint8_t *stream, size_t size, size_t portion)
{
    struct ferry_frame_decoder decoder;
    uint8_t buffer[BUFFER];
    struct outcome outcome = {0};
    size_t used = 0, length = 0;

    ferry_frame_decoder_init(&decoder, buffer, sizeof(buffer));
    for (size_t at = 0; at < size; at += used) {
        size_t left = size - at < portion ? size - at : portion;
        int status = ferry_frame_feed(&decoder, stream + at, left, &used, &length);
        if (used > left || (status == FERRY_MORE && used != left)) {
            abort();
        }
        if (status == FERRY_OK) {
            outcome.messages++;
            outcome.crc = ferry_crc32(outcome.crc, buffer, length);
            check_again(buffer, length);
        }
        outcome.damaged += status == FERRY_BAD_FRAME;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct outcome whole = decode(data + 1, size - 1, size);
    struct outcome parts = decode(data + 1, size - 1, 1 + data[0] % 32U);
    if (memcmp(&whole, &parts, sizeof(whole)) != 0) {
        abort();
    }
    if (size > 4 && size - 1 <= LARGEST) { /* the input as a message of its own */
        check_again(data + 1, size - 1);
    }
    return 0;
}
