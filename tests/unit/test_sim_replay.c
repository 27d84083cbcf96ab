/* The same inputs give the same run, however it is sliced, and from a snapshot too. */
#include "test_sim_kit.h"

#include <string.h>

static struct kit kit;

/* A session with bytes, an erase and noise, run in slices of slice_ns. */
static uint64_t session(uint64_t slice_ns)
{
    kit_open(&kit, "ring", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_uart_noise(kit.sim, 0, 30);
    ferry_sim_run_until(kit.sim, 10 * MS);
    ferry_sim_uart_send(kit.sim, 0, "hello to whoever listens", 24);
    for (uint64_t end = 10 * MS; end < 101 * MS; end += slice_ns)
        ferry_sim_run_until(kit.sim, end);
    ferry_sim_run_until(kit.sim, 101 * MS);
    ferry_sim_uart_send(kit.sim, 0, "Erase", 5);
    ferry_sim_run_until(kit.sim, 1300 * MS);
    uint64_t hash = kit_state_hash(&kit);
    kit_close(&kit);
    return hash;
}

static void same_inputs_same_run(void **state)
{
    (void)state;
    uint64_t first = session(100 * MS);
    assert_true(first == session(100 * MS));
    assert_true(first == session(MS));
    assert_true(first == session(12345));
}

static uint64_t go_on(void)
{
    kit.rx_count = 0;
    kit.hash = 0;
    ferry_sim_uart_send(kit.sim, 0, "Erase, then go on", 17);
    ferry_sim_run_for(kit.sim, 1300 * MS);
    return kit_state_hash(&kit);
}

static void restore_goes_back_completely(void **state)
{
    (void)state;
    kit_open(&kit, "ring", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    ferry_sim_uart_send(kit.sim, 0, "under way", 9);
    ferry_sim_run_for(kit.sim, 50000); /* in the middle of a stretch, DMA running */
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(kit.sim);
    uint64_t time = ferry_sim_time_ns(kit.sim), first = go_on();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ferry_sim_restore(kit.sim, shot), FERRY_SIM_OK);
        assert_true(ferry_sim_time_ns(kit.sim) == time);
        assert_true(go_on() == first);
    }
    ferry_sim_snapshot_free(shot);
    kit_close(&kit);
}

static void thousands_of_restores(void **state)
{
    (void)state;
    kit_open(&kit, "echo", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    struct ferry_sim_snapshot *shot = ferry_sim_snapshot(kit.sim);
    for (unsigned i = 0; i < 3200; i++) { /* the engine is renewed on the way */
        uint8_t byte = (uint8_t)i;
        assert_int_equal(ferry_sim_restore(kit.sim, shot), FERRY_SIM_OK);
        kit.rx_count = 0;
        ferry_sim_uart_send(kit.sim, 0, &byte, 1);
        ferry_sim_run_for(kit.sim, 100000);
        assert_int_equal(kit.rx_count, 1);
        assert_int_equal(kit.rx[0], byte);
    }
    ferry_sim_snapshot_free(shot);
    kit_close(&kit);
}

static bool got_ten(void *ctx, struct ferry_sim *sim)
{
    (void)sim;
    return ((struct kit *)ctx)->rx_count >= 10;
}

static void count_tick(void *ctx, struct ferry_sim *sim)
{
    unsigned *ticks = ctx;
    if (++*ticks == 5)
        ferry_sim_stop(sim);
}

static void predicate_tick_and_stop(void **state)
{
    (void)state;
    unsigned ticks = 0;
    kit_open(&kit, "echo", NULL);
    ferry_sim_power_on(kit.sim);
    assert_int_equal(ferry_sim_run_while_not(kit.sim, got_ten, &kit, 100 * MS),
                     FERRY_SIM_STOP_REQUESTED);
    assert_int_equal(kit.rx_count, 10);
    assert_true(ferry_sim_time_ns(kit.sim) < 3 * MS);
    ferry_sim_on_tick(kit.sim, 10 * MS, count_tick, &ticks);
    assert_int_equal(ferry_sim_run_for(kit.sim, 1000 * MS), FERRY_SIM_STOP_REQUESTED);
    assert_int_equal(ticks, 5);
    assert_in_range(ferry_sim_time_ns(kit.sim), 50 * MS, 54 * MS);
    kit_close(&kit);
}

/* Halfwords that the echo program executes while `text` goes to and fro in 20 ms. */
static uint64_t echo_at_pace(uint32_t pace)
{
    struct ferry_sim_counters counters;
    kit_open(&kit, "echo", NULL);
    ferry_sim_pace(kit.sim, pace);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 10 * MS);
    size_t before = kit.rx_count;
    ferry_sim_uart_send(kit.sim, 0, "abc", 3);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit.rx_count, before + 3);
    ferry_sim_counters(kit.sim, &counters);
    kit_close(&kit);
    return counters.halfwords;
}

