/*
 * A node's life under power cuts: bootloader, application, update, trial, confirm or revert, and
 * once with a compaction while the image is pending. A cut at flash operations all through it, each
 * lost, torn or done, and a second one later. After each, DESIGN.md's invariants: something
 * verified boots wherever there is one; what CLOSE accepted is tried; an unconfirmed trial reverts,
 * a confirmed image stays; the counter never falls. On one slot the old image boots as long as no
 * erase of it was begun, and not once after that: there the gateway first opens the transfer and
 * goes away, and after each cut it misses a start.
 *
 * FERRY_TORTURE_SEEDS=n: at every operation, lost and done once and torn with n random outcomes,
 * each once alone and once with a second cut at random. Without it at every 5th, torn once: 5 is no
 * divisor of the 16 words of a record, so that all of them get their turn.
 * FERRY_TORTURE_DOUBLE: instead, a small image, and with every first cut (as above) a second one at
 * every operation of the recovery, lost, torn and done: the update gone on with, the trial, confirm
 * or revert, and the starts after that. From a start with the flash and the promises of an earlier
 * one all goes as it went there: it is not run again.
 */
#include "ferry/supervisor.h"

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

enum {
    PAYLOAD = 4200,
    PAYLOAD_DOUBLE = 64,
    OLD_VERSION = 1,
    NEW_VERSION = 2,
    STARTS_MAX = 24,
    CUTS_MAX = 2,
    NOTHING = 0, /* what the gateway sent behind OPEN */
    DATA = 1,
    CLOSE = 2
};

static struct {
    unsigned long long operations, of_operations, trials, doubles, known;
} totals;

/* What the new application does, and who receives it. */
struct story {
    bool good;          /* it confirms itself */
    bool by_bootloader; /* the update comes in the bootloader's listen window */
    bool compacts;      /* the journal is nearly full: compacted while the image is pending */
};

/* A node and what the outside world saw of it. What a cut leaves goes on in the bench below. */
struct bench {
    struct kit_flash start, flash;
    struct kit_link link; /* journal, node and receiver of this start */
    struct ferry_supervisor supervisor;
    const struct ferry_board *board;
    const struct story *story;
    uint8_t *old, *file;
    size_t old_size, size;
    uint64_t images;                 /* hash of both */
    bool accepted, tried, confirmed; /* since the story began */
    bool wants_update;               /* the gateway has not been told of an end yet */
    bool only_opens;                 /* at the next start, then it goes away */
    bool misses;                     /* it does not notice the next start */
    uint8_t sent;                    /* since the story began: NOTHING, DATA, CLOSE */
    uint32_t counter;                /* highest that was seen after a start */
    uint8_t cuts_to_come;            /* at every operation */
    struct bench *below;
    uint32_t at, cut;    /* it began with a cut: operation, and done, lost or which torn one */
    uint32_t operations; /* of the whole story */
    bool failed;
};

static bool pairs_of_cuts(void)
{
    return getenv("FERRY_TORTURE_DOUBLE") != NULL;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

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
    bench->old = build(board, FERRY_SLOT_A, OLD_VERSION, &bench->old_size);
    bench->file = build(board, (uint8_t)(board->slot_count - 1), NEW_VERSION, &bench->size);
    bench->images =
        kit_sweep_hash(kit_sweep_hash(1, bench->old, bench->old_size), bench->file, bench->size);
    assert_true(!pairs_of_cuts() || bench->old_size > 0x200); /* crosses a sector */
    for (int i = CUTS_MAX; i >= 0; i--) {
        benches[i] = *bench;
        benches[i].below = i < CUTS_MAX ? &benches[i + 1] : NULL;
        kit_flash_init(&benches[i].flash, board);
    }
    kit_flash_init(&bench->start, board);
    kit_provision(&bench->start, FERRY_SLOT_A, bench->old, bench->old_size);
    return bench;
}

