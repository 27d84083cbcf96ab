/* An update over the ROM: only reads where all matches, vectors last, resume, and what goes wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_rom.h"

#include <stdio.h>
#include <string.h>

enum { BASE = FERRY_ROM_FLASH_BASE, SIZE = 9003 };

static const struct ferry_rom_traits usart = {false, 256, 0, 87};
static const struct ferry_rom_traits i2c = {true, 256, 0, 90};
static const struct ferry_rom_traits small_i2c = {true, 16, 0, 90};

static struct kit_rom model;
static struct ferry_rom rom;
static uint8_t image[128 * 1024];
static bool vectors_seen;

static void connect(uint16_t pid, const struct ferry_rom_traits *traits)
{
    kit_rom_init(&model, pid, traits->framed);
    model.byte_us = traits->byte_us;
    ferry_rom_init(&rom, traits);
    assert_int_equal(kit_rom_run(&model, &rom, FERRY_ROM_CONNECT, 0, 0, NULL), FERRY_OK);
    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 7 + i / 256 + 1);
    }
}

static int update(uint32_t size)
{
    return kit_rom_update(&model, &rom, BASE, image, size, false, true);
}

/* While any byte of the first eight is there, all the others are; or it is no vector. */
static void vectors_come_last(struct kit_rom *chip)
{
    static const uint8_t blank[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    if (memcmp(chip->flash, blank, sizeof blank) != 0 && chip->flash[4] % 2 == 1) {
        assert_memory_equal(chip->flash, image, SIZE);
        vectors_seen = true;
    }
}

/* Half an erase may leave any bit as it was: before the first one the vectors are zeros, those of
 * NMI and HardFault too, as a core without a reset vector comes to them. */
static void vectors_are_void_before_they_are_erased(struct kit_rom *chip)
{
    static uint8_t before[16];
    static const uint8_t zeros[16] = {0};
    if (chip->erases == 1 && !vectors_seen) {
        assert_memory_equal(before, zeros, sizeof before);
        vectors_seen = true;
    }
    if (chip->writes == 1 && chip->chip->unit_bytes < 8) {
        /* whole vectors, each without its last bit */
        assert_memory_equal(chip->flash, "UUUUTUUUTUUUTUUUU", 17);
    }
    memcpy(before, chip->flash, sizeof before);
}

static void no_erase_of_vectors_that_stand(void **state)
{
    static const uint16_t chips[] = {0x431, 0x435};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        connect(chips[i], &usart);
        memset(model.flash, 0x55, sizeof model.flash);
        model.watch = vectors_are_void_before_they_are_erased;
        vectors_seen = false;
        assert_int_equal(update(SIZE), FERRY_OK);
        assert_true(vectors_seen);
        assert_memory_equal(model.flash, image, SIZE);
    }
}

/* Zeros come byte by byte: they may only come over a reset vector that is none already. */
static void disarmed_before_void(struct kit_rom *chip)
{
    static const uint8_t zeros[8] = {0};
    static uint8_t before;
    if (memcmp(chip->flash, zeros, sizeof zeros) == 0) {
        assert_int_equal(before % 2, 0);
        vectors_seen = true;
    }
    before = chip->flash[4];
}

static void vectors_are_voided_for_certain(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 300; at++) {
        connect(0x431, &usart);
        memset(model.flash, 0x55, sizeof model.flash);
        model.watch = disarmed_before_void;
        vectors_seen = false;
        model.fault = KIT_ROM_FLIPPED;
        model.fault_at = model.wire_count + at;
        assert_int_equal(update(300), FERRY_OK);
        assert_true(vectors_seen);
    }
}

static void a_blank_chip_is_filled(void **state)
{
    static const struct {
        uint16_t pid;
        const struct ferry_rom_traits *traits;
    } cases[] = {
        {0x431, &usart}, {0x435, &usart}, {0x431, &i2c}, {0x435, &i2c}, {0x435, &small_i2c}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        connect(cases[i].pid, cases[i].traits);
        model.watch = vectors_come_last;
        vectors_seen = false;
        assert_int_equal(update(SIZE), FERRY_OK);
        assert_memory_equal(model.flash, image, SIZE);
        assert_true(vectors_seen);
    }
}

static void any_size(void **state)
{
    static const uint32_t sizes[] = {8, 9, 15, 16, 17, 255, 256, 257, 264, 2047, 2048, 2049, 2064};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        connect(0x435, &usart);
        memset(model.flash, 0x55, sizeof model.flash);
        assert_int_equal(update(sizes[i]), FERRY_OK);
        assert_memory_equal(model.flash, image, sizes[i]);
        assert_int_equal(model.flash[4096], 0x55);
        assert_int_equal(model.erases, sizes[i] > 2048 ? 2 : 1);
    }
}

