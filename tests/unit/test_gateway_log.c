/* The engine and the node's boot log: asked when, how often, and what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_gateway_kit.h"

#include <string.h>

/* A start more in the node's log. */
static void boot_again(void)
{
    uint32_t number = node.boot_count > 0 ? node.boots[0].boot + 1 : 1;
    assert_in_range(node.boot_count, 0, sizeof node.boots / sizeof node.boots[0] - 1);
    memmove(node.boots + 1, node.boots, node.boot_count * sizeof node.boots[0]);
    memset(node.boots, 0xA5, sizeof node.boots[0]); /* padding is no content */
    node.boots[0].boot = number;
    node.boots[0].reset_cause = FERRY_RESET_PIN;
    node.boots[0].version.build = number;
    node.boot_count++;
}

static void boot_times(uint32_t times)
{
    while (times-- > 0) {
        boot_again();
    }
}

/* With nothing to install, so that only the boot log is of interest. */
static int setup(void **state)
{
    kit_setup(state);
    options.boot_log = true;
    source.check = GATEWAY_NOTHING;
    return 0;
}

static void starts_are_told_once(void **state)
{
    (void)state;
    boot_times(3);
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.boot_count, 3);
    assert_int_equal(heard.boots[0], 3); /* newest first */
    assert_int_equal(heard.boots[2], 1);
    for (int i = 0; i < 3; i++) {
        uint32_t asked = node.count[LOG];
        assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
        assert_int_equal(node.count[LOG], asked + 1); /* once a round */
        assert_int_equal(heard.boot_count, 3);
    }
}

static void only_what_is_new_is_told(void **state)
{
    (void)state;
    boot_times(2);
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    boot_times(2);
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.boot_count, 4);
    assert_int_equal(heard.boots[2], 4);
    assert_int_equal(heard.boots[3], 3);
}

static void the_source_is_asked_after_the_node(void **state)
{
    static const enum gateway_event expected[] = {GATEWAY_EVENT_NODE, GATEWAY_EVENT_BOOTS};
    (void)state;
    boot_again();
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.count, 2);
    assert_memory_equal(heard.events, expected, sizeof expected);
    assert_int_equal(source.checks, 1);
}

static void of_many_the_newest_are_told(void **state)
{
    (void)state;
    boot_times(40);
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.boot_count, GATEWAY_BOOTS_MAX);
    assert_int_equal(heard.boots[0], 40);
    assert_int_equal(heard.boots[GATEWAY_BOOTS_MAX - 1], 40 - GATEWAY_BOOTS_MAX + 1);
    assert_int_equal(node.count[LOG], GATEWAY_BOOTS_MAX / FERRY_LOG_ENTRIES_MAX);
}

/* The number is the same, the story is not. */
static void a_journal_that_began_again_is_told(void **state)
{
    (void)state;
    boot_times(5);
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    node.boot_count = 0;
    boot_times(5);
    node.boots[0].reset_cause = FERRY_RESET_WATCHDOG;
    heard.boot_count = 0;
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.boot_count, 5);
}

static void a_node_without_boot_log_is_asked_once(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(i == 0 ? run() : run_again(), GATEWAY_RESULT_NOTHING);
        assert_int_equal(node.count[LOG], 1);
    }
    assert_int_equal(source.checks, 3);
}

static void a_node_that_does_not_know_the_message_is_asked_once(void **state)
{
    (void)state;
    boot_again();
    node.result[LOG] = FERRY_UNKNOWN_MESSAGE;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(i == 0 ? run() : run_again(), GATEWAY_RESULT_NOTHING);
        assert_int_equal(node.count[LOG], 1);
    }
    assert_int_equal(source.checks, 3);
    assert_int_equal(heard.boot_count, 0);
}

/* Its bootloader may be another one now. */
static void it_is_asked_again_after_a_start_that_is_seen(void **state)
{
    (void)state;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    node.bootloader_answers = 1;
    boot_again();
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(node.count[LOG], 2);
    assert_int_equal(heard.boot_count, 1);
}

