/* Messages: each there and back, every truncation, counts that contradict the length. */
#include "ferry/message.h"

#include "kit_flash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TAG = 0xBEEF };

static void fill(void *out, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)kit_random(&seed);
    }
}

/* A copy in a heap block of exactly this size, so that the sanitizer sees a read outside. */
static uint8_t *exact(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    return copy;
}

static void check_header(const uint8_t *message, uint8_t type)
{
    assert_int_equal(ferry_message_type(message), type);
    assert_int_equal(message[1], 0);
    assert_int_equal(ferry_message_tag(message), TAG);
}

/* ---- INFO ------------------------------------------------------------------------------------ */

static struct ferry_info an_info(uint8_t slots, uint8_t keys, size_t name_size)
{
    struct ferry_info info;

    memset(&info, 0, sizeof(info));
    info.protocol = 0x1234;
    info.capabilities = 0x5678;
    info.running = 1;
    info.slot_count = slots;
    info.confirmed = 2;
    info.phase = 3;
    info.candidate = 4;
    info.attempts = 5;
    info.outcome = 6;
    info.flags = 7;
    info.reset_cause = 8;
    info.rdp_level = 9;
    info.bor_level = 10;
    info.key_count = keys;
    info.data_max = 0x9ABC;
    info.window = 0x11223344;
    info.security_counter = 0x55667788;
    info.durable = 0x99AABBCC;
    info.bootloader_version = 0xDDEEFF00;
    info.write_protected = 0x01020304;
    fill(info.uid, sizeof(info.uid), 1);
    fill(info.candidate_hash, sizeof(info.candidate_hash), 2);
    for (uint8_t i = 0; i < slots; i++) {
        info.slots[i].range.start = 0x08000000U + i;
        info.slots[i].range.size = 0x40000U + i;
        info.slots[i].content = (uint8_t)(1 + i);
        info.slots[i].version =
            (struct ferry_version){.major = 1, .minor = i, .revision = 0xABCD, .build = 77};
        fill(info.slots[i].hash, FERRY_HASH_SIZE, 3U + i);
    }
    for (uint8_t i = 0; i < keys; i++) {
        fill(info.key_hash[i], FERRY_HASH_SIZE, 10U + i);
    }
    memset(info.board, 'x', name_size);
    return info;
}

static void info_round_trip_and_truncation(void **state)
{
    (void)state;
    const size_t names[] = {0, 1, FERRY_BOARD_NAME_MAX};
    uint8_t message[FERRY_REPLY_MAX];

    for (uint8_t slots = 0; slots <= FERRY_SLOTS_MAX; slots++) {
        for (uint8_t keys = 0; keys <= FERRY_BOOT_BLOCK_KEYS; keys++) {
            for (size_t n = 0; n < 3; n++) {
                struct ferry_info info = an_info(slots, keys, names[n]), back;
                size_t size = ferry_message_write_info(message, TAG, &info);
                assert_true(size <= sizeof(message));
                check_header(message, FERRY_INFO);
                for (size_t cut = 0; cut <= size; cut++) {
                    uint8_t *copy = exact(message, cut);
                    assert_int_equal(ferry_message_read_info(copy, cut, &back),
                                     cut < size ? FERRY_BAD_LENGTH : FERRY_OK);
                    free(copy);
                }
                assert_memory_equal(&info, &back, sizeof(info));
            }
        }
    }
}

static void info_with_contradicting_counts(void **state)
{
    (void)state;
    struct ferry_info info = an_info(2, 2, 10), back;
    uint8_t message[FERRY_REPLY_MAX];
    size_t size = ferry_message_write_info(message, TAG, &info);
    const size_t slot_count_at = 9, key_count_at = 19, name_at = size - 11;

    for (unsigned count = 3; count < 256; count++) {
        message[slot_count_at] = (uint8_t)count;
        assert_int_equal(ferry_message_read_info(message, size, &back), FERRY_BAD_LENGTH);
        message[slot_count_at] = 2;
        message[key_count_at] = (uint8_t)count;
        assert_int_equal(ferry_message_read_info(message, size, &back), FERRY_BAD_LENGTH);
        message[key_count_at] = 2;
    }
    for (unsigned length = 11; length < 256; length++) {
        message[name_at] = (uint8_t)length;
        assert_int_equal(ferry_message_read_info(message, size, &back), FERRY_BAD_LENGTH);
    }
}

