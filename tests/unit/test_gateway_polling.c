/* When a master looks at its node, and what of the bytes it reads belongs to the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "polling.h"

#include <string.h>

enum { START_MS = 0xFFFFFF00 /* the clock wraps on the way */ };

static struct gateway_polling polling;

static int start(void **state)
{
    (void)state;
    memset(&polling, 0xA5, sizeof polling);
    gateway_polling_start(&polling, START_MS);
    return 0;
}

static void collect(const char *bytes, size_t size, uint32_t now_ms)
{
    gateway_polling_collect(&polling, (const uint8_t *)bytes, size, now_ms);
}

/* What is handed out is `wanted`, and then nothing. */
static void assert_taken(const char *wanted, size_t size)
{
    uint8_t out[GATEWAY_POLLING_SIZE];
    assert_int_equal(gateway_polling_take(&polling, out, sizeof out), size);
    assert_memory_equal(out, wanted, size);
    assert_int_equal(gateway_polling_take(&polling, out, sizeof out), 0);
}

/* Looks in `span_ms` of silence, each as soon as it is due; checks the pause before each. */
static uint32_t looks_in(uint32_t span_ms, uint32_t least_ms, uint32_t *longest_ms)
{
    uint32_t looks = 0, last = START_MS;
    *longest_ms = 0;
    for (uint32_t now = START_MS; now - START_MS < span_ms; now++) {
        if (gateway_polling_due(&polling, least_ms, now)) {
            if (looks > 0) {
                assert_true(now - last >= least_ms);
                *longest_ms = now - last > *longest_ms ? now - last : *longest_ms;
            }
            last = now;
            looks++;
        }
    }
    return looks;
}

static void looks_get_rarer_the_longer_it_is_silent(void **state)
{
    uint32_t longest_ms;
    (void)state;
    gateway_polling_sent(&polling, START_MS);
    assert_in_range(looks_in(16, 1, &longest_ms), 15, 16);
    assert_int_equal(longest_ms, 1);
    start(NULL);
    gateway_polling_sent(&polling, START_MS);
    assert_in_range(looks_in(800, 1, &longest_ms), 60, 90); /* 0.6 KB of 8 bytes */
    assert_in_range(longest_ms, 40, 50);
    start(NULL);
    gateway_polling_sent(&polling, START_MS);
    assert_in_range(looks_in(10000, 1, &longest_ms), 240, 280);
    assert_int_equal(longest_ms, 50); /* never rarer */
}

static void an_answer_is_seen_a_sixteenth_late_at_most(void **state)
{
    (void)state;
    for (uint32_t answer_ms = 1; answer_ms < 2000; answer_ms += 13) {
        start(NULL);
        gateway_polling_sent(&polling, START_MS);
        uint32_t now = START_MS;
        while (now - START_MS < answer_ms || !gateway_polling_due(&polling, 1, now)) {
            if (now - START_MS < answer_ms) {
                (void)gateway_polling_due(&polling, 1, now);
            }
            now++;
        }
        assert_true(now - START_MS - answer_ms <= answer_ms / 16 + 1);
    }
}

static void sparing_looks_keep_their_pause(void **state)
{
    uint32_t longest_ms;
    (void)state;
    gateway_polling_sent(&polling, START_MS);
    assert_in_range(looks_in(1000, 250, &longest_ms), 4, 4);
    assert_int_equal(longest_ms, 250);
}

static void repeats_do_not_shorten_the_silence(void **state)
{
    (void)state;
    gateway_polling_sent(&polling, START_MS);
    assert_true(gateway_polling_due(&polling, 1, START_MS + 700));
    gateway_polling_sent(&polling, START_MS + 710);
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS + 710), 700 / 16 - 10);
    collect("x", 1, START_MS + 720); /* an answer begins: the next one is waited for anew */
    assert_taken("x", 1);
    collect("\0", 1, START_MS + 721);
    assert_taken("\0", 1);
    gateway_polling_sent(&polling, START_MS + 730);
    assert_true(gateway_polling_due(&polling, 1, START_MS + 740));
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS + 740), 1);
}

static void wait_says_when_the_next_look_is_due(void **state)
{
    (void)state;
    gateway_polling_sent(&polling, START_MS);
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS), 0);
    assert_true(gateway_polling_due(&polling, 1, START_MS + 320));
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS + 320), 20);
    assert_false(gateway_polling_due(&polling, 1, START_MS + 339));
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS + 339), 1);
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS + 5000), 0);
    assert_true(gateway_polling_due(&polling, 1, START_MS + 340));
}