static int set_up(void **test)
{
    static struct bench benches[CUTS_MAX + 1];
    *test = bench_init(benches, pairs_of_cuts() ? &kit_board_tiny : &kit_board);
    return 0;
}

static int set_up_single(void **test)
{
    static struct bench benches[CUTS_MAX + 1];
    *test = bench_init(benches, pairs_of_cuts() ? &kit_board_tiny_single : &kit_board_single);
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

/* ---- one start ------------------------------------------------------------------------------- */

/* All of the update, or as much as the gateway does at this start. */
static int install(struct bench *bench)
{
    int status = kit_link_open_file(&bench->link, bench->file, bench->size);

    if (status != FERRY_OK || bench->only_opens) {
        return status;
    }
    bench->sent = bench->sent == CLOSE ? CLOSE : DATA;
    status = kit_link_send(&bench->link, bench->file, bench->size);
    if (status != FERRY_OK) {
        return status;
    }
    bench->sent = CLOSE;
    return kit_link_close(&bench->link, bench->file, bench->size);
}

/* The gateway sends what it has, until the node took it or said no. */
static void offer_update(struct bench *bench)
{
    int status = install(bench);

    if (bench->only_opens) {
        assert_true(status == FERRY_OK || bench->flash.dead);
        bench->only_opens = false;
        return;
    }
    bench->accepted |= status == FERRY_OK;
    if (!bench->flash.dead) {
        assert_true(status == FERRY_OK || status == FERRY_BUSY_TRIAL ||
                    status == FERRY_SLOT_RUNNING || status == FERRY_SLOT_CONFIRMED);
        /* Nothing was written behind the answer: no cut stands between it and our note of it. */
        assert_int_equal(bench->link.answered_at, bench->flash.operations);
        bench->wants_update = false;
    }
}

static bool is_old(const struct bench *bench, uint8_t slot)
{
    uint32_t start = bench->board->slots[slot].start - bench->flash.base;
    return bench->flash.memory[start + 20] == OLD_VERSION;
}

/* Erases begun, one that was cut before it had any effect among them. */
static uint32_t slot_erases(const struct bench *bench)
{
    const struct ferry_board *board = bench->board;
    uint32_t erases = 0;

    for (uint32_t sector = ferry_board_sector_at(board, board->slots[FERRY_SLOT_A].start);
         sector < board->sector_count; sector++) {
        erases += bench->flash.erases[sector];
    }
    return erases;
}

/* The image that is started, verified anew from flash as it reads now. */
static void check_departure(struct bench *bench, const struct ferry_departure *departure)
{
    struct ferry_node *node = &bench->link.node;
    struct ferry_keys keys = ferry_boot_block_keys(node->block);
    struct ferry_image image;
    uint8_t buffer[FERRY_IMAGE_TLV_MAX];
    struct ferry_image_source source =
        ferry_image_from_slot(node->flash, node->board, departure->slot);

    assert_int_equal(
        ferry_image_verify(&source, node->board, &keys, 0, &image, buffer, sizeof(buffer)),
        FERRY_OK);
    assert_int_equal(image.slot, departure->slot);
    assert_int_equal(departure->trial, bench->link.journal.state.phase == FERRY_PHASE_TRIAL);
    if (bench->board->slot_count == 1 && slot_erases(bench) > 0) { /* only what CLOSE accepted */
        assert_false(is_old(bench, departure->slot));
        assert_int_equal(bench->sent, CLOSE);
    }
}

/* The application runs until the next reset. */
static void run_application(struct bench *bench, const struct ferry_departure *departure)
{
    kit_link_start(&bench->link, &bench->flash, departure->slot);
    bool old = is_old(bench, departure->slot);

    if (!old) { /* the gateway sees it run, even where CLOSE's answer was lost */
        bench->tried = true;
        bench->wants_update = false;
    }
    if (!old && bench->story->good) {
        const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
        if (kit_link_hash(&bench->link, FERRY_CONFIRM, hash) == FERRY_OK) {
            assert_true(bench->flash.dead || bench->link.answered_at == bench->flash.operations);
            bench->confirmed = true;
        }
    } else if (old && bench->wants_update && bench->board->slot_count > 1 &&
               !bench->story->by_bootloader) {
        offer_update(bench);
    } /* a bad new application does nothing until the watchdog bites */
}

/* Decides and departs as the bootloader's main does. Returns false where nothing can be started. */
static bool decide_and_depart(struct bench *bench, struct ferry_departure *departure)
{
    for (int tries = 0; tries < 4 && !bench->flash.dead; tries++) {
        enum ferry_action action = ferry_supervisor_decide(&bench->supervisor);
        if (action == FERRY_ACTION_LISTEN) {
            return false;
        }
        if (ferry_supervisor_depart(&bench->supervisor, action, departure) == FERRY_OK) {
            return true;
        }
    }
    return false;
}

/* From reset to reset. Returns the slot that was started, or FERRY_SLOT_NONE. */
static uint8_t boot(struct bench *bench)
{
    struct ferry_departure departure;

    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_NONE);
    ferry_supervisor_begin(&bench->supervisor, &bench->link.node);
    if (ferry_supervisor_decide(&bench->supervisor) == FERRY_ACTION_LISTEN) {
        ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
    }
    bool listens = bench->story->by_bootloader || bench->board->slot_count == 1;
    if (listens && bench->wants_update && !bench->misses && !bench->flash.dead) {
        offer_update(bench);
    }
    bench->misses = false;
    if (bench->flash.dead || !decide_and_depart(bench, &departure) || bench->flash.dead) {
        return FERRY_SLOT_NONE;
    }
    assert_true(bench->link.journal.state.security_counter >= bench->counter);
    bench->counter = bench->link.journal.state.security_counter;
    check_departure(bench, &departure);
    run_application(bench, &departure);
    return departure.slot;
}

