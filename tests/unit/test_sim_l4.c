/* STM32L432: its own registers, double words that are programmed once, ECC, ST's boot loader. */
#include "test_sim_rom_host.h"

#include <string.h>

static const char nucleo[] = "nucleo_l432kc";
static struct host h;
#define PAGE        100u
#define PAGE_OFFSET (2048u * PAGE)

static void start(const char *program)
{
    kit_open_board(&h.kit, nucleo, program, NULL);
    ferry_sim_uart_baud(h.kit.sim, 0, 115200);
}

static void keeps_its_contract(void **state)
{
    (void)state;
    static const uint32_t expected[] = {
        3,       1,       0,       0,       0x55667788u, 1u << 3, 0x11223344u, 0,
        1u << 5, 1u << 6, 1u << 7, 1u << 4, 0,           1u << 3, 0xCAFE0432u, 256};
    const uint32_t wrp[2] = {101u | 101u << 16, 0xFF};
    struct ferry_sim_cpu cpu;
    start("l4");
    ferry_sim_set_write_protection(h.kit.sim, wrp);
    assert_true(ferry_sim_sector_protected(h.kit.sim, 101));
    assert_false(ferry_sim_sector_protected(h.kit.sim, 100));
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 100 * MS);
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(kit_result(&h.kit, 1 + i), expected[i]);
    assert_int_equal(kit_result(&h.kit, 18), 0x435);
    assert_int_equal(kit_result(&h.kit, 19), 0xAA);
    assert_int_equal(kit_result(&h.kit, 21), 0);
    assert_int_equal(kit_result(&h.kit, 22), 0xFFFFFFFFu);
    assert_true(ferry_sim_led_lit(h.kit.sim, 0));
    assert_int_equal(h.kit.rx_count, 5);
    assert_memory_equal(h.kit.rx, "L432\n", 5);
    ferry_sim_uart_send(h.kit.sim, 0, "echo", 4);
    ferry_sim_run_for(h.kit.sim, 10 * MS);
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    assert_int_equal(kit_result(&h.kit, 20), 0);
    assert_int_equal(h.kit.rx_count, 9);
    assert_memory_equal(h.kit.rx + 5, "echo", 4);
    assert_int_equal(h.kit.events[FERRY_SIM_EV_MISUSE], 0);
    ferry_sim_cpu(h.kit.sim, &cpu);
    assert_int_equal(cpu.hclk_hz, 80000000);
    struct ferry_sim_counters c;
    ferry_sim_counters(h.kit.sim, &c);
    assert_int_equal(c.erases[PAGE], 2);
    assert_int_equal(c.words_programmed[PAGE], 2);
    assert_in_range(c.stalled_ns, 44 * MS + 2 * 82000, 44 * MS + 2 * 82000 + 2000);
    kit_close(&h.kit);
}

static void run_ecc(void)
{
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 100 * MS);
}

/* One operation cut each way: 0 the erase, n the n-th double word. */
static void torn_double_word_raises_nmi(void **state)
{
    (void)state;
    static const unsigned operations[] = {0, 1, 6, 32};
    start("l4_ecc");
    run_ecc();
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    assert_int_equal(kit_result(&h.kit, 1), 0);
    assert_int_equal(kit_result(&h.kit, 4), 0);
    for (size_t i = 0; i < 4; i++) {
        for (int mode = FERRY_SIM_CUT_LOST; mode <= FERRY_SIM_CUT_DONE; mode++) {
            struct ferry_sim_cut_plan plan = {
                .mode = (enum ferry_sim_cut)mode, .after_flash_ops = operations[i], .seed = 7};
            ferry_sim_plan_cut(h.kit.sim, &plan);
            ferry_sim_reset(h.kit.sim);
            ferry_sim_run_for(h.kit.sim, 100 * MS);
            assert_false(ferry_sim_powered(h.kit.sim));
            run_ecc(); /* reads first, then erases and programs all */
            assert_int_equal(kit_result(&h.kit, 0), GREEN);
            uint32_t nmis = kit_result(&h.kit, 1), eccr = kit_result(&h.kit, 2);
            if (mode != FERRY_SIM_CUT_TORN) {
                assert_int_equal(nmis, 0);
            } else if (operations[i] == 0) {
                assert_in_range(nmis, 16, 32); /* of the 32 that held something */
            } else {
                assert_int_equal(nmis, 1);
                assert_int_equal(eccr, 1u << 31 | (PAGE_OFFSET + 8u * (operations[i] - 1u)));
            }
            ferry_sim_reset(h.kit.sim);
            ferry_sim_run_for(h.kit.sim, 100 * MS);
            assert_int_equal(kit_result(&h.kit, 1), 0); /* the erase made it good */
        }
    }
    kit_close(&h.kit);
}