static void within_an_answer_it_looks_at_once(void **state)
{
    (void)state;
    gateway_polling_sent(&polling, START_MS);
    assert_true(gateway_polling_due(&polling, 1, START_MS + 1600));
    assert_true(gateway_polling_wait_ms(&polling, START_MS + 1600) > 0);
    collect("\0\0ab", 4, START_MS + 1601);
    assert_taken("ab", 2);
    assert_true(polling.in_answer);
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS + 1601), 0);
    assert_true(gateway_polling_due(&polling, 1, START_MS + 1601));
    assert_true(gateway_polling_due(&polling, 1, START_MS + 1601));
    collect("c\0\0\0", 4, START_MS + 1602);
    assert_taken("c\0", 2);
    assert_false(polling.in_answer);
}

static void what_was_collected_is_fetched_at_once(void **state)
{
    (void)state;
    collect("a\0", 2, START_MS);
    assert_true(gateway_polling_due(&polling, 250, START_MS));
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS), 0);
    assert_taken("a\0", 2);
    assert_int_equal(gateway_polling_wait_ms(&polling, START_MS), 250);
}

static void padding_is_dropped_but_for_the_end_of_a_frame(void **state)
{
    (void)state;
    collect("\0\0\0\0", 4, START_MS);
    assert_taken("", 0);
    assert_false(polling.heard);
    collect("\0ab\0\0\0cd\0\0", 10, START_MS);
    assert_true(polling.heard);
    assert_taken("ab\0cd\0", 6);
}

static void a_frame_in_two_reads_stays_whole(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= 6; cut++) {
        static const char stream[] = "\0abc\0\0";
        start(NULL);
        collect(stream, cut, START_MS);
        collect(stream + cut, 6 - cut, START_MS);
        assert_taken("abc\0", 4);
    }
}

/* 0xFF of a MISO that nobody drives: at most as much as a frame could hold, then dropped. */
static void a_level_that_never_ends_is_no_answer(void **state)
{
    uint8_t high[512], out[GATEWAY_POLLING_SIZE];
    size_t taken = 0;
    (void)state;
    memset(high, 0xFF, sizeof high);
    for (size_t i = 0; i < 40; i++) {
        gateway_polling_collect(&polling, high, sizeof high, START_MS);
        taken += gateway_polling_take(&polling, out, sizeof out);
    }
    assert_in_range(taken, FERRY_REPLY_MAX, FERRY_FRAME_SIZE(FERRY_REPLY_MAX) + 1);
    assert_false(polling.in_answer);
    collect("\0ok\0", 4, START_MS); /* a node that wakes up is heard */
    size_t size = gateway_polling_take(&polling, out, sizeof out);
    assert_true(size >= 3);
    assert_memory_equal(out + size - 3, "ok", 3);
}

static void room_and_order_hold_when_it_is_taken_in_pieces(void **state)
{
    uint8_t bytes[GATEWAY_POLLING_SIZE], out[GATEWAY_POLLING_SIZE];
    uint8_t in = 0, expected = 0;
    (void)state;
    for (size_t round = 0; round < 200; round++) {
        size_t room = gateway_polling_room(&polling), size = 0;
        while (size + 2 <= room && size < 600) { /* frames of one byte */
            bytes[size++] = (uint8_t)(1 + in++ % 255);
            bytes[size++] = 0;
        }
        gateway_polling_collect(&polling, bytes, size, START_MS);
        assert_int_equal(gateway_polling_room(&polling), room - size);
        size_t got = gateway_polling_take(&polling, out, (round * 7 % 300) * 2);
        for (size_t i = 0; i < got; i += 2) {
            assert_int_equal(out[i], 1 + expected++ % 255);
            assert_int_equal(out[i + 1], 0);
        }
    }
    assert_in_range(polling.count, 1, GATEWAY_POLLING_SIZE); /* it was nearly full on the way */
}

#define POLLING_TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLLING_TEST(looks_get_rarer_the_longer_it_is_silent),
        POLLING_TEST(an_answer_is_seen_a_sixteenth_late_at_most),
        POLLING_TEST(sparing_looks_keep_their_pause),
        POLLING_TEST(repeats_do_not_shorten_the_silence),
        POLLING_TEST(wait_says_when_the_next_look_is_due),
        POLLING_TEST(within_an_answer_it_looks_at_once),
        POLLING_TEST(what_was_collected_is_fetched_at_once),
        POLLING_TEST(padding_is_dropped_but_for_the_end_of_a_frame),
        POLLING_TEST(a_frame_in_two_reads_stays_whole),
        POLLING_TEST(a_level_that_never_ends_is_no_answer),
        POLLING_TEST(room_and_order_hold_when_it_is_taken_in_pieces),
    };
    return cmocka_run_group_tests_name("gateway_polling", tests, NULL, NULL);
}
