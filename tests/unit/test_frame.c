/* Frames: every size there and back, what is dropped, and what follows a dropped one. */
#include "ferry/frame.h"

#include "kit_flash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { CAPACITY = FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE };

struct bench {
    struct ferry_frame_decoder decoder;
    uint8_t buffer[CAPACITY];
    uint8_t message[FERRY_MESSAGE_MAX];
    uint8_t wire[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)];
    size_t used, size;
};

static int set_up(void **test)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    ferry_frame_decoder_init(&bench.decoder, bench.buffer, sizeof(bench.buffer));
    *test = &bench;
    return 0;
}

static int feed(struct bench *bench, const uint8_t *bytes, size_t size)
{
    return ferry_frame_feed(&bench->decoder, bytes, size, &bench->used, &bench->size);
}

/* Encodes the first `size` bytes of bench->message, checks the form, decodes, compares. */
static void round_trip(struct bench *bench, size_t size)
{
    size_t wire = ferry_frame_encode(bench->message, size, bench->wire);

    assert_true(wire <= FERRY_FRAME_SIZE(size));
    assert_ptr_equal(memchr(bench->wire, 0, wire), &bench->wire[wire - 1]);
    int status = feed(bench, bench->wire, wire);
    assert_int_equal(bench->used, wire);
    if (size < 4) {
        assert_int_equal(status, FERRY_BAD_FRAME); /* shorter than a message header */
        return;
    }
    assert_int_equal(status, FERRY_OK);
    assert_int_equal(bench->size, size);
    assert_memory_equal(bench->buffer, bench->message, size);
}

static void random_content_of_every_size(void **test)
{
    struct bench *bench = *test;
    uint32_t random = 1;

    for (size_t size = 0; size <= FERRY_MESSAGE_MAX; size++) {
        for (size_t i = 0; i < size; i++) {
            uint32_t byte = kit_random(&random);
            bench->message[i] = (uint8_t)(byte % 8 == 0 ? 0 : byte >> 8);
        }
        round_trip(bench, size);
    }
}

static void zeros_only_and_no_zeros_of_every_size(void **test)
{
    struct bench *bench = *test;
    const uint8_t fills[] = {0x00, 0x01, 0xFE, 0xFF};

    for (size_t f = 0; f < sizeof(fills); f++) {
        memset(bench->message, fills[f], sizeof(bench->message));
        for (size_t size = 0; size <= FERRY_MESSAGE_MAX; size++) {
            round_trip(bench, size);
        }
    }
}

/* One zero at each place around the edges of the 254-byte blocks. */
static void a_zero_at_each_block_edge(void **test)
{
    struct bench *bench = *test;

    for (size_t size = 250; size <= 1024; size++) {
        for (size_t block = 254; block <= size + 3; block += 254) {
            for (size_t at = block - 3; at < block + 3 && at < size; at++) {
                memset(bench->message, 0x55, size);
                bench->message[at] = 0;
                round_trip(bench, size);
            }
        }
    }
}

static void filler_between_frames_is_ignored(void **test)
{
    struct bench *bench = *test;
    const uint8_t filler[40] = {0};

    memset(bench->message, 0x11, 9);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(feed(bench, filler, sizeof(filler)), FERRY_MORE);
        assert_int_equal(bench->used, sizeof(filler));
        round_trip(bench, 9);
    }
}

static void two_frames_in_one_feed_come_one_by_one(void **test)
{
    struct bench *bench = *test;
    uint8_t wire[64];

    size_t first = ferry_frame_encode((const uint8_t *)"first", 5, wire);
    size_t both = first + ferry_frame_encode((const uint8_t *)"second", 6, wire + first);
    assert_int_equal(feed(bench, wire, both), FERRY_OK);
    assert_int_equal(bench->used, first);
    assert_memory_equal(bench->buffer, "first", 5);
    assert_int_equal(feed(bench, wire + first, both - first), FERRY_OK);
    assert_int_equal(bench->used, both - first);
    assert_memory_equal(bench->buffer, "second", 6);
}

static void every_single_bit_error_is_noticed(void **test)
{
    struct bench *bench = *test;

    for (size_t i = 0; i < 300; i++) {
        bench->message[i] = (uint8_t)(i * 37);
    }
    size_t wire = ferry_frame_encode(bench->message, 300, bench->wire);
    for (size_t bit = 0; bit < wire * 8; bit++) {
        bench->wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
        size_t at = 0;
        while (at < wire) {
            int status = feed(bench, bench->wire + at, wire - at);
            assert_int_not_equal(status, FERRY_OK);
            at += bench->used;
        }
        const uint8_t zero = 0; /* where the closing one was hit */
        assert_int_not_equal(feed(bench, &zero, 1), FERRY_OK);
        bench->wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    round_trip(bench, 300);
}

static void a_truncated_frame_costs_only_itself(void **test)
{
    struct bench *bench = *test;
    const uint8_t zero = 0;

    memset(bench->message, 0x77, 600);
    size_t wire = ferry_frame_encode(bench->message, 600, bench->wire);
    for (size_t cut = 1; cut < wire; cut++) {
        assert_int_equal(feed(bench, bench->wire, cut - 1), FERRY_MORE);
        assert_int_equal(feed(bench, &zero, 1), cut == 1 ? FERRY_MORE : FERRY_BAD_FRAME);
    }
    round_trip(bench, 600);
}

static void a_frame_longer_than_the_buffer_is_dropped(void **test)
{
    struct bench *bench = *test;
    uint8_t small[20 + FERRY_FRAME_CRC_SIZE + 1];

    small[sizeof(small) - 1] = 0xA5;
    ferry_frame_decoder_init(&bench->decoder, small, sizeof(small) - 1);
    for (size_t size = 4; size < 400; size++) {
        size_t wire = ferry_frame_encode(bench->message, size, bench->wire);
        assert_int_equal(feed(bench, bench->wire, wire), size <= 20 ? FERRY_OK : FERRY_BAD_FRAME);
        assert_int_equal(bench->used, wire);
        assert_int_equal(small[sizeof(small) - 1], 0xA5);
    }
    assert_int_equal(feed(bench, bench->wire, ferry_frame_encode(bench->message, 20, bench->wire)),
                     FERRY_OK);
}

static void endless_noise_without_a_zero_does_no_harm(void **test)
{
    struct bench *bench = *test;
    uint8_t noise[4096];

    memset(noise, 0xFF, sizeof(noise));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(feed(bench, noise, sizeof(noise)), FERRY_MORE);
    }
    memset(noise, 0, sizeof(noise));
    assert_int_equal(feed(bench, noise, sizeof(noise)), FERRY_BAD_FRAME);
    assert_int_equal(bench->used, 1);
    round_trip(bench, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_content_of_every_size, set_up),
        cmocka_unit_test_setup(zeros_only_and_no_zeros_of_every_size, set_up),
        cmocka_unit_test_setup(a_zero_at_each_block_edge, set_up),
        cmocka_unit_test_setup(filler_between_frames_is_ignored, set_up),
        cmocka_unit_test_setup(two_frames_in_one_feed_come_one_by_one, set_up),
        cmocka_unit_test_setup(every_single_bit_error_is_noticed, set_up),
        cmocka_unit_test_setup(a_truncated_frame_costs_only_itself, set_up),
        cmocka_unit_test_setup(a_frame_longer_than_the_buffer_is_dropped, set_up),
        cmocka_unit_test_setup(endless_noise_without_a_zero_does_no_harm, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
