/* What follows an accepted image: CONFIRM, REVERT; and boards with one slot. */
#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 11000 };

/* A node with 1.x confirmed in A, bootloader running, and 2.x for B at hand. */
struct bench {
    struct kit_flash flash;
    struct kit_link link;
    const struct ferry_board *board;
    uint8_t *old, *file;
    size_t old_size, size;
};

static uint8_t *build(const struct ferry_board *board, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image = kit_image_defaults(board, slot, major, PAYLOAD);
    return kit_image_build(&image, size);
}

static void bench_init(struct bench *bench, const struct ferry_board *board)
{
    memset(bench, 0, sizeof(*bench));
    bench->board = board;
    kit_flash_init(&bench->flash, board);
    bench->old = build(board, FERRY_SLOT_A, 1, &bench->old_size);
    bench->file = build(board, (uint8_t)(board->slot_count - 1), 2, &bench->size);
    kit_provision(&bench->flash, FERRY_SLOT_A, bench->old, bench->old_size);
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_NONE);
}

static int set_up(void **test)
{
    static struct bench bench;
    bench_init(&bench, &kit_board);
    *test = &bench;
    return 0;
}

static int set_up_single(void **test)
{
    static struct bench bench;
    bench_init(&bench, &kit_board_single);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    return 0;
}

static uint8_t *slot_memory(struct bench *bench, uint8_t slot)
{
    return &bench->flash.memory[bench->board->slots[slot].start - bench->flash.base];
}

static void expect_installed(struct bench *bench)
{
    const struct ferry_state *state = &bench->link.journal.state;
    uint8_t slot = (uint8_t)(bench->board->slot_count - 1);
    assert_memory_equal(slot_memory(bench, slot), bench->file, bench->size);
    assert_int_equal(state->phase, FERRY_PHASE_PENDING);
    assert_int_equal(state->candidate, slot);
    assert_int_equal(state->attempts, FERRY_TRIAL_ATTEMPTS_DEFAULT);
    assert_memory_equal(state->hash, kit_link_file_hash(bench->file, bench->size), FERRY_HASH_SIZE);
}

static void expect_old_untouched(struct bench *bench)
{
    assert_memory_equal(slot_memory(bench, FERRY_SLOT_A), bench->old, bench->old_size);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
}

/* A reset, into the bootloader or an application. */
static void reset(struct bench *bench, uint8_t running)
{
    kit_link_start(&bench->link, &bench->flash, running);
}

static void open_and_send(struct bench *bench, uint32_t until)
{
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    while (bench->link.next < until) {
        assert_int_equal(
            kit_link_data(&bench->link, bench->link.next, bench->file + bench->link.next, 256),
            FERRY_OK);
    }
}

/* What the bootloader does: the accepted image is started once on trial. */
static void start_trial(struct bench *bench)
{
    struct ferry_state state = bench->link.journal.state;
    state.phase = FERRY_PHASE_TRIAL;
    state.attempts--;
    assert_int_equal(ferry_journal_commit(&bench->link.journal, &state), FERRY_OK);
    reset(bench, state.candidate);
}

static void install_and_start_trial(struct bench *bench)
{
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    start_trial(bench);
}

/* ---- CONFIRM, REVERT ------------------------------------------------------------------------- */

static void confirm_makes_the_trial_the_confirmed_image(void **test)
{
    struct bench *bench = *test;
    install_and_start_trial(bench);
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    for (int i = 0; i < 2; i++) { /* the answer may have been lost */
        assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_OK);
        assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_B);
        assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_NONE);
        assert_int_equal(bench->link.journal.state.outcome, 0);
        assert_int_equal(bench->link.journal.state.security_counter, 2);
    }
    assert_int_equal(kit_link_hash(&bench->link, FERRY_REVERT, hash), FERRY_NOT_TRIAL);
    reset(bench, FERRY_SLOT_B);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_OK);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_B);
}

static void confirm_names_the_image_and_comes_from_it(void **test)
{
    struct bench *bench = *test;
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    const uint8_t *old = kit_link_file_hash(bench->old, bench->old_size);
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_NOT_TRIAL);
    start_trial(bench);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, old), FERRY_WRONG_IMAGE);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_REVERT, old), FERRY_WRONG_IMAGE);
    reset(bench, FERRY_SLOT_NONE); /* the bootloader cannot confirm */
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_NOT_TRIAL);
    reset(bench, FERRY_SLOT_A); /* nor the old application */
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_NOT_TRIAL);
    assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_TRIAL);
    expect_old_untouched(bench);
}