/* ---- the story ------------------------------------------------------------------------------- */

static void begin(struct bench *bench, const struct story *story)
{
    kit_flash_copy(&bench->flash, &bench->start);
    bench->story = story;
    bench->accepted = bench->tried = bench->confirmed = false;
    bench->wants_update = true;
    /* With a compaction the image has to be pending by the next start. */
    bench->only_opens = bench->board->slot_count == 1 && !story->compacts;
    bench->misses = false;
    bench->sent = NOTHING;
    bench->counter = OLD_VERSION;
}

static void check_old_slot(struct bench *bench)
{
    const uint8_t *slot =
        &bench->flash.memory[bench->board->slots[FERRY_SLOT_A].start - bench->flash.base];
    if (bench->board->slot_count > 1) {
        assert_memory_equal(slot, bench->old, bench->old_size);
    }
}

static bool is_settled(const struct bench *bench)
{
    const struct ferry_state *state = &bench->link.journal.state;
    return bench->story->good ? bench->confirmed
                              : bench->tried && state->outcome == FERRY_TRIAL_EXHAUSTED;
}

static void check_settled(struct bench *bench, uint8_t slot)
{
    bool single = bench->board->slot_count == 1;
    const struct ferry_state *state = &bench->link.journal.state;

    assert_true(bench->tried);
    if (bench->story->good) {
        assert_true(bench->confirmed);
        assert_int_equal(slot, bench->board->slot_count - 1);
        assert_int_equal(state->security_counter, NEW_VERSION);
    } else {
        assert_int_equal(slot, single ? FERRY_SLOT_NONE : FERRY_SLOT_A);
        assert_int_equal(state->security_counter, OLD_VERSION);
        assert_int_equal(state->outcome, FERRY_TRIAL_EXHAUSTED);
    }
}

/* What the rest of the story depends on; 0 where it is not known. */
static uint64_t state_hash(const struct bench *bench)
{
    const uint8_t seen[] = {bench->cuts_to_come,    bench->accepted,
                            bench->tried,           bench->confirmed,
                            bench->wants_update,    bench->only_opens,
                            bench->misses,          bench->sent,
                            bench->story->good,     bench->story->by_bootloader,
                            (uint8_t)bench->counter};

    return kit_sweep_flash(kit_sweep_hash(bench->images, seen, sizeof(seen)), &bench->flash);
}

