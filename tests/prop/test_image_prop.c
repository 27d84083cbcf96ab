/*
 * Properties of the image parser: nothing but the signed file passes, nothing is read outside it,
 * and slices of any size give the same verdict. Every input lies in a heap block of exactly its
 * size; kit_file aborts on a read outside, the sanitizer on any other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ferry/image.h"
#include "kit_file.h"
#include "kit_flash.h"

enum { HEADER_SIZE = 0x200, PAYLOAD_SIZE = 64, TLV_START = HEADER_SIZE + PAYLOAD_SIZE };

static int verify(struct kit_file *file)
{
    uint8_t buffer[FERRY_IMAGE_TLV_MAX];
    struct ferry_image image;
    const struct ferry_pubkey key = kit_file_key(0);
    const struct ferry_keys keys = {&key, 1};
    const struct ferry_image_source source = kit_file_source(file);
    return ferry_image_verify(&source, ferry_board_find("stm32f411_blackpill"), &keys, 0, &image,
                              buffer, sizeof buffer);
}

/* Parses claims from blocks of exactly their size. */
static int parse(const uint8_t *file, const uint8_t *tlvs, size_t tlv_size)
{
    struct ferry_image image;
    struct kit_file header = kit_file_copy(file, FERRY_IMAGE_HEADER_SIZE);
    struct kit_file vectors = kit_file_copy(file + HEADER_SIZE, FERRY_IMAGE_VECTORS_SIZE);
    struct kit_file areas = kit_file_copy(tlvs, tlv_size);
    int status = ferry_image_parse(header.bytes, vectors.bytes, areas.bytes, tlv_size, &image);
    free(header.bytes);
    free(vectors.bytes);
    free(areas.bytes);
    return status;
}

static void no_truncation_passes(void **state)
{
    (void)state;
    struct kit_file whole = kit_file_vector("image.a");
    assert_int_equal(verify(&whole), FERRY_OK);
    for (size_t size = 0; size < whole.size; size++) {
        struct kit_file cut = kit_file_copy(whole.bytes, size);
        assert_int_equal(verify(&cut), FERRY_IMAGE_SIZE);
        size_t tlv_size = size > TLV_START ? size - TLV_START : 0;
        assert_true(parse(whole.bytes, whole.bytes + TLV_START, tlv_size) > 0);
        free(cut.bytes);
    }
    free(whole.bytes);
}

/* All bits of header, vectors and TLV areas; one bit of each padding and payload byte. */
static void no_flipped_bit_passes(void **state)
{
    (void)state;
    struct kit_file file = kit_file_vector("image.a");
    for (uint32_t bit = 0; bit < 8 * file.size; bit++) {
        uint32_t at = bit / 8;
        bool decides = at < FERRY_IMAGE_HEADER_SIZE || at >= TLV_START ||
                       (at >= HEADER_SIZE && at < HEADER_SIZE + FERRY_IMAGE_VECTORS_SIZE);
        if (!decides && bit % 8 != at % 8) {
            continue;
        }
        file.bytes[at] ^= (uint8_t)(1U << bit % 8);
        assert_true(verify(&file) > 0);
        file.bytes[at] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(verify(&file), FERRY_OK);
    free(file.bytes);
}

static const uint16_t odd_lengths[] = {0,   1,   2,   3,   4,    5,      7,      8,      31,    32,
                                       33,  64,  127, 128, 185,  186,    187,    508,    509,   511,
                                       512, 513, 600, 762, 4096, 0x7FFF, 0x8000, 0xFFFC, 0xFFFF};
enum { ODD_LENGTHS = sizeof odd_lengths / sizeof odd_lengths[0] };

/* The length fields of both areas and of each TLV, in vectors.txt's image.a. */
static void no_wrong_length_passes(void **state)
{
    (void)state;
    static const uint32_t fields[] = {2, 6, 14, 37, 41, 77, 113};
    struct kit_file file = kit_file_vector("image.a");
    uint32_t tlv_size = file.size - TLV_START;
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        uint8_t *field = file.bytes + TLV_START + fields[f];
        uint16_t saved = ferry_get_u16(field);
        for (size_t i = 0; i < ODD_LENGTHS; i++) {
            ferry_put_u16(field, odd_lengths[i]);
            assert_true(odd_lengths[i] == saved || verify(&file) > 0);
            assert_true(odd_lengths[i] == saved ||
                        parse(file.bytes, file.bytes + TLV_START, tlv_size) > 0);
        }
        ferry_put_u16(field, saved);
    }
    assert_int_equal(verify(&file), FERRY_OK);
    free(file.bytes);
}

/* The same numbers everywhere else, also where they shift what follows. */
static void no_wrong_number_is_read_outside(void **state)
{
    (void)state;
    struct kit_file file = kit_file_vector("image.a");
    uint32_t tlv_size = file.size - TLV_START;
    for (uint32_t at = 0; at + 2 <= tlv_size; at++) {
        uint8_t *field = file.bytes + TLV_START + at;
        uint16_t saved = ferry_get_u16(field);
        for (size_t i = 0; i < ODD_LENGTHS; i++) {
            ferry_put_u16(field, odd_lengths[i]);
            parse(file.bytes, file.bytes + TLV_START, tlv_size);
        }
        ferry_put_u16(field, saved);
    }
    free(file.bytes);
}

