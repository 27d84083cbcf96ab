/* One command at a time against the model of ST's ROM, over USART and I2C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_rom.h"

#include <stdio.h>
#include <string.h>

static const struct ferry_rom_traits usart = {false, 256, 0, 95};
static const struct ferry_rom_traits slow = {false, 256, 1, 9167};
static const struct ferry_rom_traits i2c = {true, 256, 0, 90};
static const struct ferry_rom_traits small_i2c = {true, 16, 0, 90};

static struct kit_rom model;
static struct ferry_rom rom;
static uint8_t bytes[256];

static void connect(uint16_t pid, const struct ferry_rom_traits *traits)
{
    kit_rom_init(&model, pid, traits->framed);
    model.byte_us = traits->byte_us;
    ferry_rom_init(&rom, traits);
    assert_int_equal(kit_rom_run(&model, &rom, FERRY_ROM_CONNECT, 0, 0, NULL), FERRY_OK);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + 1);
    }
}

static int run(uint8_t kind, uint32_t address, uint16_t count)
{
    return kit_rom_run(&model, &rom, kind, address, count, bytes);
}

static void connect_learns_what_the_rom_has(void **state)
{
    (void)state;
    connect(0x431, &usart);
    assert_int_equal(rom.pid, 0x431);
    assert_string_equal(rom.chip->name, "F411");
    assert_int_equal(rom.version, 0x31);
    assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], 0x44);
    assert_int_equal(rom.opcode[FERRY_ROM_WRITE_MEMORY], 0x31);
    connect(0x435, &i2c);
    assert_string_equal(rom.chip->name, "L43x/L44x");
    assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], 0x45);
    assert_int_equal(rom.opcode[FERRY_ROM_WRITE_MEMORY], 0x32);
    assert_int_equal(model.gets, 1); /* the length was guessed right */
}

static void connect_to_a_rom_that_is_synchronised(void **state)
{
    (void)state;
    connect(0x431, &usart);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK); /* 7F 7F: NACK */
}

static void connect_drops_a_stray_zero(void **state)
{
    (void)state;
    kit_rom_init(&model, 0x431, false);
    model.stray_zero = true;
    ferry_rom_init(&rom, &usart);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
}

static void nobody_there(void **state)
{
    (void)state;
    kit_rom_init(&model, 0x431, false);
    model.mute = true;
    ferry_rom_init(&rom, &usart);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_ROM_NO_ANSWER);
    assert_in_range(model.now_us, 1500000, 1600000);
    kit_rom_init(&model, 0x431, true);
    model.mute = true;
    ferry_rom_init(&rom, &i2c);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_ROM_BUS);
    assert_in_range(model.now_us, 1000000, 1100000);
}

/* A transmission of 258 bytes takes 2.4 s at 1200 baud: the time-outs know. */
static void write_and_read_back(void **state)
{
    const struct ferry_rom_traits *all[] = {&usart, &slow, &i2c};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        connect(0x435, all[i]);
        assert_int_equal(run(FERRY_ROM_WRITE_MEMORY, 0x08000100, 250), FERRY_OK);
        assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000100, 256), FERRY_OK);
        assert_memory_equal(rom.buffer, bytes, 250);
        assert_int_equal(rom.buffer[250], 0xFF); /* 8 at a time, filled up */
        assert_int_equal(model.writes, 1);
    }
}

static void small_chunks_for_small_masters(void **state)
{
    (void)state;
    connect(0x435, &small_i2c);
    model.max_write = 0;
    model.max_read = 0;
    assert_int_equal(run(FERRY_ROM_WRITE_MEMORY, 0x08000000, 17), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_WRITE_MEMORY, 0x08000000, 16), FERRY_OK);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 16), FERRY_OK);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 0, (uint16_t)ferry_rom_pages_max(&small_i2c)),
                     FERRY_OK);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 0, 8), FERRY_ARGUMENT);
    assert_int_equal(model.max_write, 18);
    assert_int_equal(model.max_read, 16);
}

static void pages_are_erased(uint16_t pid, const struct ferry_rom_traits *traits, uint8_t opcode)
{
    connect(pid, traits);
    assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], opcode);
    struct ferry_rom_page page;
    ferry_rom_page_at(model.chip, 20 * 1024, &page);
    memset(model.flash, 0, sizeof model.flash);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, page.number, 2), FERRY_OK);
    assert_int_equal(model.flash[page.start - 1], 0);
    assert_int_equal(model.flash[page.start], 0xFF);
    assert_int_equal(model.flash[page.start + 2 * page.size - 1], 0xFF);
    assert_int_equal(model.flash[page.start + 2 * page.size], 0);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, FERRY_ROM_ALL, 0), FERRY_OK);
    assert_int_equal(model.flash[0], 0xFF);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 400, 1), FERRY_ROM_REFUSED);
}

