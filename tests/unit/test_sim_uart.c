/* UART with real byte times: interrupt, DMA double buffer, erase meanwhile, bad lines. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

static void start(const char *program)
{
    kit_open(&kit, program, NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    kit.rx_count = 0;
}

static void echoes_at_wire_speed(void **state)
{
    (void)state;
    start("echo");
    assert_int_equal(ferry_sim_uart_send(kit.sim, 0, "0123456789", 10), 10);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(kit.rx_count, 10);
    assert_memory_equal(kit.rx, "0123456789", 10);
    uint64_t nine_bytes = kit.rx_ns[9] - kit.rx_ns[0];
    assert_in_range(nine_bytes, 97000, 98500); /* 9 x 10 bits at 921600 is 97.66 us */
    assert_int_equal(ferry_sim_uart_queued(kit.sim, 0), 0);
    kit_close(&kit);
}

static void dma_double_buffer_and_idle(void **state)
{
    (void)state;
    uint8_t data[500];
    start("ring");
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (unsigned round = 0; round < 5; round++) {
        kit.rx_count = 0;
        assert_int_equal(ferry_sim_uart_send(kit.sim, 0, data, sizeof data), sizeof data);
        ferry_sim_run_for(kit.sim, 12 * MS);
        assert_int_equal(kit.rx_count, sizeof data);
        assert_memory_equal(kit.rx, data, sizeof data);
        assert_int_equal(kit_result(&kit, 1), round + 1); /* one silence each */
    }
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 0);
    kit_close(&kit);
}

static void reception_goes_on_while_a_sector_erases(void **state)
{
    (void)state;
    struct ferry_sim_counters c;
    start("ring");
    ferry_sim_uart_send(kit.sim, 0, "E", 1);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit.events[FERRY_SIM_EV_ERASE_START], 1);
    assert_int_equal(kit.events[FERRY_SIM_EV_ERASE_END], 0);
    ferry_sim_uart_send(kit.sim, 0, "while the core stands still", 27);
    ferry_sim_run_for(kit.sim, 500 * MS);
    assert_int_equal(kit.rx_count, 0);
    ferry_sim_run_for(kit.sim, 600 * MS);
    assert_memory_equal(kit.rx, "Ewhile the core stands still", 28);
    ferry_sim_counters(kit.sim, &c);
    assert_int_equal(c.uart_overrun[0], 0);
    kit_close(&kit);
}

static void wrong_baud_rate_garbles(void **state)
{
    (void)state;
    struct ferry_sim_counters c;
    start("echo");
    assert_int_equal(ferry_sim_uart_baud(kit.sim, 0, 115200), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_uart_baud(kit.sim, 7, 115200), FERRY_SIM_E_ARGUMENT);
    ferry_sim_uart_send(kit.sim, 0, "UUUU", 4);
    ferry_sim_run_for(kit.sim, 5 * MS);
    ferry_sim_counters(kit.sim, &c);
    assert_true(c.uart_framing[0] >= 4);
    assert_true(kit.rx_count == 0 || memcmp(kit.rx, "UUUU", 4) != 0);
    kit_close(&kit);
}

static void pulled_cable_loses_both_ways(void **state)
{
    (void)state;
    struct ferry_sim_counters c;
    start("echo");
    ferry_sim_counters_reset(kit.sim);
    ferry_sim_uart_plug(kit.sim, 0, false);
    ferry_sim_uart_send(kit.sim, 0, "lost", 4);
    ferry_sim_run_for(kit.sim, MS);
    ferry_sim_uart_plug(kit.sim, 0, true);
    ferry_sim_uart_send(kit.sim, 0, "kept", 4);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(kit.rx_count, 4);
    assert_memory_equal(kit.rx, "kept", 4);
    ferry_sim_counters(kit.sim, &c);
    assert_int_equal(c.uart_to_node[0], 4);
    assert_int_equal(c.uart_from_node[0], 4);
    kit_close(&kit);
}

static void noise_changes_bytes(void **state)
{
    (void)state;
    uint8_t zeros[1000] = {0};
    unsigned wrong = 0;
    start("echo");
    ferry_sim_uart_noise(kit.sim, 0, 20);
    ferry_sim_uart_send(kit.sim, 0, zeros, sizeof zeros);
    ferry_sim_run_for(kit.sim, 20 * MS);
    for (size_t i = 0; i < kit.rx_count; i++)
        wrong += kit.rx[i] != 0;
    assert_in_range(wrong, 50, 150); /* 2 x 5 % */
    kit_close(&kit);
}

static void queue_has_an_end(void **state)
{
    (void)state;
    static uint8_t data[20000];
    start("echo");
    assert_int_equal(ferry_sim_uart_send(kit.sim, 0, data, sizeof data), 16384);
    assert_int_equal(ferry_sim_uart_queued(kit.sim, 0), 16384);
    ferry_sim_uart_flush(kit.sim, 0);
    assert_int_equal(ferry_sim_uart_queued(kit.sim, 0), 0);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_at_wire_speed),
        cmocka_unit_test(dma_double_buffer_and_idle),
        cmocka_unit_test(reception_goes_on_while_a_sector_erases),
        cmocka_unit_test(wrong_baud_rate_garbles),
        cmocka_unit_test(pulled_cable_loses_both_ways),
        cmocka_unit_test(noise_changes_bytes),
        cmocka_unit_test(queue_has_an_end),
    };
    return cmocka_run_group_tests_name("sim_uart", tests, NULL, NULL);
}
