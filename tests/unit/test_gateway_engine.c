/* The engine between a source and a node that do what the test says, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sinks/link.h"
#include "ferry/rom.h"
#include "test_gateway_kit.h"

#include <string.h>

/* --- the way of an update --------------------------------------------------------------------- */

static void installs_the_image_of_the_free_slot(void **state)
{
    static const enum gateway_event expected[] = {GATEWAY_EVENT_NODE,   GATEWAY_EVENT_OFFER,
                                                  GATEWAY_EVENT_OPENED, GATEWAY_EVENT_INSTALLED,
                                                  GATEWAY_EVENT_TRIAL,  GATEWAY_EVENT_SUCCEEDED};
    (void)state;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(engine.slot, FERRY_SLOT_B);
    assert_int_equal(heard.count, sizeof expected / sizeof expected[0]);
    assert_memory_equal(heard.events, expected, sizeof expected);
}

static void source_in_small_portions(void **state)
{
    (void)state;
    source.shortest = 3;
    source.stutters = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
}

static void resumes_where_the_node_says(void **state)
{
    (void)state;
    node.resume = 2000;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
}

static void what_runs_already_is_left_alone(void **state)
{
    (void)state;
    node.info.slots[0].version.major = 2;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.events[1], GATEWAY_EVENT_CURRENT);
    assert_int_equal(node.count[OPEN], 0);
    source.offer.force = true;
    assert_int_equal(run_again(), GATEWAY_RESULT_SUCCEEDED);
}

/* A source that goes on offering the release: each poll asks the node, none sends. */
static void what_was_confirmed_is_not_sent_again(void **state)
{
    (void)state;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    for (uint32_t poll = 1; poll <= 5; poll++) {
        uint32_t queries = node.count[QUERY];
        heard.count = 0;
        assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
        assert_int_equal(source.checks, 1 + poll);
        assert_true(node.count[QUERY] > queries);
        assert_int_equal(heard.events[heard.count - 1], GATEWAY_EVENT_CURRENT);
    }
    assert_int_equal(node.count[OPEN], 1);
    assert_int_equal(node.count[DATA], 1);
    assert_int_equal(node.count[RESET], 1);
    begin(); /* a gateway without memory: INFO says it */
    assert_int_equal(run_round(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(node.count[OPEN], 1);
}

static void nothing_offered(void **state)
{
    (void)state;
    source.check = GATEWAY_NOTHING;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_true(gateway_engine_is_resting(&engine));
}

static void polls_are_spread(void **state)
{
    uint32_t first = 0;
    bool differs = false;
    (void)state;
    source.check = GATEWAY_NOTHING;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    for (int i = 0; i < 50; i++) {
        uint32_t wait_ms = gateway_engine_wait_ms(&engine, now_ms);
        assert_in_range(wait_ms, options.poll_ms / 10 * 9, options.poll_ms / 10 * 11);
        first = i == 0 ? wait_ms : first;
        differs = differs || wait_ms != first;
        assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    }
    assert_true(differs);
}

static void source_says_when_to_come_back(void **state)
{
    (void)state;
    source.check = GATEWAY_NOTHING;
    source.offer.poll_ms = 1234;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_in_range(gateway_engine_wait_ms(&engine, now_ms), 1111, 1357);
}

static void no_image_for_the_free_slot(void **state)
{
    (void)state;
    source.offer.count = 1;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_SLOT);
}

static void without_reset_it_ends_at_close(void **state)
{
    (void)state;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 0);
}

/* Told again what it has already: no reset, and no watch of the trial. */
static void without_reset_what_the_node_has_is_left_alone(void **state)
{
    static const uint8_t phases[] = {FERRY_PHASE_PENDING, FERRY_PHASE_TRIAL};
    (void)state;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    for (size_t i = 0; i < sizeof phases; i++) {
        node.info.phase = phases[i];
        heard.count = 0;
        uint32_t start_ms = now_ms;
        assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
        assert_int_equal(heard.events[heard.count - 1], GATEWAY_EVENT_INSTALLED);
        assert_in_range(now_ms - start_ms, 0, 1000);
        assert_int_equal(node.count[RESET], 0);
        assert_int_equal(node.count[OPEN], 1);
    }
}

/* Who does not wait for the verdict does not wait for that of a trial under way either. */
static void without_waiting_a_trial_under_way_is_left_alone(void **state)
{
    (void)state;
    options.confirm_ms = 0;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    node.info.phase = FERRY_PHASE_TRIAL;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[OPEN], 1);
    assert_int_equal(node.count[RESET], 1);
}