static void erase_as_get_says(void **state)
{
    (void)state;
    pages_are_erased(0x431, &usart, 0x44);
    pages_are_erased(0x435, &usart, 0x44);
    pages_are_erased(0x435, &i2c, 0x45);
    pages_are_erased(0x431, &i2c, 0x45);
}

static void the_old_erase(void **state)
{
    (void)state;
    connect(0x431, &usart);
    model.list[6] = 0x43;
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
    memset(model.flash, 0, sizeof model.flash);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 1, 3), FERRY_OK);
    assert_int_equal(model.flash[0x3FFF], 0);
    assert_int_equal(model.flash[0x4000], 0xFF);
    assert_int_equal(model.flash[0xFFFF], 0xFF);
    assert_int_equal(model.flash[0x10000], 0);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, FERRY_ROM_ALL, 0), FERRY_OK);
    assert_int_equal(model.flash[0], 0xFF);
}

static void old_i2c_stretches(void **state)
{
    (void)state;
    kit_rom_init(&model, 0x431, true);
    model.version = 0x10;
    model.list_size = 11;
    ferry_rom_init(&rom, &i2c);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
    assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], 0x44);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 1, 1), FERRY_OK);
    model.list_size = 13; /* lists what its version cannot have: not believed */
    assert_int_equal(run(FERRY_ROM_GET, 0, 0), FERRY_OK);
    assert_int_equal(rom.opcode[FERRY_ROM_WRITE_MEMORY], 0x31);
    assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], 0x44);
}

/* The guess is wrong: the list itself tells its length, and is read again. */
static void an_i2c_list_of_another_length(void **state)
{
    (void)state;
    kit_rom_init(&model, 0x435, true);
    model.version = 0x14;
    model.list[model.list_size++] = 0xA1;
    model.list[model.list_size++] = 0xA2;
    ferry_rom_init(&rom, &i2c);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
    assert_in_range(model.gets, 2, 4);
    assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], 0x45);
}

static void busy_is_polled(void **state)
{
    (void)state;
    connect(0x435, &i2c);
    model.erase_us = 4900000;
    model.wire_count = 0;
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 3, 1), FERRY_OK);
    assert_int_equal(model.erases, 1);
    assert_in_range(model.wire_count, 4900 / 2, 4900 + 10); /* once in a millisecond, and its own */
}

/* Within a millisecond and a read; after a WRITE, hundreds of which make an image, within two
 * reads. */
static void the_end_of_busy_is_seen_at_once(void **state)
{
    (void)state;
    connect(0x435, &i2c);
    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t read_us = 2U * model.byte_us;
        model.erase_us = 22000 + 77 * i;
        model.write_us = 3000 + 77 * i;
        assert_int_equal(run(FERRY_ROM_ERASE_PAGES, i, 1), FERRY_OK);
        assert_in_range(model.now_us - model.busy_until_us, 0, 1000 + 2 * read_us);
        assert_int_equal(run(FERRY_ROM_WRITE_MEMORY, 0x08000000 + 2048 * i, 256), FERRY_OK);
        assert_in_range(model.now_us - model.busy_until_us, 0, 2 * read_us);
    }
}

/* 70 s were reported from the field: slow is not silent. */
static void an_erase_of_everything_may_take_long(void **state)
{
    (void)state;
    connect(0x431, &usart);
    model.erase_us = 70000000 / 8;
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, FERRY_ROM_ALL, 0), FERRY_OK);
    assert_int_equal(model.erases, 1);
}

/* A page number, and a bank's, have one byte: nothing that is cut off is sent. */
static void the_old_erase_has_no_large_numbers(void **state)
{
    (void)state;
    connect(0x431, &usart);
    rom.opcode[FERRY_ROM_ERASE_PAGES] = 0x43;
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 256, 1), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 250, 7), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_WRITE_PROTECT, 256, 1), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, FERRY_ROM_BANK_1, 0), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, UINT32_MAX, 1), FERRY_ARGUMENT);
    assert_int_equal(model.erases, 0);
}

