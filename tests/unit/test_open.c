/* What a node refuses, and how: each reason by its name, at OPEN, before anything is erased. */
#include "ferry/receiver.h"

#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 6000, SIGNED_COUNTER = 5 };

/* A bootloader with 5.x confirmed in A (security counter 5), and 6.x for B at hand. */
struct bench {
    struct kit_flash flash;
    struct kit_link link;
    uint8_t *old, *file;
    size_t old_size, size;
    uint8_t header[FERRY_IMAGE_HEADER_SIZE], vectors[FERRY_IMAGE_VECTORS_SIZE];
    uint8_t tlvs[FERRY_IMAGE_TLV_MAX];
    struct ferry_open open; /* the claims of `file`, to be spoilt */
};

static void claim(struct bench *bench, const uint8_t *file, size_t size)
{
    bench->open = kit_link_claims(file, size);
    memcpy(bench->header, bench->open.header, sizeof(bench->header));
    memcpy(bench->vectors, bench->open.vectors, sizeof(bench->vectors));
    memcpy(bench->tlvs, bench->open.tlvs, bench->open.tlv_size);
    bench->open.header = bench->header;
    bench->open.vectors = bench->vectors;
    bench->open.tlvs = bench->tlvs;
}

static int set_up(void **test)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    kit_flash_init(&bench.flash, &kit_board);
    struct kit_image old = kit_image_defaults(&kit_board, FERRY_SLOT_A, SIGNED_COUNTER, PAYLOAD);
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 6, PAYLOAD);
    bench.old = kit_image_build(&old, &bench.old_size);
    bench.file = kit_image_build(&image, &bench.size);
    kit_provision(&bench.flash, FERRY_SLOT_A, bench.old, bench.old_size);
    kit_link_start(&bench.link, &bench.flash, FERRY_SLOT_NONE);
    claim(&bench, bench.file, bench.size);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    return 0;
}

/* OPEN ends with this verdict and flash is as before. */
static void refused(struct bench *bench, int status)
{
    struct ferry_opened opened;
    uint32_t before = bench->flash.operations;

    assert_int_equal(kit_link_open(&bench->link, &bench->open, &opened), status);
    assert_int_equal(opened.slot, FERRY_SLOT_NONE);
    assert_int_equal(bench->flash.operations, before);
    assert_int_equal(kit_link_data(&bench->link, 0, bench->file, 256), FERRY_NOT_OPEN);
    assert_int_equal(bench->flash.operations, before);
}

/* An image built otherwise than `bench->file` is refused with this verdict. */
static void build_refused(struct bench *bench, const struct kit_image *image, int status)
{
    size_t size;
    uint8_t *file = kit_image_build(image, &size);
    claim(bench, file, size);
    refused(bench, status);
    free(file);
}

static struct kit_image the_update(void)
{
    return kit_image_defaults(&kit_board, FERRY_SLOT_B, 6, PAYLOAD);
}

/* ---- OPEN: the form ------------------------------------------------------------------------- */

static void bad_magic(void **test)
{
    struct bench *bench = *test;
    bench->header[0] ^= 1;
    refused(bench, FERRY_IMAGE_MAGIC);
}

static void malformed_header(void **test)
{
    struct bench *bench = *test;
    ferry_put_u16(bench->header + 8, 30); /* smaller than the header itself */
    refused(bench, FERRY_IMAGE_HEADER);
    ferry_put_u16(bench->header + 8, 0x100); /* a vector table that VTOR cannot take */
    bench->open.total_size -= 0x100;
    refused(bench, FERRY_IMAGE_HEADER);
}

static void sizes_that_wrap_or_do_not_add_up(void **test)
{
    struct bench *bench = *test;
    bench->open.total_size--;
    refused(bench, FERRY_IMAGE_SIZE);
    bench->open.total_size += 2;
    refused(bench, FERRY_IMAGE_SIZE);
    bench->open.total_size = 0;
    refused(bench, FERRY_IMAGE_SIZE);
    ferry_put_u32(bench->header + 12, 0); /* empty */
    refused(bench, FERRY_IMAGE_SIZE);
    for (uint32_t payload = 0xFFFFFFFFU; payload > 0xFFFFFC00U; payload -= 3) {
        ferry_put_u32(bench->header + 12, payload);
        refused(bench, FERRY_IMAGE_SIZE);
    }
}

static void flags(void **test)
{
    struct bench *bench = *test;
    for (unsigned bit = 0; bit < 32; bit++) {
        ferry_put_u32(bench->header + 16, FERRY_IMAGE_F_ROM_FIXED ^ 1U << bit);
        refused(bench, FERRY_IMAGE_FLAGS);
    }
}

static void truncated_tlvs(void **test)
{
    struct bench *bench = *test;
    uint16_t whole = bench->open.tlv_size;
    for (uint16_t cut = 0; cut < whole; cut++) {
        bench->open.tlv_size = cut;
        bench->open.total_size = (uint32_t)bench->size - whole + cut;
        refused(bench, FERRY_IMAGE_TLV);
    }
}

