/* The bootloader's flow on emulated flash: heal, decide, record, start; and how long it listens. */
#include "ferry/supervisor.h"

#include "ferry/install.h"
#include "ferry/receiver.h"
#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD_SIZE = 1024, NOT_STARTED = 0xEE };

struct bench {
    struct kit_flash flash;
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_supervisor supervisor;
    struct ferry_departure departure;
    const struct ferry_boot_block *block;
};

/* ---- what a bootloader does on one start ---------------------------------------------------- */

static void wake(struct bench *bench)
{
    memset(&bench->node, 0, sizeof(bench->node));
    bench->node.flash = &bench->flash.port;
    bench->node.board = bench->flash.board;
    bench->node.block = bench->block;
    bench->node.journal = &bench->journal;
    bench->node.running = FERRY_SLOT_NONE;
    ferry_supervisor_begin(&bench->supervisor, &bench->node);
}

/* One start to the jump, or to listening for ever. Returns the action; departure.slot is
 * NOT_STARTED if there was no jump. */
static enum ferry_action start(struct bench *bench)
{
    enum ferry_action action;

    bench->departure.slot = NOT_STARTED;
    wake(bench);
    for (int tries = 0; tries < 3; tries++) {
        action = ferry_supervisor_decide(&bench->supervisor);
        if (action == FERRY_ACTION_LISTEN) {
            ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
            break;
        }
        if (ferry_supervisor_depart(&bench->supervisor, action, &bench->departure) == FERRY_OK) {
            break;
        }
    }
    return action;
}

/* ---- flash contents ------------------------------------------------------------------------- */

static uint8_t *build(const struct bench *bench, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image = kit_image_defaults(bench->flash.board, slot, major, PAYLOAD_SIZE);
    return kit_image_build(&image, size);
}

static void load(struct bench *bench, uint8_t slot, uint8_t major)
{
    size_t size;
    uint8_t *file = build(bench, slot, major, &size);
    kit_flash_load(&bench->flash, bench->flash.board->slots[slot].start, file, size);
    free(file);
}

static void provision(struct bench *bench, uint8_t slot, uint8_t major)
{
    size_t size;
    uint8_t *file = build(bench, slot, major, &size);
    kit_provision(&bench->flash, slot, file, size);
    free(file);
}

/* Puts an image into a slot as an accepted update leaves it. */
static void install(struct bench *bench, uint8_t slot, uint8_t major)
{
    struct ferry_image image;
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];

    load(bench, slot, major);
    struct ferry_image_source source =
        ferry_image_from_slot(&bench->flash.port, bench->flash.board, slot);
    assert_int_equal(ferry_image_read(&source, scratch, &image), FERRY_OK);
    assert_int_equal(ferry_journal_open(&bench->journal, &bench->flash.port, bench->flash.board),
                     FERRY_OK);
    struct ferry_state state = bench->journal.state;
    state.phase = FERRY_PHASE_PENDING;
    state.candidate = slot;
    state.attempts = FERRY_TRIAL_ATTEMPTS_DEFAULT;
    state.outcome = 0;
    memcpy(state.hash, image.hash, sizeof(state.hash));
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
}

static void corrupt(struct bench *bench, uint8_t slot)
{
    uint32_t address = bench->flash.board->slots[slot].start + FERRY_IMAGE_PADDED_SIZE + 100;
    uint8_t *byte = &bench->flash.memory[address - bench->flash.base];
    *byte = (uint8_t) ~*byte;
}

static void lose_journal(struct bench *bench)
{
    for (int i = 0; i < 2; i++) {
        const struct ferry_board *board = bench->flash.board;
        struct ferry_range sector = ferry_board_sector(board, board->journal_sectors[i]);
        memset(&bench->flash.memory[sector.start - bench->flash.base], 0x5A, sector.size);
    }
}

static const struct ferry_state *recorded(struct bench *bench)
{
    assert_int_equal(ferry_journal_open(&bench->journal, &bench->flash.port, bench->flash.board),
                     FERRY_OK);
    assert_false(bench->journal.lost);
    return &bench->journal.state;
}

static void bench_init(struct bench *bench, const struct ferry_board *board)
{
    memset(bench, 0, sizeof(*bench));
    kit_flash_init(&bench->flash, board);
    bench->block = kit_boot_block(board);
}