static void snapshot_holds_ecc(void **state)
{
    (void)state;
    struct ferry_sim_cut_plan plan = {.mode = FERRY_SIM_CUT_TORN, .after_flash_ops = 3, .seed = 3};
    start("l4_ecc");
    ferry_sim_plan_cut(h.kit.sim, &plan);
    run_ecc();
    assert_false(ferry_sim_powered(h.kit.sim));
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(h.kit.sim);
    for (int i = 0; i < 3; i++) {
        run_ecc();
        assert_int_equal(kit_result(&h.kit, 0), GREEN);
        assert_int_equal(kit_result(&h.kit, 1), 1);
        assert_int_equal(ferry_sim_restore(h.kit.sim, shot), FERRY_SIM_OK);
    }
    ferry_sim_snapshot_free(shot);
    kit_close(&h.kit);
}

/* ---- ST's boot loader ---- */

static const uint16_t all_of_it[] = {0, 1, 2, 3, 4, 5, 6, 7};

static void blank_chip_starts_the_boot_loader(void **state)
{
    (void)state;
    struct ferry_sim_rom_state s;
    host_open_off(&h, nucleo, "l4_ecc");
    ferry_sim_power_on(h.kit.sim); /* BOOT0 is low */
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), ACK);
    host_write_program(&h);
    host_boot0(&h, 0); /* the flag is from power-on: the boot loader again */
    ferry_sim_rom_state(h.kit.sim, &s);
    assert_true(s.active && s.empty);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x21), ACK); /* GO starts it... */
    assert_int_equal(host_address(&h, FLASH), ACK);
    ferry_sim_run_for(h.kit.sim, 100 * MS);
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    ferry_sim_power_off(h.kit.sim); /* ...and so does a power cycle, once for all */
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 100 * MS);
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    host_boot0(&h, 0);
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    host_close(&h);
}

/* RM0394 3.7.5: a program started by GO may toggle PEMPTY, and plain resets are enough from then
 * on. */
static void program_clears_the_empty_flag(void **state)
{
    (void)state;
    struct ferry_sim_rom_state s;
    /* vectors; ldr r0, =FLASH_SR; ldr r1, =PEMPTY; str; wfi; b . */
    static const uint8_t program[32] = {0x00, 0x40, 0x00, 0x20, 0x09, 0x00, 0x00, 0x08, 0x02, 0x48,
                                        0x03, 0x49, 0x01, 0x60, 0x30, 0xBF, 0xFD, 0xE7, 0x00, 0xBF,
                                        0x10, 0x20, 0x02, 0x40, 0x00, 0x00, 0x02, 0x00};
    host_open_off(&h, nucleo, "l4_ecc");
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_write(&h, FLASH, program, sizeof program), ACK);
    assert_int_equal(host_command(&h, 0x21), ACK);
    assert_int_equal(host_address(&h, FLASH), ACK);
    ferry_sim_run_for(h.kit.sim, MS);
    ferry_sim_rom_state(h.kit.sim, &s);
    assert_false(s.empty);
    host_boot0(&h, 0);
    ferry_sim_rom_state(h.kit.sim, &s);
    assert_false(s.active);
    assert_true(s.empty); /* it ran again, and toggled it back */
    host_close(&h);
}

static void option_reload_looks_again(void **state)
{
    (void)state;
    host_open_off(&h, nucleo, "l4_ecc");
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), ACK);
    host_write_program(&h);
    assert_int_equal(host_command(&h, 0x73), ACK); /* write unprotect loads the option bytes */
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_string_equal(h.kit.last[FERRY_SIM_EV_RESET].text, "option bytes");
    assert_int_equal(kit_result(&h.kit, 0), GREEN);
    host_close(&h);
    host_open_off(&h, nucleo, "l4_ecc");
    ferry_sim_rom_quirk(h.kit.sim, "no-empty-check");
    ferry_sim_power_on(h.kit.sim);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_sync(&h), -1);
    host_close(&h);
}

