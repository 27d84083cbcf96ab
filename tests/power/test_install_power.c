/*
 * A whole update under a power cut at every flash operation, each lost, torn or done, and a second
 * cut somewhere in the recovery. After each: the confirmed slot is untouched, the transfer goes on
 * behind what was acknowledged as durable, and ends with the whole image; what CLOSE accepted stays
 * accepted.
 *
 * FERRY_TORTURE_SEEDS=n: how many random outcomes of every cut (default 1).
 * FERRY_TORTURE_DOUBLE=n: instead, a small image, and with every first cut a second one at every
 * n-th operation of the recovery, each lost and torn (a done one is the next one lost).
 */
#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 9000, PAYLOAD_DOUBLE = 1024, RESUME_LOSS_MAX = 4096 };

static struct {
    unsigned long long operations, trials, doubles;
    unsigned long long behind[4]; /* resumes 0, up to 1, 2, 4 KB before what was durable */
} totals;

static uint32_t double_step(void)
{
    const char *text = getenv("FERRY_TORTURE_DOUBLE");
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

struct bench {
    struct kit_flash start, flash; /* the sweep begins at `start` again and again */
    struct kit_link link;
    const struct ferry_board *board;
    uint8_t *old, *file;
    size_t old_size, size;
    uint32_t acknowledged; /* durable, as the node said before the cut */
    bool accepted;         /* CLOSE was answered with OK */
};

static uint8_t *build(const struct ferry_board *board, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image =
        kit_image_defaults(board, slot, major, double_step() > 0 ? PAYLOAD_DOUBLE : PAYLOAD);
    return kit_image_build(&image, size);
}

static void bench_init(struct bench *bench, const struct ferry_board *board)
{
    memset(bench, 0, sizeof(*bench));
    bench->board = board;
    kit_flash_init(&bench->start, board);
    kit_flash_init(&bench->flash, board);
    bench->old = build(board, FERRY_SLOT_A, 1, &bench->old_size);
    bench->file = build(board, (uint8_t)(board->slot_count - 1), 2, &bench->size);
    kit_provision(&bench->start, FERRY_SLOT_A, bench->old, bench->old_size);
    if (board->slot_count > 1) { /* an older update left its traces */
        memset(&bench->start.memory[board->slots[1].start - bench->start.base], 0x5A, 0x2800);
    }
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
    kit_flash_free(&bench->start);
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    return 0;
}

static uint8_t *slot_memory(struct bench *bench, uint8_t slot)
{
    return &bench->flash.memory[bench->board->slots[slot].start - bench->flash.base];
}

/* A start: the bootloader heals the journal, then it or the confirmed application listens. */
static void start_node(struct bench *bench, uint8_t running)
{
    struct ferry_journal *journal = &bench->link.journal;

    kit_link_start(&bench->link, &bench->flash, running);
    assert_false(journal->lost);
    if (ferry_journal_commit(journal, &journal->state) != FERRY_OK ||
        ferry_journal_room(journal) < ferry_journal_reserve(bench->board)) {
        (void)ferry_journal_compact(journal, &journal->state);
    }
}

static void note_resume(const struct bench *bench)
{
    uint32_t behind =
        bench->acknowledged > bench->link.next ? bench->acknowledged - bench->link.next : 0;
    if (bench->acknowledged > 0) {
        totals.behind[behind == 0 ? 0 : behind <= 1024 ? 1 : behind <= 2048 ? 2 : 3]++;
    }
}

/* The update until it is accepted or power fails. Notes what the node promised. */
static void update(struct bench *bench)
{
    int status = kit_link_open_file(&bench->link, bench->file, bench->size);

    if (status == FERRY_OK && !bench->flash.dead) {
        assert_true(bench->link.next + RESUME_LOSS_MAX >= bench->acknowledged);
        assert_true(!bench->accepted || bench->link.next == bench->size);
        note_resume(bench);
        status = kit_link_send(&bench->link, bench->file, bench->size);
        if (bench->link.durable > bench->acknowledged) {
            bench->acknowledged = bench->link.durable;
        }
    }
    if (status == FERRY_OK) {
        status = kit_link_close(&bench->link, bench->file, bench->size);
        bench->accepted |= status == FERRY_OK;
    }
    if (!bench->flash.dead) {
        assert_int_equal(status, FERRY_OK); /* nothing but a cut can stop it */
    }
}

static void check_confirmed(struct bench *bench)
{
    if (bench->board->slot_count > 1) {
        assert_memory_equal(slot_memory(bench, FERRY_SLOT_A), bench->old, bench->old_size);
        assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
    }
    assert_int_equal(bench->link.journal.state.security_counter, 1);
}

static void check_whole(struct bench *bench)
{
    const struct ferry_state *state = &bench->link.journal.state;
    uint8_t slot = (uint8_t)(bench->board->slot_count - 1);
    const uint8_t *noise =
        &bench->flash.unstable[bench->board->slots[slot].start - bench->flash.base];

    assert_memory_equal(slot_memory(bench, slot), bench->file, bench->size);
    for (size_t i = 0; i < bench->size; i++) {
        assert_int_equal(noise[i], 0);
    }
    assert_int_equal(state->phase, FERRY_PHASE_PENDING);
    assert_int_equal(state->candidate, slot);
    assert_int_equal(state->attempts, FERRY_TRIAL_ATTEMPTS_DEFAULT);
    assert_memory_equal(state->hash, kit_link_file_hash(bench->file, bench->size), FERRY_HASH_SIZE);
    check_confirmed(bench);
}

static void begin(struct bench *bench)
{
    kit_flash_copy(&bench->flash, &bench->start);
    bench->acknowledged = 0;
    bench->accepted = false;
}

/* A cut and what it leaves behind. */
struct cut {
    enum kit_cut mode;
    uint32_t at; /* operation, from 1 */
    uint32_t seed;
};

static void run(struct bench *bench, uint8_t running, const struct cut *first,
                const struct cut *second)
{
    totals.trials++;
    begin(bench);
    kit_flash_arm(&bench->flash, first->mode, first->at, first->seed);
    start_node(bench, running);
    update(bench);
    assert_true(bench->flash.dead);
    kit_flash_power_on(&bench->flash);

    kit_flash_arm(&bench->flash, second->mode, second->at, second->seed);
    start_node(bench, running);
    check_confirmed(bench);
    update(bench);
    totals.doubles += bench->flash.dead;
    kit_flash_power_on(&bench->flash);

    start_node(bench, running);
    assert_true(!bench->accepted || bench->link.journal.state.phase == FERRY_PHASE_PENDING);
    update(bench);
    start_node(bench, running);
    check_whole(bench);
}

static uint32_t seeds(void)
{
    const char *text = getenv("FERRY_TORTURE_SEEDS");
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 1;
}

/* A second cut anywhere; half of them never come. */
static void run_random(struct bench *bench, uint8_t running, uint32_t at, enum kit_cut mode,
                       uint32_t seed, uint32_t operations)
{
    uint32_t random = seed * 7919 + at;
    uint32_t where = 1 + kit_random(&random) % (2 * operations);
    struct cut first = {mode, at, random};
    struct cut second = {(enum kit_cut)(KIT_CUT_LOST + random % 3), where, random + 1};

    run(bench, running, &first, &second);
}

/* Every pair of cuts. The recovery has some operations more than the rest of the update. */
static void sweep_pairs(struct bench *bench, uint8_t running, uint32_t operations)
{
    for (uint32_t at = 1; at <= operations; at++) {
        for (uint32_t where = 1; where <= operations + 32; where += double_step()) {
            for (uint32_t pair = 0; pair < 4; pair++) {
                struct cut first = {pair / 2 ? KIT_CUT_TORN : KIT_CUT_LOST, at, at * 131 + where};
                struct cut second = {pair % 2 ? KIT_CUT_TORN : KIT_CUT_LOST, where,
                                     where * 131 + at};
                run(bench, running, &first, &second);
            }
        }
    }
}

static void sweep(struct bench *bench, uint8_t running)
{
    begin(bench);
    uint32_t before = bench->flash.operations;
    start_node(bench, running);
    update(bench);
    uint32_t operations = bench->flash.operations - before;
    check_whole(bench);

    totals.operations += operations;
    if (double_step() > 0) {
        sweep_pairs(bench, running, operations);
        return;
    }
    for (uint32_t at = 1; at <= operations; at++) {
        run_random(bench, running, at, KIT_CUT_LOST, 1, operations);
        run_random(bench, running, at, KIT_CUT_DONE, 2, operations);
        for (uint32_t seed = 0; seed < seeds(); seed++) {
            run_random(bench, running, at, KIT_CUT_TORN, 3 + seed, operations);
        }
    }
}

static void the_application_is_updated(void **test)
{
    sweep(*test, FERRY_SLOT_A);
}

static void the_bootloader_updates(void **test)
{
    sweep(*test, FERRY_SLOT_NONE);
}

#define TEST(f)   cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define SINGLE(f) cmocka_unit_test_setup_teardown(f, set_up_single, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_application_is_updated),
        SINGLE(the_bootloader_updates),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("totals install: %llu operations, %llu trials, %llu with a second cut, %d failed\n",
           totals.operations, totals.trials, totals.doubles, failed);
    printf("resumes install: %llu at the last durable acknowledgement, before it up to 1 KB %llu, "
           "2 KB %llu, 4 KB %llu\n",
           totals.behind[0], totals.behind[1], totals.behind[2], totals.behind[3]);
    return failed;
}
