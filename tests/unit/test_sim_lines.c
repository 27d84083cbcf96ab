/* NRST, BOOT0 and pins by a gateway's hand. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

static void line(unsigned number, int level)
{
    assert_int_equal(ferry_sim_line_set(kit.sim, number, level), FERRY_SIM_OK);
}

static void start(void)
{
    kit_open(&kit, "echo", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_memory_equal(kit.rx, "hello", 5);
    kit.rx_count = 0;
}

static void nrst_holds_the_chip(void **state)
{
    (void)state;
    start();
    line(FERRY_SIM_LINE_NRST, 0);
    assert_int_equal(ferry_sim_line_get(kit.sim, FERRY_SIM_LINE_NRST), 0);
    assert_int_equal(ferry_sim_reset(kit.sim), FERRY_SIM_E_STATE);
    assert_true(ferry_sim_idle(kit.sim));
    ferry_sim_run_for(kit.sim, 100 * MS);
    assert_int_equal(kit.rx_count, 0);
    assert_int_equal(kit.events[FERRY_SIM_EV_RESET], 1); /* that of power-on */
    line(FERRY_SIM_LINE_NRST, -1);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_memory_equal(kit.rx, "hello", 5);
    assert_string_equal(kit.last[FERRY_SIM_EV_RESET].text, "pin");
    kit_close(&kit);
}

static void power_on_with_nrst_low(void **state)
{
    (void)state;
    kit_open(&kit, "echo", NULL);
    line(FERRY_SIM_LINE_NRST, 0);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 20 * MS);
    assert_int_equal(kit.events[FERRY_SIM_EV_RESET], 0);
    line(FERRY_SIM_LINE_NRST, 1);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_memory_equal(kit.rx, "hello", 5);
    assert_string_equal(kit.last[FERRY_SIM_EV_RESET].text, "power-on");
    kit_close(&kit);
}

static void nrst_tears_an_erase(void **state)
{
    (void)state;
    size_t size, risen = 0;
    static uint8_t zeros[0x20000];
    kit_open(&kit, "ring", NULL);
    ferry_sim_load(kit.sim, 0x08060000u, zeros, sizeof zeros);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    ferry_sim_uart_send(kit.sim, 0, "E", 1);
    ferry_sim_run_for(kit.sim, 100 * MS);
    assert_int_equal(kit.events[FERRY_SIM_EV_ERASE_START], 1);
    line(FERRY_SIM_LINE_NRST, 0);
    const uint8_t *sector = ferry_sim_flash(kit.sim, &size) + 0x60000;
    for (size_t i = 0; i < sizeof zeros; i++)
        risen += (size_t)__builtin_popcount(sector[i]);
    assert_in_range(risen, 1, sizeof zeros * 8 - 1);
    line(FERRY_SIM_LINE_NRST, 1);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    kit_close(&kit);
}

static void boot0_is_latched_at_reset(void **state)
{
    (void)state;
    struct ferry_sim_cpu cpu;
    start();
    line(FERRY_SIM_LINE_BOOT0, 1);
    ferry_sim_uart_send(kit.sim, 0, "a", 1);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(kit.rx_count, 1); /* not before a reset */
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(kit.sim);
    ferry_sim_reset(kit.sim);
    ferry_sim_run_for(kit.sim, 100 * MS);
    ferry_sim_cpu(kit.sim, &cpu);
    assert_int_equal(cpu.r[15] >> 16, 0x1FFF);
    assert_true(cpu.sleeping && !cpu.lockup);
    assert_int_equal(kit.rx_count, 1);
    assert_int_equal(ferry_sim_restore(kit.sim, shot), FERRY_SIM_OK);
    ferry_sim_uart_send(kit.sim, 0, "b", 1);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(kit.rx_count, 2); /* back in flash */
    ferry_sim_reset(kit.sim);
    line(FERRY_SIM_LINE_BOOT0, -1);
    ferry_sim_reset(kit.sim);
    kit.rx_count = 0;
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_memory_equal(kit.rx, "hello", 5);
    ferry_sim_snapshot_free(shot);
    kit_close(&kit);
}

static void pins_and_bad_lines(void **state)
{
    (void)state;
    unsigned pb2 = FERRY_SIM_LINE_PIN + 18;
    start();
    assert_int_equal(ferry_sim_line_get(kit.sim, pb2), 0);
    line(pb2, 1);
    assert_int_equal(ferry_sim_line_get(kit.sim, pb2), 1);
    line(pb2, -1);
    assert_int_equal(ferry_sim_line_get(kit.sim, pb2), 0);
    assert_int_equal(ferry_sim_line_get(kit.sim, 2), FERRY_SIM_E_ARGUMENT);
    assert_int_equal(ferry_sim_line_set(kit.sim, 15, 1), FERRY_SIM_E_ARGUMENT);
    assert_int_equal(ferry_sim_line_set(kit.sim, 16 + 128, 1), FERRY_SIM_E_ARGUMENT);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nrst_holds_the_chip), cmocka_unit_test(power_on_with_nrst_low),
        cmocka_unit_test(nrst_tears_an_erase), cmocka_unit_test(boot0_is_latched_at_reset),
        cmocka_unit_test(pins_and_bad_lines),
    };
    return cmocka_run_group_tests_name("sim_lines", tests, NULL, NULL);
}
