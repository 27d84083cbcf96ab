/* Parsing and judging an image: every error has its own name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ferry/image.h"
#include "kit_file.h"
#include "kit_flash.h"

enum { HEADER_SIZE = 0x200 };

/* Offsets in the TLV areas of the vectors' images: protected area, then the plain one. */
enum {
    AT_COUNTER = 4,
    AT_BOARD = 12,
    PROTECTED_SIZE = 35,
    AT_PLAIN = PROTECTED_SIZE,
    AT_HASH = AT_PLAIN + 4,
    AT_KEY_HASH = AT_HASH + 36,
    AT_SIGNATURE = AT_KEY_HASH + 36
};

struct fixture {
    struct kit_file file;
    struct ferry_image_source source;
    const struct ferry_board *board;
    struct ferry_pubkey key;
    struct ferry_keys keys;
    struct ferry_image image;
    uint8_t *tlvs;
    uint8_t buffer[FERRY_IMAGE_TLV_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->file = kit_file_vector("image.a");
    f->source = kit_file_source(&f->file);
    f->board = ferry_board_find("stm32f411_blackpill");
    f->key = kit_file_key(0);
    f->keys = (struct ferry_keys){&f->key, 1};
    f->tlvs = f->file.bytes + HEADER_SIZE + ferry_get_u32(f->file.bytes + 12);
    *state = f;
    return f->board != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->file.bytes);
    free(f);
    return 0;
}

static int read_image(struct fixture *f)
{
    return ferry_image_read(&f->source, f->buffer, &f->image);
}

static int verify(struct fixture *f, uint32_t lowest_counter)
{
    return ferry_image_verify(&f->source, f->board, &f->keys, lowest_counter, &f->image, f->buffer,
                              sizeof f->buffer);
}

static void known_images_verify(void **state)
{
    struct fixture *f = *state;
    uint8_t expected[FERRY_SIGNATURE_SIZE];
    assert_int_equal(verify(f, 5), FERRY_OK);
    assert_int_equal(f->image.slot, FERRY_SLOT_A);
    assert_int_equal(f->image.header.load_address, kit_vector_number("image.a.load_address"));
    assert_int_equal(f->image.header.payload_size, 64);
    assert_int_equal(f->image.header.version.build, 4);
    assert_int_equal(f->image.security_counter, 5);
    assert_int_equal(f->image.total_size, f->file.size);
    assert_int_equal(f->image.board_size, strlen("stm32f411_blackpill"));
    assert_memory_equal(f->image.board, "stm32f411_blackpill", f->image.board_size);
    kit_vector_bytes("image.a.hash", expected, FERRY_HASH_SIZE);
    assert_memory_equal(f->image.hash, expected, FERRY_HASH_SIZE);
    kit_vector_bytes("image.a.signature", expected, sizeof expected);
    assert_memory_equal(f->image.signature, expected, sizeof expected);

    free(f->file.bytes);
    f->file = kit_file_vector("image.b");
    f->source = kit_file_source(&f->file);
    assert_int_equal(verify(f, 0), FERRY_OK);
    assert_int_equal(f->image.slot, FERRY_SLOT_B);
}

