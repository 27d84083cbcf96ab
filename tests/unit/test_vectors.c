/*
 * The C code against tests/vectors/link.txt, which was made from SPEC.md: the same content gives
 * the same bytes, and the bytes give the content back.
 */
#define KIT_VECTORS_FILE "link.txt"

#include "ferry/message.h"

#include "kit_board.h"
#include "kit_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { TAG = 0xBEEF };

/* As pattern() in make_link_vectors.py. */
static const uint8_t *pattern(uint8_t *out, size_t size, unsigned start)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(start + 7 * i);
    }
    return out;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void check_frame(const char *message_name, const char *frame_name)
{
    uint8_t message[KIT_VECTOR_MAX], wire[KIT_VECTOR_MAX];
    uint8_t encoded[FERRY_FRAME_SIZE(KIT_VECTOR_MAX)], buffer[KIT_VECTOR_MAX];
    struct ferry_frame_decoder decoder;
    size_t used, decoded;
    size_t size = kit_vector_bytes(message_name, message, sizeof(message));
    size_t wire_size = kit_vector_bytes(frame_name, wire, sizeof(wire));

    assert_int_equal(ferry_frame_encode(message, size, encoded), wire_size);
    assert_memory_equal(encoded, wire, wire_size);
    ferry_frame_decoder_init(&decoder, buffer, sizeof(buffer));
    assert_int_equal(ferry_frame_feed(&decoder, wire, wire_size, &used, &decoded), FERRY_OK);
    assert_int_equal(decoded, size);
    assert_memory_equal(buffer, message, size);
}