static void oversized_tlv_areas(void **test)
{
    struct bench *bench = *test;
    uint8_t large[FERRY_IMAGE_TLV_MAX + 4] = {0};
    memcpy(large, bench->tlvs, bench->open.tlv_size);
    bench->open.tlvs = large;
    bench->open.tlv_size = sizeof(large);
    refused(bench, FERRY_BAD_LENGTH);
}

/* Position of the TLV of this type in the claims. */
static uint8_t *find_tlv(struct bench *bench, uint16_t type)
{
    uint16_t protected_size = ferry_get_u16(bench->header + 10);
    for (uint16_t at = 4; at < bench->open.tlv_size;) {
        if (at == protected_size) {
            at = (uint16_t)(at + 4);
        }
        if (ferry_get_u16(bench->tlvs + at) == type) {
            return bench->tlvs + at;
        }
        at = (uint16_t)(at + 4 + ferry_get_u16(bench->tlvs + at + 2));
    }
    fail();
    return NULL;
}

static void each_missing_tlv(void **test)
{
    struct bench *bench = *test;
    const uint16_t types[] = {FERRY_TLV_SHA256, FERRY_TLV_KEYHASH, FERRY_TLV_ECDSA_SIG,
                              FERRY_TLV_SEC_CNT, FERRY_TLV_BOARD};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        uint8_t *tlv = find_tlv(bench, types[i]);
        ferry_put_u16(tlv, 0xBEEF);
        refused(bench, FERRY_IMAGE_MISSING_TLV);
        ferry_put_u16(tlv, types[i]);
    }
}

static void each_length_in_the_tlvs_spoilt(void **test)
{
    struct bench *bench = *test;
    const uint16_t types[] = {FERRY_TLV_SHA256, FERRY_TLV_KEYHASH, FERRY_TLV_ECDSA_SIG};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *tlv = find_tlv(bench, types[i]);
        uint16_t length = ferry_get_u16(tlv + 2);
        ferry_put_u16(tlv + 2, 0xFFFF);
        refused(bench, FERRY_IMAGE_TLV);
        ferry_put_u16(tlv + 2, length);
    }
}

static void another_protocol_version(void **test)
{
    struct bench *bench = *test;
    bench->open.protocol = FERRY_PROTOCOL_VERSION + 1;
    refused(bench, FERRY_PROTOCOL);
}

/* ---- OPEN: the place ------------------------------------------------------------------------ */

static void wrong_board(void **test)
{
    struct kit_image image = the_update();
    image.board_name = "kit_boardx";
    build_refused(*test, &image, FERRY_IMAGE_BOARD);
    image.board_name = "kit_boar";
    build_refused(*test, &image, FERRY_IMAGE_BOARD);
}

static void no_slot_at_this_address(void **test)
{
    struct bench *bench = *test;
    ferry_put_u32(bench->header + 4, kit_board.slots[FERRY_SLOT_B].start + 4);
    refused(bench, FERRY_IMAGE_SLOT);
    ferry_put_u32(bench->header + 4, 0);
    refused(bench, FERRY_IMAGE_SLOT);
}

static void larger_than_the_slot(void **test)
{
    struct kit_image image = the_update();
    image.payload_size = kit_board.slots[FERRY_SLOT_B].size - FERRY_IMAGE_PADDED_SIZE;
    build_refused(*test, &image, FERRY_IMAGE_TOO_BIG);
}

static void vectors_outside(void **test)
{
    struct bench *bench = *test;
    uint32_t entry = ferry_get_u32(bench->vectors + 4);
    const uint32_t stacks[] = {0,          0x20000000, 0x20020008, 0x2001FFFC,
                               0x08008000, 0xFFFFFFF8, 0x10000000, 0x10010008};
    const uint32_t entries[] = {0, entry - 1, kit_board.slots[FERRY_SLOT_A].start + 0x201,
                                0x20000001, 0xFFFFFFFF};

    for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        ferry_put_u32(bench->vectors, stacks[i]);
        refused(bench, FERRY_IMAGE_VECTORS);
    }
    ferry_put_u32(bench->vectors, 0x10010000); /* the RAM that DMA cannot reach is fine */
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        ferry_put_u32(bench->vectors + 4, entries[i]);
        refused(bench, FERRY_IMAGE_VECTORS);
    }
}

static void the_confirmed_slot(void **test)
{
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_A, 6, PAYLOAD);
    build_refused(*test, &image, FERRY_SLOT_CONFIRMED);
}

static void the_running_slot(void **test)
{
    struct bench *bench = *test;
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_A, 6, PAYLOAD);
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_A);
    build_refused(bench, &image, FERRY_SLOT_RUNNING);
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_B); /* running, not confirmed */
    claim(bench, bench->file, bench->size);
    refused(bench, FERRY_SLOT_RUNNING);
}