/* --- which node ----------------------------------------------------------------------------------
 */

static void another_node_gets_nothing(void **state)
{
    (void)state;
    options.check_uid = true;
    options.uid[3] = 1;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(node.count[OPEN], 0);
    assert_int_equal(source.checks, 0); /* and nobody hears of it: it has another's name */
    assert_false(heard.final);
    node.info.uid[3] = 1;
    options.board = "another";
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(source.checks, 0);
    options.board = kit_board.name;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
}

/* --- a node that has just started --------------------------------------------------------------
 */

static void starting_node_is_asked_again(void **state)
{
    (void)state;
    node.info.slots[0].version.major = 2;
    node.bootloader_answers = 2;
    uint32_t since = now_ms;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.events[0], GATEWAY_EVENT_NODE);
    assert_int_equal(heard.events[1], GATEWAY_EVENT_CURRENT);
    assert_in_range(now_ms - since, 3000, 3100);
    assert_int_equal(node.count[OPEN], 0);
}

static void bootloader_that_stays_gets_no_second_copy(void **state)
{
    (void)state;
    node.info.slots[0].version.major = 2;
    node.info.running = FERRY_SLOT_NONE;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.count, 1); /* NODE, and no claim that it runs */
    assert_int_equal(node.count[OPEN], 0);
    node.info.slots[0].content = FERRY_CONTENT_BAD;
    uint32_t queries = node.count[QUERY];
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[QUERY], queries + 1); /* there is nothing to wait for */
}

static void bootloader_that_stays_takes_a_new_version(void **state)
{
    (void)state;
    node.info.running = FERRY_SLOT_NONE;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[QUERY], 4);
}

/* --- refusals and failures
 * ------------------------------------------------------------------------ */

static void refusal_is_final_for_this_image(void **state)
{
    (void)state;
    node.result[OPEN] = FERRY_IMAGE_KEY;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_KEY);
    assert_true(heard.final);
    assert_int_equal(heard.retries, 0);
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(node.count[OPEN], 1);
    source.offer.again = true; /* somebody wants it once more */
    assert_int_equal(run_again(), GATEWAY_RESULT_FAILED);
    assert_int_equal(node.count[OPEN], 2);
}

static void broken_transfer_is_tried_again(void **state)
{
    (void)state;
    node.once[DATA] = FERRY_NOT_OPEN;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(heard.retries, 1);
    assert_int_equal(node.count[OPEN], 2);
}

static void retries_are_counted_and_spread(void **state)
{
    (void)state;
    node.result[QUERY] = FERRY_TIMEOUT;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TIMEOUT);
    assert_int_equal(heard.retries, options.retries);
    uint32_t pause = options.retry_first_ms;
    for (uint32_t i = 0; i < heard.retries; i++) {
        assert_in_range(heard.waits[i], pause - pause / 4, pause + pause / 4);
        pause = pause * 2 < options.retry_max_ms ? pause * 2 : options.retry_max_ms;
    }
}

static void broken_wire_decides_nothing(void **state)
{
    (void)state;
    for (enum operation at = QUERY; at <= CLOSE; at++) {
        node.result[at] = FERRY_TIMEOUT;
        assert_int_equal(run(), GATEWAY_RESULT_FAILED);
        assert_int_equal(heard.status, FERRY_TIMEOUT);
        assert_false(heard.final);
        node.result[at] = FERRY_OK;
        heard.count = heard.retries = 0;
    }
    assert_int_equal(run_again(), GATEWAY_RESULT_SUCCEEDED); /* the image was not given up */
}

static void flash_that_never_takes_it_is_a_verdict(void **state)
{
    (void)state;
    node.result[DATA] = FERRY_FLASH;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_true(heard.final);
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
}

/* Each round that breaks off erases again: a wire that stays bad must not wear a chip out. */
static void rounds_lost_in_the_middle_come_less_often(void **state)
{
    (void)state;
    node.in_place = true;
    node.result[CLOSE] = FERRY_ROM_SILENT;
    begin();
    uint32_t pause = options.poll_ms;
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(i == 0 ? run_round() : run_again(), GATEWAY_RESULT_FAILED);
        pause = pause * 2 < 21600000 ? pause * 2 : 21600000;
        const uint32_t wait_ms = gateway_engine_wait_ms(&engine, now_ms);
        assert_in_range(wait_ms, pause / 10 * 9, pause / 10 * 11);
        heard.count = heard.retries = 0;
    }
    node.result[QUERY] = FERRY_TIMEOUT; /* nobody there: nothing is erased */
    assert_int_equal(run_again(), GATEWAY_RESULT_FAILED);
    assert_in_range(gateway_engine_wait_ms(&engine, now_ms), options.poll_ms / 10 * 9,
                    options.poll_ms / 10 * 11);
    node.result[QUERY] = FERRY_OK;
    assert_int_equal(run_again(), GATEWAY_RESULT_FAILED);
    node.result[CLOSE] = FERRY_OK;
    assert_int_equal(run_again(), GATEWAY_RESULT_SUCCEEDED);
    assert_in_range(gateway_engine_wait_ms(&engine, now_ms), options.poll_ms / 10 * 9,
                    options.poll_ms / 10 * 11);
}

