/*
 * A whole update under a power cut at every flash operation, each lost, torn or done, and a second
 * cut in the recovery. After each: the confirmed slot is untouched, the transfer goes on behind
 * what was acknowledged as durable, and ends with the whole image; what CLOSE accepted stays
 * accepted.
 *
 * FERRY_TORTURE_SEEDS=n: torn outcomes of the first cut (default 1); the second cut is one at
 * random.
 * FERRY_TORTURE_DOUBLE: instead, an image just over one progress record, and with every first cut a
 * second one at every operation of what follows, lost, torn and done. From a start with the flash
 * and the promises of an earlier one all goes as it went there: it is not run again.
 */
#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"
#include "kit_sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 9000, PAYLOAD_DOUBLE = 3500, RESUME_LOSS_MAX = 4096, CUTS_MAX = 2 };

static struct {
    unsigned long long operations, of_operations, trials, doubles, known;
    unsigned long long behind[4]; /* resumes 0, up to 1, 2, 4 KB before what was durable */
} totals;

static bool pairs_of_cuts(void)
{
    return getenv("FERRY_TORTURE_DOUBLE") != NULL;
}

/* For the pairs: small, as every trial copies the flash. */
static const uint32_t small_sectors[] = {0x08000000, 0x08000400, 0x08000C00,
                                         0x08001400, 0x08002800, 0x08003C00};

static const struct ferry_board small_board = {
    .name = "kit_board",
    .sectors = small_sectors,
    .sector_count = 5,
    .slot_count = 2,
    .slots = {{0x08001400, 0x1400}, {0x08002800, 0x1400}},
    .journal_sectors = {1, 2},
    .bootloader = {0x08000000, 0x400},
    .ram = {{0x20000000, 0x20000}},
};

static const struct ferry_board small_board_single = {
    .name = "kit_board_single",
    .sectors = small_sectors,
    .sector_count = 4,
    .slot_count = 1,
    .slots = {{0x08001400, 0x1400}},
    .journal_sectors = {1, 2},
    .bootloader = {0x08000000, 0x400},
    .ram = {{0x20000000, 0x20000}},
};

/* A node and what it promised. What a cut leaves goes on in the bench below. */
struct bench {
    struct kit_flash start, flash; /* the sweep begins at `start` again and again */
    struct kit_link link;
    const struct ferry_board *board;
    uint8_t *old, *file;
    size_t old_size, size;
    uint64_t images;       /* hash of both */
    uint8_t running;       /* who receives */
    uint32_t acknowledged; /* durable, as the node said before the cut */
    bool accepted;         /* CLOSE was answered with OK */
    uint8_t cuts_to_come;  /* at every operation */
    struct bench *below;
    uint32_t at, cut;    /* it began with a cut: operation, and done, lost or which torn one */
    uint32_t operations; /* of the whole update */
    bool failed;
};

static uint8_t *build(const struct ferry_board *board, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image =
        kit_image_defaults(board, slot, major, pairs_of_cuts() ? PAYLOAD_DOUBLE : PAYLOAD);
    return kit_image_build(&image, size);
}

static struct bench *bench_init(struct bench benches[CUTS_MAX + 1], const struct ferry_board *board)
{
    struct bench *bench = &benches[0];
    memset(bench, 0, (CUTS_MAX + 1) * sizeof(*bench));
    kit_sweep_forget();
    bench->board = board;
    bench->running = board->slot_count > 1 ? FERRY_SLOT_A : FERRY_SLOT_NONE;
    bench->old = build(board, FERRY_SLOT_A, 1, &bench->old_size);
    bench->file = build(board, (uint8_t)(board->slot_count - 1), 2, &bench->size);
    bench->images =
        kit_sweep_hash(kit_sweep_hash(1, bench->old, bench->old_size), bench->file, bench->size);
    assert_true(bench->size > FERRY_JOURNAL_GRAIN);
    for (int i = CUTS_MAX; i >= 0; i--) {
        benches[i] = *bench;
        benches[i].below = i < CUTS_MAX ? &benches[i + 1] : NULL;
        kit_flash_init(&benches[i].flash, board);
    }
    kit_flash_init(&bench->start, board);
    kit_provision(&bench->start, FERRY_SLOT_A, bench->old, bench->old_size);
    if (board->slot_count > 1) { /* an older update left its traces */
        memset(&bench->start.memory[board->slots[1].start - bench->start.base], 0x5A,
               bench->size + 100);
    }
    return bench;
}