static void a_slower_core_on_the_same_wire(void **state)
{
    (void)state;
    uint64_t whole = echo_at_pace(1), tenth = echo_at_pace(10);
    assert_true(tenth > 0 && tenth < whole / 5);
    assert_true(echo_at_pace(0) == whole); /* 0 is taken for 1 */
}

static void cause(void *ctx, const struct ferry_sim_event *event)
{
    if (event->kind == FERRY_SIM_EV_RESET)
        *(const char **)ctx = event->text;
}

static void the_watchdog_resets_when_told(void **state)
{
    (void)state;
    const char *told = "";
    kit_open(&kit, "echo", NULL);
    ferry_sim_on_event(kit.sim, cause, &told);
    assert_int_equal(ferry_sim_watchdog(kit.sim), FERRY_SIM_E_STATE);
    ferry_sim_power_on(kit.sim);
    assert_string_equal(told, "power-on");
    assert_int_equal(ferry_sim_watchdog(kit.sim), FERRY_SIM_OK);
    assert_string_equal(told, "watchdog");
    kit_close(&kit);
}

struct entries {
    uint32_t start, tick, starts, ticks;
    uint64_t last_ns;
};

static void count_entry(void *ctx, struct ferry_sim *sim, uint32_t address)
{
    struct entries *seen = ctx;
    assert_true(address == seen->start || address == seen->tick);
    assert_true(ferry_sim_time_ns(sim) >= seen->last_ns);
    seen->last_ns = ferry_sim_time_ns(sim);
    seen->starts += address == seen->start;
    seen->ticks += address == seen->tick;
}

/* The program counts its interrupts itself; the vector table says where its handlers are. */
static void every_entry_of_a_function_is_heard_once(void **state)
{
    struct entries seen = {0};
    uint32_t vectors[16];
    (void)state;
    kit_open(&kit, "storm", NULL);
    memcpy(vectors, ferry_sim_flash(kit.sim, NULL), sizeof vectors);
    seen.start = vectors[1] & ~1u;
    seen.tick = vectors[15] & ~1u;
    assert_int_equal(ferry_sim_on_enter(kit.sim, vectors[1], count_entry, &seen), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_on_enter(kit.sim, vectors[15], count_entry, &seen), FERRY_SIM_OK);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, 1000 * MS);
    assert_int_equal(kit_result(&kit, 0), GREEN);
    assert_int_equal(seen.starts, 1);
    assert_in_range(seen.ticks, 1000, UINT32_MAX);
    assert_int_equal(seen.ticks, kit_result(&kit, 2));
    ferry_sim_reset(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    assert_int_equal(seen.starts, 2);
    assert_int_equal(ferry_sim_on_enter(kit.sim, 0x08000100, count_entry, &seen), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_on_enter(kit.sim, 0x08000102, count_entry, &seen), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_on_enter(kit.sim, 0x08000104, count_entry, &seen),
                     FERRY_SIM_E_ARGUMENT);
    kit_close(&kit);
}

