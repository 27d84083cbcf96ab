/* Byte readers and writers, CRC-32, comparison, bounds, and the status list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ferry/base.h"
#include "kit_vectors.h"

static void little_endian_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[4];
    ferry_put_u32(bytes, 0x89ABCDEFU);
    const uint8_t expected[4] = {0xEF, 0xCD, 0xAB, 0x89};
    assert_memory_equal(bytes, expected, 4);
    assert_int_equal(ferry_get_u32(bytes), 0x89ABCDEFU);
    assert_int_equal(ferry_get_u16(bytes), 0xCDEF);
    ferry_put_u16(bytes, 0x8001);
    assert_int_equal(ferry_get_u16(bytes), 0x8001);
}

static void crc_known_answers(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        char name[32];
        uint8_t bytes[256];
        snprintf(name, sizeof name, "crc.%d.bytes", i);
        size_t size = kit_vector_bytes(name, bytes, sizeof bytes);
        snprintf(name, sizeof name, "crc.%d.crc32", i);
        assert_int_equal(ferry_crc32(0, bytes, size), kit_vector_number(name));
    }
    assert_int_equal(ferry_crc32(0, "123456789", 9), 0xCBF43926U);
}

static void crc_chains_at_every_split(void **state)
{
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 37);
    }
    uint32_t whole = ferry_crc32(0, bytes, sizeof bytes);
    for (size_t split = 0; split <= sizeof bytes; split++) {
        uint32_t crc = ferry_crc32(0, bytes, split);
        assert_int_equal(ferry_crc32(crc, bytes + split, sizeof bytes - split), whole);
    }
}

static void equal_sees_every_bit(void **state)
{
    (void)state;
    uint8_t a[33] = {0};
    uint8_t b[33] = {0};
    assert_true(ferry_equal(a, b, sizeof a));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(ferry_equal(a, b, sizeof a));
        b[bit / 8] = 0;
    }
    assert_true(ferry_equal(a, b, 0));
}

static void within_cannot_wrap(void **state)
{
    (void)state;
    assert_true(ferry_within(0, 0, 0));
    assert_true(ferry_within(10, 22, 32));
    assert_true(ferry_within(UINT32_MAX, 0, UINT32_MAX));
    assert_false(ferry_within(10, 23, 32));
    assert_false(ferry_within(33, 0, 32));
    assert_false(ferry_within(16, UINT32_MAX - 8, 32));
    assert_false(ferry_within(UINT32_MAX, 2, UINT32_MAX));
}

/* A verdict is one byte on the wire: numbers are distinct and fit. */
static void status_list_is_sound(void **state)
{
    (void)state;
    static const int numbers[] = {
#define NUMBER(name, number, text, remedy) (number),
        FERRY_STATUS_MAP(NUMBER)};
    const size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count; i++) {
        assert_in_range(numbers[i] + 1, 0, 128);
        assert_string_not_equal(ferry_status_name(numbers[i]), "UNKNOWN");
        assert_true(ferry_status_text(numbers[i])[0] != '\0');
        assert_true(ferry_status_remedy(numbers[i])[0] != '\0');
        for (size_t j = i + 1; j < count; j++) {
            assert_int_not_equal(numbers[i], numbers[j]);
        }
    }
    assert_string_equal(ferry_status_name(FERRY_IMAGE_HASH), "IMAGE_HASH");
    assert_string_equal(ferry_status_name(126), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_endian_round_trip),  cmocka_unit_test(crc_known_answers),
        cmocka_unit_test(crc_chains_at_every_split), cmocka_unit_test(equal_sees_every_bit),
        cmocka_unit_test(within_cannot_wrap),        cmocka_unit_test(status_list_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
