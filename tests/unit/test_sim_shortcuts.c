/* What is passed over comes out as if executed: registers, memory, time, instructions. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

struct erase {
    uint64_t hash, skipped_ns, halfwords;
};

/* An erase is waited for in RAM, with bytes that arrive meanwhile. */
static struct erase wait_for_an_erase(const char *program, bool shortcuts)
{
    struct ferry_sim_counters counters;
    kit_open(&kit, program, NULL);
    ferry_sim_shortcuts(kit.sim, shortcuts);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 300 * MS + 7);
    ferry_sim_uart_send(kit.sim, 0, "noise", 5);
    ferry_sim_run_for(kit.sim, 1000 * MS);
    ferry_sim_counters(kit.sim, &counters);
    struct erase result = {.skipped_ns = ferry_sim_skipped_ns(kit.sim),
                           .halfwords = counters.halfwords};
    result.hash = kit_state_hash(&kit) + ferry_sim_time_ns(kit.sim);
    kit_close(&kit);
    return result;
}

static void a_wait_passed_over_ends_as_one_executed(void **state)
{
    (void)state;
    struct erase whole = wait_for_an_erase("ramwait", false);
    struct erase passed = wait_for_an_erase("ramwait", true);
    assert_true(whole.skipped_ns == 0);
    assert_in_range(passed.skipped_ns, 500 * MS, 1300 * MS);
    assert_true(whole.halfwords == passed.halfwords);
    assert_true(whole.hash == passed.hash);
}

/* Its turns are counted: no round is like the one before, and none may be left out. */
static void a_wait_that_counts_is_executed(void **state)
{
    (void)state;
    struct erase whole = wait_for_an_erase("ramcode", false);
    struct erase passed = wait_for_an_erase("ramcode", true);
    assert_true(whole.halfwords == passed.halfwords);
    assert_true(whole.hash == passed.hash);
}

/* The same with unstable bits in a word, at which each round may look. */
static struct erase wait_beside_unstable_bits(uint32_t look, bool shortcuts)
{
    struct ferry_sim_cut_plan plan = {FERRY_SIM_CUT_TORN, 1, 7, true, FERRY_SIM_TEAR_HALF};
    struct ferry_sim_counters counters;
    kit_open(&kit, "ramwait", NULL);
    ferry_sim_shortcuts(kit.sim, shortcuts);
    ferry_sim_pace(kit.sim, 7); /* no round fits the period of the flips */
    assert_int_equal(ferry_sim_load(kit.sim, 0x0800C200u, &look, sizeof look), FERRY_SIM_OK);
    ferry_sim_plan_cut(kit.sim, &plan);
    ferry_sim_power_on(kit.sim);
    assert_int_equal(ferry_sim_run_for(kit.sim, 1000 * MS), FERRY_SIM_STOP_POWER_CUT);
    assert_true(ferry_sim_unstable(kit.sim) > 0);
    ferry_sim_power_on(kit.sim);
    for (unsigned i = 0; i < 2600; i++) /* a host that looks in, as a gateway does */
        ferry_sim_run_for(kit.sim, 500000);
    ferry_sim_counters(kit.sim, &counters);
    struct erase result = {.skipped_ns = ferry_sim_skipped_ns(kit.sim),
                           .halfwords = counters.halfwords};
    result.hash = kit_state_hash(&kit) + ferry_sim_time_ns(kit.sim);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    kit_close(&kit);
    return result;
}

static void unstable_bits_flip_while_a_wait_is_passed_over(void **state)
{
    (void)state;
    struct erase whole = wait_beside_unstable_bits(1, false);
    struct erase passed = wait_beside_unstable_bits(1, true);
    assert_in_range(passed.skipped_ns, 500 * MS, 1300 * MS);
    assert_true(whole.halfwords == passed.halfwords);
    assert_true(whole.hash == passed.hash);
}

static void a_wait_that_looks_at_unstable_bits_is_executed(void **state)
{
    (void)state;
    struct erase whole = wait_beside_unstable_bits(0, false);
    struct erase passed = wait_beside_unstable_bits(0, true);
    assert_true(passed.skipped_ns == 0);
    assert_true(whole.halfwords == passed.halfwords);
    assert_true(whole.hash == passed.hash);
}