static void the_last_ack_is_missing(void **state)
{
    const struct ferry_rom_traits *all[] = {&usart, &i2c};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        connect(0x435, all[i]);
        model.no_last_ack = true;
        assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 3, 1), FERRY_ROM_UNKNOWN);
        assert_int_equal(model.erases, 1);
        assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08001800, 256), FERRY_OK); /* in place */
    }
}

static void readout_protection_has_its_name(void **state)
{
    (void)state;
    connect(0x431, &usart);
    assert_int_equal(run(FERRY_ROM_READ_PROTECT, 0, 0), FERRY_OK);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK); /* GET, VERSION and ID still work */
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 4), FERRY_ROM_PROTECTED);
    assert_int_equal(run(FERRY_ROM_WRITE_MEMORY, 0x08000000, 4), FERRY_ROM_PROTECTED);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 0, 1), FERRY_ROM_PROTECTED);
    assert_int_equal(run(FERRY_ROM_GO, 0x08000000, 0), FERRY_ROM_PROTECTED);
    model.flash[5] = 1;
    assert_int_equal(run(FERRY_ROM_READ_UNPROTECT, 0, 0), FERRY_OK);
    assert_int_equal(model.flash[5], 0xFF);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 4), FERRY_OK);
    for (size_t i = 0; i < 2; i++) {
        connect(0x431, i == 0 ? &usart : &i2c);
        model.readout_protected = true;
        assert_int_equal(run(FERRY_ROM_WRITE_PROTECT, 2, 3), FERRY_ROM_PROTECTED);
        assert_int_equal(run(FERRY_ROM_WRITE_UNPROTECT, 0, 0), FERRY_ROM_PROTECTED);
        assert_int_equal(run(FERRY_ROM_READ_PROTECT, 0, 0), FERRY_ROM_PROTECTED);
        assert_int_equal(run(FERRY_ROM_READ_UNPROTECT, 0, 0), FERRY_OK);
    }
}

static void write_protection(void **state)
{
    (void)state;
    connect(0x431, &usart);
    assert_int_equal(run(FERRY_ROM_WRITE_PROTECT, 2, 3), FERRY_OK);
    assert_true(model.write_protected);
    assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
    assert_int_equal(run(FERRY_ROM_WRITE_UNPROTECT, 0, 0), FERRY_OK);
    assert_false(model.write_protected);
}

static void go(void **state)
{
    (void)state;
    connect(0x431, &usart);
    assert_int_equal(run(FERRY_ROM_GO, 0x08000000, 0), FERRY_OK);
    assert_int_equal(model.went, 1);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 4), FERRY_ROM_LOST); /* it runs */
    assert_true(model.now_us < 45000000);
}

static void wrong_requests(void **state)
{
    (void)state;
    ferry_rom_init(&rom, &usart);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 4), FERRY_ROM_NO_COMMAND);
    connect(0x431, &usart);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 0), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 257), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_WRITE_MEMORY, 0x08000002, 4), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 0, 0), FERRY_ARGUMENT); /* not a special code */
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 0, 128), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_ERASE_PAGES, 0x10000, 1), FERRY_ARGUMENT);
    assert_int_equal(run(0, 0, 0), FERRY_ARGUMENT);
    assert_int_equal(run(5, 0, 0), FERRY_ROM_NO_COMMAND);
    assert_int_equal(run(FERRY_ROM_RESYNC + 1, 0, 0), FERRY_ARGUMENT);
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x40000000, 4), FERRY_ROM_REFUSED);
}

/* The chip waits in the middle of any frame: the search ends, and nothing was erased or written. */
static void resync_from_everywhere(void **state)
{
    static const uint8_t openings[][8] = {{1, 0xFF},
                                          {1, 0x00},
                                          {1, 0x44},
                                          {2, 0x44, 0xBB},
                                          {3, 0x44, 0xBB, 0x00},
                                          {4, 0x44, 0xBB, 0x00, 0x00},
                                          {5, 0x44, 0xBB, 0, 0, 0},
                                          {2, 0x31, 0xCE},
                                          {3, 0x31, 0xCE, 0x08},
                                          {7, 0x31, 0xCE, 0x08, 0, 0, 0, 0x08},
                                          {7, 0x11, 0xEE, 0x08, 0, 0, 0, 0x08},
                                          {2, 0x63, 0x9C}};
    (void)state;
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        connect(0x431, &usart);
        memset(model.flash, 0, sizeof model.flash);
        memset(bytes, 0, sizeof bytes);
        for (size_t k = 1; k <= openings[i][0]; k++) {
            struct ferry_rom_action action = {.type = FERRY_ROM_WRITE, .size = 1, .bytes = bytes};
            bytes[0] = openings[i][k];
            kit_rom_do(&model, &rom, &action);
        }
        assert_int_equal(run(FERRY_ROM_RESYNC, 0, 0), FERRY_OK);
        assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 256), FERRY_OK);
        for (size_t k = 0; k < sizeof model.flash; k += 512) {
            assert_int_equal(model.flash[k], 0);
        }
        assert_true(model.now_us < 20000000);
    }
}