struct call {
    uint32_t result, cycles, executed;
};

/* The program calls its function. `unused` is no argument of it. */
static struct call call(uint32_t seed, uint32_t step, uint32_t unused)
{
    kit_tell(&kit, 2, seed);
    kit_tell(&kit, 3, step);
    kit_tell(&kit, 4, unused);
    kit_tell(&kit, 0, 1);
    ferry_sim_run_for(kit.sim, 10 * MS);
    assert_int_equal(kit_result(&kit, 0), 0);
    return (struct call){kit_result(&kit, 5), kit_result(&kit, 6), kit_result(&kit, 7)};
}

static uint32_t expected(uint32_t seed, uint32_t step)
{
    for (uint32_t i = 0; i < 1000; i++)
        seed = (seed ^ i) * (step ^ (i & 1u) << 4);
    return seed;
}

static void assert_replayed(const struct call *replayed, const struct call *executed)
{
    assert_int_equal(replayed->result, executed->result);
    assert_int_equal(replayed->executed, executed->executed);
    assert_in_range(replayed->cycles + 20u, executed->cycles, executed->cycles + 40u);
}

static void open_pure(uint32_t *address)
{
    kit_open(&kit, "pure", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    *address = kit_result(&kit, 1);
}

static void a_pure_function_is_executed_once_for_each_input(void **state)
{
    static const uint32_t sizes[4] = {4, 0, 8, 0};
    uint32_t address;
    (void)state;
    open_pure(&address);
    assert_int_equal(ferry_sim_replay(kit.sim, address, sizes), FERRY_SIM_OK);
    struct call first = call(1, 5, 0);
    assert_int_equal(first.result, expected(1, 5));
    assert_int_equal(first.executed, 1);
    struct call second = call(1, 5, 77);
    assert_replayed(&second, &first);
    assert_int_equal(ferry_sim_replayed(kit.sim), 1);
    struct call other = call(2, 5, 0); /* another byte behind r0, then one behind r2 */
    assert_int_equal(other.result, expected(2, 5));
    assert_int_equal(other.executed, 2);
    other = call(1, 7, 0);
    assert_int_equal(other.result, expected(1, 7));
    assert_int_equal(other.executed, 3);
    ferry_sim_pace(kit.sim, 3); /* its time does not depend on the pace */
    second = call(1, 7, 0);
    assert_int_equal(second.executed, 3);
    assert_int_equal(second.result, other.result);
    assert_true(second.cycles < other.cycles + other.cycles / 10);
    kit_close(&kit);
}

static void replay_ends_and_begins_again(void **state)
{
    static const uint32_t sizes[4] = {4, 0, 8, 0};
    uint32_t address;
    (void)state;
    open_pure(&address);
    assert_int_equal(ferry_sim_replay(kit.sim, address, sizes), FERRY_SIM_OK);
    struct call first = call(1, 5, 0);
    ferry_sim_replay_none(kit.sim);
    struct call again = call(1, 5, 0);
    assert_int_equal(again.result, first.result);
    assert_int_equal(again.executed, 2);
    assert_int_equal(ferry_sim_replayed(kit.sim), 0);
    assert_int_equal(ferry_sim_replay(kit.sim, address, sizes), FERRY_SIM_OK);
    struct call replayed = call(1, 5, 0);
    assert_replayed(&replayed, &again);
    kit_close(&kit);
}

static void a_reset_in_a_pure_function_leaves_no_result(void **state)
{
    static const uint32_t sizes[4] = {4, 0, 8, 0};
    uint32_t address;
    (void)state;
    open_pure(&address);
    assert_int_equal(ferry_sim_replay(kit.sim, address, sizes), FERRY_SIM_OK);
    kit_tell(&kit, 2, 1);
    kit_tell(&kit, 3, 5);
    kit_tell(&kit, 0, 1);
    ferry_sim_run_for(kit.sim, MS / 10); /* in the middle of it */
    assert_int_equal(kit_result(&kit, 0), 1);
    ferry_sim_reset(kit.sim);
    ferry_sim_run_for(kit.sim, MS);
    struct call first = call(1, 5, 0);
    assert_int_equal(first.result, expected(1, 5));
    assert_int_equal(first.executed, 1);
    kit_close(&kit);
}

static void what_cannot_be_replayed_is_refused(void **state)
{
    static const uint32_t sizes[4] = {4, 0, 8, 0}, large[4] = {253, 1, 1, 1};
    (void)state;
    kit_open(&kit, "pure", NULL);
    assert_int_equal(ferry_sim_replay(kit.sim, 0x08000101u, large), FERRY_SIM_OK);
    static const uint32_t larger[4] = {253, 1, 1, 2};
    assert_int_equal(ferry_sim_replay(kit.sim, 0x08000101u, larger), FERRY_SIM_E_ARGUMENT);
    for (uint32_t i = 1; i < 4; i++)
        assert_int_equal(ferry_sim_replay(kit.sim, 0x08000101u + 2u * i, sizes), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_replay(kit.sim, 0x08000201u, sizes), FERRY_SIM_E_ARGUMENT);
    kit_close(&kit);
}

static void events_are_json(void **state)
{
    (void)state;
    char json[300];
    struct ferry_sim_event e = {1234, FERRY_SIM_EV_LED, 0, 1, 0, "C13"};
    int length = ferry_sim_event_json(&e, json, sizeof json);
    assert_int_equal(length, (int)strlen(json));
    assert_string_equal(json, "{\"t_ns\":1234,\"event\":\"led\",\"led\":\"C13\",\"on\":true}");
    assert_int_equal(ferry_sim_event_json(&e, json, 10), -1);
    for (int kind = 0; kind < FERRY_SIM_EV_COUNT; kind++) {
        e.kind = (enum ferry_sim_event_kind)kind;
        e.a = e.b = e.c = 0xFFFFFFFFu;
        e.time_ns = UINT64_MAX;
        assert_in_range(ferry_sim_event_json(&e, json, sizeof json), 10, 256);
    }
}

static void pins_and_names(void **state)
{
    (void)state;
    assert_int_equal(ferry_sim_pin_number("PC13"), 45);
    assert_int_equal(ferry_sim_pin_number("PA0"), 0);
    static const char *const bad[] = {"", "P", "PA", "PA16", "PZ1", "PA123", "A1", "PA1x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ferry_sim_pin_number(bad[i]), -1);
    kit_open(&kit, "echo", NULL);
    ferry_sim_power_on(kit.sim);
    ferry_sim_pin_set(kit.sim, 0, 1);
    assert_int_equal(ferry_sim_pin_get(kit.sim, 0), 1);
    ferry_sim_pin_set(kit.sim, 0, -1);
    assert_int_equal(ferry_sim_pin_get(kit.sim, 0), 0);
    assert_string_equal(ferry_sim_led_name(kit.sim, 0), "C13");
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_inputs_same_run),
        cmocka_unit_test(restore_goes_back_completely),
        cmocka_unit_test(thousands_of_restores),
        cmocka_unit_test(predicate_tick_and_stop),
        cmocka_unit_test(every_entry_of_a_function_is_heard_once),
        cmocka_unit_test(a_pure_function_is_executed_once_for_each_input),
        cmocka_unit_test(replay_ends_and_begins_again),
        cmocka_unit_test(a_reset_in_a_pure_function_leaves_no_result),
        cmocka_unit_test(what_cannot_be_replayed_is_refused),
        cmocka_unit_test(events_are_json),
        cmocka_unit_test(a_slower_core_on_the_same_wire),
        cmocka_unit_test(the_watchdog_resets_when_told),
        cmocka_unit_test(pins_and_names),
    };
    return cmocka_run_group_tests_name("sim_replay", tests, NULL, NULL);
}
