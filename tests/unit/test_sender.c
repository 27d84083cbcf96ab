/* The sender against a peer that answers what the test says, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ferry/sender.h"

#include <string.h>

enum { IMAGE_SIZE = 10001, START_MS = 0xFFFFF000 }; /* the clock wraps during the tests */

static struct ferry_sender sender;
static uint32_t now_ms;
static uint8_t image[IMAGE_SIZE];

/* The last message that the sender put on the wire. */
static uint8_t heard_buffer[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
static size_t heard_size;
static uint32_t heard_count;

static int setup(void **state)
{
    (void)state;
    now_ms = START_MS;
    heard_count = 0;
    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 7 + i / 255);
    }
    ferry_sender_init(&sender, 0xFFFE);
    return 0;
}

/* Takes everything the sender wants to say; true if that was a message. */
static bool hear(void)
{
    struct ferry_frame_decoder decoder;
    size_t size;
    bool whole = false;
    const uint8_t *bytes = ferry_sender_output(&sender, &size);
    ferry_frame_decoder_init(&decoder, heard_buffer, sizeof heard_buffer);
    while (bytes != NULL) {
        size_t used;
        size_t one = size > 7 ? 7 : size; /* a transport that takes little at a time */
        if (ferry_frame_feed(&decoder, bytes, one, &used, &heard_size) == FERRY_OK) {
            whole = true;
            heard_count++;
        }
        ferry_sender_sent(&sender, one, now_ms);
        bytes = ferry_sender_output(&sender, &size);
    }
    return whole;
}

static uint8_t heard_type(void)
{
    return ferry_message_type(heard_buffer);
}

static uint16_t heard_tag(void)
{
    return ferry_message_tag(heard_buffer);
}

static void answer(const uint8_t *message, size_t size)
{
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)];
    ferry_sender_input(&sender, frame, ferry_frame_encode(message, size, frame), now_ms);
}

static void answer_info(uint16_t tag, uint8_t flags)
{
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_info info;
    memset(&info, 0, sizeof info);
    info.protocol = FERRY_PROTOCOL_VERSION;
    info.slot_count = 2;
    info.flags = flags;
    strcpy(info.board, "board");
    answer(message, ferry_message_write_info(message, tag, &info));
}

static void answer_verdict(uint8_t type, uint16_t tag, int status)
{
    uint8_t message[FERRY_REPLY_MAX];
    answer(message, ferry_message_write_verdict(message, type, tag, status));
}

static void answer_ack(uint32_t next, uint32_t window)
{
    uint8_t message[FERRY_REPLY_MAX];
    const struct ferry_ack ack = {.next = next, .durable = 0, .window = window};
    answer(message, ferry_message_write_ack(message, sender.transfer_tag, &ack));
}

static void answer_nak(uint8_t type, int status, uint32_t next)
{
    uint8_t message[FERRY_REPLY_MAX];
    const struct ferry_nak nak = {.status = status, .type = type, .next = next};
    answer(message, ferry_message_write_nak(message, sender.transfer_tag, &nak));
}

/* OPEN, answered with these; returns how it ended. */
static int open_transfer(int status, uint32_t resume, uint16_t data_max, uint32_t window)
{
    uint8_t header[FERRY_IMAGE_HEADER_SIZE] = {1};
    uint8_t vectors[FERRY_IMAGE_VECTORS_SIZE] = {2};
    uint8_t tlvs[16] = {3};
    uint8_t message[FERRY_REPLY_MAX];
    const struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                                    .total_size = IMAGE_SIZE,
                                    .tlv_size = sizeof tlvs,
                                    .header = header,
                                    .vectors = vectors,
                                    .tlvs = tlvs};
    const struct ferry_opened opened = {
        .status = status, .data_max = data_max, .resume_offset = resume, .window = window};
    ferry_sender_open(&sender, &open, now_ms);
    assert_true(hear());
    assert_int_equal(heard_type(), FERRY_OPEN);
    answer(message, ferry_message_write_opened(message, heard_tag(), &opened));
    return ferry_sender_step(&sender, now_ms);
}

static void start_data(uint32_t resume, uint16_t data_max, uint32_t window)
{
    assert_int_equal(open_transfer(FERRY_OK, resume, data_max, window), FERRY_OK);
    ferry_sender_data(&sender, now_ms);
}

/* Gives the next payload in portions of at most `portion`; true if DATA went out. */
static bool send_block(uint32_t portion)
{
    struct ferry_sender_want want;
    while (ferry_sender_wants(&sender, &want)) {
        uint32_t size = want.size < portion ? want.size : portion;
        assert_true(ferry_within(want.offset, want.size, IMAGE_SIZE));
        memcpy(want.buffer, image + want.offset, size);
        ferry_sender_supply(&sender, size, now_ms);
        if (hear()) {
            return true;
        }
    }
    return false;
}