/* One slot: the old image starts until the record that ends it, just before the first erase. */
static void check_single(const struct bench *bench, uint8_t slot)
{
    const struct ferry_state *state = &bench->link.journal.state;

    if (slot_erases(bench) == 0) {
        bool ended = bench->sent != NOTHING && state->phase == FERRY_PHASE_FILLING &&
                     state->confirmed == FERRY_SLOT_NONE;
        assert_int_equal(slot, ended ? FERRY_SLOT_NONE : FERRY_SLOT_A);
    }
}

/* Next start, and what must hold after any. Returns the slot that was started. */
static uint8_t start_and_check(struct bench *bench)
{
    bool was_confirmed = bench->confirmed, was_accepted = bench->accepted;
    uint8_t slot = boot(bench);

    assert_false(bench->flash.dead);
    if (bench->board->slot_count == 1) {
        check_single(bench, slot);
    } else {
        assert_int_not_equal(slot, FERRY_SLOT_NONE);
    }
    assert_true(!was_confirmed || slot == bench->board->slot_count - 1);
    assert_true(!was_accepted || bench->tried); /* tried at the next start */
    check_old_slot(bench);
    return slot;
}

/*
 * Starts until the story is settled, and two more; then the end must be the right one. From a start
 * with the flash and the promises of an earlier one, at the same depth of cuts, all goes as it went
 * there: it is not run again. Returns whether that was so at the first of them.
 */
static bool check_end(struct bench *bench)
{
    uint64_t states[STARTS_MAX];
    int starts = 0, settled = 0;
    uint8_t slot = FERRY_SLOT_NONE;
    bool known = false;

    while (settled < 3 && !known) {
        assert_in_range(starts, 0, STARTS_MAX - 1);
        states[starts] = state_hash(bench);
        known = kit_sweep_knows(states[starts]);
        if (!known) {
            starts++;
            slot = start_and_check(bench);
            settled += is_settled(bench);
        }
    }
    if (!known) {
        check_settled(bench, slot);
    }
    bool at_once = starts == 0;
    while (starts > 0) { /* only now: all of them came to the right end */
        kit_sweep_learn(states[--starts]);
    }
    return at_once;
}

/* ---- cuts ------------------------------------------------------------------------------------ */

/* The bench below becomes what a cut of the next operation leaves here: flash, and what the outside
 * world saw. */
static struct bench *cut_bench(const struct bench *bench, const struct kit_operation *next,
                               uint32_t n, uint32_t seed)
{
    struct bench *below = bench->below;
    enum kit_cut cut = n == 0 ? KIT_CUT_DONE : n == 1 ? KIT_CUT_LOST : KIT_CUT_TORN;

    kit_flash_after_cut(&below->flash, &bench->flash, next, cut, seed + n);
    below->story = bench->story;
    below->accepted = bench->accepted;
    below->tried = bench->tried;
    below->confirmed = bench->confirmed;
    below->wants_update = bench->wants_update;
    below->only_opens = bench->only_opens;
    below->sent = bench->sent;
    below->misses = bench->board->slot_count == 1;
    below->counter = bench->counter;
    below->cuts_to_come = (uint8_t)(bench->cuts_to_come - 1);
    below->at = bench->flash.operations + 1;
    below->cut = n;
    return below;
}