static void what_matches_is_only_read(void **state)
{
    (void)state;
    connect(0x435, &usart);
    memcpy(model.flash, image, SIZE);
    assert_int_equal(update(SIZE), FERRY_OK);
    assert_int_equal(model.erases + model.writes, 0);
}

static void only_pages_that_differ_are_written(void **state)
{
    (void)state;
    connect(0x435, &usart);
    memcpy(model.flash, image, SIZE);
    model.flash[2 * 2048 + 1000] ^= 1;
    assert_int_equal(update(SIZE), FERRY_OK);
    assert_memory_equal(model.flash, image, SIZE);
    assert_int_equal(model.erases, 2); /* that page, and the one of the vectors */
    assert_int_equal(model.writes, 8 + 7 + 2 + 2);
}

static void verify_writes_nothing(void **state)
{
    (void)state;
    connect(0x435, &usart);
    memcpy(model.flash, image, SIZE);
    assert_int_equal(kit_rom_update(&model, &rom, BASE, image, SIZE, true, true), FERRY_OK);
    model.flash[SIZE - 1] ^= 1;
    assert_int_equal(kit_rom_update(&model, &rom, BASE, image, SIZE, true, true), FERRY_ROM_VERIFY);
    assert_int_equal(model.erases + model.writes, 0);
}

static void without_approval_nothing_starts(void **state)
{
    (void)state;
    connect(0x435, &usart);
    memset(model.flash, 0x55, sizeof model.flash);
    assert_int_equal(kit_rom_update(&model, &rom, BASE, image, SIZE, false, false), FERRY_MORE);
    for (size_t i = 0; i < 256; i++) {
        assert_int_equal(model.flash[i], 0xFF);
    }
    assert_memory_equal(model.flash + 256, image + 256, SIZE - 256);
    assert_int_equal(update(SIZE), FERRY_OK); /* and a second try goes on from there */
    assert_int_equal(model.erases, 5 + 1);
}

static void an_image_behind_a_bootloader(void **state)
{
    (void)state;
    connect(0x431, &usart);
    memset(model.flash, 0x55, sizeof model.flash);
    assert_int_equal(kit_rom_update(&model, &rom, BASE + 0x10000, image, SIZE, false, true),
                     FERRY_OK);
    assert_memory_equal(model.flash + 0x10000, image, SIZE);
    assert_int_equal(model.flash[0xFFFF], 0x55);
    assert_int_equal(model.erases, 1);
}

static void what_does_not_fit_is_refused_first(void **state)
{
    (void)state;
    connect(0x435, &usart);
    assert_int_equal(kit_rom_update(&model, &rom, BASE + 4, image, SIZE, false, true),
                     FERRY_ROM_RANGE);
    assert_int_equal(kit_rom_update(&model, &rom, BASE - 4, image, SIZE, false, true),
                     FERRY_ROM_RANGE);
    assert_int_equal(kit_rom_update(&model, &rom, BASE + 0x3F800, image, 2049, false, true),
                     FERRY_ROM_RANGE);
    assert_int_equal(kit_rom_update(&model, &rom, BASE, image, 7, false, true), FERRY_ROM_RANGE);
    assert_int_equal(kit_rom_update(&model, &rom, BASE, image, UINT32_MAX, false, true),
                     FERRY_ROM_RANGE);
    assert_int_equal(kit_rom_update(&model, &rom, BASE + 2048, image, UINT32_MAX, false, true),
                     FERRY_ROM_RANGE);
    rom.chip = NULL;
    assert_int_equal(update(SIZE), FERRY_ROM_CHIP);
    assert_int_equal(model.erases + model.writes, 0);
}

static void an_erase_without_its_last_ack(void **state)
{
    const struct ferry_rom_traits *all[] = {&usart, &i2c};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        connect(0x435, all[i]);
        memset(model.flash, 0x55, sizeof model.flash);
        model.no_last_ack = true;
        assert_int_equal(update(SIZE), FERRY_OK);
        assert_memory_equal(model.flash, image, SIZE);
        assert_int_equal(model.erases, 5); /* never twice */
    }
}

/* An erase that does nothing says nothing: the old application stays whole, none of it is mixed. */
static void silent_write_protection(void **state)
{
    (void)state;
    connect(0x435, &usart);
    memset(model.flash, 0x55, sizeof model.flash);
    model.write_protected = true;
    assert_int_equal(update(SIZE), FERRY_ROM_ERASE);
    assert_int_equal(model.writes, 2 * 3); /* zeros over the vectors, in vain, like: */
    assert_int_equal(model.erases, 3);
    memset(model.flash, 0xFF, 2048);
    assert_int_equal(update(SIZE), FERRY_ROM_VERIFY);
}

