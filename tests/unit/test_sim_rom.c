/* ST's boot loader on the USART: what AN3155 says, its times, its refusals, what survives a cut. */
#include "test_sim_rom_host.h"

#include <string.h>

static struct host h;
static const char f411[] = "stm32f411_blackpill", f407[] = "stm32f407_discovery";

static uint32_t result(unsigned i)
{
    return kit_result(&h.kit, i);
}

static void tells_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *board;
        uint8_t pid_high, pid_low;
    } boards[] = {{f411, 0x04, 0x31}, {f407, 0x04, 0x13}};
    static const uint8_t get[] = {11,   0x31, 0x00, 0x01, 0x02, 0x11, 0x21,
                                  0x31, 0x44, 0x63, 0x73, 0x82, 0x92, ACK};
    for (size_t i = 0; i < 2; i++) {
        host_open(&h, boards[i].board, "writer");
        assert_int_equal(host_sync(&h), ACK);
        assert_int_equal(host_command(&h, 0x00), ACK);
        for (size_t n = 0; n < sizeof get; n++)
            assert_int_equal(host_byte(&h, MS), get[n]);
        assert_int_equal(host_command(&h, 0x02), ACK);
        assert_int_equal(host_byte(&h, MS), 1);
        assert_int_equal(host_byte(&h, MS), boards[i].pid_high);
        assert_int_equal(host_byte(&h, MS), boards[i].pid_low);
        assert_int_equal(host_byte(&h, MS), ACK);
        assert_int_equal(host_command(&h, 0x01), ACK);
        assert_int_equal(host_byte(&h, MS), 0x31);
        assert_int_equal(host_byte(&h, MS), 0);
        assert_int_equal(host_byte(&h, MS), 0);
        assert_int_equal(host_byte(&h, MS), ACK);
        assert_int_equal(host_byte(&h, 10 * MS), -1);
        host_close(&h);
    }
}

static void synchronises_from_any_rate(void **state)
{
    (void)state;
    static const uint32_t bauds[] = {1200, 9600, 57600, 115200};
    for (size_t i = 0; i < 4; i++) {
        host_open(&h, f411, "writer");
        ferry_sim_uart_baud(h.kit.sim, h.port, bauds[i]);
        assert_int_equal(host_sync(&h), ACK);
        assert_int_equal(host_sync(&h), -1); /* waits for its complement... */
        assert_int_equal(host_sync(&h), NACK);
        assert_int_equal(host_command(&h, 0x43), NACK); /* these chips have 0x44 */
        host_close(&h);
    }
    host_open(&h, f411, "writer");
    ferry_sim_uart_baud(h.kit.sim, h.port, 230400); /* more than it can */
    assert_int_equal(host_sync(&h), -1);
    host_boot0(&h, 1);
    ferry_sim_uart_baud(h.kit.sim, h.port, 115200);
    host_send(&h, "\x55", 1); /* measures another rate */
    assert_int_equal(host_sync(&h), -1);
    host_boot0(&h, 1);
    assert_int_equal(host_sync(&h), ACK);
    ferry_sim_uart_baud(h.kit.sim, h.port, 57600); /* the rate is kept until a reset */
    assert_int_not_equal(host_command(&h, 0x02), ACK);
    host_close(&h);
}

static void wants_even_parity(void **state)
{
    (void)state;
    uint8_t in[4];
    static const uint8_t gid[2] = {0x02, 0xFD};
    host_open(&h, f411, "writer");
    ferry_sim_uart_parity(h.kit.sim, h.port, FERRY_SIM_PARITY_EVEN);
    uint64_t start = ferry_sim_time_ns(h.kit.sim);
    assert_int_equal(host_sync(&h), ACK);
    /* 11 bits each way and 20 us: a byte of 8N1 would take 10 */
    assert_in_range(ferry_sim_time_ns(h.kit.sim) - start, 210900, 211200);
    assert_int_equal(host_read(&h, FLASH, in, 4), 4);
    ferry_sim_uart_parity(h.kit.sim, h.port, FERRY_SIM_PARITY_NONE);
    host_send(&h, gid, 2); /* without a gap */
    assert_int_not_equal(host_byte(&h, 10 * MS), ACK);
    host_boot0(&h, 1);
    assert_int_equal(host_sync(&h), ACK);
    host_send(&h, gid, 1); /* with one */
    ferry_sim_run_for(h.kit.sim, 2 * MS);
    host_send(&h, gid + 1, 1);
    assert_int_equal(host_byte(&h, 10 * MS), ACK);
    host_close(&h);
}