static void denied_access_waits_for_the_next_poll(void **state)
{
    (void)state;
    source.read = GATEWAY_DENIED;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.retries, 0);
    assert_false(heard.final);
    source.read = GATEWAY_OK;
    assert_int_equal(run_again(), GATEWAY_RESULT_SUCCEEDED);
}

static void source_that_refuses_is_not_asked_again(void **state)
{
    (void)state;
    source.read = GATEWAY_REFUSED;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(source.reads, 1);
    assert_true(heard.final);
    assert_string_equal(heard.text, "the source said no");
}

static void source_that_may_heal_is_asked_again(void **state)
{
    (void)state;
    source.check = GATEWAY_RETRY;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(source.checks, options.retries + 1U);
}

static void malformed_tlvs_end_the_round(void **state)
{
    (void)state;
    source.files[1][10] = 0xFF; /* protected_tlv_size */
    source.files[1][11] = 0x01;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_TLV);
    source.files[1][10] = 0;
    source.files[1][11] = 0;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_TLV);
    assert_int_equal(node.count[OPEN], 0);
}

static void full_journal_leads_through_the_bootloader(void **state)
{
    (void)state;
    node.once[OPEN] = FERRY_JOURNAL_FULL;
    node.to_bootloader = true;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[OPEN], 2);
    assert_true(node.quick);
}

static void journal_that_stays_full_is_not_reset_for_ever(void **state)
{
    (void)state;
    node.journal_is_full = true;
    node.to_bootloader = true;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_JOURNAL_FULL);
    assert_false(heard.final);
    assert_int_equal(node.count[RESET], 1);
    assert_int_equal(heard.retries, options.retries);
    assert_in_range(heard.waits[0], options.retry_first_ms / 2, options.retry_first_ms * 2);
}

static void journal_that_fills_up_in_between_is_made_room_in(void **state)
{
    (void)state;
    node.once[DATA] = FERRY_JOURNAL_FULL;
    node.to_bootloader = true;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 1);
    assert_int_equal(heard.retries, 0);
}

static void bootloader_on_request(void **state)
{
    (void)state;
    options.by_bootloader = true;
    node.to_bootloader = true;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 1);
    assert_true(node.quick);
}

static void abort_is_told_to_the_node(void **state)
{
    (void)state;
    begin();
    while (node.count[DATA] == 0) {
        gateway_engine_step(&engine, now_ms++);
    }
    gateway_engine_abort(&engine, now_ms);
    assert_int_equal(run_round(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_ABORTED);
    assert_int_equal(node.count[ABORT], 1);
}

/* --- trial
 * ------------------------------------------------------------------------------------------ */

static void revert_is_a_failure(void **state)
{
    (void)state;
    node.confirms = false;
    node.reverts = true;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
    assert_true(heard.final);
}

/* A node's own trial: three starts of 120 s, 8 s of watchdog and a boot each. */
static void slow_revert_is_waited_for(void **state)
{
    (void)state;
    node.confirms = false;
    node.reverts = true;
    node.trial_ms = 385000;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
}

static void each_start_of_the_trial_has_its_time(void **state)
{
    (void)state;
    node.confirms = false;
    node.reverts = true;
    node.trial_ms = 3 * 400000;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
}

static void trial_without_end_decides_nothing(void **state)
{
    (void)state;
    node.confirms = false;
    uint32_t since = now_ms;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TIMEOUT);
    assert_false(heard.final);
    assert_in_range(now_ms - since, options.confirm_ms, options.confirm_ms + 10000);
    assert_non_null(strstr(heard.text, "still on trial"));
    node.info.phase = FERRY_PHASE_NONE; /* confirmed after all */
    node.info.confirmed = FERRY_SLOT_B;
    memcpy(&node.info.slots[1].version, &engine.image.version, sizeof engine.image.version);
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.events[heard.count - 1], GATEWAY_EVENT_CURRENT);
    assert_int_equal(node.count[OPEN], 1);
}