/* ---- OPEN ------------------------------------------------------------------------------------ */

static void open_round_trip_and_truncation(void **state)
{
    (void)state;
    uint8_t header[FERRY_IMAGE_HEADER_SIZE], vectors[FERRY_IMAGE_VECTORS_SIZE];
    uint8_t tlvs[FERRY_IMAGE_TLV_MAX], message[FERRY_OPEN_MAX];
    struct ferry_open back;
    fill(header, sizeof(header), 1);
    fill(vectors, sizeof(vectors), 2);
    fill(tlvs, sizeof(tlvs), 3);
    const uint16_t sizes[] = {0, 1, 153, FERRY_IMAGE_TLV_MAX};

    for (size_t i = 0; i < 4; i++) {
        struct ferry_open open = {1, 2, 0x12345678, sizes[i], header, vectors, tlvs};
        size_t size = ferry_message_write_open(message, TAG, &open);
        assert_int_equal(size, FERRY_OPEN_MAX - FERRY_IMAGE_TLV_MAX + sizes[i]);
        check_header(message, FERRY_OPEN);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *copy = exact(message, cut);
            assert_int_equal(ferry_message_read_open(copy, cut, &back), FERRY_BAD_LENGTH);
            free(copy);
        }
        assert_int_equal(ferry_message_read_open(message, size, &back), FERRY_OK);
        assert_int_equal(back.protocol, 1);
        assert_int_equal(back.capabilities, 2);
        assert_int_equal(back.total_size, 0x12345678);
        assert_int_equal(back.tlv_size, sizes[i]);
        assert_memory_equal(back.header, header, sizeof(header));
        assert_memory_equal(back.vectors, vectors, sizeof(vectors));
        assert_memory_equal(back.tlvs, tlvs, sizes[i]);
    }
}

static void open_with_contradicting_tlv_size(void **state)
{
    (void)state;
    uint8_t message[FERRY_OPEN_MAX + 1] = {FERRY_OPEN};
    struct ferry_open open;

    for (unsigned size = 0; size < 0x10000; size++) {
        ferry_put_u16(message + 12, (uint16_t)size);
        assert_int_equal(ferry_message_read_open(message, FERRY_OPEN_MAX, &open),
                         size == FERRY_IMAGE_TLV_MAX ? FERRY_OK : FERRY_BAD_LENGTH);
    }
    ferry_put_u16(message + 12, FERRY_IMAGE_TLV_MAX + 1);
    assert_int_equal(ferry_message_read_open(message, FERRY_OPEN_MAX + 1, &open), FERRY_BAD_LENGTH);
}

/* ---- DATA ------------------------------------------------------------------------------------ */

static void data_round_trip_and_limits(void **state)
{
    (void)state;
    uint8_t bytes[FERRY_DATA_MAX + 1], message[FERRY_MESSAGE_MAX + 1];
    struct ferry_data data;
    fill(bytes, sizeof(bytes), 4);

    for (size_t size = 0; size <= sizeof(bytes); size++) {
        size_t total = ferry_message_write_data(message, TAG, 0xA1B2C3D4, bytes, size);
        assert_int_equal(total, 8 + size);
        int status = ferry_message_read_data(message, total, &data);
        if (size == 0 || size > FERRY_DATA_MAX) {
            assert_int_equal(status, FERRY_BAD_LENGTH);
            continue;
        }
        assert_int_equal(status, FERRY_OK);
        assert_int_equal(data.offset, 0xA1B2C3D4);
        assert_int_equal(data.size, size);
        assert_memory_equal(data.bytes, bytes, size);
    }
    for (size_t cut = 0; cut <= 8; cut++) {
        assert_int_equal(ferry_message_read_data(message, cut, &data), FERRY_BAD_LENGTH);
    }
}