static int set_up(void **test)
{
    static struct bench bench;
    bench_init(&bench, &kit_board);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    return 0;
}

/* ---- starting ------------------------------------------------------------------------------- */

static void starts_the_confirmed_image(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_B, 1);
    assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
    assert_false(bench->departure.trial);
    assert_int_equal(bench->departure.vectors,
                     kit_board.slots[FERRY_SLOT_B].start + FERRY_IMAGE_PADDED_SIZE);
}

static void starts_nothing_on_an_empty_chip(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(start(bench), FERRY_ACTION_LISTEN);
    assert_int_equal(recorded(bench)->confirmed, FERRY_SLOT_NONE);
}

static void starts_nothing_without_a_key(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_block keyless = *bench->block;
    keyless.key_count = 0;
    provision(bench, FERRY_SLOT_A, 1);
    bench->block = &keyless;
    assert_int_equal(start(bench), FERRY_ACTION_LISTEN);
}

static void tries_an_update_three_times_then_goes_back(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    for (int left = FERRY_TRIAL_ATTEMPTS_DEFAULT - 1; left >= 0; left--) {
        enum ferry_action action = start(bench);
        assert_int_equal(action, left == FERRY_TRIAL_ATTEMPTS_DEFAULT - 1
                                     ? FERRY_ACTION_START_TRIAL
                                     : FERRY_ACTION_CONTINUE_TRIAL);
        assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
        assert_true(bench->departure.trial);
        assert_int_equal(recorded(bench)->attempts, left);
    }
    assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(recorded(bench)->outcome, FERRY_TRIAL_EXHAUSTED);
    assert_int_equal(recorded(bench)->candidate, FERRY_SLOT_B);
}

static void keeps_what_confirmed_itself(void **test)
{
    struct bench *bench = *test;
    struct ferry_install confirm;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    start(bench);

    bench->node.running = FERRY_SLOT_B; /* the application takes over */
    ferry_install_init(&confirm, &bench->node);
    assert_int_equal(ferry_install_confirm(&confirm, recorded(bench)->hash), FERRY_OK);

    assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
    assert_int_equal(recorded(bench)->security_counter, 2);
}

static void gives_up_a_candidate_that_does_not_verify(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    corrupt(bench, FERRY_SLOT_B);
    assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(recorded(bench)->outcome, FERRY_IMAGE_HASH);
}

static void gives_up_a_candidate_that_is_another_image(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    load(bench, FERRY_SLOT_B, 3); /* genuine, but not what CLOSE accepted */
    assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(recorded(bench)->outcome, FERRY_IMAGE_CLAIMS);
}

static void adopts_the_other_image_when_the_confirmed_one_is_corrupt(void **test)
{
    struct bench *bench = *test;
    load(bench, FERRY_SLOT_A, 1);
    provision(bench, FERRY_SLOT_B, 1);
    corrupt(bench, FERRY_SLOT_B);
    assert_int_equal(start(bench), FERRY_ACTION_START_TRIAL);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
}

static void never_starts_below_the_security_counter(void **test)
{
    struct bench *bench = *test;
    load(bench, FERRY_SLOT_A, 1);
    provision(bench, FERRY_SLOT_B, 2); /* the counter is 2 */
    corrupt(bench, FERRY_SLOT_B);
    assert_int_equal(start(bench), FERRY_ACTION_LISTEN);
}

static void listens_when_a_single_slot_used_up_its_trial(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    bench_init(bench, &kit_board_single);
    provision(bench, FERRY_SLOT_A, 1);
    struct ferry_state state = *recorded(bench);
    state.confirmed = FERRY_SLOT_NONE; /* as OPEN leaves it */
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    install(bench, FERRY_SLOT_A, 2);
    for (int i = 0; i < FERRY_TRIAL_ATTEMPTS_DEFAULT; i++) {
        assert_int_not_equal(start(bench), FERRY_ACTION_LISTEN);
    }
    assert_int_equal(start(bench), FERRY_ACTION_LISTEN);
    assert_int_equal(recorded(bench)->outcome, FERRY_TRIAL_EXHAUSTED);
}