static void what_it_wrote_boots(void **state)
{
    (void)state;
    static const uint16_t first[] = {0};
    for (int i = 0; i < 2; i++) {
        host_open(&h, f411, "writer");
        assert_int_equal(host_sync(&h), ACK);
        assert_int_equal(host_erase(&h, first, 1, 5000 * MS), ACK);
        host_write_program(&h);
        assert_memory_equal(ferry_sim_flash(h.kit.sim, NULL), h.program, h.program_size);
        if (i == 0) {
            host_boot0(&h, 0);
        } else {
            assert_int_equal(host_command(&h, 0x21), ACK);
            assert_int_equal(host_address(&h, FLASH), ACK);
        }
        ferry_sim_run_for(h.kit.sim, 3000 * MS);
        assert_int_equal(result(0), GREEN);
        assert_int_equal(host_sync(&h), -1); /* it is gone */
        host_close(&h);
    }
}

static void reads_what_there_is(void **state)
{
    (void)state;
    uint8_t in[256];
    host_open(&h, f411, "writer");
    ferry_sim_load(h.kit.sim, FLASH + 0x100, "ferry", 5);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_read(&h, FLASH + 0x100, in, 5), 5);
    assert_memory_equal(in, "ferry", 5);
    assert_int_equal(host_read(&h, 0x1FFF7A22u, in, 2), 2);
    assert_int_equal(in[0] | in[1] << 8, 512);
    assert_int_equal(host_read(&h, 0x1FFFC000u, in, 2), 2);
    assert_int_equal(in[1], 0xAA);
    assert_int_equal(host_read(&h, FLASH + 0x7FF00, in, 256), 256);
    assert_int_equal(host_read(&h, FLASH + 0x7FF01, in, 256), 0); /* over the end */
    assert_int_equal(host_read(&h, 0x20000000u, in, 4), 0);       /* its own variables */
    assert_int_equal(host_read(&h, 0x20003000u, in, 4), 4);
    assert_int_equal(host_read(&h, 0x08080000u, in, 4), 0);
    host_close(&h);
}

/* An L4 starts with its data cache on, which keeps what was erased under it. */
static void reads_blank_what_it_erased(void **state)
{
    (void)state;
    static const char *const boards[] = {"stm32f411_blackpill", "nucleo_l432kc"};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[16];
        const uint16_t page = 0;
        host_open(&h, boards[i], "writer");
        assert_int_equal(host_sync(&h), ACK);
        host_write_program(&h);
        assert_int_equal(host_erase(&h, &page, 1, 5000000000u), ACK);
        assert_int_equal(host_read(&h, FLASH, bytes, sizeof bytes), sizeof bytes);
        for (size_t at = 0; at < sizeof bytes; at++) {
            assert_int_equal(bytes[at], 0xFF);
        }
        host_close(&h);
    }
}