/* The confirmed image is corrupt: the other slot, the last one that boots, is out of bounds too. */
/* The confirmed image's magic word is gone: the slot reads as empty, and does not boot either. */
static void the_last_image_beside_an_empty_confirmed_slot(void **test)
{
    struct bench *bench = *test;
    kit_flash_load(&bench->flash, kit_board.slots[FERRY_SLOT_B].start, bench->file, bench->size);
    bench->link.node.content[FERRY_SLOT_A] = FERRY_CONTENT_EMPTY;
    bench->link.node.content[FERRY_SLOT_B] = FERRY_CONTENT_VERIFIED;
    refused(bench, FERRY_SLOT_CONFIRMED);
}

static void an_empty_confirmed_slot_can_be_filled(void **test)
{
    struct bench *bench = *test;
    bench->link.node.content[FERRY_SLOT_A] = FERRY_CONTENT_EMPTY;
    bench->link.node.content[FERRY_SLOT_B] = FERRY_CONTENT_EMPTY;
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_A, 6, PAYLOAD);
    size_t size;
    uint8_t *file = kit_image_build(&image, &size);
    assert_int_equal(kit_link_install(&bench->link, file, size), FERRY_OK);
    free(file);
}

static void the_last_image_that_boots(void **test)
{
    struct bench *bench = *test;
    kit_flash_load(&bench->flash, kit_board.slots[FERRY_SLOT_B].start, bench->file, bench->size);
    bench->link.node.content[FERRY_SLOT_A] = FERRY_CONTENT_BAD;
    bench->link.node.content[FERRY_SLOT_B] = FERRY_CONTENT_VERIFIED;
    refused(bench, FERRY_SLOT_CONFIRMED);

    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_A, 6, PAYLOAD);
    size_t size;
    uint8_t *file = kit_image_build(&image, &size);
    assert_int_equal(kit_link_install(&bench->link, file, size), FERRY_OK); /* A is mended */
    free(file);
}

/* ---- OPEN: may it ---------------------------------------------------------------------------- */

static void a_lower_counter(void **test)
{
    struct kit_image image = the_update();
    image.security_counter = SIGNED_COUNTER - 1;
    build_refused(*test, &image, FERRY_IMAGE_COUNTER);
}

static void an_equal_counter_is_taken(void **test)
{
    struct bench *bench = *test;
    struct kit_image image = the_update();
    image.security_counter = SIGNED_COUNTER;
    size_t size;
    uint8_t *file = kit_image_build(&image, &size);
    assert_int_equal(kit_link_install(&bench->link, file, size), FERRY_OK);
    free(file);
}

static void an_unknown_key(void **test)
{
    struct kit_image image = the_update();
    image.key = 1;
    build_refused(*test, &image, FERRY_IMAGE_KEY);
}

static void a_bad_signature(void **test)
{
    struct bench *bench = *test;
    find_tlv(bench, FERRY_TLV_SHA256)[4] ^= 1;
    refused(bench, FERRY_IMAGE_SIGNATURE);
    find_tlv(bench, FERRY_TLV_SHA256)[4] ^= 1;
    find_tlv(bench, FERRY_TLV_ECDSA_SIG)[4 + 20] ^= 1;
    refused(bench, FERRY_IMAGE_SIGNATURE);
}

static void while_a_trial_runs(void **test)
{
    struct bench *bench = *test;
    struct ferry_state state = bench->link.journal.state;
    state.phase = FERRY_PHASE_TRIAL;
    state.candidate = FERRY_SLOT_B;
    state.attempts = 2;
    assert_int_equal(ferry_journal_commit(&bench->link.journal, &state), FERRY_OK);
    refused(bench, FERRY_BUSY_TRIAL);
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_B);
    refused(bench, FERRY_BUSY_TRIAL);
}

static void a_full_journal_in_an_application(void **test)
{
    struct bench *bench = *test;
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_A);
    while (ferry_journal_room(&bench->link.journal) > 0) {
        assert_int_equal(ferry_journal_commit(&bench->link.journal, &bench->link.journal.state),
                         FERRY_OK);
    }
    refused(bench, FERRY_JOURNAL_FULL);
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_NONE); /* the bootloader makes room */
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_magic),
        TEST(malformed_header),
        TEST(sizes_that_wrap_or_do_not_add_up),
        TEST(flags),
        TEST(truncated_tlvs),
        TEST(oversized_tlv_areas),
        TEST(each_missing_tlv),
        TEST(each_length_in_the_tlvs_spoilt),
        TEST(another_protocol_version),
        TEST(wrong_board),
        TEST(no_slot_at_this_address),
        TEST(larger_than_the_slot),
        TEST(vectors_outside),
        TEST(the_confirmed_slot),
        TEST(the_running_slot),
        TEST(the_last_image_that_boots),
        TEST(the_last_image_beside_an_empty_confirmed_slot),
        TEST(an_empty_confirmed_slot_can_be_filled),
        TEST(a_lower_counter),
        TEST(an_equal_counter_is_taken),
        TEST(an_unknown_key),
        TEST(a_bad_signature),
        TEST(while_a_trial_runs),
        TEST(a_full_journal_in_an_application),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
