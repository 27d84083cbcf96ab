/* The bootloader's flow on emulated flash: heal, decide, record, start. */
#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"
#include "kit_start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- starting ------------------------------------------------------------------------------- */

static void starts_the_confirmed_image(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_B, 1);
    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
    assert_false(bench->departure.trial);
    assert_int_equal(bench->departure.vectors,
                     kit_board.slots[FERRY_SLOT_B].start + FERRY_IMAGE_PADDED_SIZE);
}

static void starts_nothing_on_an_empty_chip(void **test)
{
    struct kit_start *bench = *test;
    assert_int_equal(kit_start(bench), FERRY_ACTION_LISTEN);
    assert_int_equal(kit_start_recorded(bench)->confirmed, FERRY_SLOT_NONE);
}

static void starts_nothing_without_a_key(void **test)
{
    struct kit_start *bench = *test;
    struct ferry_boot_block keyless = *bench->block;
    keyless.key_count = 0;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    bench->block = &keyless;
    assert_int_equal(kit_start(bench), FERRY_ACTION_LISTEN);
}

static void tries_an_update_three_times_then_goes_back(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    for (int left = FERRY_TRIAL_ATTEMPTS_DEFAULT - 1; left >= 0; left--) {
        enum ferry_action action = kit_start(bench);
        assert_int_equal(action, left == FERRY_TRIAL_ATTEMPTS_DEFAULT - 1
                                     ? FERRY_ACTION_START_TRIAL
                                     : FERRY_ACTION_CONTINUE_TRIAL);
        assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
        assert_true(bench->departure.trial);
        assert_int_equal(kit_start_recorded(bench)->attempts, left);
    }
    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(kit_start_recorded(bench)->outcome, FERRY_TRIAL_EXHAUSTED);
    assert_int_equal(kit_start_recorded(bench)->candidate, FERRY_SLOT_B);
}

static void keeps_what_confirmed_itself(void **test)
{
    struct kit_start *bench = *test;
    struct ferry_install confirm;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    kit_start(bench);

    bench->node.running = FERRY_SLOT_B; /* the application takes over */
    ferry_install_init(&confirm, &bench->node);
    assert_int_equal(ferry_install_confirm(&confirm, kit_start_recorded(bench)->hash), FERRY_OK);

    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
    assert_int_equal(kit_start_recorded(bench)->security_counter, 2);
}

static void gives_up_a_candidate_that_does_not_verify(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    kit_start_corrupt(bench, FERRY_SLOT_B);
    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(kit_start_recorded(bench)->outcome, FERRY_IMAGE_HASH);
}

static void gives_up_a_candidate_that_is_another_image(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    kit_start_load(bench, FERRY_SLOT_B, 3); /* genuine, but not what CLOSE accepted */
    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(kit_start_recorded(bench)->outcome, FERRY_IMAGE_CLAIMS);
}

static void adopts_the_other_image_when_the_confirmed_one_is_corrupt(void **test)
{
    struct kit_start *bench = *test;
    kit_start_load(bench, FERRY_SLOT_A, 1);
    kit_start_provision(bench, FERRY_SLOT_B, 1);
    kit_start_corrupt(bench, FERRY_SLOT_B);
    assert_int_equal(kit_start(bench), FERRY_ACTION_START_TRIAL);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
}

static void never_starts_below_the_security_counter(void **test)
{
    struct kit_start *bench = *test;
    kit_start_load(bench, FERRY_SLOT_A, 1);
    kit_start_provision(bench, FERRY_SLOT_B, 2); /* the counter is 2 */
    kit_start_corrupt(bench, FERRY_SLOT_B);
    assert_int_equal(kit_start(bench), FERRY_ACTION_LISTEN);
}

static void listens_when_a_single_slot_used_up_its_trial(void **test)
{
    struct kit_start *bench = *test;
    kit_flash_free(&bench->flash);
    kit_start_init(bench, &kit_board_single);
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    struct ferry_state state = *kit_start_recorded(bench);
    state.confirmed = FERRY_SLOT_NONE; /* as OPEN leaves it */
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    kit_start_install(bench, FERRY_SLOT_A, 2);
    for (int i = 0; i < FERRY_TRIAL_ATTEMPTS_DEFAULT; i++) {
        assert_int_not_equal(kit_start(bench), FERRY_ACTION_LISTEN);
    }
    assert_int_equal(kit_start(bench), FERRY_ACTION_LISTEN);
    assert_int_equal(kit_start_recorded(bench)->outcome, FERRY_TRIAL_EXHAUSTED);
}