/* Offset and size of the DATA that was heard; its bytes are the image's. */
static uint32_t heard_data(uint32_t *size)
{
    struct ferry_data data;
    assert_int_equal(heard_type(), FERRY_DATA);
    assert_int_equal(heard_tag(), sender.transfer_tag);
    assert_int_equal(ferry_message_read_data(heard_buffer, heard_size, &data), FERRY_OK);
    assert_memory_equal(data.bytes, image + data.offset, data.size);
    *size = data.size;
    return data.offset;
}

/* --- requests ------------------------------------------------------------------------------ */

static void query_is_repeated_until_answered(void **state)
{
    (void)state;
    ferry_sender_query(&sender, 500, 6000, now_ms);
    assert_true(hear());
    uint16_t tag = heard_tag();
    assert_int_equal(ferry_sender_wait_ms(&sender, now_ms), 500);
    now_ms += 499;
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    assert_false(hear());
    now_ms += 1;
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    assert_true(hear());
    assert_int_equal(heard_tag(), tag);
    answer_info((uint16_t)(tag + 1), 0); /* somebody else's */
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    answer_info(tag, 0);
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_OK);
    assert_string_equal(sender.result.info.board, "board");
}

static void query_ends_with_timeout(void **state)
{
    (void)state;
    ferry_sender_query(&sender, 500, 6000, now_ms);
    for (int i = 0; i < 60; i++) {
        hear();
        assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
        now_ms += 100;
    }
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_TIMEOUT);
    assert_in_range(heard_count, 9, 12);
}

static void refusal_of_open_is_the_result(void **state)
{
    (void)state;
    assert_int_equal(open_transfer(FERRY_IMAGE_KEY, 0, 1024, 4096), FERRY_IMAGE_KEY);
}

static void opened_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    assert_int_equal(open_transfer(FERRY_OK, IMAGE_SIZE + 1, 1024, 4096), FERRY_BAD_LENGTH);
    assert_int_equal(open_transfer(FERRY_OK, 0, 3, 4096), FERRY_BAD_LENGTH);
}

static void nak_without_reason_is_no_success(void **state)
{
    (void)state;
    start_data(0, 1024, 65536);
    ferry_sender_close(&sender, now_ms);
    assert_true(hear());
    answer_nak(FERRY_CLOSE, FERRY_OK, 0);
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_UNKNOWN_MESSAGE);
}

static void close_polls_while_busy(void **state)
{
    (void)state;
    start_data(0, 1024, 65536);
    ferry_sender_close(&sender, now_ms);
    for (int i = 0; i < 3; i++) {
        assert_true(hear());
        assert_int_equal(heard_type(), FERRY_CLOSE);
        answer_verdict(FERRY_CLOSED, heard_tag(), FERRY_BUSY);
        assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
        assert_int_equal(ferry_sender_wait_ms(&sender, now_ms), FERRY_SENDER_BUSY_MS);
        now_ms += FERRY_SENDER_BUSY_MS;
        assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    }
    assert_true(hear());
    answer_verdict(FERRY_CLOSED, heard_tag(), FERRY_IMAGE_HASH);
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_IMAGE_HASH);
}

static void busy_does_not_last_for_ever(void **state)
{
    (void)state;
    uint32_t begin = now_ms;
    int status = FERRY_MORE;
    start_data(0, 1024, 65536);
    ferry_sender_close(&sender, now_ms);
    while (status == FERRY_MORE && now_ms - begin < 100000) {
        if (hear()) {
            answer_verdict(FERRY_CLOSED, heard_tag(), FERRY_BUSY);
        }
        now_ms += 50;
        status = ferry_sender_step(&sender, now_ms);
    }
    assert_int_equal(status, FERRY_TIMEOUT);
}

static void unknown_message_ends_a_request(void **state)
{
    uint8_t message[FERRY_REPLY_MAX];
    const struct ferry_nak nak = {.status = FERRY_UNKNOWN_MESSAGE, .type = FERRY_LOG};
    (void)state;
    ferry_sender_log(&sender, 0, now_ms);
    assert_true(hear());
    answer(message, ferry_message_write_nak(message, heard_tag(), &nak));
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_UNKNOWN_MESSAGE);
}

/* --- DATA ------------------------------------------------------------------------------------ */

static void data_fills_the_window_in_whole_blocks(void **state)
{
    uint32_t size;
    (void)state;
    start_data(0, 1024, 3000);
    for (uint32_t offset = 0; offset < 2048; offset += 1024) {
        assert_true(send_block(100));
        assert_int_equal(heard_data(&size), offset);
        assert_int_equal(size, 1024);
    }
    assert_false(send_block(100)); /* 952 bytes of window left: no small blocks */
    answer_ack(1024, 3000);
    assert_true(send_block(100));
    assert_int_equal(heard_data(&size), 2048);
}