/* An accepted OPEN of an image, and no DATA: the gateway is gone. */
static void open_only(struct bench *bench, uint8_t slot, uint8_t major)
{
    size_t size;
    uint8_t *file = build(bench, slot, major, &size);
    struct ferry_open open = kit_link_claims(file, size);
    struct ferry_install install;

    wake(bench);
    ferry_install_init(&install, &bench->node);
    assert_int_equal(ferry_install_open(&install, &open), FERRY_OK);
    assert_int_equal(ferry_install_open_step(&install), FERRY_OK);
    free(file);
}

static void an_open_alone_costs_a_single_slot_nothing(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    bench_init(bench, &kit_board_single);
    provision(bench, FERRY_SLOT_A, 1);
    for (uint8_t major = 1; major <= 2; major++) { /* of the image that is there, and of another */
        open_only(bench, FERRY_SLOT_A, major);
        for (int starts = 0; starts < 5; starts++) {
            assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
            assert_int_equal(recorded(bench)->phase, FERRY_PHASE_FILLING);
        }
    }
}

static void a_single_slot_that_was_given_up_is_not_trusted(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    bench_init(bench, &kit_board_single);
    provision(bench, FERRY_SLOT_A, 1);
    open_only(bench, FERRY_SLOT_A, 2);
    struct ferry_state state = *recorded(bench);
    state.confirmed =
        FERRY_SLOT_NONE; /* then power failed in the erase, and the old image reads right */
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    assert_int_equal(start(bench), FERRY_ACTION_LISTEN);
}

/* ---- the journal ---------------------------------------------------------------------------- */

static void rebuilds_a_lost_journal_from_the_slots(void **test)
{
    struct bench *bench = *test;
    load(bench, FERRY_SLOT_A, 7);
    load(bench, FERRY_SLOT_B, 5);
    lose_journal(bench);
    assert_int_equal(start(bench), FERRY_ACTION_START_TRIAL);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_int_equal(recorded(bench)->security_counter, 5);
    assert_int_equal(recorded(bench)->confirmed, FERRY_SLOT_NONE);
}

static void rebuilds_from_the_only_slot_that_verifies(void **test)
{
    struct bench *bench = *test;
    load(bench, FERRY_SLOT_A, 7);
    load(bench, FERRY_SLOT_B, 5);
    corrupt(bench, FERRY_SLOT_A);
    lose_journal(bench);
    assert_int_equal(start(bench), FERRY_ACTION_START_TRIAL);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
}

static void writes_the_winning_record_again(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    wake(bench);
    assert_int_equal(bench->journal.place, 1);
}

static void makes_room_for_an_update_before_it_starts(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    for (int starts = 0; starts < 200; starts++) {
        assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
        assert_true(ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board));
    }
}

/* Also after an update that the bootloader received in this start: its records took the room. */
static void makes_room_at_the_jump(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    wake(bench);
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
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    bench->flash.port.program = refuse_program;
    bench->flash.port.erase = refuse_erase;
    assert_int_equal(start(bench), FERRY_ACTION_BOOT_CONFIRMED);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
}

static void logs_each_start(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_log log;
    provision(bench, FERRY_SLOT_A, 3);
    start(bench);
    start(bench); /* like the one before: not worth a record */
    install(bench, FERRY_SLOT_B, 4);
    start(bench);
    (void)recorded(bench);
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

static uint32_t records_written(struct bench *bench)
{
    (void)recorded(bench);
    return bench->journal.cursor;
}

static void logs_once_that_nothing_starts(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_log log;
    provision(bench, FERRY_SLOT_A, 3);
    corrupt(bench, FERRY_SLOT_A);
    assert_int_equal(start(bench), FERRY_ACTION_LISTEN);
    uint32_t written = records_written(bench);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_OK);
    assert_int_equal(log.boot, 1);
    assert_int_equal(log.action, FERRY_ACTION_LISTEN);
    assert_int_equal(log.slot, FERRY_SLOT_NONE);
    assert_int_equal(log.error, FERRY_IMAGE_HASH);
    assert_int_equal(log.version.major, 0); /* of no image */
    ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    assert_int_equal(records_written(bench), written);
    start(bench); /* the healed state, no second entry */
    assert_int_equal(records_written(bench), written + 1);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 1, &log), FERRY_ARGUMENT);
}

static void a_fault_without_an_application_is_logged(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_log log;
    wake(bench);
    bench->node.reset_cause = FERRY_RESET_FAULT;
    assert_int_equal(ferry_supervisor_decide(&bench->supervisor), FERRY_ACTION_LISTEN);
    ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    (void)recorded(bench);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_OK);
    assert_int_equal(log.action, FERRY_ACTION_LISTEN);
    assert_int_equal(log.reset_cause, FERRY_RESET_FAULT);
}

