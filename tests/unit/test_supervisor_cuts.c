/* Every operation that a start does is cut, alone and with a second cut in what follows. */
#include "kit_board.h"
#include "kit_start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int set_up(void **test)
{
    static struct kit_start bench;
    kit_start_init(&bench, &kit_board);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct kit_start *bench = *test;
    kit_flash_free(&bench->flash);
    return 0;
}

/* Starts with a cut at operation `first`, a second cut during the next start, then in peace. */
static void start_with_cuts(struct kit_start *bench, enum kit_cut cut, uint32_t first,
                            uint32_t second)
{
    kit_flash_arm(&bench->flash, cut, first, first * 31 + second);
    (void)kit_start(bench);
    kit_flash_power_on(&bench->flash);
    if (second > 0) {
        kit_flash_arm(&bench->flash, cut, second, first + second * 17);
        (void)kit_start(bench);
        kit_flash_power_on(&bench->flash);
    }
    (void)kit_start(bench);
}

/* Cuts every operation that a start does, alone and with a second cut, from one prepared flash. */
static void sweep(struct kit_start *bench, void (*check)(struct kit_start *bench))
{
    struct kit_flash prepared;
    kit_flash_init(&prepared, bench->flash.board);
    kit_flash_copy(&prepared, &bench->flash);
    (void)kit_start(bench);
    uint32_t operations = bench->flash.operations - prepared.operations;
    assert_true(operations > 0);
    for (int cut = KIT_CUT_LOST; cut <= KIT_CUT_DONE; cut++) {
        for (uint32_t first = 1; first <= operations; first++) {
            for (uint32_t second = 0; second <= 1; second++) {
                kit_flash_copy(&bench->flash, &prepared);
                start_with_cuts(bench, (enum kit_cut)cut, first,
                                second * (1 + first * 7 % operations));
                check(bench);
            }
        }
    }
    kit_flash_free(&prepared);
}

static void check_trial_of_b(struct kit_start *bench)
{
    const struct ferry_state *state = kit_start_recorded(bench);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
    assert_true(bench->departure.trial);
    assert_int_equal(state->phase, FERRY_PHASE_TRIAL);
    assert_in_range(state->attempts, 0, FERRY_TRIAL_ATTEMPTS_DEFAULT - 1);
}

static void a_cut_start_still_tries_the_update(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    sweep(bench, check_trial_of_b);
}

static void check_confirmed_a(struct kit_start *bench)
{
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_false(bench->departure.trial);
    assert_int_equal(kit_start_recorded(bench)->outcome, FERRY_TRIAL_EXHAUSTED);
}

static void a_cut_revert_still_reverts(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    for (int i = 0; i < FERRY_TRIAL_ATTEMPTS_DEFAULT; i++) {
        kit_start(bench);
    }
    sweep(bench, check_confirmed_a);
}

static void check_still_confirmed(struct kit_start *bench)
{
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_false(bench->departure.trial);
    assert_int_equal(kit_start_recorded(bench)->security_counter, 1);
}

static void a_cut_compaction_loses_nothing(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    (void)kit_start_recorded(bench);
    while (ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board)) {
        struct ferry_state state = bench->journal.state;
        assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    }
    sweep(bench, check_still_confirmed);
}

static void check_something_starts(struct kit_start *bench)
{
    assert_int_not_equal(bench->departure.slot, KIT_NOT_STARTED);
}

static void check_still_listens(struct kit_start *bench)
{
    assert_int_equal(bench->departure.slot, KIT_NOT_STARTED);
    assert_int_equal(kit_start_recorded(bench)->confirmed, FERRY_SLOT_A);
    assert_int_equal(kit_start_recorded(bench)->security_counter, 1);
}

static void a_cut_log_of_listening_changes_no_state(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_corrupt(bench, FERRY_SLOT_A);
    sweep(bench, check_still_listens);
}

static void a_cut_rebuild_still_starts_an_image(void **test)
{
    struct kit_start *bench = *test;
    kit_start_load(bench, FERRY_SLOT_A, 7);
    kit_start_load(bench, FERRY_SLOT_B, 5);
    kit_start_lose_journal(bench);
    sweep(bench, check_something_starts);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cut_start_still_tries_the_update),  TEST(a_cut_revert_still_reverts),
        TEST(a_cut_compaction_loses_nothing),      TEST(a_cut_log_of_listening_changes_no_state),
        TEST(a_cut_rebuild_still_starts_an_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