static int set_up(void **test)
{
    static struct bench benches[CUTS_MAX + 1];
    *test = bench_init(benches, pairs_of_cuts() ? &small_board : &kit_board);
    return 0;
}

static int set_up_single(void **test)
{
    static struct bench benches[CUTS_MAX + 1];
    *test = bench_init(benches, pairs_of_cuts() ? &small_board_single : &kit_board_single);
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;

    for (struct bench *below = bench->below; bench->failed && below != NULL; below = below->below) {
        fprintf(stderr, "cut at operation %u, outcome %u\n", (unsigned)below->at,
                (unsigned)below->cut);
    }
    kit_flash_free(&bench->start);
    free(bench->old);
    free(bench->file);
    for (; bench != NULL; bench = bench->below) {
        kit_flash_free(&bench->flash);
    }
    return 0;
}

static uint8_t *slot_memory(struct bench *bench, uint8_t slot)
{
    return &bench->flash.memory[bench->board->slots[slot].start - bench->flash.base];
}

/* A start: the bootloader heals the journal, then it or the confirmed application listens. */
static void start_node(struct bench *bench)
{
    struct ferry_journal *journal = &bench->link.journal;

    kit_link_start(&bench->link, &bench->flash, bench->running);
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
        /* Nothing was written behind the answer: no cut stands between it and our note of it. */
        assert_int_equal(bench->link.answered_at, bench->flash.operations);
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
    bench->cuts_to_come = 0;
    bench->link.durable = 0;
}

/* The node promised so much by now. */
static uint32_t acknowledged(const struct bench *bench)
{
    uint32_t durable = bench->link.durable;
    return durable > bench->acknowledged ? durable : bench->acknowledged;
}

/* What the rest depends on; 0 where it is not known. */
static uint64_t state_hash(const struct bench *bench)
{
    const uint32_t promised[] = {acknowledged(bench), bench->accepted, bench->cuts_to_come};

    return kit_sweep_flash(kit_sweep_hash(bench->images, promised, sizeof(promised)),
                           &bench->flash);
}

/* From a start to the whole image, and one start more. Returns whether this start is known: not run
 * again. */
static bool check_end(struct bench *bench)
{
    uint64_t state = state_hash(bench);

    if (kit_sweep_knows(state)) {
        return true;
    }
    start_node(bench);
    check_confirmed(bench);
    assert_true(!bench->accepted || bench->link.journal.state.phase == FERRY_PHASE_PENDING);
    update(bench);
    start_node(bench);
    check_whole(bench);
    kit_sweep_learn(state);
    return false;
}

/* ---- cuts ------------------------------------------------------------------------------------ */

/* The bench below becomes what a cut of the next operation leaves here: flash, and what was
 * promised. */
static struct bench *cut_bench(const struct bench *bench, const struct kit_operation *next,
                               uint32_t n, uint32_t seed)
{
    struct bench *below = bench->below;
    enum kit_cut cut = n == 0 ? KIT_CUT_DONE : n == 1 ? KIT_CUT_LOST : KIT_CUT_TORN;

    kit_flash_after_cut(&below->flash, &bench->flash, next, cut, seed + n);
    below->acknowledged = acknowledged(bench);
    below->link.durable = 0;
    below->accepted = bench->accepted;
    below->cuts_to_come = (uint8_t)(bench->cuts_to_come - 1);
    below->at = bench->flash.operations + 1;
    below->cut = n;
    return below;
}