static void window_smaller_than_a_block_is_used(void **state)
{
    uint32_t size;
    (void)state;
    start_data(0, 1024, 515);
    assert_true(send_block(4096));
    assert_int_equal(heard_data(&size), 0);
    assert_int_equal(size, 512); /* whole words */
    assert_false(send_block(4096));
}

static void whole_image_and_crc(void **state)
{
    struct ferry_close close;
    uint32_t size;
    uint32_t sent = 0;
    (void)state;
    start_data(0, 2048, 8192);
    while (ferry_sender_step(&sender, now_ms) == FERRY_MORE) {
        assert_true(send_block(333));
        assert_int_equal(heard_data(&size), sent);
        sent += size;
        answer_ack(sent, 8192);
    }
    assert_int_equal(sent, IMAGE_SIZE);
    ferry_sender_close(&sender, now_ms);
    assert_true(hear());
    assert_int_equal(ferry_message_read_close(heard_buffer, heard_size, &close), FERRY_OK);
    assert_int_equal(close.total_size, IMAGE_SIZE);
    assert_int_equal(close.crc32, ferry_crc32(0, image, IMAGE_SIZE));
}

static void resume_reads_only_what_the_node_lacks(void **state)
{
    struct ferry_sender_want want;
    struct ferry_close close;
    uint32_t size;
    (void)state;
    start_data(4096, 2048, 65536);
    assert_true(ferry_sender_wants(&sender, &want));
    assert_int_equal(want.offset, 4096);
    while (ferry_sender_step(&sender, now_ms) == FERRY_MORE) {
        assert_true(send_block(333));
        assert_true(heard_data(&size) >= 4096);
        answer_ack(heard_data(&size) + size, 65536);
    }
    assert_int_equal(sender.counts.image_bytes, IMAGE_SIZE - 4096);
    ferry_sender_close(&sender, now_ms);
    assert_true(hear());
    assert_int_equal(ferry_message_read_close(heard_buffer, heard_size, &close), FERRY_OK);
    assert_int_equal(close.crc_from, 4096);
    assert_int_equal(close.crc32, ferry_crc32(0, image + 4096, IMAGE_SIZE - 4096));
}

static void second_open_keeps_the_crc(void **state)
{
    struct ferry_sender_want want;
    (void)state;
    start_data(0, 2048, 65536);
    for (int i = 0; i < 3; i++) {
        assert_true(send_block(4096));
    }
    start_data(4096, 2048, 65536); /* the node restarted */
    assert_true(ferry_sender_wants(&sender, &want));
    assert_int_equal(want.offset, 4096);
    while (ferry_sender_step(&sender, now_ms) == FERRY_MORE) {
        uint32_t size;
        assert_true(send_block(4096));
        answer_ack(heard_data(&size) + size, 65536);
    }
    assert_int_equal(sender.crc32, ferry_crc32(0, image, IMAGE_SIZE));
}

static void nak_goes_back_once(void **state)
{
    uint32_t size;
    (void)state;
    start_data(0, 1024, 65536);
    for (int i = 0; i < 4; i++) {
        assert_true(send_block(4096));
    }
    answer_nak(FERRY_DATA, FERRY_BAD_OFFSET, 1024);
    assert_true(send_block(4096));
    assert_int_equal(heard_data(&size), 1024);
    answer_nak(FERRY_DATA, FERRY_BAD_OFFSET, 1024); /* about the same gap */
    assert_true(send_block(4096));
    assert_int_equal(heard_data(&size), 2048);
    answer_nak(FERRY_DATA, FERRY_FLASH, 0); /* the node erases its sector again */
    assert_true(send_block(4096));
    assert_int_equal(heard_data(&size), 0);
}

static void nak_in_the_middle_of_a_payload(void **state)
{
    struct ferry_sender_want want;
    uint32_t size;
    (void)state;
    start_data(0, 1024, 65536);
    assert_true(send_block(4096));
    assert_true(ferry_sender_wants(&sender, &want));
    memcpy(want.buffer, image + want.offset, 100);
    ferry_sender_supply(&sender, 100, now_ms);
    answer_nak(FERRY_DATA, FERRY_BAD_FRAME, 0);
    assert_true(send_block(77));
    assert_int_equal(heard_data(&size), 0);
    assert_int_equal(size, 1024);
}

static void ack_from_beyond_is_ignored(void **state)
{
    (void)state;
    start_data(0, 1024, 65536);
    assert_true(send_block(4096));
    answer_ack(2048, 65536);
    assert_int_equal(sender.acked, 0);
    answer_ack(1024, UINT32_MAX); /* a window past the end does not wrap */
    assert_int_equal(sender.acked, 1024);
    assert_int_equal(sender.limit, IMAGE_SIZE);
    answer_ack(0, 65536); /* late */
    assert_int_equal(sender.acked, 1024);
}