static void header_errors_have_names(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t offset, value, width;
        int status;
    } cases[] = {
        {0, 0xFFFFFFFF, 4, FERRY_IMAGE_MAGIC}, /* erased flash */
        {0, 0, 4, FERRY_IMAGE_MAGIC},
        {8, 28, 2, FERRY_IMAGE_HEADER},
        {8, 0x1FE, 2, FERRY_IMAGE_HEADER},
        {10, 513, 2, FERRY_IMAGE_HEADER},
        {12, 0, 4, FERRY_IMAGE_SIZE},
        {12, 7, 4, FERRY_IMAGE_SIZE},
        {12, 0xFFFFFFFF, 4, FERRY_IMAGE_SIZE},
        {12, 0xFFFFFFFF - 0x200, 4, FERRY_IMAGE_SIZE}, /* would wrap with header and TLVs */
        {16, 0, 4, FERRY_IMAGE_FLAGS},
        {16, 0x104, 4, FERRY_IMAGE_FLAGS}, /* encrypted */
        {16, 0x108, 4, FERRY_IMAGE_FLAGS},
        {16, 0x110, 4, FERRY_IMAGE_FLAGS}, /* not bootable */
        {16, 0x120, 4, FERRY_IMAGE_FLAGS}, /* RAM_LOAD */
        {16, 0x300, 4, FERRY_IMAGE_FLAGS}, /* compressed */
        {16, 0x80000100, 4, FERRY_IMAGE_FLAGS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ferry_image_header header;
        uint8_t bytes[FERRY_IMAGE_HEADER_SIZE];
        memcpy(bytes, f->file.bytes, sizeof bytes);
        for (uint32_t j = 0; j < cases[i].width; j++) {
            bytes[cases[i].offset + j] = (uint8_t)(cases[i].value >> 8 * j);
        }
        assert_int_equal(ferry_image_parse_header(bytes, &header), cases[i].status);
    }
}

static void each_required_tlv_is_required(void **state)
{
    struct fixture *f = *state;
    static const uint32_t places[] = {AT_COUNTER, AT_BOARD, AT_HASH, AT_KEY_HASH, AT_SIGNATURE};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint8_t saved = f->tlvs[places[i]];
        f->tlvs[places[i]] = 0x60; /* a type that Ferry does not use */
        assert_int_equal(read_image(f), FERRY_IMAGE_MISSING_TLV);
        f->tlvs[places[i]] = saved;
    }
    assert_int_equal(read_image(f), FERRY_OK);
}

static void misplaced_and_repeated_tlvs_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t place;
        uint8_t type;
    } cases[] = {
        {AT_COUNTER, FERRY_TLV_SHA256},  {AT_COUNTER, FERRY_TLV_KEYHASH},
        {AT_COUNTER, FERRY_TLV_BOARD},   {AT_BOARD, FERRY_TLV_ECDSA_SIG},
        {AT_HASH, FERRY_TLV_SEC_CNT},    {AT_HASH, FERRY_TLV_BOARD},
        {AT_KEY_HASH, FERRY_TLV_SHA256}, {AT_HASH, FERRY_TLV_KEYHASH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t saved = f->tlvs[cases[i].place];
        f->tlvs[cases[i].place] = cases[i].type;
        assert_int_equal(read_image(f), FERRY_IMAGE_TLV);
        f->tlvs[cases[i].place] = saved;
    }
}

static void a_damaged_signature_encoding_is_a_bad_signature(void **state)
{
    struct fixture *f = *state;
    f->tlvs[AT_SIGNATURE + 4] ^= 1; /* the SEQUENCE tag */
    assert_int_equal(read_image(f), FERRY_IMAGE_SIGNATURE);
}

static void board_names_are_printable(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bad[] = {0, '\n', ' ', 0x1B, 0x7F, 0xFF};
    for (size_t i = 0; i < sizeof bad; i++) {
        f->tlvs[AT_BOARD + 4] = bad[i];
        assert_int_equal(read_image(f), FERRY_IMAGE_TLV);
    }
}

static void place_errors_have_names(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_image(f), FERRY_OK);
    const struct ferry_image good = f->image;

    f->image.board[0] = 'x';
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_IMAGE_BOARD);
    f->image = good;
    f->image.board_size--; /* a prefix is another board */
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_IMAGE_BOARD);
    f->image = good;
    f->image.header.load_address += 4;
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_IMAGE_SLOT);
    f->image = good;
    f->image.total_size = f->board->slots[0].size + 1;
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_IMAGE_TOO_BIG);
    f->image = good;
    f->image.header.header_size = 0x220;
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_IMAGE_HEADER);
    assert_int_equal(f->image.slot, FERRY_SLOT_NONE);
    f->image = good;
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_OK);
}