static void pages_and_double_words(void **state)
{
    (void)state;
    static const uint8_t words[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const uint8_t other[8] = {0};
    host_open(&h, nucleo, "l4_ecc");
    assert_int_equal(host_sync(&h), ACK);
    uint64_t before = ferry_sim_time_ns(h.kit.sim);
    assert_int_equal(host_erase(&h, all_of_it, 8, 1000 * MS), ACK);
    assert_in_range(ferry_sim_time_ns(h.kit.sim) - before, 8 * 22 * MS, 8 * 22 * MS + 5 * MS);
    assert_int_equal(host_write(&h, FLASH + 4, words, 8), -1); /* not at a double word */
    assert_int_equal(host_write(&h, FLASH, words, 12), ACK);
    const uint8_t *flash = ferry_sim_flash(h.kit.sim, NULL);
    assert_memory_equal(flash, words, 12);
    assert_memory_equal(flash + 12, "\xFF\xFF\xFF\xFF", 4);
    static const uint8_t again[8] = {1};
    assert_int_equal(host_write(&h, FLASH, again, 8), ACK); /* once only, and it does not say so */
    assert_memory_equal(flash, words, 8);
    assert_int_equal(host_write(&h, FLASH, other, 8), ACK); /* zeros always */
    assert_memory_equal(flash, other, 8);
    assert_int_equal(host_command(&h, 0x44), ACK);
    host_send(&h, "\xFF\xFE\x01", 3); /* bank 1 */
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    assert_int_equal(flash[0], 0xFF);
    host_close(&h);
}

static void protects_an_area(void **state)
{
    (void)state;
    host_open(&h, nucleo, "l4_ecc");
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_command(&h, 0x63), ACK);
    host_send(&h, "\x01\x02\x04\x07", 4);
    assert_int_equal(host_byte(&h, 100 * MS), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(ferry_sim_sector_protected(h.kit.sim, i), i >= 2 && i <= 4);
    ferry_sim_load(h.kit.sim, FLASH + 2 * 2048, "x", 1);
    assert_int_equal(host_sync(&h), ACK);
    assert_int_equal(host_erase(&h, all_of_it, 8, 1000 * MS), ACK);
    assert_int_equal(ferry_sim_flash(h.kit.sim, NULL)[2 * 2048], 'x');
    host_close(&h);
}

/* AN2606, table 3: protocol 1.2. */
static void speaks_i2c(void **state)
{
    (void)state;
    uint8_t in[20];
    host_open(&h, nucleo, "l4_ecc");
    assert_int_equal(ferry_sim_rom_i2c_address(h.kit.sim), 0x48);
    assert_int_equal(host_i2c_command(&h, 0x02), ACK);
    assert_int_equal(host_i2c_read(&h, in, 3, 10), FERRY_SIM_OK);
    assert_memory_equal(in, "\x01\x04\x35", 3);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    assert_int_equal(host_i2c_command(&h, 0x00), ACK);
    assert_int_equal(host_i2c_read(&h, in, 20, 10), FERRY_SIM_OK);
    assert_memory_equal(in,
                        "\x12\x12\x00\x01\x02\x11\x21\x31\x44\x63\x73\x82\x92\x32\x45\x64\x74\x83"
                        "\x93\xA1",
                        20);
    assert_int_equal(host_i2c_ack(&h, 10), ACK);
    host_close(&h);
}

/* AN4221 2.20: address, size, then the checksum that the CRC unit makes. @return as host_i2c_ack */
static int checksum(uint32_t address, uint32_t size, uint8_t sum[5])
{
    if (host_i2c_command(&h, 0xA1) != ACK || host_i2c_address(&h, address) != ACK)
        return -1;
    int answer = host_i2c_address(&h, size); /* the same form: four bytes and their XOR */
    if (answer != ACK)
        return answer;
    while ((answer = host_i2c_ack(&h, 10)) == BUSY)
        ferry_sim_run_for(h.kit.sim, MS);
    return answer == ACK && host_i2c_read(&h, sum, 5, 10) != FERRY_SIM_OK ? -1 : answer;
}

static void tells_a_checksum(void **state)
{
    (void)state;
    uint8_t sum[5];
    host_open(&h, nucleo, "l4_ecc");
    ferry_sim_load(h.kit.sim, FLASH + 0x100, "\x78\x56\x34\x12\xF0\xDE\xBC\x9A", 8);
    assert_int_equal(checksum(FLASH + 0x100, 4, sum), ACK);
    assert_memory_equal(sum, "\xDF\x8A\x8A\x2B\xF4", 5); /* of 0x12345678 */
    assert_int_equal(checksum(FLASH, 256 * 1024, sum), ACK);
    assert_int_equal(checksum(FLASH, 0, sum), NACK);
    assert_int_equal(checksum(FLASH, 6, sum), NACK);
    assert_int_equal(checksum(FLASH + 4, 256 * 1024, sum), NACK);
    assert_int_equal(checksum(0x20004000u, 4, sum), -1); /* flash only: NACK at the address */
    assert_int_equal(host_i2c_command(&h, 0x82), ACK);   /* works with readout protection too */
    assert_int_equal(host_i2c_ack(&h, 100), ACK);
    ferry_sim_run_for(h.kit.sim, 150 * MS);
    assert_int_equal(host_i2c_command(&h, 0x11), NACK);
    assert_int_equal(checksum(FLASH + 0x100, 4, sum), ACK);
    host_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_contract),
        cmocka_unit_test(torn_double_word_raises_nmi),
        cmocka_unit_test(snapshot_holds_ecc),
        cmocka_unit_test(blank_chip_starts_the_boot_loader),
        cmocka_unit_test(program_clears_the_empty_flag),
        cmocka_unit_test(option_reload_looks_again),
        cmocka_unit_test(pages_and_double_words),
        cmocka_unit_test(protects_an_area),
        cmocka_unit_test(speaks_i2c),
        cmocka_unit_test(tells_a_checksum),
    };
    return cmocka_run_group_tests_name("sim_l4", tests, NULL, NULL);
}