/* An accepted OPEN of an image, and no DATA: the gateway is gone. */
static void open_only(struct kit_start *bench, uint8_t slot, uint8_t major)
{
    size_t size;
    uint8_t *file = kit_start_build(bench, slot, major, &size);
    struct ferry_open open = kit_link_claims(file, size);
    struct ferry_install install;

    kit_start_wake(bench);
    ferry_install_init(&install, &bench->node);
    assert_int_equal(ferry_install_open(&install, &open), FERRY_OK);
    assert_int_equal(ferry_install_open_step(&install), FERRY_OK);
    free(file);
}

static void an_open_alone_costs_a_single_slot_nothing(void **test)
{
    struct kit_start *bench = *test;
    kit_flash_free(&bench->flash);
    kit_start_init(bench, &kit_board_single);
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    for (uint8_t major = 1; major <= 2; major++) { /* of the image that is there, and of another */
        open_only(bench, FERRY_SLOT_A, major);
        for (int starts = 0; starts < 5; starts++) {
            assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
            assert_int_equal(kit_start_recorded(bench)->phase, FERRY_PHASE_FILLING);
        }
    }
}

static void a_single_slot_that_was_given_up_is_not_trusted(void **test)
{
    struct kit_start *bench = *test;
    kit_flash_free(&bench->flash);
    kit_start_init(bench, &kit_board_single);
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    open_only(bench, FERRY_SLOT_A, 2);
    struct ferry_state state = *kit_start_recorded(bench);
    state.confirmed =
        FERRY_SLOT_NONE; /* then power failed in the erase, and the old image reads right */
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    assert_int_equal(kit_start(bench), FERRY_ACTION_LISTEN);
}

/* ---- the journal ---------------------------------------------------------------------------- */

static void rebuilds_a_lost_journal_from_the_slots(void **test)
{
    struct kit_start *bench = *test;
    kit_start_load(bench, FERRY_SLOT_A, 7);
    kit_start_load(bench, FERRY_SLOT_B, 5);
    kit_start_lose_journal(bench);
    assert_int_equal(kit_start(bench), FERRY_ACTION_START_TRIAL);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(kit_start_recorded(bench)->security_counter, 5);
    assert_int_equal(kit_start_recorded(bench)->confirmed, FERRY_SLOT_NONE);
}

static void rebuilds_from_the_only_slot_that_verifies(void **test)
{
    struct kit_start *bench = *test;
    kit_start_load(bench, FERRY_SLOT_A, 7);
    kit_start_load(bench, FERRY_SLOT_B, 5);
    kit_start_corrupt(bench, FERRY_SLOT_A);
    kit_start_lose_journal(bench);
    assert_int_equal(kit_start(bench), FERRY_ACTION_START_TRIAL);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
}

static void writes_the_winning_record_again(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_wake(bench);
    assert_int_equal(bench->journal.place, 1);
}

static void makes_room_for_an_update_before_it_starts(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    for (int starts = 0; starts < 200; starts++) {
        assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
        assert_true(ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board));
    }
}

/* Also after an update that the bootloader received in this start: its records took the room. */
static void makes_room_at_the_jump(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_wake(bench);
    enum ferry_action action = ferry_supervisor_decide(&bench->supervisor);
    while (ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board)) {
        struct ferry_state *state = ferry_journal_edit(&bench->journal);
        assert_int_equal(ferry_journal_commit(&bench->journal, state), FERRY_OK);
    }
    assert_int_equal(ferry_supervisor_depart(&bench->supervisor, action, &bench->departure),
                     FERRY_OK);
    assert_true(ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board));
}

static int refuse_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    (void)ctx;
    (void)address;
    (void)data;
    (void)size;
    return FERRY_FLASH;
}

static int refuse_erase(void *ctx, uint32_t sector)
{
    (void)ctx;
    (void)sector;
    return FERRY_FLASH;
}

static void starts_only_what_needs_no_record_when_flash_is_read_only(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    kit_start_install(bench, FERRY_SLOT_B, 2);
    bench->flash.port.program = refuse_program;
    bench->flash.port.erase = refuse_erase;
    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
}

/* One try a start, by the record that heals: what takes nothing is not worn for room. */
static void makes_no_room_in_a_journal_that_takes_nothing(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    (void)kit_start_recorded(bench);
    while (ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board)) {
        struct ferry_state *state = ferry_journal_edit(&bench->journal);
        assert_int_equal(ferry_journal_commit(&bench->journal, state), FERRY_OK);
    }
    bench->flash.port.program = refuse_program;
    assert_int_equal(kit_start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(bench->flash.erases[1] + bench->flash.erases[2], 1);
}

static void logs_each_start(void **test)
{
    struct kit_start *bench = *test;
    struct ferry_boot_log log;
    kit_start_provision(bench, FERRY_SLOT_A, 3);
    kit_start(bench);
    kit_start(bench); /* like the one before: not worth a record */
    kit_start_install(bench, FERRY_SLOT_B, 4);
    kit_start(bench);
    (void)kit_start_recorded(bench);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_OK);
    assert_int_equal(log.boot, 2);
    assert_int_equal(log.slot, FERRY_SLOT_B);
    assert_int_equal(log.action, FERRY_ACTION_START_TRIAL);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 1, &log), FERRY_OK);
    assert_int_equal(log.boot, 1);
    assert_int_equal(log.slot, FERRY_SLOT_A);
    assert_int_equal(log.action, FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(log.version.major, 3);
}