/* A second cut anywhere; half of them never come. */
static void cut_somewhere(struct bench *bench, uint32_t random)
{
    uint32_t where = 1 + kit_random(&random) % (2 * bench->operations);

    kit_flash_arm(&bench->flash, (enum kit_cut)(KIT_CUT_LOST + random % 3), where, random + 1);
    start_node(bench);
    check_confirmed(bench);
    update(bench);
    bool twice = bench->flash.dead;
    totals.doubles += twice;
    kit_flash_power_on(&bench->flash);
    totals.known += check_end(bench) && twice; /* else it was run, if with one cut only */
}

static void watch(struct bench *bench, void (*cut)(void *watcher, const struct kit_operation *next))
{
    bench->flash.watch = bench->cuts_to_come > 0 ? cut : NULL;
    bench->flash.watcher = bench;
}

/* The second cut, wherever the recovery is: done, lost and torn. The same operation on the same
 * flash with the same promises is cut once: RAM is lost anyway. */
static void cut_recovery(void *watcher, const struct kit_operation *next)
{
    struct bench *bench = watcher;
    uint32_t seed = (bench->at * 31 + bench->cut) * 8191 + bench->flash.operations * 3;
    uint64_t state = kit_sweep_operation(state_hash(bench), next);

    totals.trials += 3;
    totals.doubles += 3;
    if (kit_sweep_knows(state)) {
        totals.known += 3;
        return;
    }
    for (uint32_t n = 0; n < 3; n++) {
        totals.known += check_end(cut_bench(bench, next, n, seed));
    }
    kit_sweep_learn(state);
}

/* The first cut: done, lost, and torn as often as there are seeds. */
static void cut_update(void *watcher, const struct kit_operation *next)
{
    struct bench *bench = watcher;
    uint32_t at = bench->flash.operations + 1 - bench->start.operations;
    uint32_t seeds = kit_sweep_number("FERRY_TORTURE_SEEDS", 1);

    if (!kit_sweep_mine(at)) {
        return;
    }
    totals.operations++;
    for (uint32_t n = 0; n < 2 + seeds; n++) {
        totals.trials++;
        struct bench *recovery = cut_bench(bench, next, n, at * 64);
        watch(recovery, cut_recovery);
        totals.known += check_end(recovery);
        if (!pairs_of_cuts()) {
            totals.trials++;
            cut_somewhere(cut_bench(bench, next, n, at * 64), at * 131 + n);
        }
    }
}

static void sweep(void **test)
{
    struct bench *bench = *test;

    bench->failed = true;
    begin(bench);
    (void)check_end(bench); /* first without cuts */
    uint32_t operations = bench->flash.operations - bench->start.operations;
    totals.of_operations += operations;
    for (struct bench *each = bench; each != NULL; each = each->below) {
        each->operations = operations;
    }
    begin(bench);
    bench->cuts_to_come = pairs_of_cuts() ? 2 : 1;
    watch(bench, cut_update);
    (void)check_end(bench);
    bench->failed = false;
}

static void the_application_is_updated(void **test)
{
    sweep(test);
}

static void the_bootloader_updates(void **test)
{
    sweep(test);
}

#define TEST(f)   cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define SINGLE(f) cmocka_unit_test_setup_teardown(f, set_up_single, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_application_is_updated),
        SINGLE(the_bootloader_updates),
    };
    cmocka_set_test_filter(getenv("FERRY_TORTURE_CASE"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf(
        "totals install: %llu of %llu operations, %llu trials, %llu with a second cut, %llu known, "
        "%d failed\n",
        totals.operations, totals.of_operations, totals.trials, totals.doubles, totals.known,
        failed);
    printf("resumes install: %llu at the last durable acknowledgement, before it up to 1 KB %llu, "
           "2 KB %llu, 4 KB %llu\n",
           totals.behind[0], totals.behind[1], totals.behind[2], totals.behind[3]);
    return failed;
}
