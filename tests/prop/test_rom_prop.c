/*
 * A whole session (connect, update of a chip that holds another application) with one byte lost,
 * repeated, flipped or late, or the wire cut, at every point in turn, over USART and I2C; with
 * noise all along; with the power cut after every flash operation; and every reply in every two
 * pieces. It ends in success or in an error of the list, in bounded time, and at no moment could
 * the chip start anything but the whole old application or the whole new one.
 */
#include "kit_rom.h"

#include "kit_flash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
    BASE = FERRY_ROM_FLASH_BASE,
    PAGE = 1024,
    SIZE = PAGE + 300, /* two pages, the second not full */
    TOUCHED = 3 * PAGE,
    SESSION_MS = 400000, /* three repeats, each with the longest search */
    NOISE_SEEDS = 200
};

static const struct ferry_rom_traits usart = {false, 256, 0, 95};
static const struct ferry_rom_traits i2c = {true, 64, 0, 90};

/* An L43x with pages of half the size: half the bytes a session. */
static struct ferry_rom_chip small;
static struct kit_rom fresh, model;
static struct ferry_rom rom;
static uint8_t image[SIZE], old[TOUCHED];
static uint32_t cut_after, operations;
static jmp_buf power_cut;

/* What could start: nothing, the old application or the new one, never a mixture. A reset vector
 * without its last bit is none. */
static void nothing_half_written(struct kit_rom *chip)
{
    static const uint8_t blank[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    if (memcmp(chip->flash, blank, sizeof blank) != 0 && chip->flash[4] % 2 == 1 &&
        memcmp(chip->flash, old, TOUCHED) != 0) {
        assert_memory_equal(chip->flash, image, SIZE);
    }
    assert_int_equal(chip->flash[TOUCHED], 0); /* no page of others, and not the whole chip */
    if (operations++ == cut_after) {
        longjmp(power_cut, 1);
    }
}

static void restart(bool framed)
{
    memcpy(&model, &fresh, offsetof(struct kit_rom, flash));
    memset(model.flash, 0, TOUCHED + 512);
    memcpy(model.flash, old, TOUCHED);
    model.framed = framed;
    model.watch = nothing_half_written;
    operations = 0;
    cut_after = UINT32_MAX;
}

static void set_up(bool framed)
{
    kit_rom_init(&fresh, 0x435, framed);
    small = *fresh.chip;
    small.pages[0].size_kb = 1;
    fresh.chip = &small;
    for (size_t i = 0; i < SIZE; i++) {
        image[i] = (uint8_t)(i * 5 + i / 256 + 3);
    }
    for (size_t i = 0; i < TOUCHED; i++) {
        old[i] = (uint8_t)(i * 11 + i / 256);
    }
    old[4] |= 1;
    memcpy(old + PAGE, image + PAGE, 100); /* the second page differs late */
    restart(framed);
}

/* One attempt, as a gateway makes it. */
static int session(const struct ferry_rom_traits *traits)
{
    ferry_rom_init(&rom, traits);
    kit_rom_reset(&model);
    const uint64_t from_us = model.now_us;
    int status = kit_rom_run(&model, &rom, FERRY_ROM_CONNECT, 0, 0, NULL);
    if (status == FERRY_OK) {
        rom.chip = &small;
        status = kit_rom_update(&model, &rom, BASE, image, SIZE, false, true);
    }
    assert_true(model.now_us - from_us < SESSION_MS * 1000ULL);
    if (status == FERRY_OK) {
        assert_memory_equal(model.flash, image, SIZE);
    } else {
        assert_in_range(status, 60, 79); /* an error with a sentence */
    }
    return status;
}

static uint32_t session_length(const struct ferry_rom_traits *traits)
{
    restart(traits->framed);
    assert_int_equal(session(traits), FERRY_OK);
    return model.wire_count;
}

static void one_fault_everywhere(const struct ferry_rom_traits *traits, uint8_t mask)
{
    uint32_t failed = 0, sessions = 0;
    set_up(traits->framed);
    const uint32_t length = session_length(traits);
    for (int fault = KIT_ROM_LOST; fault < KIT_ROM_FAULTS; fault++) {
        for (uint32_t at = 0; at < length; at += fault == KIT_ROM_SILENCE ? 7 : 1) {
            restart(traits->framed);
            model.fault = (enum kit_rom_fault)fault;
            model.fault_at = at;
            model.fault_mask = mask;
            const bool ok = session(traits) == FERRY_OK;
            sessions++;
            failed += !ok;
            assert_true(ok || at < 60 || fault == KIT_ROM_SILENCE);
            if (!ok) { /* BOOT0, NRST and once more */
                model.fault = KIT_ROM_NONE;
                model.mute = false;
                assert_int_equal(session(traits), FERRY_OK);
            }
        }
    }
    printf("%u sessions of %u bytes or transfers, %u needed a reset\n", sessions, length, failed);
}

static void one_fault_on_usart(void **state)
{
    (void)state;
    one_fault_everywhere(&usart, 0x10);
}

static void one_fault_on_i2c(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 8; bit += 3) {
        one_fault_everywhere(&i2c, (uint8_t)(1U << bit));
    }
}