static void frames(void **state)
{
    (void)state;
    const char *names[] = {"shortest",    "no_zero_249", "no_zero_250", "no_zero_251",
                           "no_zero_253", "no_zero_254", "no_zero_255", "no_zero_256",
                           "no_zero_508", "no_zero_509", "zeros",       "zero_at_block_edge",
                           "mixed"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char message[64], frame[64];
        snprintf(message, sizeof(message), "frame.%s.message", names[i]);
        snprintf(frame, sizeof(frame), "frame.%s.frame", names[i]);
        check_frame(message, frame);
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

/* What a writer made is the vector; its frame too. */
static void check_message(const char *name, const uint8_t *written, size_t size)
{
    uint8_t bytes[KIT_VECTOR_MAX];
    char bytes_name[64], frame_name[64];
    snprintf(bytes_name, sizeof(bytes_name), "message.%s.bytes", name);
    snprintf(frame_name, sizeof(frame_name), "message.%s.frame", name);
    assert_int_equal(kit_vector_bytes(bytes_name, bytes, sizeof(bytes)), size);
    assert_memory_equal(written, bytes, size);
    check_frame(bytes_name, frame_name);
}

static void messages_without_a_body(void **state)
{
    (void)state;
    uint8_t out[FERRY_REPLY_MAX];
    check_message("query", out, ferry_message_write_empty(out, FERRY_QUERY, TAG));
    check_message("abort", out, ferry_message_write_empty(out, FERRY_ABORT, TAG));
    check_message("reset", out, ferry_message_write_empty(out, FERRY_RESET, TAG));
}

static void info(void **state)
{
    (void)state;
    uint8_t out[FERRY_REPLY_MAX];
    struct ferry_info info = {
        .protocol = 1,
        .running = FERRY_SLOT_NONE,
        .slot_count = 2,
        .phase = FERRY_PHASE_FILLING,
        .candidate = FERRY_SLOT_B,
        .attempts = 3,
        .outcome = FERRY_IMAGE_HASH,
        .flags = FERRY_INFO_DEV_KEY | FERRY_INFO_OPTIONS,
        .reset_cause = FERRY_RESET_SOFTWARE,
        .rdp_level = 1,
        .bor_level = 3,
        .key_count = 1,
        .data_max = 2048,
        .window = 98304,
        .security_counter = 7,
        .durable = 8192,
        .bootloader_version = 0x01020003,
        .write_protected = 3,
        .slots = {{.range = {0x08010000, 0x30000},
                   .content = FERRY_CONTENT_VERIFIED,
                   .version = {1, 2, 3, 4}},
                  {.range = {0x08040000, 0x40000}, .content = FERRY_CONTENT_EMPTY}},
        .board = "stm32f411_blackpill"};
    (void)pattern(info.uid, sizeof(info.uid), 1);
    (void)pattern(info.candidate_hash, FERRY_HASH_SIZE, 2);
    (void)pattern(info.slots[0].hash, FERRY_HASH_SIZE, 3);
    (void)pattern(info.key_hash[0], FERRY_HASH_SIZE, 4);

    size_t size = ferry_message_write_info(out, TAG, &info);
    check_message("info", out, size);
    struct ferry_info back;
    assert_int_equal(ferry_message_read_info(out, size, &back), FERRY_OK);
    assert_memory_equal(&back, &info, sizeof(info));
}

static void a_transfer(void **state)
{
    (void)state;
    uint8_t out[FERRY_MESSAGE_MAX], header[32], vectors[8], bytes[300], tlvs[150];
    struct ferry_open open = {.protocol = 1,
                              .total_size = 196608,
                              .tlv_size = sizeof(tlvs),
                              .header = pattern(header, sizeof(header), 5),
                              .vectors = pattern(vectors, sizeof(vectors), 6),
                              .tlvs = pattern(tlvs, sizeof(tlvs), 7)};
    struct ferry_opened opened = {FERRY_OK, FERRY_SLOT_B, 2048, 8192, 98304};
    struct ferry_opened refused = {FERRY_IMAGE_KEY, FERRY_SLOT_NONE, 2048, 0, 98304};
    struct ferry_ack ack = {.next = 10240, .durable = 8192, .window = 98304};
    struct ferry_nak nak = {FERRY_BAD_OFFSET, FERRY_DATA, 10240, 8192};
    struct ferry_close close = {.total_size = 196608, .crc32 = 0xCBF43926, .crc_from = 4096};

    check_message("open", out, ferry_message_write_open(out, TAG, &open));
    check_message("opened", out, ferry_message_write_opened(out, TAG, &opened));
    check_message("opened_refused", out, ferry_message_write_opened(out, TAG, &refused));
    check_message(
        "data", out,
        ferry_message_write_data(out, TAG, 8192, pattern(bytes, sizeof(bytes), 8), sizeof(bytes)));
    check_message("ack", out, ferry_message_write_ack(out, TAG, &ack));
    check_message("nak", out, ferry_message_write_nak(out, TAG, &nak));
    check_message("close", out, ferry_message_write_close(out, TAG, &close));
    check_message("closed", out, ferry_message_write_verdict(out, FERRY_CLOSED, TAG, FERRY_BUSY));
}

static void trial_and_log(void **state)
{
    (void)state;
    uint8_t out[FERRY_REPLY_MAX], hash[FERRY_HASH_SIZE];
    struct ferry_log_answer log = {
        .count = 2,
        .entries = {{12, FERRY_RESET_WATCHDOG, 5, FERRY_SLOT_B, 2, FERRY_OK, {2, 0, 1, 0}},
                    {11, FERRY_RESET_POWER, 10, FERRY_SLOT_NONE, 0, FERRY_NOTHING_BOOTABLE, {0}}}};

    (void)pattern(hash, sizeof(hash), 9);
    check_message("confirm", out, ferry_message_write_hash(out, FERRY_CONFIRM, TAG, hash));
    check_message("revert", out, ferry_message_write_hash(out, FERRY_REVERT, TAG, hash));
    check_message("result", out,
                  ferry_message_write_verdict(out, FERRY_RESULT, TAG, FERRY_WRONG_IMAGE));
    check_message("log", out, ferry_message_write_log(out, TAG, 8));
    check_message("logged", out, ferry_message_write_logged(out, TAG, &log));
}

/* ---- journal --------------------------------------------------------------------------------- */

static const uint8_t *record(const char *name)
{
    static uint8_t bytes[FERRY_RECORD_SIZE];
    char full[64];
    snprintf(full, sizeof(full), "record.%s.bytes", name);
    assert_int_equal(kit_vector_bytes(full, bytes, sizeof(bytes)), FERRY_RECORD_SIZE);
    return bytes;
}

static void journal(void **test)
{
    (void)test;
    uint32_t start = kit_board.sectors[kit_board.journal_sectors[0]];
    uint8_t first[FERRY_RECORD_SIZE], hash[FERRY_HASH_SIZE];
    struct kit_flash flash;
    struct ferry_journal journal;
    struct ferry_state state = {.confirmed = FERRY_SLOT_A,
                                .phase = FERRY_PHASE_FILLING,
                                .candidate = FERRY_SLOT_B,
                                .attempts = 3,
                                .outcome = FERRY_IMAGE_HASH,
                                .security_counter = 7,
                                .durable = 8192,
                                .erased = 3};
    struct ferry_boot_log log = {.reset_cause = FERRY_RESET_WATCHDOG,
                                 .action = 5,
                                 .slot = FERRY_SLOT_B,
                                 .attempts = 2,
                                 .error = FERRY_REVERTED,
                                 .version = {2, 0, 1, 9}};

    ferry_journal_format(first, FERRY_SLOT_A, 7, pattern(hash, sizeof(hash), 10));
    assert_memory_equal(first, record("first_state"), FERRY_RECORD_SIZE);

    kit_flash_init(&flash, &kit_board);
    kit_flash_load(&flash, start, first, sizeof(first));
    assert_int_equal(ferry_journal_open(&journal, &flash.port, &kit_board), FERRY_OK);
    (void)pattern(state.hash, sizeof(state.hash), 11);
    assert_int_equal(ferry_journal_commit(&journal, &state), FERRY_OK);
    assert_int_equal(ferry_journal_log(&journal, &log), FERRY_OK);
    const uint8_t *sector = &flash.memory[start - flash.base];
    assert_memory_equal(sector + FERRY_RECORD_SIZE, record("state"), FERRY_RECORD_SIZE);
    assert_memory_equal(sector + 2 * FERRY_RECORD_SIZE, record("log"), FERRY_RECORD_SIZE);
    kit_flash_free(&flash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames),        cmocka_unit_test(messages_without_a_body),
        cmocka_unit_test(info),          cmocka_unit_test(a_transfer),
        cmocka_unit_test(trial_and_log), cmocka_unit_test(journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