static void refuses_what_is_spoiled(void **state)
{
    (void)state;
    static const uint8_t words[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t frame[10] = {7, 1, 2, 3, 4, 5, 6, 7, 8, 0x55};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    host_send(&h, "\x31\x31", 2);
    assert_int_equal(host_byte(&h, 10 * MS), NACK);
    host_send(&h, "\x31\xCE", 2);
    assert_int_equal(host_byte(&h, 10 * MS), ACK);
    host_send(&h, "\x08\x00\x00\x00\x09", 5); /* checksum */
    assert_int_equal(host_byte(&h, 10 * MS), NACK);
    assert_int_equal(host_write(&h, FLASH + 2, words, 8),
                     -1);                                    /* not aligned: NACK at the address */
    assert_int_equal(host_write(&h, FLASH, words, 6), NACK); /* not whole words */
    assert_int_equal(host_command(&h, 0x31), ACK);
    assert_int_equal(host_address(&h, FLASH), ACK);
    host_send(&h, frame, sizeof frame);
    assert_int_equal(host_byte(&h, 10 * MS), NACK);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0], 0xFF);
    assert_int_equal(host_erase(&h, (const uint16_t[]){0, 8}, 2, 1000 * MS), NACK); /* 8 sectors */
    assert_int_equal(h.kit.events[FERRY_SIM_EV_ERASE_START], 0);
    assert_int_equal(host_command(&h, 0x44), ACK);
    host_send(&h, "\xFF\xFD\x02", 3); /* no second bank */
    assert_int_equal(host_byte(&h, 10 * MS), NACK);
    assert_int_equal(host_write(&h, FLASH, words, 8), ACK);
    host_close(&h);
}

static void takes_the_time_of_the_chip(void **state)
{
    (void)state;
    static const uint16_t sectors[] = {0, 5};
    static const uint8_t data[256] = {0};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    uint64_t start = ferry_sim_time_ns(h.kit.sim);
    assert_int_equal(host_erase(&h, sectors, 2, 9000 * MS), ACK);
    assert_in_range(ferry_sim_time_ns(h.kit.sim) - start, 2400 * MS, 2410 * MS); /* 0.4 s + 2 s */
    start = ferry_sim_time_ns(h.kit.sim);
    assert_int_equal(host_write(&h, FLASH, data, 256), ACK);
    /* 265 bytes there, 3 back at 11 bits, 4 gaps, 256 programs of a byte */
    uint64_t wire = 268ull * 11 * 1000000000 / 115200;
    assert_in_range(ferry_sim_time_ns(h.kit.sim) - start, wire + 256 * 16000,
                    wire + 256 * 16000 + 200000);
    assert_int_equal(host_erase(&h, NULL, 0, 7900 * MS), -1);
    assert_int_equal(host_byte(&h, 200 * MS), ACK);
    struct ferry_sim_counters c;
    ferry_sim_counters(h.kit.sim, &c);
    assert_int_equal(c.erases[0], 2);
    assert_int_equal(c.erases[7], 1);
    assert_int_equal(c.bytes_programmed, 256);
    host_close(&h);
}

static void protection_is_silent(void **state)
{
    (void)state;
    static const uint8_t words[4] = {1, 2, 3, 4};
    static const uint16_t first[] = {0};
    host_open(&h, f411, "writer");
    ferry_sim_load(h.kit.sim, FLASH, "keep", 4);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x63), ACK);
    host_send(&h, "\x01\x00\x02\x03", 4); /* sectors 0 and 2 */
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS); /* it resets itself, and starts again */
    assert_string_equal(h.kit.last[FERRY_SIM_EV_RESET].text, "software");
    assert_true(ferry_sim_sector_protected(h.kit.sim, 0));
    assert_false(ferry_sim_sector_protected(h.kit.sim, 1));
    assert_true(ferry_sim_sector_protected(h.kit.sim, 2));
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, first, 1, 1000 * MS), ACK);
    assert_int_equal(host_write(&h, FLASH, words, 4), ACK);
    assert_int_equal(host_erase(&h, NULL, 0, 9000 * MS), ACK);
    assert_memory_equal(ferry_sim_flash(h.kit.sim, NULL), "keep", 4);
    ferry_sim_rom_quirk(h.kit.sim, "no-silent-wrp");
    assert_int_equal(host_erase(&h, first, 1, 1000 * MS), NACK);
    assert_int_equal(host_write(&h, FLASH, words, 4), NACK);
    assert_int_equal(host_erase(&h, NULL, 0, 9000 * MS), NACK);
    assert_int_equal(host_command(&h, 0x73), ACK);
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, first, 1, 1000 * MS), ACK);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0], 0xFF);
    host_close(&h);
}