static void data_may_be_written_in_place(void **state)
{
    (void)state;
    uint8_t message[108], bytes[100];
    fill(bytes, sizeof(bytes), 5);
    memcpy(message + 8, bytes, sizeof(bytes));
    assert_int_equal(ferry_message_write_data(message, TAG, 4, message + 8, 100), 108);
    check_header(message, FERRY_DATA);
    assert_memory_equal(message + 8, bytes, sizeof(bytes));
}

/* ---- answers and the short ones -------------------------------------------------------------- */

static void opened_round_trip(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_opened opened = {FERRY_IMAGE_KEY, 1, 2048, 0x01020304, 0x05060708}, back;
    size_t size = ferry_message_write_opened(message, TAG, &opened);

    check_header(message, FERRY_OPENED);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ferry_message_read_opened(message, cut, &back), FERRY_BAD_LENGTH);
    }
    assert_int_equal(ferry_message_read_opened(message, size, &back), FERRY_OK);
    assert_int_equal(back.status, FERRY_IMAGE_KEY);
    assert_int_equal(back.slot, 1);
    assert_int_equal(back.data_max, 2048);
    assert_int_equal(back.resume_offset, 0x01020304);
    assert_int_equal(back.window, 0x05060708);
}

static void ack_and_nak_round_trip(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_ack ack = {1, 2, 3}, ack_back;
    struct ferry_nak nak = {FERRY_BAD_OFFSET, FERRY_DATA, 4, 5}, nak_back;

    size_t size = ferry_message_write_ack(message, TAG, &ack);
    check_header(message, FERRY_ACK);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ferry_message_read_ack(message, cut, &ack_back), FERRY_BAD_LENGTH);
    }
    assert_int_equal(ferry_message_read_ack(message, size, &ack_back), FERRY_OK);
    assert_memory_equal(&ack, &ack_back, sizeof(ack));

    size = ferry_message_write_nak(message, TAG, &nak);
    check_header(message, FERRY_NAK);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ferry_message_read_nak(message, cut, &nak_back), FERRY_BAD_LENGTH);
    }
    assert_int_equal(ferry_message_read_nak(message, size, &nak_back), FERRY_OK);
    assert_int_equal(nak_back.status, nak.status);
    assert_int_equal(nak_back.type, nak.type);
    assert_int_equal(nak_back.next, nak.next);
    assert_int_equal(nak_back.durable, nak.durable);
}

static void close_hash_log_round_trip(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX], hash[FERRY_HASH_SIZE];
    struct ferry_close close = {0x11111111, 0x22222222, 0x33333333}, close_back;
    const uint8_t *hash_back;
    uint16_t first;

    size_t size = ferry_message_write_close(message, TAG, &close);
    check_header(message, FERRY_CLOSE);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ferry_message_read_close(message, cut, &close_back), FERRY_BAD_LENGTH);
    }
    assert_int_equal(ferry_message_read_close(message, size, &close_back), FERRY_OK);
    assert_memory_equal(&close, &close_back, sizeof(close));

    fill(hash, sizeof(hash), 6);
    size = ferry_message_write_hash(message, FERRY_CONFIRM, TAG, hash);
    check_header(message, FERRY_CONFIRM);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ferry_message_read_hash(message, cut, &hash_back), FERRY_BAD_LENGTH);
    }
    assert_int_equal(ferry_message_read_hash(message, size, &hash_back), FERRY_OK);
    assert_memory_equal(hash, hash_back, sizeof(hash));

    size = ferry_message_write_log(message, TAG, 0xFEDC);
    check_header(message, FERRY_LOG);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(ferry_message_read_log(message, cut, &first), FERRY_BAD_LENGTH);
    }
    assert_int_equal(ferry_message_read_log(message, size, &first), FERRY_OK);
    assert_int_equal(first, 0xFEDC);

    assert_int_equal(ferry_message_write_empty(message, FERRY_QUERY, TAG), 4);
    check_header(message, FERRY_QUERY);
}

