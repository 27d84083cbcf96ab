/* ST's boot loader: its habits as switches, faults on the wire, and I2C. */
#include "test_sim_rom_host.h"

#include <string.h>

static struct host h;
static const char f411[] = "stm32f411_blackpill", f407[] = "stm32f407_discovery";
static const uint16_t first[] = {0};
static const uint8_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static void disturb(enum ferry_sim_rom_fault fault, bool from_rom, uint64_t after)
{
    struct ferry_sim_rom_disturb plan = {
        .fault = fault, .from_rom = from_rom, .after = after, .mask = 0x10, .delay_ns = 3000 * MS};
    ferry_sim_rom_disturb(h.kit.sim, &plan);
}

static bool disturbed(void)
{
    struct ferry_sim_rom_state state;
    ferry_sim_rom_state(h.kit.sim, &state);
    return state.disturbed;
}

static void names(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    unsigned n = 0;
    for (; ferry_sim_rom_quirk_name(n); n++) {
        assert_int_equal(ferry_sim_rom_quirk(h.kit.sim, ferry_sim_rom_quirk_name(n)), FERRY_SIM_OK);
        assert_true(ferry_sim_rom_quirk_on(h.kit.sim, n));
    }
    assert_int_equal(n, FERRY_SIM_ROM_QUIRK_COUNT);
    assert_int_equal(ferry_sim_rom_quirk(h.kit.sim, "no-no-erase-ack"), FERRY_SIM_OK);
    assert_false(ferry_sim_rom_quirk_on(h.kit.sim, FERRY_SIM_ROM_NO_ERASE_ACK));
    assert_int_equal(ferry_sim_rom_quirk(h.kit.sim, "no-erase-7s"), FERRY_SIM_OK);
    assert_false(ferry_sim_rom_quirk_on(h.kit.sim, FERRY_SIM_ROM_ERASE_7S));
    assert_int_equal(ferry_sim_rom_quirk(h.kit.sim, "no-"), FERRY_SIM_E_ARGUMENT);
    assert_int_equal(ferry_sim_rom_quirk(h.kit.sim, ""), FERRY_SIM_E_ARGUMENT);
    host_close(&h);
}

static void stray_zero_and_lost_sync(void **state)
{
    (void)state;
    host_open_off(&h, f411, "writer");
    ferry_sim_rom_quirk(h.kit.sim, "stray-zero");
    ferry_sim_line_set(h.kit.sim, FERRY_SIM_LINE_BOOT0, 1);
    ferry_sim_power_on(h.kit.sim);
    assert_int_equal(host_byte(&h, 150 * MS), 0x00);
    assert_int_equal(host_sync(&h), ACK);
    ferry_sim_rom_quirk(h.kit.sim, "lost-sync");
    assert_int_equal(host_command(&h, 0x02), -1);
    int answer = -1, tries = 0;
    for (; answer < 0 && tries < 300; tries++) {
        host_send(&h, "\xFF\x00", 2);
        answer = host_byte(&h, 10 * MS);
    }
    assert_int_equal(answer, NACK);
    assert_in_range(tries, 128, 130);
    assert_int_equal(host_command(&h, 0x02), NACK); /* behind the 00 of the last pair */
    host_close(&h);
}

static void no_erase_ack(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    ferry_sim_rom_quirk(h.kit.sim, "no-erase-ack");
    ferry_sim_load(h.kit.sim, FLASH, "x", 1);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, first, 1, 5000 * MS), -1);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0], 0xFF);
    assert_int_equal(host_command(&h, 0x44), NACK); /* asked again: refused, once */
    assert_int_equal(host_command(&h, 0x44), ACK);
    host_close(&h);
}

static void late_parameters(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x31), ACK);
    ferry_sim_run_for(h.kit.sim, 1100 * MS);
    assert_int_equal(host_address(&h, FLASH), ACK); /* as ST writes it: it waits for ever */
    assert_int_equal(host_block(&h, words, 8, 100 * MS), ACK);
    ferry_sim_rom_quirk(h.kit.sim, "late-parameters");
    assert_int_equal(host_command(&h, 0x31), ACK);
    ferry_sim_run_for(h.kit.sim, 1100 * MS);
    assert_int_equal(host_address(&h, FLASH), NACK);
    assert_int_equal(host_byte(&h, 100 * MS), -1); /* one for all of the field */
    assert_int_equal(host_write(&h, FLASH + 8, words, 8), ACK);
    host_close(&h);
}