/* One byte in some hundreds suffers, all the time, with any fault. */
static void noise(void **state)
{
    uint32_t done = 0;
    (void)state;
    set_up(false);
    for (uint32_t seed = 1; seed <= NOISE_SEEDS; seed++) {
        uint32_t random = seed;
        restart(false);
        for (uint32_t tries = 0; tries < 4; tries++) {
            model.fault = (enum kit_rom_fault)(KIT_ROM_LOST + kit_random(&random) % 4);
            model.fault_at = kit_random(&random) % 4000;
            model.fault_mask = (uint8_t)(1U << kit_random(&random) % 8);
            model.fault_every = 200 + kit_random(&random) % 3000;
            if (session(&usart) == FERRY_OK) {
                done++;
                break;
            }
        }
    }
    printf("%u of %u updates done\n", done, (unsigned)NOISE_SEEDS);
    assert_true(done > NOISE_SEEDS * 3 / 4);
}

static void power_is_cut(const struct ferry_rom_traits *traits)
{
    set_up(traits->framed);
    (void)session_length(traits);
    const uint32_t total = operations;
    for (volatile uint32_t at = 0; at < total; at++) {
        restart(traits->framed);
        cut_after = at;
        if (setjmp(power_cut) == 0) {
            (void)session(traits);
            fail();
        }
        cut_after = UINT32_MAX;
        assert_int_equal(session(traits), FERRY_OK); /* power comes back */
    }
}

static void power_cut_after_every_operation(void **state)
{
    (void)state;
    power_is_cut(&usart);
    power_is_cut(&i2c);
}

/* --- pieces ------------------------------------------------------------------------------- */

static const uint8_t get_reply[] = {0x79, 11,   0x31, 0x00, 0x01, 0x02, 0x11, 0x21,
                                    0x31, 0x44, 0x63, 0x73, 0x82, 0x92, 0x79};
static const uint8_t version_reply[] = {0x79, 0x31, 0, 0, 0x79};
static const uint8_t id_reply[] = {0x79, 1, 0x04, 0x35, 0x79};
static const uint8_t read_reply[] = {0x79, 1, 2, 3, 0x1F, 0x79, 0x76};

/* Answers each frame but the last with ACK, the last with `reply` in two pieces and two bytes more.
 */
static void in_two_pieces(uint8_t kind, uint32_t frames, const uint8_t *reply, size_t size,
                          size_t split)
{
    static const uint8_t ack = 0x79, more[] = {0x79, 0x1F};
    const struct ferry_rom_request request = {kind, 6, BASE, NULL};
    struct ferry_rom_action action;
    assert_int_equal(ferry_rom_start(&rom, &request, 0), FERRY_OK);
    for (uint32_t sent = 0; ferry_rom_step(&rom, 0, &action) == FERRY_MORE;) {
        if (action.type == FERRY_ROM_WRITE) {
            ferry_rom_input(&rom, more, sizeof more, 0); /* before its time: dropped */
            ferry_rom_sent(&rom, action.size, 0);
            sent++;
        } else if (sent < frames) {
            ferry_rom_input(&rom, &ack, 1, 0);
        } else {
            assert_int_equal(sent, frames);
            ferry_rom_input(&rom, reply, split, 0);
            ferry_rom_input(&rom, reply + split, size - split, 0);
            ferry_rom_input(&rom, more, sizeof more, 0);
        }
    }
    assert_int_equal(ferry_rom_step(&rom, 0, &action), FERRY_OK);
}

static void every_reply_in_every_two_pieces(void **state)
{
    (void)state;
    ferry_rom_init(&rom, &usart);
    for (size_t split = 0; split <= sizeof get_reply; split++) {
        in_two_pieces(FERRY_ROM_GET, 1, get_reply, sizeof get_reply, split);
        assert_int_equal(rom.opcode[FERRY_ROM_ERASE_PAGES], 0x44);
    }
    for (size_t split = 0; split <= sizeof version_reply; split++) {
        in_two_pieces(FERRY_ROM_VERSION, 1, version_reply, sizeof version_reply, split);
    }
    for (size_t split = 0; split <= sizeof id_reply; split++) {
        rom.pid = 0;
        in_two_pieces(FERRY_ROM_ID, 1, id_reply, sizeof id_reply, split);
        assert_int_equal(rom.pid, 0x435);
    }
    for (size_t split = 0; split <= sizeof read_reply; split++) {
        in_two_pieces(FERRY_ROM_READ_MEMORY, 3, read_reply, sizeof read_reply, split);
        assert_memory_equal(rom.buffer, read_reply + 1, 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_in_every_two_pieces),
        cmocka_unit_test(power_cut_after_every_operation),
        cmocka_unit_test(one_fault_on_usart),
        cmocka_unit_test(one_fault_on_i2c),
        cmocka_unit_test(noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