static void a_log_of_listening_takes_no_room_of_an_update(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_log log;
    start(bench); /* an empty chip: the journal is made, with one entry */
    (void)recorded(bench);
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

/* ---- power cuts ----------------------------------------------------------------------------- */

/* Starts with a cut at operation `first`, a second cut during the next start, then in peace. */
static void start_with_cuts(struct bench *bench, enum kit_cut cut, uint32_t first, uint32_t second)
{
    kit_flash_arm(&bench->flash, cut, first, first * 31 + second);
    (void)start(bench);
    kit_flash_power_on(&bench->flash);
    if (second > 0) {
        kit_flash_arm(&bench->flash, cut, second, first + second * 17);
        (void)start(bench);
        kit_flash_power_on(&bench->flash);
    }
    (void)start(bench);
}

/* Cuts every operation that a start does, alone and with a second cut, from one prepared flash. */
static void sweep(struct bench *bench, void (*check)(struct bench *bench))
{
    struct kit_flash prepared;
    kit_flash_init(&prepared, bench->flash.board);
    kit_flash_copy(&prepared, &bench->flash);
    (void)start(bench);
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

static void check_trial_of_b(struct bench *bench)
{
    const struct ferry_state *state = recorded(bench);
    assert_int_equal(bench->departure.slot, FERRY_SLOT_B);
    assert_true(bench->departure.trial);
    assert_int_equal(state->phase, FERRY_PHASE_TRIAL);
    assert_in_range(state->attempts, 0, FERRY_TRIAL_ATTEMPTS_DEFAULT - 1);
}

static void a_cut_start_still_tries_the_update(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    sweep(bench, check_trial_of_b);
}

static void check_confirmed_a(struct bench *bench)
{
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_false(bench->departure.trial);
    assert_int_equal(recorded(bench)->outcome, FERRY_TRIAL_EXHAUSTED);
}

static void a_cut_revert_still_reverts(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    install(bench, FERRY_SLOT_B, 2);
    for (int i = 0; i < FERRY_TRIAL_ATTEMPTS_DEFAULT; i++) {
        start(bench);
    }
    sweep(bench, check_confirmed_a);
}

static void check_still_confirmed(struct bench *bench)
{
    assert_int_equal(bench->departure.slot, FERRY_SLOT_A);
    assert_false(bench->departure.trial);
    assert_int_equal(recorded(bench)->security_counter, 1);
}

static void a_cut_compaction_loses_nothing(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    (void)recorded(bench);
    while (ferry_journal_room(&bench->journal) >= ferry_journal_reserve(&kit_board)) {
        struct ferry_state state = bench->journal.state;
        assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    }
    sweep(bench, check_still_confirmed);
}

static void check_something_starts(struct bench *bench)
{
    assert_int_not_equal(bench->departure.slot, NOT_STARTED);
}

static void check_still_listens(struct bench *bench)
{
    assert_int_equal(bench->departure.slot, NOT_STARTED);
    assert_int_equal(recorded(bench)->confirmed, FERRY_SLOT_A);
    assert_int_equal(recorded(bench)->security_counter, 1);
}

static void a_cut_log_of_listening_changes_no_state(void **test)
{
    struct bench *bench = *test;
    provision(bench, FERRY_SLOT_A, 1);
    corrupt(bench, FERRY_SLOT_A);
    sweep(bench, check_still_listens);
}

static void a_cut_rebuild_still_starts_an_image(void **test)
{
    struct bench *bench = *test;
    load(bench, FERRY_SLOT_A, 7);
    load(bench, FERRY_SLOT_B, 5);
    lose_journal(bench);
    sweep(bench, check_something_starts);
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
        TEST(logs_each_start),
        TEST(logs_once_that_nothing_starts),
        TEST(a_fault_without_an_application_is_logged),
        TEST(a_log_of_listening_takes_no_room_of_an_update),
        TEST(a_cut_start_still_tries_the_update),
        TEST(a_cut_revert_still_reverts),
        TEST(a_cut_compaction_loses_nothing),
        TEST(a_cut_rebuild_still_starts_an_image),
        TEST(a_cut_log_of_listening_changes_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