static void classic_erase(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    ferry_sim_rom_quirk(h.kit.sim, "erase-43");
    ferry_sim_load(h.kit.sim, FLASH + 0x4000, "x", 1);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x44), NACK);
    assert_int_equal(host_command(&h, 0x43), ACK);
    host_send(&h, "\x02\x01\x02\x03\x02", 5); /* sectors 1, 2, 3 */
    assert_int_equal(host_byte(&h, 3000 * MS), ACK);
    struct ferry_sim_counters c;
    ferry_sim_counters(h.kit.sim, &c);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(c.erases[i], i >= 1 && i <= 3);
    assert_int_equal(host_command(&h, 0x43), ACK);
    host_send(&h, "\xFF\x00", 2);
    assert_int_equal(host_byte(&h, 9000 * MS), ACK);
    host_close(&h);
}

/* A write session of 24 bytes out and 4 back; every byte struck in every way. */
static int session(void)
{
    int answer = host_sync(&h);
    return answer == ACK ? host_write(&h, FLASH, words, 8) : -1;
}

static void every_byte_can_be_disturbed(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(h.kit.sim);
    static const unsigned bytes[2] = {1 + 2 + 5 + 10, 4};
    for (int fault = FERRY_SIM_ROM_DROP; fault <= FERRY_SIM_ROM_DELAY; fault++) {
        for (int from = 0; from < 2; from++) {
            for (unsigned i = 0; i < bytes[from]; i++) {
                assert_int_equal(ferry_sim_restore(h.kit.sim, shot), FERRY_SIM_OK);
                h.kit.rx_count = 0;
                disturb((enum ferry_sim_rom_fault)fault, from == 1, i);
                int answer = session(); /* an answer that came twice fools this host */
                if (fault != FERRY_SIM_ROM_REPEAT || from == 0)
                    assert_int_equal(answer == ACK,
                                     fault == FERRY_SIM_ROM_REPEAT && i + 1 == bytes[0]);
                assert_true(disturbed());
            }
            assert_int_equal(ferry_sim_restore(h.kit.sim, shot), FERRY_SIM_OK);
            disturb((enum ferry_sim_rom_fault)fault, from == 1, bytes[from]);
            assert_int_equal(session(), ACK);
            assert_false(disturbed());
        }
    }
    ferry_sim_snapshot_free(shot);
    host_close(&h);
}

/* ---- I2C ---- */

static void i2c_tells_what_it_is(void **state)
{
    (void)state;
    uint8_t in[32];
    host_open(&h, f411, "writer");
    assert_int_equal(ferry_sim_rom_i2c_address(h.kit.sim), 0x39);
    assert_int_equal(host_i2c_ack(&h, 10), -1); /* nothing to say yet */
    assert_int_equal(host_i2c_command(&h, 0x00), ACK);
    assert_int_equal(host_i2c_read(&h, in, 19, 10), FERRY_SIM_OK);
    assert_int_equal(in[0], 17);
    assert_int_equal(in[1], 0x11);
    assert_memory_equal(in + 2,
                        "\x00\x01\x02\x11\x21\x31\x44\x63\x73\x82\x92\x32\x45\x64\x74\x83\x93", 17);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    assert_int_equal(host_i2c_command(&h, 0x01), ACK);
    assert_int_equal(host_i2c_ack(&h, 10), 0x11);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    ferry_sim_rom_quirk(h.kit.sim, "i2c-v1.0");
    assert_int_equal(host_i2c_command(&h, 0x00), ACK);
    assert_int_equal(host_i2c_read(&h, in, 19, 10), FERRY_SIM_OK); /* more than the frame */
    assert_int_equal(in[0], 11);
    assert_int_equal(in[12], 0x92);
    assert_int_equal(in[13], 0xFF);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    assert_int_equal(host_i2c_command(&h, 0x45), NACK);
    assert_int_equal(host_sync(&h), -1); /* the UART was not chosen */
    host_close(&h);
}

static int i2c_erase(uint8_t code)
{
    if (host_i2c_command(&h, code) != ACK || host_i2c(&h, "\x00\x00\x00", 3) != FERRY_SIM_OK ||
        host_i2c_ack(&h, 10) != ACK)
        return -1;
    return host_i2c(&h, "\x00\x00\x00", 3);
}

