/* Boards and chips: what differs between them. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

static void discovery_runs_at_168_mhz(void **state)
{
    (void)state;
    struct ferry_sim_cpu cpu;
    kit_open_board(&kit, "stm32f407_discovery", "discovery", NULL);
    assert_int_equal(ferry_sim_sector_count(kit.sim), 12);
    ferry_sim_uart_baud(kit.sim, 0, 115200);
    ferry_sim_set_option_bytes(kit.sim, 0x0BFF55E1u); /* sector 10 protected, RDP 1, BOR level 3 */
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 1200 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    ferry_sim_cpu(kit.sim, &cpu);
    assert_int_equal(cpu.hclk_hz, 168000000);
    assert_int_equal(kit.rx_count, 3);
    assert_memory_equal(kit.rx, "407", 3);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 1); /* DMA to CCM, nothing about clocks */
    kit_close(&kit);
}

static void discovery_memory_and_leds(void **state)
{
    (void)state;
    static const bool lit[] = {true, false, true, false}; /* green, orange, red, blue */
    kit_open_board(&kit, "stm32f407_discovery", "discovery", NULL);
    ferry_sim_set_option_bytes(kit.sim, 0x0BFF55E1u);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 1200 * MS);
    assert_int_equal(kit_result(&kit, 1), 0x12345678u); /* CCM: both ends */
    assert_int_equal(kit_result(&kit, 2), 0x9ABCDEF0u);
    assert_int_equal(kit_result(&kit, 3), 0); /* DMA reads RAM */
    assert_int_equal(kit_result(&kit, 4), 0x12345678u);
    assert_int_equal(kit_result(&kit, 5), 1u << 3); /* and not CCM: transfer error */
    assert_int_equal(kit_result(&kit, 6), 0);       /* the last sector */
    assert_int_equal(kit_result(&kit, 7), 0);
    assert_int_equal(kit_result(&kit, 8), 0x407u);
    assert_int_equal(kit_result(&kit, 9), 1u << 4); /* nWRP of sector 10 */
    assert_int_equal(kit_result(&kit, 10), 0x413u);
    assert_int_equal(kit_result(&kit, 11), 1024);
    assert_int_equal(kit_result(&kit, 12) & 0x0FFFFFECu, 0x0BFF55E0u); /* BOR and RDP are read */
    assert_int_equal(ferry_sim_led_count(kit.sim), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ferry_sim_led_lit(kit.sim, i), lit[i]);
    assert_non_null(ferry_sim_ram(kit.sim, 0x1000FFFCu, 4));
    assert_null(ferry_sim_ram(kit.sim, 0x1000FFFCu, 8));
    assert_true(ferry_sim_stack_used(kit.sim, 0x10000000u, 0x10010000u) == 0x10000u);
    kit_close(&kit);
}

static void single_is_a_blackpill(void **state)
{
    (void)state;
    kit_open_board(&kit, "stm32f411_single", "echo", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_memory_equal(kit.rx, "hello 05f5e100\n", 15);
    kit_close(&kit);
}

static void neighbour_on_spi_is_told(void **state)
{
    (void)state;
    const struct ferry_sim_options options = {.no_hse =
                                                  true}; /* the program knows another crystal */
    uint8_t rx[4];
    kit_open_board(&kit, "stm32f407_discovery", "spi", &options);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    uint32_t before = kit.events[FERRY_SIM_EV_MISUSE];
    assert_int_equal(ferry_sim_spi_transfer(kit.sim, NULL, rx, 4, 1000000), FERRY_SIM_OK);
    assert_memory_equal(rx, "\x40\x41\x42\x43", 4);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], before + 1); /* PE3 is not high */
    assert_int_equal(ferry_sim_spi_transfer(kit.sim, NULL, rx, 4, 1000000), FERRY_SIM_OK);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], before + 1);
    ferry_sim_line_set(kit.sim, FERRY_SIM_LINE_PIN + 4 * 16 + 3, 1);
    ferry_sim_reset(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    before = kit.events[FERRY_SIM_EV_MISUSE];
    assert_int_equal(ferry_sim_spi_transfer(kit.sim, NULL, rx, 4, 1000000), FERRY_SIM_OK);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], before);
    kit_close(&kit);
}

static void snapshot_holds_ccm(void **state)
{
    (void)state;
    kit_open_board(&kit, "stm32f407_discovery", "discovery", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(kit.sim);
    assert_non_null(shot);
    memset(ferry_sim_ram(kit.sim, 0x10000000u, 0x10000u), 0, 0x10000u);
    assert_int_equal(ferry_sim_restore(kit.sim, shot), FERRY_SIM_OK);
    ferry_sim_snapshot_free(shot);
    uint32_t word;
    memcpy(&word, ferry_sim_ram(kit.sim, 0x10000000u, 4), 4);
    assert_int_equal(word, 0x12345678u);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery_runs_at_168_mhz), cmocka_unit_test(discovery_memory_and_leds),
        cmocka_unit_test(single_is_a_blackpill),     cmocka_unit_test(neighbour_on_spi_is_told),
        cmocka_unit_test(snapshot_holds_ccm),
    };
    return cmocka_run_group_tests_name("sim_boards", tests, NULL, NULL);
}