/* No header in flash: the payload stands where the header would. */
static void without_a_bootloader_the_payload_is_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct ferry_board bare = *f->board;
    bare.bootloader.size = 0;
    assert_int_equal(read_image(f), FERRY_OK);
    const uint32_t start = f->image.header.load_address, size = f->image.header.payload_size;

    assert_int_equal(ferry_image_payload_start(&f->image.header, f->board), start + HEADER_SIZE);
    assert_int_equal(ferry_image_payload_start(&f->image.header, &bare), start);
    f->image.reset_vector = start + 9;
    assert_int_equal(ferry_image_check_place(&f->image, &bare), FERRY_OK);
    assert_int_equal(f->image.slot, FERRY_SLOT_A);
    assert_int_equal(ferry_image_check_place(&f->image, f->board), FERRY_IMAGE_VECTORS);
    f->image.reset_vector = (start + size - 1) | 1;
    assert_int_equal(ferry_image_check_place(&f->image, &bare), FERRY_OK);
    f->image.reset_vector = start + size + 1;
    assert_int_equal(ferry_image_check_place(&f->image, &bare), FERRY_IMAGE_VECTORS);
    f->image.reset_vector = start - 1;
    assert_int_equal(ferry_image_check_place(&f->image, &bare), FERRY_IMAGE_VECTORS);
}

static void vectors_must_point_into_ram_and_slot(void **state)
{
    struct fixture *f = *state;
    const uint32_t code = 0x08010200;
    static const struct {
        uint32_t stack, reset;
        int status;
    } cases[] = {
        {0x20020000, 0x08010209, FERRY_OK},            /* the end of RAM is a stack's start */
        {0x20000008, 0x08010209, FERRY_OK},            /* the smallest */
        {0x20000000, 0x08010209, FERRY_IMAGE_VECTORS}, /* no room at all */
        {0x20020008, 0x08010209, FERRY_IMAGE_VECTORS},
        {0x2001FFFC, 0x08010209, FERRY_IMAGE_VECTORS}, /* multiple of 8: AAPCS */
        {0xFFFFFFFF, 0x08010209, FERRY_IMAGE_VECTORS},
        {0x00000000, 0x08010209, FERRY_IMAGE_VECTORS},
        {0x20020000, 0x08010208, FERRY_IMAGE_VECTORS}, /* not Thumb */
        {0x20020000, code + 1, FERRY_OK},
        {0x20020000, code - 1, FERRY_IMAGE_VECTORS}, /* in the header */
        {0x20020000, code + 63, FERRY_OK},           /* last half-word of the payload */
        {0x20020000, code + 65, FERRY_IMAGE_VECTORS},
        {0x20020000, 0x08000141, FERRY_IMAGE_VECTORS}, /* in the bootloader */
        {0x20020000, 0xFFFFFFFF, FERRY_IMAGE_VECTORS},
    };
    assert_int_equal(read_image(f), FERRY_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->image.stack_pointer = cases[i].stack;
        f->image.reset_vector = cases[i].reset;
        assert_int_equal(ferry_image_check_place(&f->image, f->board), cases[i].status);
    }
}

static void counter_key_and_content_are_judged(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(verify(f, 6), FERRY_IMAGE_COUNTER);
    f->file.bytes[HEADER_SIZE + 20] ^= 1;
    assert_int_equal(verify(f, 5), FERRY_IMAGE_HASH);
    f->file.bytes[HEADER_SIZE + 20] ^= 1;
    f->tlvs[AT_HASH + 4] ^= 1; /* a hash that was not signed */
    assert_int_equal(verify(f, 5), FERRY_IMAGE_SIGNATURE);
    f->tlvs[AT_HASH + 4] ^= 1;
    f->key = kit_file_key(1);
    assert_int_equal(verify(f, 5), FERRY_IMAGE_KEY);
    f->keys.count = 0;
    assert_int_equal(verify(f, 5), FERRY_IMAGE_KEY);
}

