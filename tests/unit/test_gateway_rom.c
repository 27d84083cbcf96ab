/* The engine with the sink `rom`, on the model of ST's ROM, in virtual time: what the source, the
 * wire and the gateway's memory can do to it. The chip never starts something half-written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_image.h"
#include "kit_rom.h"
#include "sinks/rom.h"

#include <stdlib.h>
#include <string.h>

enum { PAYLOAD = 1500, HEADER = FERRY_IMAGE_PADDED_SIZE, STEPS_MAX = 400000, NEVER = 0 };

static struct ferry_rom_traits traits = {false, 256, 0, 95};
static struct kit_rom model;
static struct gateway_engine engine;
static struct gateway_rom rom;
static bool in_rom;
static uint32_t entered;

/* --- wire, memory, source --------------------------------------------------------------------- */

static int wire_open(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

static void wire_close(void *ctx)
{
    (void)ctx;
}

static int wire_reset_begin(void *ctx, bool to_rom)
{
    (void)ctx;
    in_rom = to_rom;
    if (to_rom) {
        entered++;
        kit_rom_reset(&model);
    }
    return FERRY_OK;
}

static int wire_reset_step(void *ctx)
{
    (void)ctx;
    model.now_us += 50000;
    return FERRY_OK;
}

static bool wire_next_address(void *ctx)
{
    (void)ctx;
    return false;
}

static int wire_act(void *ctx, struct ferry_rom *host, const struct ferry_rom_action *action)
{
    (void)ctx;
    assert_true(in_rom);
    kit_rom_do(&model, host, action);
    return FERRY_OK;
}

static const char *no_error(void *ctx)
{
    (void)ctx;
    return "";
}

static const struct gateway_rom_wire wire = {.traits = &traits,
                                             .open = wire_open,
                                             .close = wire_close,
                                             .reset_begin = wire_reset_begin,
                                             .reset_step = wire_reset_step,
                                             .next_address = wire_next_address,
                                             .act = wire_act,
                                             .error = no_error};

static struct {
    struct gateway_rom_memory memory;
    int save_status;
} disk;

static int disk_load(void *ctx, struct gateway_rom_memory *memory)
{
    (void)ctx;
    *memory = disk.memory;
    return FERRY_OK;
}

static int disk_save(void *ctx, const struct gateway_rom_memory *memory)
{
    (void)ctx;
    if (disk.save_status == FERRY_OK) {
        disk.memory = *memory;
    }
    return disk.save_status;
}

static const struct gateway_rom_store store = {
    .load = disk_load, .save = disk_save, .error = no_error};

static struct {
    uint8_t *file;
    size_t size;
    uint32_t reads;
    uint32_t fail_at; /* that read, counted from 1; NEVER */
    enum gateway_answer failure;
    uint32_t lie_until;   /* up to that read the header shows another version */
    uint32_t change_from; /* from that read on a byte of the payload is another one */
    uint32_t piece;       /* most bytes of one read */
} source;

static enum gateway_answer source_check(void *ctx, const struct ferry_info *info,
                                        struct gateway_offer *offer)
{
    (void)ctx, (void)info;
    offer->count = 1;
    return GATEWAY_OK;
}

static enum gateway_answer source_read(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                       uint32_t size, uint32_t *got)
{
    (void)ctx, (void)index;
    source.reads++;
    if (source.reads == source.fail_at) {
        return source.failure;
    }
    if (offset >= source.size) {
        return GATEWAY_REFUSED;
    }
    *got = size < source.piece ? size : source.piece;
    *got = *got < source.size - offset ? *got : (uint32_t)(source.size - offset);
    memcpy(out, source.file + offset, *got);
    if (source.reads <= source.lie_until && offset <= 20 && 20 < offset + *got) {
        out[20 - offset] ^= 1;
    }
    if (source.change_from != NEVER && source.reads >= source.change_from && offset >= HEADER &&
        offset < HEADER + PAYLOAD) {
        out[0] ^= 1;
    }
    return GATEWAY_OK;
}

static const struct gateway_source files = {
    .check = source_check, .read = source_read, .error = no_error};

/* --- the bench -------------------------------------------------------------------------------- */

static uint8_t *at_slot(void)
{
    return model.flash + 0x10000;
}

static bool is_whole(void)
{
    return memcmp(at_slot(), source.file + HEADER, PAYLOAD) == 0;
}

/* While any byte of the first eight is the new one's, all of it is there. */
static void never_half(struct kit_rom *chip)
{
    (void)chip;
    assert_true(is_whole() || memcmp(at_slot(), source.file + HEADER, 8) != 0);
}

static uint32_t now_ms(void)
{
    return kit_rom_now_ms(&model);
}

/* One round of a new gateway. */
static enum gateway_result run(uint8_t retries)
{
    static struct gateway_sink sink;
    struct gateway_options options = gateway_options_default();
    const struct ferry_board *board = ferry_board_find("stm32f411_blackpill");
    const struct gateway_rom_options rom_options = {
        .board = board->name, .keys = {kit_pubkey(0), 1}, .address = board->slots[0].start};
    options.retries = retries;
    source.reads = 0;
    entered = 0;
    gateway_rom_init(&rom, &wire, &store, NULL, &rom_options);
    sink = gateway_rom_sink(&rom);
    gateway_engine_init(&engine, &files, &sink, NULL, 0, &options, 1);
    for (uint32_t steps = 0; steps < STEPS_MAX; steps++) {
        gateway_engine_step(&engine, now_ms());
        if (engine.result != GATEWAY_RESULT_NONE) {
            break;
        }
        if (gateway_engine_is_resting(&engine)) {
            assert_false(in_rom); /* nobody waits in the ROM */
            model.now_us += 1000ULL * (gateway_engine_wait_ms(&engine, now_ms()) + 1);
        }
    }
    assert_int_not_equal(engine.result, GATEWAY_RESULT_NONE);
    assert_false(in_rom);
    return (enum gateway_result)engine.result;
}

static void new_chip(void)
{
    kit_rom_init(&model, 0x431, traits.framed);
    model.byte_us = traits.byte_us;
    model.watch = never_half;
    memset(at_slot(), 0x55, PAYLOAD + 300);
    memset(&disk, 0, sizeof disk);
    source.fail_at = NEVER;
    source.change_from = NEVER;
    source.lie_until = NEVER;
    source.piece = 700;
}

static int setup(void **state)
{
    struct kit_image image =
        kit_image_defaults(ferry_board_find("stm32f411_blackpill"), FERRY_SLOT_A, 2, PAYLOAD);
    (void)state;
    traits.framed = false;
    image.security_counter = 5;
    source.file = kit_image_build(&image, &source.size);
    new_chip();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(source.file);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_second_gateway_only_reads(void **state)
{
    (void)state;
    assert_int_equal(run(0), GATEWAY_RESULT_SUCCEEDED);
    assert_true(is_whole());
    assert_int_equal(disk.memory.counter, 5);
    assert_int_equal(entered, 1);
    model.erases = 0;
    model.writes = 0;
    assert_int_equal(run(0), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(model.erases + model.writes, 0);
}

static void bytes_come_in_any_pieces(void **state)
{
    static const uint32_t pieces[] = {1, 7, 31, 32, 33, 255, 256, 257, 511, 512, 5000};
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        new_chip();
        source.piece = pieces[i];
        assert_int_equal(run(0), GATEWAY_RESULT_SUCCEEDED);
        assert_true(is_whole());
    }
}

/* Reads of a whole round, the first pass included. */
static uint32_t reads_of_a_round(void)
{
    new_chip();
    assert_int_equal(run(0), GATEWAY_RESULT_SUCCEEDED);
    return source.reads;
}

static void a_source_that_fails_once_at_any_read(void **state)
{
    (void)state;
    const uint32_t all = reads_of_a_round();
    for (uint32_t at = 1; at <= all; at++) {
        new_chip();
        source.fail_at = at;
        source.failure = GATEWAY_RETRY;
        assert_int_equal(run(3), GATEWAY_RESULT_SUCCEEDED);
        assert_true(is_whole());
    }
}

static void a_source_that_takes_its_offer_back_at_any_read(void **state)
{
    (void)state;
    const uint32_t all = reads_of_a_round();
    for (uint32_t at = 1; at <= all; at++) {
        new_chip();
        source.fail_at = at;
        source.failure = GATEWAY_REFUSED;
        assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
        assert_int_equal(disk.memory.counter, 0);
        assert_memory_not_equal(at_slot(), source.file + HEADER, 8);
    }
}

/* From the first pass on: nothing is erased then. From the second on: nothing starts. */
static void a_source_that_changes_at_any_read(void **state)
{
    (void)state;
    const uint32_t all = reads_of_a_round();
    for (uint32_t at = 1; at <= all; at++) {
        new_chip();
        source.change_from = at;
        enum gateway_result result = run(2);
        assert_true(result == GATEWAY_RESULT_FAILED || is_whole());
        assert_true(result == GATEWAY_RESULT_SUCCEEDED || disk.memory.counter == 0);
        assert_true(entered > 0 || model.erases == 0);
    }
}

/* Flash holds just what the source shows in its second pass: nothing to write, and yet wrong. */
static void flash_that_matches_a_changed_source(void **state)
{
    (void)state;
    source.piece = 512;
    const uint32_t first_pass = reads_of_a_round() - (PAYLOAD + 255) / 256;
    new_chip();
    source.piece = 512;
    source.change_from = first_pass + 1;
    memcpy(at_slot(), source.file + HEADER, PAYLOAD);
    for (size_t at = 0; at < PAYLOAD; at += 256) {
        at_slot()[at] ^= 1;
    }
    model.watch = NULL;
    assert_int_equal(run(0), GATEWAY_RESULT_FAILED);
    assert_int_equal(entered, 1);
    assert_int_equal(model.erases + model.writes, 0);
    assert_int_equal(disk.memory.counter, 0);
    assert_non_null(strstr(rom.text, "nothing was written"));
}

static void other_content_than_was_signed(void **state)
{
    static const size_t places[] = {HEADER, HEADER + 700, HEADER + PAYLOAD - 1, 40};
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        new_chip();
        source.file[places[i]] ^= 0x80;
        assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
        assert_int_equal(entered, 0);
        source.file[places[i]] ^= 0x80;
    }
}

/* The signature is over the hash: claims in front of a genuine one are seen in the first pass. */
static void other_claims_at_first(void **state)
{
    (void)state;
    source.lie_until = 1;
    assert_int_equal(run(0), GATEWAY_RESULT_FAILED);
    assert_int_equal(entered, 0);
    assert_non_null(strstr(rom.text, "nothing was written"));
}

static void a_wire_that_spoils_one_byte_anywhere(void **state)
{
    (void)state;
    new_chip();
    assert_int_equal(run(0), GATEWAY_RESULT_SUCCEEDED);
    const uint32_t bytes = model.wire_count;
    for (int fault = KIT_ROM_LOST; fault < KIT_ROM_SILENCE; fault++) {
        for (uint32_t at = 0; at < bytes; at += 3) {
            new_chip();
            model.fault = (enum kit_rom_fault)fault;
            model.fault_at = at;
            model.fault_mask = (uint8_t)(1U << at % 8);
            assert_int_equal(run(4), GATEWAY_RESULT_SUCCEEDED);
            assert_true(is_whole());
        }
    }
}

static void a_wire_that_falls_silent_anywhere(void **state)
{
    (void)state;
    new_chip();
    assert_int_equal(run(0), GATEWAY_RESULT_SUCCEEDED);
    const uint32_t bytes = model.wire_count;
    for (uint32_t at = 0; at < bytes; at += 11) {
        new_chip();
        model.fault = KIT_ROM_SILENCE;
        model.fault_at = at;
        enum gateway_result result = run(1);
        assert_true(result == GATEWAY_RESULT_FAILED || is_whole());
    }
}

static void a_lower_counter_is_refused(void **state)
{
    (void)state;
    disk.memory.counter = 6;
    assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
    assert_int_equal(entered, 0);
    disk.memory.counter = 5;
    assert_int_equal(run(3), GATEWAY_RESULT_SUCCEEDED);
}

static void what_cannot_be_remembered_is_no_success(void **state)
{
    (void)state;
    disk.save_status = FERRY_IO;
    assert_int_equal(run(1), GATEWAY_RESULT_FAILED);
    disk.save_status = FERRY_OK;
    assert_int_equal(run(1), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(disk.memory.counter, 5);
}

static void a_protected_chip_is_let_go(void **state)
{
    (void)state;
    model.readout_protected = true;
    assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
    assert_int_equal(entered, 1); /* no retry mends that */
    assert_int_equal(model.erases + model.writes, 0);
}

/* Another key, another place: the chip does not even hear of it. */
static void images_of_others(void **state)
{
    const struct ferry_board *board = ferry_board_find("stm32f411_blackpill");
    struct kit_image images[] = {kit_image_defaults(board, FERRY_SLOT_A, 2, PAYLOAD),
                                 kit_image_defaults(board, FERRY_SLOT_B, 2, PAYLOAD),
                                 kit_image_defaults(board, FERRY_SLOT_A, 2, PAYLOAD)};
    (void)state;
    images[0].key = 1;
    images[2].board_name = "stm32f411_blackpil";
    for (size_t i = 0; i < 3; i++) {
        new_chip();
        free(source.file);
        source.file = kit_image_build(&images[i], &source.size);
        assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
        assert_int_equal(entered, 0);
    }
}

/* Configuration and image agree, but at the wire hangs something else. */
static void another_chip_than_the_boards(void **state)
{
    static const uint16_t others[] = {0x413, 0x423, 0x435};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        new_chip();
        model.chip = ferry_rom_chip_by_pid(others[i]);
        assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
        assert_int_equal(entered, 1);
        assert_int_equal(model.erases + model.writes, 0);
        assert_int_equal(at_slot()[0], 0x55);
    }
}

static void a_chip_with_less_flash_keeps_what_it_has(void **state)
{
    (void)state;
    model.size_kb = 64;
    assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
    assert_int_equal(entered, 1);
    assert_int_equal(model.erases + model.writes, 0);
    model.size_kb = 128;
    assert_int_equal(run(3), GATEWAY_RESULT_SUCCEEDED);
    new_chip();
    model.size_kb = 0xFFFF; /* no number */
    assert_int_equal(run(3), GATEWAY_RESULT_SUCCEEDED);
    assert_true(is_whole());
}

/* Its name is free, so all that tells is where the stack lies. */
static void a_stack_outside_this_chips_ram(void **state)
{
    struct ferry_board larger = *ferry_board_find("stm32f411_blackpill");
    (void)state;
    larger.ram[0].size += 0x8000;
    const struct kit_image image = kit_image_defaults(&larger, FERRY_SLOT_A, 2, PAYLOAD);
    free(source.file);
    source.file = kit_image_build(&image, &source.size);
    assert_int_equal(run(3), GATEWAY_RESULT_FAILED);
    assert_int_equal(model.erases + model.writes, 0);
}

static void a_master_that_cannot_send_much_erases_nothing(void **state)
{
    (void)state;
    traits.framed = true;
    new_chip();
    model.deaf_to_large = true;
    assert_int_equal(run(1), GATEWAY_RESULT_FAILED);
    assert_non_null(strstr(rom.text, "chunk"));
    assert_int_equal(model.erases + model.writes, 0);
    model.deaf_to_large = false;
    assert_int_equal(run(1), GATEWAY_RESULT_SUCCEEDED);
    assert_true(is_whole());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_gateway_only_reads),
        TEST(bytes_come_in_any_pieces),
        TEST(a_source_that_fails_once_at_any_read),
        TEST(a_source_that_takes_its_offer_back_at_any_read),
        TEST(a_source_that_changes_at_any_read),
        TEST(flash_that_matches_a_changed_source),
        TEST(other_content_than_was_signed),
        TEST(other_claims_at_first),
        TEST(a_wire_that_spoils_one_byte_anywhere),
        TEST(a_wire_that_falls_silent_anywhere),
        TEST(a_lower_counter_is_refused),
        TEST(what_cannot_be_remembered_is_no_success),
        TEST(a_protected_chip_is_let_go),
        TEST(a_master_that_cannot_send_much_erases_nothing),
        TEST(images_of_others),
        TEST(another_chip_than_the_boards),
        TEST(a_chip_with_less_flash_keeps_what_it_has),
        TEST(a_stack_outside_this_chips_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