/* Vectors that cannot be voided: a chip that takes erases all the same could keep them in half an
 * erased page. So nothing is erased. */
static void vectors_that_stay_forbid_the_erase(void **state)
{
    static const uint16_t chips[] = {0x431, 0x435};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        connect(chips[i], &usart);
        memset(model.flash, 0x55, sizeof model.flash);
        model.refuses_writes = true;
        assert_int_equal(update(SIZE), FERRY_ROM_REFUSED);
        assert_int_equal(model.writes, 3);
        assert_int_equal(model.erases, 0);
    }
}

static void a_master_that_cannot_send_much(void **state)
{
    static const struct ferry_rom_traits traits = {true, 64, 0, 90};
    (void)state;
    connect(0x435, &i2c);
    model.deaf_to_large = true;
    assert_int_equal(update(SIZE), FERRY_ROM_BUS);
    connect(0x435, &traits);
    model.deaf_to_large = true;
    assert_int_equal(update(SIZE), FERRY_OK);
}

/* I2C: what was not acknowledged may have arrived. Flash tells, nothing is sent blindly again. */
static void a_transfer_in_doubt(void **state)
{
    (void)state;
    connect(0x435, &i2c);
    memset(model.flash, 0x55, sizeof model.flash);
    assert_int_equal(update(300), FERRY_OK);
    const uint32_t transfers = model.wire_count;
    for (uint32_t at = 0; at < transfers; at++) {
        connect(0x435, &i2c);
        memset(model.flash, 0x55, sizeof model.flash);
        model.fault = KIT_ROM_REPEATED;
        model.fault_at = model.wire_count + at;
        assert_int_equal(update(300), FERRY_OK);
        assert_memory_equal(model.flash, image, 300);
    }
}

/* The double word that counts never takes. */
static void spoils_the_first_word(struct kit_rom *chip)
{
    if (memcmp(chip->flash, image, 8) == 0) {
        chip->flash[0] ^= 1;
    }
}

static void vectors_that_never_hold_are_given_up(void **state)
{
    (void)state;
    connect(0x435, &usart);
    model.watch = spoils_the_first_word;
    assert_int_equal(update(SIZE), FERRY_ROM_VERIFY);
    assert_int_equal(model.erases, 5 + 2); /* and the vectors' page twice more */
}

/* The figure of the issue: 128 KB written and read back, against the protocol's own bytes. */
static void what_it_costs(void **state)
{
    (void)state;
    const double chunks = sizeof image / 256.0;
    const double own =
        chunks * ((2 + 1 + 5 + 1 + 258 + 1) + (2 + 1 + 5 + 1 + 2 + 1 + 256)) * 87e-6 +
        chunks * 3e-3 + 64 * 22e-3 + 64 * 9 * 87e-6;
    connect(0x435, &usart);
    memset(model.flash, 0x55, sizeof model.flash);
    const uint64_t from_us = model.now_us;
    assert_int_equal(update(sizeof image), FERRY_OK);
    const double took = (double)(model.now_us - from_us) * 1e-6;
    printf("128 KB: %.3f s, the protocol's own %.3f s: %.4f\n", took, own, took / own);
    assert_true(took < own * 1.03);
    model.erases = 0;
    model.writes = 0;
    assert_int_equal(update(sizeof image), FERRY_OK);
    assert_int_equal(model.erases + model.writes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_erase_of_vectors_that_stand),
        cmocka_unit_test(vectors_are_voided_for_certain),
        cmocka_unit_test(a_blank_chip_is_filled),
        cmocka_unit_test(any_size),
        cmocka_unit_test(what_matches_is_only_read),
        cmocka_unit_test(only_pages_that_differ_are_written),
        cmocka_unit_test(verify_writes_nothing),
        cmocka_unit_test(without_approval_nothing_starts),
        cmocka_unit_test(an_image_behind_a_bootloader),
        cmocka_unit_test(what_does_not_fit_is_refused_first),
        cmocka_unit_test(an_erase_without_its_last_ack),
        cmocka_unit_test(silent_write_protection),
        cmocka_unit_test(vectors_that_stay_forbid_the_erase),
        cmocka_unit_test(a_master_that_cannot_send_much),
        cmocka_unit_test(a_transfer_in_doubt),
        cmocka_unit_test(vectors_that_never_hold_are_given_up),
        cmocka_unit_test(what_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