static void lost_reset_is_repeated(void **state)
{
    (void)state;
    node.reset_is_lost = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 2);
}

static void answering_bootloader_is_left_in_peace(void **state)
{
    (void)state;
    node.to_bootloader = true; /* for ever */
    options.confirm_ms = 30000;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_in_range(node.count[QUERY], 5, 1 + 30000 / 1500);
}

static void trial_under_way_is_watched(void **state)
{
    (void)state;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    node.info.phase = FERRY_PHASE_TRIAL; /* as if the gateway had restarted meanwhile */
    node.info.confirmed = FERRY_SLOT_A;
    options.confirm_ms = 5000;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TIMEOUT);
    assert_int_equal(node.count[OPEN], 1);
}

static void image_that_waits_for_its_trial_is_reset(void **state)
{
    (void)state;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.info.phase, FERRY_PHASE_PENDING);
    options.no_reset = false;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[OPEN], 1);
    assert_int_equal(node.count[RESET], 1);
}

static void what_the_node_gave_up_is_not_sent_again(void **state)
{
    (void)state;
    node.confirms = false;
    node.reverts = true;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    heard.status = FERRY_OK;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED); /* a gateway without memory asks the node */
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
    assert_int_equal(node.count[OPEN], 1);
}

static void state_fits_a_small_gateway(void **state)
{
    (void)state;
    print_message("engine %zu bytes, link %zu bytes\n", sizeof(struct gateway_engine),
                  sizeof(struct gateway_link));
    assert_in_range(sizeof(struct gateway_engine) + sizeof(struct gateway_link), 1, 8192);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(installs_the_image_of_the_free_slot),
        ENGINE_TEST(source_in_small_portions),
        ENGINE_TEST(resumes_where_the_node_says),
        ENGINE_TEST(what_runs_already_is_left_alone),
        ENGINE_TEST(what_was_confirmed_is_not_sent_again),
        ENGINE_TEST(nothing_offered),
        ENGINE_TEST(polls_are_spread),
        ENGINE_TEST(source_says_when_to_come_back),
        ENGINE_TEST(no_image_for_the_free_slot),
        ENGINE_TEST(without_reset_it_ends_at_close),
        ENGINE_TEST(without_reset_what_the_node_has_is_left_alone),
        ENGINE_TEST(without_waiting_a_trial_under_way_is_left_alone),
        ENGINE_TEST(another_node_gets_nothing),
        ENGINE_TEST(starting_node_is_asked_again),
        ENGINE_TEST(bootloader_that_stays_gets_no_second_copy),
        ENGINE_TEST(bootloader_that_stays_takes_a_new_version),
        ENGINE_TEST(refusal_is_final_for_this_image),
        ENGINE_TEST(broken_transfer_is_tried_again),
        ENGINE_TEST(retries_are_counted_and_spread),
        ENGINE_TEST(rounds_lost_in_the_middle_come_less_often),
        ENGINE_TEST(broken_wire_decides_nothing),
        ENGINE_TEST(flash_that_never_takes_it_is_a_verdict),
        ENGINE_TEST(denied_access_waits_for_the_next_poll),
        ENGINE_TEST(source_that_refuses_is_not_asked_again),
        ENGINE_TEST(source_that_may_heal_is_asked_again),
        ENGINE_TEST(malformed_tlvs_end_the_round),
        ENGINE_TEST(full_journal_leads_through_the_bootloader),
        ENGINE_TEST(journal_that_stays_full_is_not_reset_for_ever),
        ENGINE_TEST(journal_that_fills_up_in_between_is_made_room_in),
        ENGINE_TEST(bootloader_on_request),
        ENGINE_TEST(abort_is_told_to_the_node),
        ENGINE_TEST(revert_is_a_failure),
        ENGINE_TEST(slow_revert_is_waited_for),
        ENGINE_TEST(each_start_of_the_trial_has_its_time),
        ENGINE_TEST(trial_without_end_decides_nothing),
        ENGINE_TEST(lost_reset_is_repeated),
        ENGINE_TEST(answering_bootloader_is_left_in_peace),
        ENGINE_TEST(trial_under_way_is_watched),
        ENGINE_TEST(image_that_waits_for_its_trial_is_reset),
        ENGINE_TEST(what_the_node_gave_up_is_not_sent_again),
        ENGINE_TEST(state_fits_a_small_gateway),
    };
    return cmocka_run_group_tests_name("gateway_engine", tests, NULL, NULL);
}
