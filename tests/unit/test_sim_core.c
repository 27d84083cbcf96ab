/* The core of the virtual board: boot, clock, exceptions, faults. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

static void boots_at_100_mhz_and_blinks(void **state)
{
    (void)state;
    struct ferry_sim_cpu cpu;
    kit_open(&kit, "echo", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 2100 * MS);
    assert_memory_equal(kit.rx, "hello 05f5e100\n", 15);
    ferry_sim_cpu(kit.sim, &cpu);
    assert_int_equal(cpu.hclk_hz, 100000000);
    assert_int_equal(kit.events[FERRY_SIM_EV_LED], 4); /* each 500 ms */
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 0);
    assert_true(ferry_sim_idle(kit.sim));
    kit_close(&kit);
}

static void falls_back_to_hsi_without_crystal(void **state)
{
    (void)state;
    struct ferry_sim_options options = {.no_hse = true};
    kit_open(&kit, "echo", &options);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 100 * MS);
    assert_memory_equal(kit.rx, "hello 05f5e100\n", 15);
    kit_close(&kit);
}

static void exceptions_come_in_order(void **state)
{
    (void)state;
    static const uint32_t order[] = {
        1,  2,
        3,  9, /* SVC pends PendSV: after it, before main goes on */
        10, 3,
        11, /* PRIMASK holds PendSV back */
        12, 3,
        13, /* so does BASEPRI */
        4,  5,
        6, /* priority 0x40 preempts 0x80 */
        1,  2,
        3,                      /* from the process stack */
        20, 1u << 16,           /* UsageFault: UNDEFINSTR */
        21, 1u << 9 | 1u << 15, /* BusFault: PRECISERR, BFARVALID */
        22, 1u << 16,           /* UsageFault off: HardFault */
    };
    kit_open(&kit, "exceptions", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(kit_result(&kit, 8), sizeof order / sizeof order[0]);
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_int_equal(kit_result(&kit, 16 + i), order[i]);
    assert_int_equal(kit_result(&kit, 10), 1u << 30); /* HFSR.FORCED */
    assert_int_equal(kit.events[FERRY_SIM_EV_FAULT], 3);
    kit_close(&kit);
}

static void fpu_context_survives_an_exception(void **state)
{
    (void)state;
    kit_open(&kit, "exceptions", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 5), 0x41000000); /* 8.0f, though the handler wrote 1.0f */
    assert_int_equal(kit_result(&kit, 6), 0x41800000);
    assert_int_equal(kit_result(&kit, 7), 1); /* and the process stack is where it was */
    kit_close(&kit);
}

static void bit_band_and_cycle_counter(void **state)
{
    (void)state;
    kit_open(&kit, "exceptions", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 11), 0x80);
    assert_int_equal(kit_result(&kit, 12), 1);
    assert_in_range(kit_result(&kit, 13), 200, 5000);
    kit_close(&kit);
}

#define GUARD 0x20008420u

static void mpu_guard_is_enforced(void **state)
{
    (void)state;
    enum { MEM = 20, HARD = 23, VIOLATION = 0x82, STACKING = 0x10, FORCED = 1 << 30 };
    static const uint32_t log[] = {
        GUARD, /* MPU off */
        GUARD - 4,
        (GUARD - 4) << 16 | (GUARD - 8) >> 16,
        GUARD + 32, /* beside it */
        (GUARD & 0xFFFFFFu) - 4 + 0xAB000000u,
        MEM,
        VIOLATION,
        GUARD,
        0,
        MEM,
        VIOLATION,
        GUARD + 28,
        0,
        MEM,
        VIOLATION,
        GUARD,
        0,
        HARD,
        VIOLATION | STACKING,
        GUARD + 28,
        FORCED,
        GUARD, /* seen from HardFault */
        GUARD, /* a region above it allows it */
        HARD,
        VIOLATION,
        GUARD,
        FORCED,
        GUARD,      /* it is gone */
        GUARD,      /* FAULTMASK */
        GUARD + 28, /* no store came through */
    };
    kit_open(&kit, "mpu", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(kit_result(&kit, 8), sizeof log / sizeof log[0]);
    for (unsigned i = 0; i < sizeof log / sizeof log[0]; i++)
        assert_int_equal(kit_result(&kit, 16 + i), log[i]);
    kit_close(&kit);
}

static void interrupt_storm_changes_nothing(void **state)
{
    (void)state;
    kit_open(&kit, "storm", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 100 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(kit_result(&kit, 1), 0);
    assert_true(kit_result(&kit, 2) > 100);
    assert_int_equal(kit_result(&kit, 3), 7 + 2 * 1200); /* 7 is odd and stays so */
    kit_close(&kit);
}

static void misuse_is_told(void **state)
{
    (void)state;
    kit_open(&kit, "misuse", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(kit.events[FERRY_SIM_EV_MISUSE], 3); /* wait states, APB1, PLLCFGR */
    assert_int_equal(kit_result(&kit, 1), 3);             /* PLL still on and ready */
    assert_int_equal(kit_result(&kit, 2), 1);
    kit_close(&kit);
}

static void empty_flash_locks_up_and_only_that(void **state)
{
    (void)state;
    struct ferry_sim *sim;
    struct ferry_sim_cpu cpu;
    assert_int_equal(ferry_sim_create(&sim, "stm32f411_blackpill", NULL), FERRY_SIM_OK);
    ferry_sim_power_on(sim);
    assert_int_equal(ferry_sim_run_for(sim, 1000 * MS), FERRY_SIM_STOP_LIMIT);
    ferry_sim_cpu(sim, &cpu);
    assert_true(cpu.lockup);
    assert_int_equal(ferry_sim_time_ns(sim), 1000 * MS);
    ferry_sim_destroy(sim);
}

static void stack_use_is_seen(void **state)
{
    (void)state;
    kit_open(&kit, "echo", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    uint32_t used = ferry_sim_stack_used(kit.sim, 0x20008000u, 0x20010000u);
    assert_in_range(used, 16, 512);
    assert_int_equal(ferry_sim_stack_used(kit.sim, 0x30000000u, 0x30000100u), 0);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boots_at_100_mhz_and_blinks),
        cmocka_unit_test(falls_back_to_hsi_without_crystal),
        cmocka_unit_test(exceptions_come_in_order),
        cmocka_unit_test(fpu_context_survives_an_exception),
        cmocka_unit_test(bit_band_and_cycle_counter),
        cmocka_unit_test(interrupt_storm_changes_nothing),
        cmocka_unit_test(mpu_guard_is_enforced),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(empty_flash_locks_up_and_only_that),
        cmocka_unit_test(stack_use_is_seen),
    };
    return cmocka_run_group_tests_name("sim_core", tests, NULL, NULL);
}