static void without_a_board_the_place_is_not_judged(void **state)
{
    struct fixture *f = *state;
    f->board = NULL;
    assert_int_equal(verify(f, 0), FERRY_OK);
    assert_int_equal(f->image.slot, FERRY_SLOT_NONE);
}

static void the_buffer_must_hold_the_tlvs(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ferry_image_verify(&f->source, f->board, &f->keys, 0, &f->image, f->buffer,
                                        FERRY_IMAGE_TLV_MAX - 1),
                     FERRY_ARGUMENT);
}

static int broken_read(void *ctx, uint32_t offset, void *out, size_t size)
{
    (void)out;
    const uint32_t *from = ctx; /* reads behind it fail */
    memset(out, 0, size);
    return offset + size > *from ? FERRY_FLASH : FERRY_OK;
}

static void errors_of_the_source_are_passed_on(void **state)
{
    struct fixture *f = *state;
    uint32_t from = 0;
    const struct ferry_image_source broken = {.ctx = &from, .read = broken_read, .size = 0x30000};
    assert_int_equal(ferry_image_read(&broken, f->buffer, &f->image), FERRY_FLASH);
    assert_int_equal(read_image(f), FERRY_OK);
    struct ferry_image_hasher hasher;
    ferry_image_hash_begin(&hasher, &f->image);
    from = 128;
    assert_int_equal(ferry_image_hash_step(&hasher, &f->image, &broken, 1000, f->buffer, 64),
                     FERRY_FLASH);
}

static void a_slot_is_an_image_source(void **state)
{
    struct fixture *f = *state;
    struct kit_flash flash;
    kit_flash_init(&flash, f->board);
    kit_flash_load(&flash, f->board->slots[0].start, f->file.bytes, f->file.size);
    f->source = ferry_image_from_slot(&flash.port, f->board, FERRY_SLOT_A);
    assert_int_equal(verify(f, 0), FERRY_OK);
    f->source = ferry_image_from_slot(&flash.port, f->board, FERRY_SLOT_B);
    assert_int_equal(verify(f, 0), FERRY_IMAGE_MAGIC);
    kit_flash_load(&flash, f->board->slots[1].start, f->file.bytes, f->file.size);
    assert_int_equal(verify(f, 0), FERRY_OK); /* it names slot A: only its caller knows better */
    kit_flash_free(&flash);
}

static void versions_compare_part_by_part(void **state)
{
    (void)state;
    static const struct ferry_version rising[] = {
        {0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 1, 0}, {0, 0, 256, 0}, {0, 1, 0, 0},
        {0, 2, 0, 0}, {1, 0, 0, 0}, {1, 0, 0, 9}, {255, 0, 0, 0},
    };
    const int count = sizeof rising / sizeof rising[0];
    for (int a = 0; a < count; a++) {
        for (int b = 0; b < count; b++) {
            int sign = (a > b) - (a < b);
            assert_int_equal(ferry_version_compare(&rising[a], &rising[b]), sign);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(known_images_verify),
        TEST(header_errors_have_names),
        TEST(each_required_tlv_is_required),
        TEST(misplaced_and_repeated_tlvs_are_refused),
        TEST(a_damaged_signature_encoding_is_a_bad_signature),
        TEST(board_names_are_printable),
        TEST(place_errors_have_names),
        TEST(vectors_must_point_into_ram_and_slot),
        TEST(without_a_bootloader_the_payload_is_at_the_start),
        TEST(counter_key_and_content_are_judged),
        TEST(without_a_board_the_place_is_not_judged),
        TEST(the_buffer_must_hold_the_tlvs),
        TEST(errors_of_the_source_are_passed_on),
        TEST(a_slot_is_an_image_source),
        TEST(versions_compare_part_by_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