static void revert_gives_the_trial_up(void **test)
{
    struct bench *bench = *test;
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_REVERT, hash), FERRY_NOT_TRIAL);
    install_and_start_trial(bench);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_REVERT, hash), FERRY_OK);
    assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_NONE);
    assert_int_equal(bench->link.journal.state.outcome, FERRY_REVERTED);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_REVERT, hash), FERRY_NOT_TRIAL);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_NOT_TRIAL);
    expect_old_untouched(bench);
    reset(bench, FERRY_SLOT_A); /* and may be sent again, from the start */
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.next, 0);
}

static void a_pending_image_can_be_reverted_before_its_trial(void **test)
{
    struct bench *bench = *test;
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_REVERT, hash), FERRY_OK);
    assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_NONE);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_REVERTED);
}

static void the_counter_never_falls(void **test)
{
    struct bench *bench = *test;
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, PAYLOAD);
    image.security_counter = 1;
    free(bench->file);
    bench->file = kit_image_build(&image, &bench->size);
    install_and_start_trial(bench);
    struct ferry_state state = bench->link.journal.state;
    state.security_counter = 9; /* raised meanwhile */
    assert_int_equal(ferry_journal_commit(&bench->link.journal, &state), FERRY_OK);
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_OK);
    assert_int_equal(bench->link.journal.state.security_counter, 9);
}

/* ---- one slot -------------------------------------------------------------------------------- */

static void single_slot_is_overwritten_by_the_bootloader_only(void **test)
{
    struct bench *bench = *test;
    reset(bench, FERRY_SLOT_A);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size),
                     FERRY_SLOT_RUNNING);
    reset(bench, FERRY_SLOT_NONE);
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_NONE);
    start_trial(bench);
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_OK);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
}

static void single_slot_resumes(void **test)
{
    struct bench *bench = *test;
    open_and_send(bench, 9000);
    reset(bench, FERRY_SLOT_NONE);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.next, 8192);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
}

static void single_slot_keeps_the_confirmed_mark_until_the_first_erase_only(void **test)
{
    struct bench *bench = *test;
    bench->file[0] ^= 1;
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_IMAGE_MAGIC);
    bench->file[0] ^= 1;
    assert_int_equal(bench->flash.operations, 0);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_FILLING);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
    reset(bench, FERRY_SLOT_NONE);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
    open_and_send(bench, 4);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_NONE);
}

/* Power fails as the first erase begins: what it leaves may verify once more by luck. */
static void single_slot_is_given_up_before_the_first_erase(void **test)
{
    struct bench *bench = *test;
    uint32_t sector = ferry_board_sector_at(bench->board, bench->board->slots[FERRY_SLOT_A].start);

    for (uint32_t at = 1; bench->flash.erases[sector] == 0; at++) {
        assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
        tear_down(test);
        set_up_single(test);
        kit_flash_arm(&bench->flash, KIT_CUT_LOST, at, at);
        (void)kit_link_open_file(&bench->link, bench->file, bench->size);
        (void)kit_link_data(&bench->link, 0, bench->file, 256);
        assert_true(bench->flash.dead);
        kit_flash_power_on(&bench->flash);
        reset(bench, FERRY_SLOT_NONE);
    }
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_NONE);
}

#define TEST(f)   cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define SINGLE(f) cmocka_unit_test_setup_teardown(f, set_up_single, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(confirm_makes_the_trial_the_confirmed_image),
        TEST(confirm_names_the_image_and_comes_from_it),
        TEST(revert_gives_the_trial_up),
        TEST(a_pending_image_can_be_reverted_before_its_trial),
        TEST(the_counter_never_falls),
        SINGLE(single_slot_is_overwritten_by_the_bootloader_only),
        SINGLE(single_slot_resumes),
        SINGLE(single_slot_keeps_the_confirmed_mark_until_the_first_erase_only),
        SINGLE(single_slot_is_given_up_before_the_first_erase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
