/* Frames in any portions give the same messages; noise and damage never give a wrong one. */
#include "ferry/frame.h"

#include "kit_flash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
    MESSAGES = 12,
    SIZE_MAX_MESSAGE = 700,
    STREAM_MAX = MESSAGES * 3 * FERRY_FRAME_SIZE(SIZE_MAX_MESSAGE),
    BUFFER = SIZE_MAX_MESSAGE + FERRY_FRAME_CRC_SIZE
};

struct stream {
    uint8_t bytes[STREAM_MAX];
    size_t size;
};

/* What a decoder made of a stream: the number of messages and a CRC over all of them. */
struct outcome {
    uint32_t messages, damaged, crc;
};

struct sent {
    uint8_t bytes[MESSAGES][SIZE_MAX_MESSAGE];
    size_t sizes[MESSAGES];
};

static void take(struct outcome *outcome, int status, const uint8_t *message, size_t size)
{
    if (status == FERRY_OK) {
        outcome->messages++;
        outcome->crc = ferry_crc32(outcome->crc, message, size);
    } else if (status == FERRY_BAD_FRAME) {
        outcome->damaged++;
    }
}

/* Decodes the stream in portions of 1..`portion` bytes. */
static struct outcome decode(const struct stream *stream, uint32_t portion, uint32_t seed)
{
    struct ferry_frame_decoder decoder;
    uint8_t buffer[BUFFER];
    struct outcome outcome = {0};

    ferry_frame_decoder_init(&decoder, buffer, sizeof(buffer));
    for (size_t at = 0; at < stream->size;) {
        size_t left = 1 + kit_random(&seed) % portion, used, size = 0;
        left = left < stream->size - at ? left : stream->size - at;
        uint8_t *exact = malloc(left); /* the sanitizer sees a read outside */
        memcpy(exact, stream->bytes + at, left);
        at += left;
        for (size_t from = 0; from < left; from += used) {
            int status = ferry_frame_feed(&decoder, exact + from, left - from, &used, &size);
            take(&outcome, status, buffer, size);
        }
        free(exact);
    }
    return outcome;
}

static void random_message(struct sent *sent, int i, uint32_t *random)
{
    size_t size = 4 + kit_random(random) % (SIZE_MAX_MESSAGE - 3);
    uint32_t zeros = 1 + kit_random(random) % 300;

    for (size_t b = 0; b < size; b++) {
        uint32_t bits = kit_random(random);
        sent->bytes[i][b] = (uint8_t)(bits % zeros == 0 ? 0 : bits >> 8 | 1);
    }
    sent->sizes[i] = size;
}

static void add_noise(struct stream *stream, uint32_t *random)
{
    uint32_t kind = kit_random(random) % 4, size = kit_random(random) % 400;

    if (kind == 0) {
        return;
    }
    for (uint32_t i = 0; i < size; i++) {
        stream->bytes[stream->size++] = (uint8_t)(kind == 1 ? 0 : kit_random(random));
    }
    stream->bytes[stream->size++] = 0;
}

static void make_stream(struct stream *stream, struct sent *sent, uint32_t *random, bool noise)
{
    stream->size = 0;
    for (int i = 0; i < MESSAGES; i++) {
        random_message(sent, i, random);
        if (noise) {
            add_noise(stream, random);
        }
        stream->size +=
            ferry_frame_encode(sent->bytes[i], sent->sizes[i], stream->bytes + stream->size);
    }
}

static void any_portions_give_the_same(void **state)
{
    (void)state;
    static struct stream stream;
    static struct sent sent;

    for (uint32_t seed = 1; seed <= 300; seed++) {
        uint32_t random = seed, crc = 0;
        make_stream(&stream, &sent, &random, seed % 2 == 0);
        for (int i = 0; i < MESSAGES; i++) {
            crc = ferry_crc32(crc, sent.bytes[i], sent.sizes[i]);
        }
        struct outcome whole = decode(&stream, UINT32_MAX / 2, seed);
        assert_int_equal(whole.messages, MESSAGES);
        assert_int_equal(whole.crc, crc);
        const uint32_t portions[] = {1, 2, 7, 64, 300};
        for (size_t i = 0; i < sizeof(portions) / sizeof(portions[0]); i++) {
            struct outcome some = decode(&stream, portions[i], seed + 1);
            assert_memory_equal(&some, &whole, sizeof(some));
        }
    }
}

/* Is this one of the messages sent? */
static bool was_sent(const struct sent *sent, const uint8_t *message, size_t size)
{
    for (int i = 0; i < MESSAGES; i++) {
        if (sent->sizes[i] == size && memcmp(sent->bytes[i], message, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Flips bits, deletes, inserts and doubles bytes. */
static void damage(struct stream *stream, uint32_t *random)
{
    for (uint32_t n = 1 + kit_random(random) % 30; n > 0; n--) {
        size_t at = kit_random(random) % stream->size;
        uint8_t *byte = &stream->bytes[at];
        switch (kit_random(random) % 4) {
        case 0:
            *byte ^= (uint8_t)(1U << kit_random(random) % 8);
            break;
        case 1:
            *byte = (uint8_t)kit_random(random);
            break;
        case 2:
            memmove(byte, byte + 1, stream->size - at - 1);
            stream->size--;
            break;
        default:
            if (stream->size < STREAM_MAX) {
                memmove(byte + 1, byte, stream->size - at);
                stream->size++;
            }
        }
    }
}

static void damage_never_gives_a_wrong_message(void **state)
{
    (void)state;
    static struct stream stream;
    static struct sent sent;
    struct ferry_frame_decoder decoder;
    uint8_t buffer[BUFFER];
    uint32_t whole = 0, dropped = 0;

    for (uint32_t seed = 1; seed <= 3000; seed++) {
        uint32_t random = seed;
        size_t used, size;
        make_stream(&stream, &sent, &random, false);
        damage(&stream, &random);
        ferry_frame_decoder_init(&decoder, buffer, sizeof(buffer));
        for (size_t at = 0; at < stream.size; at += used) {
            int status =
                ferry_frame_feed(&decoder, stream.bytes + at, stream.size - at, &used, &size);
            if (status == FERRY_OK) {
                assert_true(was_sent(&sent, buffer, size));
                whole++;
            } else if (status == FERRY_BAD_FRAME) {
                dropped++;
            }
        }
    }
    assert_true(whole > 1000 && dropped > 1000);
}

/* A damaged frame costs itself and at most its neighbour, where the zero between them was lost. */
static void what_follows_a_damaged_frame_arrives(void **state)
{
    (void)state;
    static struct stream stream;
    static struct sent sent;

    for (uint32_t seed = 1; seed <= 3000; seed++) {
        uint32_t random = seed;
        make_stream(&stream, &sent, &random, false);
        stream.bytes[kit_random(&random) % stream.size] ^= (uint8_t)(1 + kit_random(&random) % 255);
        struct outcome outcome = decode(&stream, 64, seed);
        assert_true(outcome.messages >= MESSAGES - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_portions_give_the_same),
        cmocka_unit_test(damage_never_gives_a_wrong_message),
        cmocka_unit_test(what_follows_a_damaged_frame_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