/* AN3155 3.9: a second Write Protect frees what the first one named. */
static void second_protection_replaces_the_first(void **state)
{
    (void)state;
    static const char *const frames[] = {"\x01\x00\x02\x03", "\x00\x03\x03"};
    static const size_t sizes[] = {4, 3};
    host_open(&h, f411, "writer");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(host_sync(&h), ACK);
        assert_int_equal(host_command(&h, 0x63), ACK);
        host_send(&h, frames[i], sizes[i]);
        assert_int_equal(host_byte(&h, 100 * MS), ACK);
        ferry_sim_run_for(h.kit.sim, 150 * MS);
    }
    for (unsigned sector = 0; sector < 8; sector++)
        assert_int_equal(ferry_sim_sector_protected(h.kit.sim, sector), sector == 3);
    host_close(&h);
}

static void readout_protection(void **state)
{
    (void)state;
    static const uint8_t allowed[] = {0x00, 0x01, 0x02},
                         refused[] = {0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82};
    host_open(&h, f411, "writer");
    ferry_sim_load(h.kit.sim, FLASH, "secret", 6);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x82), ACK);
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(ferry_sim_rdp_level(h.kit.sim), 1);
    assert_int_equal(host_sync(&h), ACK);
    for (size_t i = 0; i < sizeof allowed; i++) {
        assert_int_equal(host_command(&h, allowed[i]), ACK);
        while (host_byte(&h, 10 * MS) >= 0)
            ;
    }
    for (size_t i = 0; i < sizeof refused; i++)
        assert_int_equal(host_command(&h, refused[i]), NACK);
    assert_memory_equal(ferry_sim_flash(h.kit.sim, NULL), "secret", 6);
    assert_int_equal(host_command(&h, 0x92), ACK);
    assert_int_equal(host_byte(&h, 9000 * MS), ACK);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0], 0xFF);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x11), ACK);
    host_close(&h);
}

/* Every byte of a write, cut each way; the power comes back and the bytes before it are there. */
static void cuts_strike_its_operations(void **state)
{
    (void)state;
    static const uint8_t words[8] = {0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(h.kit.sim);
    for (unsigned op = 0; op < 8; op++) {
        for (int mode = FERRY_SIM_CUT_LOST; mode <= FERRY_SIM_CUT_DONE; mode++) {
            struct ferry_sim_cut_plan plan = {
                .mode = (enum ferry_sim_cut)mode, .after_flash_ops = op, .seed = op};
            assert_int_equal(ferry_sim_restore(h.kit.sim, shot), FERRY_SIM_OK);
            ferry_sim_plan_cut(h.kit.sim, &plan);
            assert_int_equal(host_write(&h, FLASH, words, 8), -1);
            assert_false(ferry_sim_powered(h.kit.sim));
            const uint8_t *flash = ferry_sim_flash(h.kit.sim, NULL);
            assert_memory_equal(flash, words, op);
            assert_int_equal((uint8_t)(flash[op] | words[op]), flash[op]);
            if (mode == FERRY_SIM_CUT_LOST)
                assert_int_equal(flash[op], 0xFF);
            if (mode == FERRY_SIM_CUT_DONE)
                assert_int_equal(flash[op], words[op]);
            for (unsigned i = op + 1; i < 8; i++)
                assert_int_equal(flash[i], 0xFF);
            ferry_sim_power_on(h.kit.sim);
            ferry_sim_run_for(h.kit.sim, 150 * MS);
            assert_int_equal(host_sync(&h), ACK);
        }
    }
    ferry_sim_snapshot_free(shot);
    host_close(&h);
}

static void mass_erase_is_cut_sector_by_sector(void **state)
{
    (void)state;
    struct ferry_sim_cut_plan plan = {.mode = FERRY_SIM_CUT_LOST, .after_flash_ops = 1};
    host_open(&h, f411, "writer");
    ferry_sim_load(h.kit.sim, FLASH, "first", 5);
    ferry_sim_load(h.kit.sim, FLASH + 0x4000, "second", 6);
    assert_int_equal(host_sync(&h), ACK);
    ferry_sim_plan_cut(h.kit.sim, &plan);
    assert_int_equal(host_erase(&h, NULL, 0, 9000 * MS), -1);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[0], 0xFF);
    assert_memory_equal(ferry_sim_flash(h.kit.sim, NULL) + 0x4000, "second", 6);
    host_close(&h);
}