static uint32_t records_written(struct kit_start *bench)
{
    (void)kit_start_recorded(bench);
    return bench->journal.cursor;
}

/* A reset by software alone cuts no write; with any other flag beside it, power may have failed. */
static void the_state_is_written_again_unless_only_software_reset_it(void **test)
{
    struct kit_start *bench = *test;
    kit_start_provision(bench, FERRY_SLOT_A, 1);
    for (unsigned cause = 0; cause < 2 * FERRY_RESET_UPDATE; cause++) {
        bool software =
            cause == FERRY_RESET_SOFTWARE || cause == (FERRY_RESET_SOFTWARE | FERRY_RESET_UPDATE);
        uint32_t operations = bench->flash.operations;
        kit_start_wake_from(bench, (uint8_t)cause);
        assert_int_equal(bench->flash.operations == operations, software);
    }
}

static void logs_once_that_nothing_starts(void **test)
{
    struct kit_start *bench = *test;
    struct ferry_boot_log log;
    kit_start_provision(bench, FERRY_SLOT_A, 3);
    kit_start_corrupt(bench, FERRY_SLOT_A);
    assert_int_equal(kit_start(bench), FERRY_ACTION_LISTEN);
    uint32_t written = records_written(bench);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_OK);
    assert_int_equal(log.boot, 1);
    assert_int_equal(log.action, FERRY_ACTION_LISTEN);
    assert_int_equal(log.slot, FERRY_SLOT_NONE);
    assert_int_equal(log.error, FERRY_IMAGE_HASH);
    assert_int_equal(log.version.major, 0); /* of no image */
    ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    assert_int_equal(records_written(bench), written);
    kit_start(bench); /* the healed state, no second entry */
    assert_int_equal(records_written(bench), written + 1);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 1, &log), FERRY_ARGUMENT);
}

static void a_fault_without_an_application_is_logged(void **test)
{
    struct kit_start *bench = *test;
    struct ferry_boot_log log;
    kit_start_wake(bench);
    bench->node.reset_cause = FERRY_RESET_FAULT;
    assert_int_equal(ferry_supervisor_decide(&bench->supervisor), FERRY_ACTION_LISTEN);
    ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    (void)kit_start_recorded(bench);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_OK);
    assert_int_equal(log.action, FERRY_ACTION_LISTEN);
    assert_int_equal(log.reset_cause, FERRY_RESET_FAULT);
}

static void a_log_of_listening_takes_no_room_of_an_update(void **test)
{
    struct kit_start *bench = *test;
    struct ferry_boot_log log;
    kit_start(bench); /* an empty chip: the journal is made, with one entry */
    (void)kit_start_recorded(bench);
    while (ferry_journal_room(&bench->journal) > ferry_journal_reserve(&kit_board)) {
        struct ferry_state state = bench->journal.state;
        assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    }
    bench->supervisor.error = FERRY_IMAGE_HASH; /* tells something new */
    uint32_t operations = bench->flash.operations;
    ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    assert_int_equal(bench->flash.operations, operations);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 1, &log), FERRY_ARGUMENT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_the_confirmed_image),
        TEST(starts_nothing_on_an_empty_chip),
        TEST(starts_nothing_without_a_key),
        TEST(tries_an_update_three_times_then_goes_back),
        TEST(keeps_what_confirmed_itself),
        TEST(gives_up_a_candidate_that_does_not_verify),
        TEST(gives_up_a_candidate_that_is_another_image),
        TEST(adopts_the_other_image_when_the_confirmed_one_is_corrupt),
        TEST(never_starts_below_the_security_counter),
        TEST(listens_when_a_single_slot_used_up_its_trial),
        TEST(an_open_alone_costs_a_single_slot_nothing),
        TEST(a_single_slot_that_was_given_up_is_not_trusted),
        TEST(rebuilds_a_lost_journal_from_the_slots),
        TEST(rebuilds_from_the_only_slot_that_verifies),
        TEST(writes_the_winning_record_again),
        TEST(makes_room_for_an_update_before_it_starts),
        TEST(makes_room_at_the_jump),
        TEST(starts_only_what_needs_no_record_when_flash_is_read_only),
        TEST(makes_no_room_in_a_journal_that_takes_nothing),
        TEST(logs_each_start),
        TEST(the_state_is_written_again_unless_only_software_reset_it),
        TEST(logs_once_that_nothing_starts),
        TEST(a_fault_without_an_application_is_logged),
        TEST(a_log_of_listening_takes_no_room_of_an_update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