static void i2c_stretches_or_is_busy(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        bool no_stretch = i == 1;
        host_open(&h, no_stretch ? f411 : f407, "writer"); /* the F407 speaks version 1.0 */
        ferry_sim_rom_quirk(h.kit.sim, "erase-7s");
        uint64_t start = ferry_sim_time_ns(h.kit.sim);
        assert_int_equal(i2c_erase(no_stretch ? 0x45 : 0x44), FERRY_SIM_OK);
        if (no_stretch) {
            assert_int_equal(host_i2c_ack(&h, 10), BUSY);
            assert_int_equal(host_i2c(&h, "\x00\xFF", 2), FERRY_SIM_E_NACK_ADDRESS);
            ferry_sim_run_for(h.kit.sim, 7010 * MS);
        }
        assert_int_equal(host_i2c_ack(&h, 10000), ACK);
        assert_in_range(ferry_sim_time_ns(h.kit.sim) - start, 7000 * MS, 7050 * MS);
        struct ferry_sim_counters c;
        ferry_sim_counters(h.kit.sim, &c);
        assert_in_range(c.i2c_stretched_ns, no_stretch ? 0 : 6900 * MS, no_stretch ? 0 : 7000 * MS);
        host_close(&h);
    }
}

static void i2c_master_gives_up(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    ferry_sim_rom_quirk(h.kit.sim, "erase-7s");
    ferry_sim_rom_quirk(h.kit.sim, "no-erase-ack");
    assert_int_equal(i2c_erase(0x44), FERRY_SIM_OK);
    uint8_t byte;
    assert_int_equal(host_i2c_read(&h, &byte, 1, 25),
                     FERRY_SIM_E_TIMEOUT); /* as SMBus masters do */
    ferry_sim_run_for(h.kit.sim, 8000 * MS);
    assert_int_equal(host_i2c_ack(&h, 100), -1);
    assert_int_equal(host_i2c_command(&h, 0xFF), NACK); /* back in step */
    assert_int_equal(host_i2c_command(&h, 0x02), ACK);
    host_close(&h);
}

static void i2c_writes_and_starts(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    for (size_t at = 0; at < h.program_size; at += 64) {
        assert_int_equal(host_i2c_command(&h, at % 128 ? 0x32 : 0x31), ACK);
        assert_int_equal(host_i2c_address(&h, FLASH + (uint32_t)at), ACK);
        assert_int_equal(host_i2c_block(&h, h.program + at, 64), FERRY_SIM_OK);
        int answer = host_i2c_ack(&h, 100);
        while (answer == BUSY)
            answer = host_i2c_ack(&h, 100);
        assert_int_equal(answer, ACK);
    }
    uint8_t in[16];
    assert_int_equal(host_i2c_command(&h, 0x11), ACK);
    assert_int_equal(host_i2c_address(&h, FLASH), ACK);
    assert_int_equal(host_i2c(&h, "\x0F\xF0", 2), FERRY_SIM_OK);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    assert_int_equal(host_i2c_read(&h, in, 16, 10), FERRY_SIM_OK);
    assert_memory_equal(in, h.program, 16);
    assert_int_equal(host_i2c_command(&h, 0x21), ACK);
    assert_int_equal(host_i2c_address(&h, FLASH), ACK);
    ferry_sim_run_for(h.kit.sim, 3000 * MS);
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    host_close(&h);
}

/* AN4221 2: a frame of a command that does not come in time ends in a system reset. */
static void i2c_resets_when_it_waits_too_long(void **state)
{
    (void)state;
    for (int partly = 0; partly < 2; partly++) {
        host_open(&h, f411, "writer");
        ferry_sim_rom_quirk(h.kit.sim, "i2c-timeout");
        ferry_sim_run_for(h.kit.sim, 3000 * MS); /* between commands it waits for ever */
        assert_int_equal(host_i2c_command(&h, 0x31), ACK);
        if (partly)
            assert_int_equal(host_i2c(&h, "\x08\x00", 2), FERRY_SIM_OK);
        ferry_sim_run_for(h.kit.sim, 900 * MS);
        assert_int_equal(h.kit.events[FERRY_SIM_EV_RESET], 1); /* power-on */
        ferry_sim_run_for(h.kit.sim, 110 * MS);
        assert_int_equal(h.kit.events[FERRY_SIM_EV_RESET], 2);
        assert_string_equal(h.kit.last[FERRY_SIM_EV_RESET].text, "software");
        ferry_sim_run_for(h.kit.sim, 100 * MS);
        assert_int_equal(host_i2c_address(&h, FLASH), NACK); /* taken for a command */
        host_close(&h);
    }
    host_open(&h, f411, "writer");
    ferry_sim_rom_quirk(h.kit.sim, "i2c-timeout");
    ferry_sim_rom_quirk(h.kit.sim, "erase-7s"); /* work is no wait */
    assert_int_equal(i2c_erase(0x45), FERRY_SIM_OK);
    ferry_sim_run_for(h.kit.sim, 7100 * MS);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    ferry_sim_run_for(h.kit.sim, 3000 * MS);
    assert_int_equal(host_i2c_command(&h, 0x02), ACK);
    assert_int_equal(h.kit.events[FERRY_SIM_EV_RESET], 1); /* nor between commands */
    host_close(&h);
}