static void pulled_reset_tears_an_erase(void **state)
{
    (void)state;
    static const uint16_t first[] = {0};
    uint8_t zeros[64] = {0};
    host_open(&h, f411, "writer");
    ferry_sim_load(h.kit.sim, FLASH, zeros, sizeof zeros);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, first, 1, 100 * MS), -1);
    host_boot0(&h, 1);
    const uint8_t *flash = ferry_sim_flash(h.kit.sim, NULL);
    unsigned mixed = 0;
    for (unsigned i = 0; i < sizeof zeros; i++)
        mixed += flash[i] != 0 && flash[i] != 0xFF;
    assert_in_range(mixed, 1, 64);
    assert_int_equal(host_sync(&h), ACK);
    host_close(&h);
}

static void writes_to_ram_and_starts_there(void **state)
{
    (void)state;
    /* vectors, then: ldr r0, =0x20000000; ldr r1, =0x600D; str; wfi; b . */
    static const uint8_t program[] = {0x00, 0x80, 0x00, 0x20, 0x09, 0x40, 0x00, 0x20, 0x02, 0x48,
                                      0x03, 0x49, 0x01, 0x60, 0x30, 0xBF, 0xFD, 0xE7, 0x00, 0xBF,
                                      0x00, 0x00, 0x00, 0x20, 0x0D, 0x60, 0x00, 0x00};
    host_open(&h, f411, "writer");
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_write(&h, 0x20004000u, program, sizeof program), ACK);
    assert_int_equal(host_command(&h, 0x21), ACK);
    assert_int_equal(host_address(&h, 0x20004000u), ACK);
    ferry_sim_run_for(h.kit.sim, 10 * MS);
    assert_int_equal(result(0), GREEN);
    host_close(&h);
}

static void hardware_watchdog_is_fed(void **state)
{
    (void)state;
    host_open_off(&h, f411, "writer");
    ferry_sim_set_option_bytes(h.kit.sim, ferry_sim_option_bytes(h.kit.sim) & ~(1u << 5));
    ferry_sim_line_set(h.kit.sim, FERRY_SIM_LINE_BOOT0, 1);
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 2000 * MS);
    assert_int_equal(h.kit.events[FERRY_SIM_EV_RESET], 1);
    assert_int_equal(host_sync(&h), ACK);
    host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_it_is),
        cmocka_unit_test(synchronises_from_any_rate),
        cmocka_unit_test(wants_even_parity),
        cmocka_unit_test(what_it_wrote_boots),
        cmocka_unit_test(reads_what_there_is),
        cmocka_unit_test(reads_blank_what_it_erased),
        cmocka_unit_test(refuses_what_is_spoiled),
        cmocka_unit_test(takes_the_time_of_the_chip),
        cmocka_unit_test(protection_is_silent),
        cmocka_unit_test(second_protection_replaces_the_first),
        cmocka_unit_test(readout_protection),
        cmocka_unit_test(cuts_strike_its_operations),
        cmocka_unit_test(mass_erase_is_cut_sector_by_sector),
        cmocka_unit_test(pulled_reset_tears_an_erase),
        cmocka_unit_test(writes_to_ram_and_starts_there),
        cmocka_unit_test(hardware_watchdog_is_fed),
    };
    return cmocka_run_group_tests_name("sim_rom", tests, NULL, NULL);
}
