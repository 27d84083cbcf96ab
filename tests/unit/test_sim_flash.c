/* The flash controller refuses what the chip refuses, and takes the time the chip takes. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

static void keeps_its_contract(void **state)
{
    (void)state;
    static const uint32_t expected[] = {
        GREEN, 1u << 7,     0, 1u << 6,     1, 0, 0, 0x123400FFu, 0xFFFFA5FFu, 0xFFFFBEEFu, 1u << 4,
        0,     0xFFFFFFFFu, 1, 0x80000000u, 0, 1, 0, 512,         0x44332211u, 0x431,
    };
    const uint8_t uid[FERRY_SIM_UID_BYTES] = {0x11, 0x22, 0x33, 0x44};
    struct ferry_sim_options options = {.uid = uid};
    kit_open(&kit, "contract", &options);
    ferry_sim_set_option_bytes(kit.sim, 0x0FFEAAECu); /* nWRP0 = 0: sector 0 protected */
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 2000 * MS);
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(kit_result(&kit, i), expected[i]);
    struct ferry_sim_counters c;
    ferry_sim_counters(kit.sim, &c);
    assert_int_equal(c.erases[7], 1);
    assert_int_equal(c.erases[0], 0);
    assert_int_equal(c.words_programmed[7], 5);
    assert_int_equal(c.bytes_programmed, 3 * 4 + 2 + 1);
    kit_close(&kit);
}

static void erase_stalls_the_core_for_its_time(void **state)
{
    (void)state;
    struct ferry_sim_counters c;
    kit_open(&kit, "writer", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 900 * MS);
    assert_int_equal(kit_result(&kit, 0), 1); /* still in the erase of 128 KB: 1 s */
    ferry_sim_run_for(kit.sim, 200 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    uint64_t took = kit.last[FERRY_SIM_EV_ERASE_END].time_ns -
                    1000 * MS; /* started a few microseconds after power-on */
    assert_in_range(took, 0, MS);
    ferry_sim_counters(kit.sim, &c);
    assert_int_equal(c.stalled_ns / 1000, 1000000 + 64 * 16);
    kit_close(&kit);
}

static void stale_cache_lines_show_until_reset(void **state)
{
    (void)state;
    static const uint32_t expected[] = {GREEN,       0,           0,           0xCAFEF00Du,
                                        0xCAFEF00Du, 0xFFFFFFFFu, 0xCAFEF00Du, 0xFFFFFFFFu,
                                        0,           0xFFFFFFFFu, 0xCAFEF00Du};
    kit_open(&kit, "cache", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 4000 * MS);
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(kit_result(&kit, i), expected[i]);
    kit_close(&kit);
}

static void code_in_ram_runs_during_an_erase(void **state)
{
    (void)state;
    kit_open(&kit, "ramcode", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 900 * MS);
    assert_int_equal(kit_result(&kit, 1), 1000); /* saw BSY a thousand times */
    assert_int_not_equal(kit_result(&kit, 0), GREEN);
    ferry_sim_run_for(kit.sim, 200 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(kit_result(&kit, 2), 0); /* back in flash: over */
    kit_close(&kit);
}

static void loads_hex_and_option_bytes(void **state)
{
    (void)state;
    static const char hex[] = ":020000040800F2\n:0400100001020304E2\r\n:020000041FFFDC\n"
                              ":02C00000EFAAA5\n:02C00800FEFF39\n:00000001FF\n";
    static const char bad_sum[] = ":0400100001020304E3\n:00000001FF\n";
    static const char cut_short[] = ":04001000010203";
    struct ferry_sim *sim;
    assert_int_equal(ferry_sim_create(&sim, "stm32f411_blackpill", NULL), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_load_hex(sim, hex, sizeof hex - 1), FERRY_SIM_OK);
    assert_memory_equal(ferry_sim_flash(sim, NULL) + 16, "\1\2\3\4", 4);
    assert_int_equal(ferry_sim_option_bytes(sim) & 0x00FFFFECu, 0x00FEAAECu);
    assert_int_equal(ferry_sim_load_hex(sim, bad_sum, sizeof bad_sum - 1), FERRY_SIM_E_FORMAT);
    assert_int_equal(ferry_sim_load_hex(sim, cut_short, sizeof cut_short - 1), FERRY_SIM_E_FORMAT);
    assert_int_equal(ferry_sim_load_hex(sim, "", 0), FERRY_SIM_E_FORMAT);
    ferry_sim_destroy(sim);
}

static void loads_only_into_flash(void **state)
{
    (void)state;
    struct ferry_sim *sim;
    uint8_t two[2] = {1, 2};
    assert_int_equal(ferry_sim_create(&sim, "no_such_board", NULL), FERRY_SIM_E_BOARD);
    assert_int_equal(ferry_sim_create(&sim, "stm32f411_blackpill", NULL), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_load(sim, 0x0807FFFFu, two, 2), FERRY_SIM_E_RANGE);
    assert_int_equal(ferry_sim_load(sim, 0x0807FFFEu, two, 2), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_load(sim, 0x07FFFFFFu, two, 2), FERRY_SIM_E_RANGE);
    assert_int_equal(ferry_sim_load(sim, 0x20000000u, two, 2), FERRY_SIM_E_RANGE);
    assert_int_equal(ferry_sim_load(sim, 0xFFFFFFFFu, two, 2), FERRY_SIM_E_RANGE);
    ferry_sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_contract),
        cmocka_unit_test(erase_stalls_the_core_for_its_time),
        cmocka_unit_test(stale_cache_lines_show_until_reset),
        cmocka_unit_test(code_in_ram_runs_during_an_erase),
        cmocka_unit_test(loads_hex_and_option_bytes),
        cmocka_unit_test(loads_only_into_flash),
    };
    return cmocka_run_group_tests_name("sim_flash", tests, NULL, NULL);
}