static void a_question_that_is_lost_is_asked_in_the_next_round(void **state)
{
    (void)state;
    boot_times(12); /* two pages */
    node.once[LOG] = FERRY_TIMEOUT;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(node.count[LOG], 1);
    assert_int_equal(heard.boot_count, 0);
    assert_int_equal(source.checks, 1); /* and costs the round nothing */
    assert_int_equal(heard.retries, 0);
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.boot_count, 12);
}

static void nobody_asks_where_nobody_wants_to_hear(void **state)
{
    (void)state;
    options.boot_log = false;
    boot_again();
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(node.count[LOG], 0);
}

static void a_verdict_comes_after_its_starts(void **state)
{
    static const enum gateway_event expected[] = {
        GATEWAY_EVENT_NODE,  GATEWAY_EVENT_OFFER, GATEWAY_EVENT_OPENED,   GATEWAY_EVENT_INSTALLED,
        GATEWAY_EVENT_TRIAL, GATEWAY_EVENT_BOOTS, GATEWAY_EVENT_SUCCEEDED};
    (void)state;
    source.check = GATEWAY_OK;
    node.result[LOG] = FERRY_UNKNOWN_MESSAGE; /* until the update brings a boot log */
    begin();
    while (node.count[CLOSE] == 0) {
        gateway_engine_step(&engine, now_ms++);
    }
    node.result[LOG] = FERRY_OK;
    boot_again();
    assert_int_equal(run_round(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(heard.count, sizeof expected / sizeof expected[0]);
    assert_memory_equal(heard.events, expected, sizeof expected);
    assert_int_equal(node.count[LOG], 2);
}

static void a_revert_comes_after_its_starts(void **state)
{
    (void)state;
    source.check = GATEWAY_OK;
    node.confirms = false;
    node.reverts = true;
    boot_times(2);
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
    assert_true(heard.final);
    assert_int_equal(node.count[LOG], 2);
    assert_int_equal(heard.boot_count, 2); /* told before the update, not again */
}

/* The bootloader logs a start at its end: to ask now would be too early. */
static void a_bootloader_that_reverts_is_not_asked(void **state)
{
    (void)state;
    source.check = GATEWAY_OK;
    node.confirms = false;
    node.reverts = true;
    begin();
    while (node.count[RESET] == 0) {
        gateway_engine_step(&engine, now_ms++);
    }
    assert_int_equal(node.count[LOG], 1);
    node.bootloader_answers = 1;
    assert_int_equal(run_round(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
    assert_int_equal(node.count[LOG], 1);
}

/* A node that makes new ones up, and claims more than a page can hold. */
static void a_lying_node_tells_no_more_than_the_limit(void **state)
{
    (void)state;
    boot_times(40);
    for (uint32_t round = 1; round <= 3; round++) {
        for (uint8_t i = 0; i < node.boot_count; i++) {
            node.boots[i].attempts = (uint8_t)round;
        }
        heard.boot_count = 0;
        assert_int_equal(round == 1 ? run() : run_again(), GATEWAY_RESULT_NOTHING);
        assert_int_equal(heard.boot_count, GATEWAY_BOOTS_MAX);
        assert_int_equal(node.count[LOG], 2 * round);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(starts_are_told_once),
        CASE(only_what_is_new_is_told),
        CASE(the_source_is_asked_after_the_node),
        CASE(of_many_the_newest_are_told),
        CASE(a_journal_that_began_again_is_told),
        CASE(a_node_without_boot_log_is_asked_once),
        CASE(a_node_that_does_not_know_the_message_is_asked_once),
        CASE(it_is_asked_again_after_a_start_that_is_seen),
        CASE(a_question_that_is_lost_is_asked_in_the_next_round),
        CASE(nobody_asks_where_nobody_wants_to_hear),
        CASE(a_verdict_comes_after_its_starts),
        CASE(a_revert_comes_after_its_starts),
        CASE(a_bootloader_that_reverts_is_not_asked),
        CASE(a_lying_node_tells_no_more_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