static void restarted_node_is_found_by_the_probe(void **state)
{
    (void)state;
    start_data(0, 1024, 2048);
    while (send_block(4096)) {
    }
    now_ms += FERRY_SENDER_PROBE_MS;
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    assert_true(hear());
    assert_int_equal(heard_type(), FERRY_QUERY);
    answer_info(heard_tag(), 0);
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_NOT_OPEN);
}

static void lost_tail_is_found_by_the_probe(void **state)
{
    uint32_t size;
    (void)state;
    start_data(0, 1024, 2048);
    while (send_block(4096)) {
    }
    now_ms += FERRY_SENDER_PROBE_MS;
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    assert_true(hear());
    answer_info(heard_tag(), FERRY_INFO_OPEN);
    assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
    assert_true(send_block(4096));
    assert_int_equal(heard_data(&size), 0);
}

/* An erase: nothing is repeated while the node is deaf, however long the ring keeps it. */
static void silence_shorter_than_an_erase_repeats_no_data(void **state)
{
    (void)state;
    start_data(0, 1024, 2048);
    while (send_block(4096)) {
    }
    uint32_t sent = sender.counts.image_bytes;
    for (int i = 0; i < 40; i++) {
        now_ms += 100;
        assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
        assert_false(send_block(4096));
        hear();
    }
    assert_int_equal(sender.counts.image_bytes, sent);
    answer_ack(2048, 2048);
    assert_true(send_block(4096));
}

static void silence_ends_with_timeout(void **state)
{
    uint32_t begin = now_ms;
    int status = FERRY_MORE;
    (void)state;
    start_data(0, 1024, 2048);
    while (status == FERRY_MORE && now_ms - begin < 100000) {
        send_block(4096);
        hear();
        now_ms += 100;
        status = ferry_sender_step(&sender, now_ms);
    }
    assert_int_equal(status, FERRY_TIMEOUT);
    assert_true(now_ms - begin < 30000);
}

static void nak_without_end_ends(void **state)
{
    int status = FERRY_MORE;
    (void)state;
    start_data(0, 1024, 2048);
    for (int i = 0; i < 1000 && status == FERRY_MORE; i++) {
        send_block(4096);
        answer_nak(FERRY_DATA, FERRY_FLASH, 0);
        status = ferry_sender_step(&sender, now_ms);
    }
    assert_int_equal(status, FERRY_FLASH);
}

static void slow_source_is_no_timeout(void **state)
{
    (void)state;
    start_data(0, 1024, 2048);
    for (int i = 0; i < 100; i++) {
        now_ms += 1000;
        assert_int_equal(ferry_sender_step(&sender, now_ms), FERRY_MORE);
        assert_false(hear());
    }
    assert_true(send_block(4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(query_is_repeated_until_answered, setup),
        cmocka_unit_test_setup(query_ends_with_timeout, setup),
        cmocka_unit_test_setup(refusal_of_open_is_the_result, setup),
        cmocka_unit_test_setup(opened_that_contradicts_itself_is_refused, setup),
        cmocka_unit_test_setup(nak_without_reason_is_no_success, setup),
        cmocka_unit_test_setup(close_polls_while_busy, setup),
        cmocka_unit_test_setup(busy_does_not_last_for_ever, setup),
        cmocka_unit_test_setup(unknown_message_ends_a_request, setup),
        cmocka_unit_test_setup(data_fills_the_window_in_whole_blocks, setup),
        cmocka_unit_test_setup(window_smaller_than_a_block_is_used, setup),
        cmocka_unit_test_setup(whole_image_and_crc, setup),
        cmocka_unit_test_setup(resume_reads_only_what_the_node_lacks, setup),
        cmocka_unit_test_setup(second_open_keeps_the_crc, setup),
        cmocka_unit_test_setup(nak_goes_back_once, setup),
        cmocka_unit_test_setup(nak_in_the_middle_of_a_payload, setup),
        cmocka_unit_test_setup(ack_from_beyond_is_ignored, setup),
        cmocka_unit_test_setup(restarted_node_is_found_by_the_probe, setup),
        cmocka_unit_test_setup(lost_tail_is_found_by_the_probe, setup),
        cmocka_unit_test_setup(silence_shorter_than_an_erase_repeats_no_data, setup),
        cmocka_unit_test_setup(silence_ends_with_timeout, setup),
        cmocka_unit_test_setup(nak_without_end_ends, setup),
        cmocka_unit_test_setup(slow_source_is_no_timeout, setup),
    };
    return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