static bool never(void *ctx, struct ferry_sim *sim)
{
    (void)ctx;
    (void)sim;
    return false;
}

/* A core that sleeps in ST's boot loader: flips of unstable bits are done at once, but not while
 * somebody asks after each step. The program that runs afterwards looks at them. */
static uint64_t sleep_beside_unstable_bits(bool asked)
{
    const struct ferry_sim_cut_plan plan = {FERRY_SIM_CUT_TORN, 1, 7, true, FERRY_SIM_TEAR_HALF};
    struct ferry_sim_counters counters;
    const uint32_t look = 0;
    kit_open(&kit, "ramwait", NULL);
    assert_int_equal(ferry_sim_load(kit.sim, 0x0800C200u, &look, sizeof look), FERRY_SIM_OK);
    ferry_sim_plan_cut(kit.sim, &plan);
    ferry_sim_power_on(kit.sim);
    assert_int_equal(ferry_sim_run_for(kit.sim, 1000 * MS), FERRY_SIM_STOP_POWER_CUT);
    assert_true(ferry_sim_unstable(kit.sim) > 0);
    ferry_sim_line_set(kit.sim, FERRY_SIM_LINE_BOOT0, 1);
    ferry_sim_power_on(kit.sim);
    for (unsigned i = 0; i < 70; i++) {
        if (asked)
            ferry_sim_run_while_not(kit.sim, never, NULL, 1000003);
        else
            ferry_sim_run_for(kit.sim, 1000003);
    }
    assert_true(ferry_sim_idle(kit.sim));
    ferry_sim_line_set(kit.sim, FERRY_SIM_LINE_BOOT0, 0);
    ferry_sim_reset(kit.sim);
    ferry_sim_run_for(kit.sim, 300 * MS);
    ferry_sim_counters(kit.sim, &counters);
    uint64_t hash = kit_state_hash(&kit) + ferry_sim_time_ns(kit.sim) + counters.sleeping_ns * 3;
    kit_close(&kit);
    return hash;
}

static void unstable_bits_flip_while_the_core_sleeps(void **state)
{
    (void)state;
    assert_true(sleep_beside_unstable_bits(false) == sleep_beside_unstable_bits(true));
}

/* Interrupts come in the middle of it and look at registers and flags. */
static struct erase count_down(uint32_t pace, bool shortcuts)
{
    struct ferry_sim_counters counters;
    kit_open(&kit, "countdown", NULL);
    ferry_sim_shortcuts(kit.sim, shortcuts);
    ferry_sim_pace(kit.sim, pace);
    ferry_sim_power_on(kit.sim);
    for (unsigned i = 0; i < 1500; i++)
        ferry_sim_run_for(kit.sim, 1000003);
    ferry_sim_counters(kit.sim, &counters);
    struct erase result = {.skipped_ns = ferry_sim_skipped_ns(kit.sim),
                           .halfwords = counters.halfwords};
    result.hash = kit_state_hash(&kit) + ferry_sim_time_ns(kit.sim);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_in_range(kit_result(&kit, 2), 400, UINT32_MAX);
    kit_close(&kit);
    return result;
}

static void counting_down_is_interrupted_at_the_same_count(void **state)
{
    (void)state;
    for (uint32_t pace = 1; pace < 7; pace += 5) {
        struct erase whole = count_down(pace, false);
        struct erase passed = count_down(pace, true);
        assert_true(whole.skipped_ns == 0);
        assert_in_range(passed.skipped_ns, 50 * MS, 1500 * MS);
        assert_true(whole.halfwords == passed.halfwords);
        assert_true(whole.hash == passed.hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_passed_over_ends_as_one_executed),
        cmocka_unit_test(a_wait_that_counts_is_executed),
        cmocka_unit_test(unstable_bits_flip_while_a_wait_is_passed_over),
        cmocka_unit_test(a_wait_that_looks_at_unstable_bits_is_executed),
        cmocka_unit_test(unstable_bits_flip_while_the_core_sleeps),
        cmocka_unit_test(counting_down_is_interrupted_at_the_same_count),
    };
    return cmocka_run_group_tests_name("sim_shortcuts", tests, NULL, NULL);
}