static void i2c_small_buffers(void **state)
{
    (void)state;
    static const uint8_t data[256] = {0};
    static const struct {
        const char *quirk;
        size_t passes, fails;
    } cases[] = {{"i2c-max-64", 64, 68}, {"i2c-max-128", 128, 132}, {"no-i2c-max-64", 256, 0}};
    for (size_t i = 0; i < 3; i++) {
        host_open(&h, f411, "writer");
        ferry_sim_rom_quirk(h.kit.sim, cases[i].quirk);
        assert_int_equal(host_i2c_command(&h, 0x31), ACK);
        assert_int_equal(host_i2c_address(&h, FLASH), ACK);
        assert_int_equal(host_i2c_block(&h, data, cases[i].passes), FERRY_SIM_OK);
        assert_int_equal(host_i2c_ack(&h, 100), ACK);
        if (cases[i].fails) {
            assert_int_equal(host_i2c_command(&h, 0x31), ACK);
            assert_int_equal(host_i2c_address(&h, FLASH), ACK);
            assert_int_equal(host_i2c_block(&h, data, cases[i].fails), FERRY_SIM_E_NACK_DATA);
        }
        assert_int_equal(host_i2c_command(&h, 0x02), ACK);
        host_close(&h);
    }
}

static void i2c_readout_unprotect(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    assert_int_equal(host_i2c_command(&h, 0x82), ACK);
    assert_int_equal(host_i2c_ack(&h, 100), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_i2c_command(&h, 0x11), NACK);
    assert_int_equal(host_i2c_command(&h, 0x93), ACK);
    int polls = 0, answer;
    while ((answer = host_i2c_ack(&h, 100)) == BUSY && polls++ < 100)
        ferry_sim_run_for(h.kit.sim, 100 * MS);
    assert_int_equal(answer, ACK);
    assert_in_range(polls, 70, 90);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_i2c_command(&h, 0x11), ACK);
    host_close(&h);
}

static void i2c_bytes_can_be_disturbed(void **state)
{
    (void)state;
    host_open(&h, f411, "writer");
    disturb(FERRY_SIM_ROM_FLIP, false, 1);
    assert_int_equal(host_i2c_command(&h, 0x02), NACK);
    disturb(FERRY_SIM_ROM_DROP, false, 0);
    assert_int_equal(host_i2c_command(&h, 0x02), -1);
    assert_int_equal(host_i2c_command(&h, 0x02), NACK); /* FD 02: out of step by one */
    disturb(FERRY_SIM_ROM_FLIP, true, 0);
    assert_int_equal(host_i2c(&h, "\xFF", 1), FERRY_SIM_OK);
    assert_int_equal(host_i2c_ack(&h, 10), NACK ^ 0x10);
    disturb(FERRY_SIM_ROM_DELAY, false, 0);
    assert_int_equal(host_i2c(&h, "\x02\xFD", 2), FERRY_SIM_E_TIMEOUT);
    assert_true(disturbed());
    host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(stray_zero_and_lost_sync),
        cmocka_unit_test(no_erase_ack),
        cmocka_unit_test(late_parameters),
        cmocka_unit_test(classic_erase),
        cmocka_unit_test(every_byte_can_be_disturbed),
        cmocka_unit_test(i2c_tells_what_it_is),
        cmocka_unit_test(i2c_stretches_or_is_busy),
        cmocka_unit_test(i2c_master_gives_up),
        cmocka_unit_test(i2c_writes_and_starts),
        cmocka_unit_test(i2c_resets_when_it_waits_too_long),
        cmocka_unit_test(i2c_small_buffers),
        cmocka_unit_test(i2c_readout_unprotect),
        cmocka_unit_test(i2c_bytes_can_be_disturbed),
    };
    return cmocka_run_group_tests_name("sim_rom_quirks", tests, NULL, NULL);
}
