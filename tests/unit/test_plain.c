/* The agent of an application on a board without Ferry's bootloader: it answers, and takes nothing.
 */
#include "plain.h"
#include "kit_board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { TAG = 0x1234, WIRE_MAX = 4096 };

static struct {
    uint8_t in[WIRE_MAX], out[WIRE_MAX];
    size_t in_size, in_taken, out_size;
    size_t chunk;   /* bytes that a read or a write moves at most */
    bool wire_busy; /* the last byte has not left yet */
    struct ferry_plain plain;
} bench;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t take(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    size_t count = smaller(smaller(max, bench.chunk), bench.in_size - bench.in_taken);
    memcpy(out, bench.in + bench.in_taken, count);
    bench.in_taken += count;
    return count;
}

static size_t give(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    size_t count = smaller(smaller(size, bench.chunk), WIRE_MAX - bench.out_size);
    memcpy(bench.out + bench.out_size, data, count);
    bench.out_size += count;
    return count;
}

static bool is_idle(void *ctx)
{
    (void)ctx;
    return !bench.wire_busy;
}

static const struct ferry_stream stream = {
    .read = take, .write = give, .idle = is_idle, .rx_capacity_bytes = 100};
static const uint8_t uid[FERRY_UID_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const struct ferry_plain_config config = {
    .stream = &stream,
    .board = &kit_board,
    .uid = uid,
    .version = {.major = 3, .minor = 2, .revision = 515, .build = 7},
    .reset_cause = FERRY_RESET_PIN,
};

static void start(size_t chunk)
{
    memset(&bench, 0, sizeof bench);
    bench.chunk = chunk;
    ferry_plain_init(&bench.plain, &config);
}

static void put(const uint8_t *message, size_t size)
{
    bench.in_size += ferry_frame_encode(message, size, bench.in + bench.in_size);
}

static void put_empty(uint8_t type)
{
    uint8_t message[FERRY_REPLY_MAX];
    put(message, ferry_message_write_empty(message, type, TAG));
}

/* Until everything was taken and said. @return the events of all rounds */
static uint32_t run(void)
{
    uint32_t events = 0;
    for (int round = 0; round < 2 * WIRE_MAX; round++) {
        events |= ferry_plain_step(&bench.plain);
    }
    return events;
}

/* The only answer on the wire. @return its size */
static size_t answer(uint8_t type, uint8_t message[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE])
{
    struct ferry_frame_decoder decoder;
    size_t used, size;
    ferry_frame_decoder_init(&decoder, message, FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE);
    assert_int_equal(ferry_frame_feed(&decoder, bench.out, bench.out_size, &used, &size), FERRY_OK);
    assert_int_equal(used, bench.out_size);
    assert_int_equal(ferry_message_type(message), type);
    assert_int_equal(ferry_message_tag(message), TAG);
    return size;
}

static void is_verdict(uint8_t type, int verdict)
{
    uint8_t message[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    int status;
    size_t size = answer(type, message);
    assert_int_equal(ferry_message_read_verdict(message, size, &status), FERRY_OK);
    assert_int_equal(status, verdict);
}

/* However the bytes come and go. */
static void says_what_runs(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    struct ferry_info info;
    for (size_t chunk = 1; chunk < 70; chunk++) {
        start(chunk);
        put_empty(FERRY_QUERY);
        assert_int_equal(run(), FERRY_EVENT_MESSAGE);
        size_t size = answer(FERRY_INFO, message);
        assert_int_equal(ferry_message_read_info(message, size, &info), FERRY_OK);
        assert_int_equal(info.protocol, FERRY_PROTOCOL_VERSION);
        assert_string_equal(info.board, kit_board.name);
        assert_memory_equal(info.uid, uid, sizeof uid);
        assert_int_equal(info.slot_count, 1);
        assert_int_equal(info.running, FERRY_SLOT_A);
        assert_int_equal(info.confirmed, FERRY_SLOT_A);
        assert_int_equal(info.phase, FERRY_PHASE_NONE);
        assert_int_equal(info.reset_cause, FERRY_RESET_PIN);
        assert_int_equal(info.key_count, 0);
        assert_int_equal(info.slots[0].range.start, kit_board.slots[0].start);
        assert_int_equal(ferry_version_compare(&info.slots[0].version, &config.version), 0);
    }
}

static void takes_no_update(void **state)
{
    (void)state;
    uint8_t message[FERRY_OPEN_MAX], reply[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    static const uint8_t claims[FERRY_IMAGE_TLV_MAX];
    struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                              .total_size = 1000,
                              .tlv_size = sizeof claims,
                              .header = claims,
                              .vectors = claims,
                              .tlvs = claims};
    struct ferry_opened opened;
    start(64);
    put(message, ferry_message_write_open(message, TAG, &open)); /* the largest there is */
    assert_int_equal(run(), FERRY_EVENT_MESSAGE);
    size_t size = answer(FERRY_OPENED, reply);
    assert_int_equal(ferry_message_read_opened(reply, size, &opened), FERRY_OK);
    assert_int_equal(opened.status, FERRY_SLOT_RUNNING);

    struct ferry_close close = {.total_size = 1000};
    start(64);
    put(message, ferry_message_write_close(message, TAG, &close));
    run();
    is_verdict(FERRY_CLOSED, FERRY_NOT_OPEN);
    for (unsigned type = FERRY_CONFIRM; type <= FERRY_REVERT; type++) {
        start(64);
        put(message, ferry_message_write_hash(message, (uint8_t)type, TAG, claims));
        run();
        is_verdict(FERRY_RESULT, FERRY_NOT_TRIAL);
    }
    start(64);
    put_empty(FERRY_ABORT);
    run();
    is_verdict(FERRY_RESULT, FERRY_OK);
}

static void is_nak(int verdict)
{
    uint8_t message[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    struct ferry_nak nak;
    size_t size = answer(FERRY_NAK, message);
    assert_int_equal(ferry_message_read_nak(message, size, &nak), FERRY_OK);
    assert_int_equal(nak.status, verdict);
}

static void is_never_silent(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    struct ferry_log_answer log;
    start(64);
    put_empty(0x55);
    run();
    is_nak(FERRY_UNKNOWN_MESSAGE);
    start(64);
    put(message, ferry_message_write_data(message, TAG, 0, uid, sizeof uid));
    run();
    is_nak(FERRY_NOT_OPEN);
    start(64);
    put(message, ferry_message_write_log(message, TAG, 0));
    run();
    size_t size = answer(FERRY_LOGGED, message);
    assert_int_equal(ferry_message_read_logged(message, size, &log), FERRY_OK);
    assert_int_equal(log.count, 0);
}

/* Noise, a frame that is too long, and half a frame change nothing. */
static void hears_through_noise(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    start(33);
    for (int i = 0; i < 1000; i++) {
        bench.in[bench.in_size++] = (uint8_t)(1 + i % 255);
    }
    bench.in[bench.in_size++] = 0;
    put_empty(FERRY_RESET);
    bench.in[bench.in_size - 3] ^= 1; /* its CRC */
    put_empty(FERRY_QUERY);
    assert_int_equal(run(), FERRY_EVENT_MESSAGE);
    answer(FERRY_INFO, message);
}

static void resets_when_the_answer_has_left(void **state)
{
    (void)state;
    start(3);
    bench.wire_busy = true;
    put_empty(FERRY_RESET);
    put_empty(FERRY_QUERY); /* comes too late */
    assert_int_equal(run(), FERRY_EVENT_MESSAGE);
    is_verdict(FERRY_RESULT, FERRY_OK);
    bench.wire_busy = false;
    assert_int_equal(ferry_plain_step(&bench.plain), FERRY_EVENT_RESET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_runs),
        cmocka_unit_test(takes_no_update),
        cmocka_unit_test(is_never_silent),
        cmocka_unit_test(hears_through_noise),
        cmocka_unit_test(resets_when_the_answer_has_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