/* A second cut at random: in the recovery, or later. */
static void cut_somewhere(struct bench *bench, uint32_t random)
{
    uint32_t range = kit_random(&random) % 2 == 0 ? 100 : bench->operations;
    uint32_t second = 1 + kit_random(&random) % range;

    kit_flash_arm(&bench->flash, (enum kit_cut)(KIT_CUT_LOST + random % 3), second, random + 1);
    for (int boots = 0; boots < STARTS_MAX && !bench->flash.dead; boots++) {
        (void)boot(bench);
    }
    bool twice = bench->flash.dead;
    totals.doubles += twice;
    kit_flash_power_on(&bench->flash);
    bench->misses = bench->board->slot_count == 1;
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
static void cut_story(void *watcher, const struct kit_operation *next)
{
    struct bench *bench = watcher;
    uint32_t at = bench->flash.operations + 1 - bench->start.operations;
    uint32_t seeds = kit_sweep_number("FERRY_TORTURE_SEEDS", 1);
    uint32_t step = getenv("FERRY_TORTURE_SEEDS") != NULL || pairs_of_cuts() ? 1 : 5;

    if (at % step != 1 % step || !kit_sweep_mine(at)) {
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

/* One record more than an update may need: the next start writes it, the one after compacts. */
static void fill_journal(struct bench *bench)
{
    struct ferry_journal *journal = &bench->link.journal;

    assert_int_equal(ferry_journal_open(journal, &bench->start.port, bench->board), FERRY_OK);
    while (ferry_journal_room(journal) > ferry_journal_reserve(bench->board) + 1) {
        assert_int_equal(ferry_journal_commit(journal, &journal->state), FERRY_OK);
    }
}

static void sweep(struct bench *bench, const struct story *story)
{
    if (pairs_of_cuts() && !story->compacts) {
        skip(); /* these have all of it */
    }
    if (story->compacts) {
        fill_journal(bench);
    }
    bench->failed = true;
    begin(bench, story);
    (void)check_end(bench); /* first without cuts */
    assert_int_equal(bench->flash.erases[bench->board->journal_sectors[1]] > 0, story->compacts);
    uint32_t operations = bench->flash.operations - bench->start.operations;
    totals.of_operations += operations;
    for (struct bench *each = bench; each != NULL; each = each->below) {
        each->operations = operations;
    }
    begin(bench, story);
    bench->cuts_to_come = pairs_of_cuts() ? 2 : 1;
    watch(bench, cut_story);
    (void)check_end(bench);
    bench->failed = false;
}

static void a_good_update_by_the_application(void **test)
{
    const struct story story = {.good = true};
    sweep(*test, &story);
}

static void a_bad_update_by_the_application(void **test)
{
    const struct story story = {.good = false};
    sweep(*test, &story);
}

static void a_good_update_by_the_bootloader(void **test)
{
    const struct story story = {.good = true, .by_bootloader = true};
    sweep(*test, &story);
}

static void a_bad_update_by_the_bootloader(void **test)
{
    const struct story story = {.good = false, .by_bootloader = true};
    sweep(*test, &story);
}

static void a_good_update_with_a_compaction(void **test)
{
    const struct story story = {.good = true, .by_bootloader = true, .compacts = true};
    sweep(*test, &story);
}

static void a_bad_update_with_a_compaction(void **test)
{
    const struct story story = {.good = false, .compacts = true};
    sweep(*test, &story);
}

#define TEST(f)   cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define SINGLE(f) cmocka_unit_test_setup_teardown(f, set_up_single, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_update_by_the_application),  TEST(a_bad_update_by_the_application),
        TEST(a_good_update_by_the_bootloader),   TEST(a_bad_update_by_the_bootloader),
        TEST(a_good_update_with_a_compaction),   TEST(a_bad_update_with_a_compaction),
        SINGLE(a_good_update_by_the_bootloader), SINGLE(a_bad_update_by_the_bootloader),
        SINGLE(a_good_update_with_a_compaction), SINGLE(a_bad_update_with_a_compaction),
    };
    cmocka_set_test_filter(getenv("FERRY_TORTURE_CASE"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("totals boot: %llu of %llu operations, %llu trials, %llu with a second cut, %llu known, "
           "%d failed\n",
           totals.operations, totals.of_operations, totals.trials, totals.doubles, totals.known,
           failed);
    return failed;
}