/* Each status of the list survives the wire; every byte reads as a status >= 0. */
static void every_verdict_round_trip(void **state)
{
    (void)state;
    const int list[] = {
#define STATUS(name, number, text, remedy) (number),
        FERRY_STATUS_MAP(STATUS)
#undef STATUS
    };
    uint8_t message[FERRY_REPLY_MAX];
    int back;

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (list[i] == FERRY_MORE) {
            continue; /* no answer */
        }
        size_t size = ferry_message_write_verdict(message, FERRY_RESULT, TAG, list[i]);
        check_header(message, FERRY_RESULT);
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(ferry_message_read_verdict(message, cut, &back), FERRY_BAD_LENGTH);
        }
        assert_int_equal(ferry_message_read_verdict(message, size, &back), FERRY_OK);
        assert_int_equal(back, list[i]);
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        message[4] = (uint8_t)byte;
        assert_int_equal(ferry_message_read_verdict(message, 8, &back), FERRY_OK);
        assert_int_equal(back, byte);
    }
}

static void logged_round_trip_and_counts(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_log_answer log, back;

    for (uint8_t count = 0; count <= FERRY_LOG_ENTRIES_MAX; count++) {
        memset(&log, 0, sizeof(log));
        memset(&back, 0, sizeof(back));
        log.count = count;
        for (uint8_t i = 0; i < count; i++) {
            log.entries[i].boot = 100U + i;
            log.entries[i].reset_cause = FERRY_RESET_WATCHDOG;
            log.entries[i].action = i;
            log.entries[i].slot = FERRY_SLOT_NONE;
            log.entries[i].attempts = 2;
            log.entries[i].error = FERRY_REVERTED;
            log.entries[i].version = (struct ferry_version){1, 2, 3, 4};
        }
        size_t size = ferry_message_write_logged(message, TAG, &log);
        check_header(message, FERRY_LOGGED);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *copy = exact(message, cut);
            assert_int_equal(ferry_message_read_logged(copy, cut, &back), FERRY_BAD_LENGTH);
            free(copy);
        }
        assert_int_equal(ferry_message_read_logged(message, size, &back), FERRY_OK);
        assert_int_equal(back.count, count);
        for (uint8_t i = 0; i < count; i++) {
            assert_int_equal(back.entries[i].boot, log.entries[i].boot);
            assert_int_equal(back.entries[i].slot, FERRY_SLOT_NONE);
            assert_int_equal(back.entries[i].error, FERRY_REVERTED);
            assert_memory_equal(&back.entries[i].version, &log.entries[i].version,
                                sizeof(struct ferry_version));
        }
    }
    for (unsigned count = FERRY_LOG_ENTRIES_MAX + 1; count < 256; count++) {
        message[4] = (uint8_t)count;
        assert_int_equal(ferry_message_read_logged(message, sizeof(message), &back),
                         FERRY_BAD_LENGTH);
    }
}

static void trailing_bytes_of_a_later_version_are_ignored(void **state)
{
    (void)state;
    uint8_t message[FERRY_REPLY_MAX + 8] = {0};
    struct ferry_info info = an_info(2, 1, 5), info_back;
    struct ferry_ack ack = {1, 2, 3}, ack_back;

    size_t size = ferry_message_write_info(message, TAG, &info);
    assert_int_equal(ferry_message_read_info(message, size + 8, &info_back), FERRY_OK);
    assert_memory_equal(&info, &info_back, sizeof(info));
    size = ferry_message_write_ack(message, TAG, &ack);
    assert_int_equal(ferry_message_read_ack(message, size + 8, &ack_back), FERRY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info_round_trip_and_truncation),
        cmocka_unit_test(info_with_contradicting_counts),
        cmocka_unit_test(open_round_trip_and_truncation),
        cmocka_unit_test(open_with_contradicting_tlv_size),
        cmocka_unit_test(data_round_trip_and_limits),
        cmocka_unit_test(data_may_be_written_in_place),
        cmocka_unit_test(opened_round_trip),
        cmocka_unit_test(ack_and_nak_round_trip),
        cmocka_unit_test(close_hash_log_round_trip),
        cmocka_unit_test(every_verdict_round_trip),
        cmocka_unit_test(logged_round_trip_and_counts),
        cmocka_unit_test(trailing_bytes_of_a_later_version_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