/* `FF 00` is the old erase's code for the whole chip: it must not end an erase that went wrong. */
static void a_lost_ack_never_erases_the_chip(void **state)
{
    (void)state;
    for (uint32_t lost = 0; lost < 12; lost++) {
        connect(0x431, &usart);
        model.list[6] = 0x43;
        assert_int_equal(run(FERRY_ROM_CONNECT, 0, 0), FERRY_OK);
        memset(model.flash, 0, sizeof model.flash);
        model.fault = KIT_ROM_LOST;
        model.fault_at = model.wire_count + lost;
        int status = run(FERRY_ROM_ERASE_PAGES, 4, 1);
        assert_true(status == FERRY_OK || status == FERRY_ROM_UNKNOWN);
        assert_int_equal(model.flash[0], 0);
    }
}

static void bytes_with_a_gap(void **state)
{
    (void)state;
    connect(0x431, &slow);
    model.max_write = 0;
    assert_int_equal(run(FERRY_ROM_READ_MEMORY, 0x08000000, 4), FERRY_OK);
    assert_int_equal(model.max_write, 1);
}

static void every_reason_has_a_sentence(void **state)
{
    static const int reasons[] = {
#define NUMBER(name, number, text, remedy) (number),
        FERRY_ROM_REASON_MAP(NUMBER)};
    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        assert_memory_equal(ferry_status_name(reasons[i]), "ROM_", 4);
        assert_true(strlen(ferry_status_text(reasons[i])) > 20);
        assert_true(strlen(ferry_status_remedy(reasons[i])) > 15);
        assert_in_range(reasons[i], 60, 79);
    }
}

static void the_table_of_chips(void **state)
{
    static const struct {
        uint16_t pid;
        uint32_t size, last_page;
    } facts[] = {
        {0x413, 1024, 11}, {0x423, 256, 5}, {0x431, 512, 7}, {0x433, 512, 7}, {0x435, 256, 127}};
    struct ferry_rom_page page;
    (void)state;
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        const struct ferry_rom_chip *chip = ferry_rom_chip_by_pid(facts[i].pid);
        assert_true(ferry_rom_page_at(chip, facts[i].size * 1024 - 1, &page));
        assert_int_equal(page.number, facts[i].last_page);
        assert_int_equal(page.start + page.size, facts[i].size * 1024);
        assert_false(ferry_rom_page_at(chip, facts[i].size * 1024, &page));
        assert_false(ferry_rom_page_at(chip, UINT32_MAX, &page));
        assert_true(ferry_rom_page_at(chip, 0, &page));
        assert_int_equal(page.number, 0);
    }
    assert_null(ferry_rom_chip_by_pid(0x123));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_learns_what_the_rom_has),
        cmocka_unit_test(connect_to_a_rom_that_is_synchronised),
        cmocka_unit_test(connect_drops_a_stray_zero),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(write_and_read_back),
        cmocka_unit_test(small_chunks_for_small_masters),
        cmocka_unit_test(erase_as_get_says),
        cmocka_unit_test(the_old_erase),
        cmocka_unit_test(old_i2c_stretches),
        cmocka_unit_test(an_i2c_list_of_another_length),
        cmocka_unit_test(busy_is_polled),
        cmocka_unit_test(the_end_of_busy_is_seen_at_once),
        cmocka_unit_test(an_erase_of_everything_may_take_long),
        cmocka_unit_test(the_old_erase_has_no_large_numbers),
        cmocka_unit_test(the_last_ack_is_missing),
        cmocka_unit_test(readout_protection_has_its_name),
        cmocka_unit_test(write_protection),
        cmocka_unit_test(go),
        cmocka_unit_test(wrong_requests),
        cmocka_unit_test(resync_from_everywhere),
        cmocka_unit_test(a_lost_ack_never_erases_the_chip),
        cmocka_unit_test(bytes_with_a_gap),
        cmocka_unit_test(every_reason_has_a_sentence),
        cmocka_unit_test(the_table_of_chips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