/* Sizes in the header: all small numbers, and a sample of the others. */
static void no_wrong_header_size_passes(void **state)
{
    (void)state;
    struct kit_file file = kit_file_vector("image.a");
    static const uint32_t fields[] = {8, 10, 12, 14};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        uint16_t saved = ferry_get_u16(file.bytes + fields[f]);
        for (uint32_t value = 0; value <= UINT16_MAX; value += value < 1024 ? 1 : 61) {
            ferry_put_u16(file.bytes + fields[f], (uint16_t)value);
            assert_true(value == saved || verify(&file) > 0);
        }
        ferry_put_u16(file.bytes + fields[f], saved);
    }
    free(file.bytes);
}

/* Inserts a copy of each TLV behind itself, with the lengths around it made right. */
static void no_repeated_tlv_passes(void **state)
{
    (void)state;
    struct kit_file file = kit_file_vector("image.a");
    uint32_t tlv_size = file.size - TLV_START;
    uint32_t protected_size = ferry_get_u16(file.bytes + 10);
    const uint8_t *tlvs = file.bytes + TLV_START;
    for (uint32_t at = 4; at < tlv_size;) {
        uint8_t areas[FERRY_IMAGE_TLV_MAX];
        uint8_t header[HEADER_SIZE + FERRY_IMAGE_VECTORS_SIZE];
        uint32_t size = 4U + ferry_get_u16(tlvs + at + 2);
        memcpy(header, file.bytes, sizeof header);
        memcpy(areas, tlvs, at + size);
        memcpy(areas + at + size, tlvs + at, tlv_size - at);
        uint32_t area = at < protected_size ? 0 : protected_size;
        ferry_put_u16(areas + area + 2, (uint16_t)(ferry_get_u16(tlvs + area + 2) + size));
        if (area == 0) {
            ferry_put_u16(header + 10, (uint16_t)(protected_size + size));
        }
        assert_int_equal(parse(header, areas, tlv_size + size), FERRY_IMAGE_TLV);
        at += size;
        at += at == protected_size ? 4 : 0; /* the plain area's header */
    }
    free(file.bytes);
}

/* TLV areas of random, mostly plausible pieces. */
static void no_random_tlvs_pass(void **state)
{
    (void)state;
    static const uint16_t words[] = {0x6907, 0x6908, 0x01, 0x10, 0x22, 0x50, 0xA0, 4,
                                     8,      32,     36,   70,   72,   0,    1,    0xFFFF};
    struct kit_file file = kit_file_vector("image.a");
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        uint8_t areas[FERRY_IMAGE_TLV_MAX];
        size_t size = 1 + kit_random(&seed) % sizeof areas;
        for (size_t i = 0; i + 1 < sizeof areas; i += 2) {
            uint32_t random = kit_random(&seed);
            uint16_t word = random & 0x30 ? words[random & 15] : (uint16_t)(random >> 8);
            ferry_put_u16(areas + i, word);
        }
        ferry_put_u16(areas, FERRY_TLV_PROTECTED);
        ferry_put_u16(areas + 2, ferry_get_u16(file.bytes + 10));
        assert_true(parse(file.bytes, areas, size) > 0);
    }
    free(file.bytes);
}

/* Hashes in steps of `slice` through `buffer_size` bytes; counts the steps. */
static int hash_sliced(struct kit_file *file, const struct ferry_image *image, uint32_t slice,
                       size_t buffer_size, uint32_t *steps)
{
    uint8_t *buffer = malloc(buffer_size);
    const struct ferry_image_source source = kit_file_source(file);
    struct ferry_image_hasher hasher;
    int status = FERRY_MORE;
    ferry_image_hash_begin(&hasher, image);
    for (*steps = 0; status == FERRY_MORE; (*steps)++) {
        status = ferry_image_hash_step(&hasher, image, &source, slice, buffer, buffer_size);
    }
    free(buffer);
    return status;
}

static void slices_of_any_size_agree(void **state)
{
    (void)state;
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    struct ferry_image image;
    struct kit_file file = kit_file_vector("image.a");
    const struct ferry_image_source source = kit_file_source(&file);
    assert_int_equal(ferry_image_read(&source, scratch, &image), FERRY_OK);
    uint32_t end = TLV_START + image.header.protected_tlv_size;
    for (uint32_t slice = 1; slice <= end + 1; slice++) {
        uint32_t steps = 0;
        assert_int_equal(hash_sliced(&file, &image, slice, 64 + slice % 97, &steps), FERRY_OK);
        assert_int_equal(steps, (end + slice - 1) / slice);
    }
    file.bytes[end - 1] ^= 1; /* the last byte that counts */
    for (uint32_t slice = 1; slice <= end + 1; slice++) {
        uint32_t steps = 0;
        assert_int_equal(hash_sliced(&file, &image, slice, 64, &steps), FERRY_IMAGE_HASH);
    }
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_truncation_passes),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(no_wrong_length_passes),
        cmocka_unit_test(no_wrong_number_is_read_outside),
        cmocka_unit_test(no_wrong_header_size_passes),
        cmocka_unit_test(no_repeated_tlv_passes),
        cmocka_unit_test(no_random_tlvs_pass),
        cmocka_unit_test(slices_of_any_size_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
