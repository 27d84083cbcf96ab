/*
 * The journal under a power cut at every word, each lost, torn or done, with many random outcomes
 * of the torn bits, and a second cut while the bootloader recovers: the old state or the new one is
 * found, nothing else, and what was acted on stays.
 *
 * FERRY_TORTURE_SEEDS=n: torn outcomes (16).
 * FERRY_TORTURE_DOUBLE: the second cut at every operation of the recovery (what the bootloader does
 * before it acts: the winner written again, a compaction), with each of the nine pairs of outcomes
 * and three seeds.
 */
#include "ferry/journal.h"

#include "kit_board.h"
#include "kit_sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct {
    unsigned long long operations, of_operations, trials, doubles;
} totals;

enum { OLD = 5, NEW = 6, LATER = 7, LOOKS = 4 };

struct bench {
    struct kit_flash start, flash; /* the sweep begins at `start` again and again */
    struct ferry_journal journal;
};

static int set_up(void **test)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    kit_flash_init(&bench.start, &kit_board);
    kit_flash_init(&bench.flash, &kit_board);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->start);
    kit_flash_free(&bench->flash);
    return 0;
}

/* ---- states ---------------------------------------------------------------------------------- */

/* Every field differs between two of them; the counter is the number. */
static struct ferry_state a_state(uint32_t n)
{
    struct ferry_state state;
    memset(&state, 0, sizeof(state));
    state.confirmed = (uint8_t)(n % 2);
    state.phase = (uint8_t)(n % 4);
    state.candidate = (uint8_t)(1 - n % 2);
    state.attempts = (uint8_t)n;
    state.outcome = (uint8_t)n;
    state.security_counter = n;
    state.durable = ~n;
    state.erased = n << 8;
    memset(state.hash, (int)n, sizeof(state.hash));
    return state;
}

static bool same_state(const struct ferry_state *a, const struct ferry_state *b)
{
    return a->confirmed == b->confirmed && a->phase == b->phase && a->candidate == b->candidate &&
           a->attempts == b->attempts && a->outcome == b->outcome &&
           a->security_counter == b->security_counter && a->durable == b->durable &&
           a->erased == b->erased && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

/* Opens; the state must be one of those that a_state makes, in this range. */
static uint32_t look(struct bench *bench, uint32_t lowest, uint32_t highest)
{
    assert_int_equal(ferry_journal_open(&bench->journal, &bench->flash.port, &kit_board), FERRY_OK);
    assert_false(bench->journal.lost);
    uint32_t n = bench->journal.state.security_counter;
    struct ferry_state state = a_state(n);
    assert_true(same_state(&bench->journal.state, &state));
    assert_in_range(n, lowest, highest);
    return n;
}

/* What the bootloader does before it acts: write the winner again, make room. */
static int heal(struct bench *bench)
{
    struct ferry_journal *journal = &bench->journal;
    int status = ferry_journal_commit(journal, &journal->state);

    if (status != FERRY_OK) {
        return ferry_journal_compact(journal, &journal->state);
    }
    return ferry_journal_room(journal) < ferry_journal_reserve(&kit_board)
               ? ferry_journal_compact(journal, &journal->state)
               : FERRY_OK;
}

/* From now on only this state is found, however the unstable bits fall. */
static void stays(struct bench *bench, uint32_t n)
{
    for (int i = 0; i < LOOKS; i++) {
        (void)look(bench, n, n);
    }
}

static void recovers(struct bench *bench)
{
    uint32_t n = look(bench, OLD, NEW);
    assert_int_equal(heal(bench), FERRY_OK);
    stays(bench, n);
    struct ferry_state later = a_state(LATER);
    assert_int_equal(ferry_journal_commit(&bench->journal, &later), FERRY_OK);
    stays(bench, LATER);
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

typedef int (*operation_t)(struct ferry_journal *journal, const struct ferry_state *state);

/* Cuts the recovery too: at its operation `second`, or not at all where that is 0. Returns whether
 * it came so far. */
static bool run(struct bench *bench, operation_t operation, uint32_t first, enum kit_cut cut,
                uint32_t second, uint32_t seed)
{
    struct ferry_state state = a_state(NEW);
    bool twice = false;

    totals.trials++;
    kit_flash_copy(&bench->flash, &bench->start);
    (void)look(bench, OLD, OLD);
    kit_flash_arm(&bench->flash, cut, first, seed);
    int status = operation(&bench->journal, &state);
    assert_true(bench->flash.dead);
    /* A compaction whose state was written is done; the boot logs behind it are for people. */
    assert_true(status == FERRY_FLASH || operation == ferry_journal_compact);
    kit_flash_power_on(&bench->flash);
    if (second > 0) {
        (void)look(bench, OLD, NEW);
        kit_flash_arm(&bench->flash, (enum kit_cut)(KIT_CUT_LOST + seed % 3), second, seed + 77);
        (void)heal(bench);
        twice = bench->flash.dead;
        totals.doubles += twice;
        kit_flash_power_on(&bench->flash);
    }
    recovers(bench);
    return twice;
}

static uint32_t count_operations(struct bench *bench, operation_t operation)
{
    struct ferry_state state = a_state(NEW);
    kit_flash_copy(&bench->flash, &bench->start);
    (void)look(bench, OLD, OLD);
    uint32_t before = bench->flash.operations;
    assert_int_equal(operation(&bench->journal, &state), FERRY_OK);
    (void)look(bench, NEW, NEW);
    return bench->flash.operations - before;
}

/* The second cut in the recovery's first 40 operations, the first one torn. */
static void run_doubles(struct bench *bench, operation_t operation, uint32_t at, uint32_t step)
{
    for (uint32_t second = 1; second <= 40; second += step) {
        for (uint32_t seed = 1; seed <= 3; seed++) {
            (void)run(bench, operation, at, KIT_CUT_TORN, second, seed + at * 8 + second);
        }
    }
}

/* Every outcome of the first with every outcome of the second, until the recovery ends before it:
 * how long it is depends on what the first one left. */
static void run_pairs(struct bench *bench, operation_t operation, uint32_t at)
{
    bool twice = true;

    for (uint32_t second = 1; twice; second++) {
        twice = false;
        for (uint32_t n = 0; n < 27; n++) {
            uint32_t seed = n / 9 + 1, pair = n % 9;
            uint32_t chosen =
                (seed * 977 + at * 31 + second) * 3 + pair % 3; /* mod 3: the second */
            twice |=
                run(bench, operation, at, (enum kit_cut)(KIT_CUT_LOST + pair / 3), second, chosen);
        }
    }
}

/* Every operation x {lost, torn, done} x seeds; then the same with a second cut in the recovery. */
static void sweep(struct bench *bench, operation_t operation, uint32_t second_step)
{
    uint32_t operations = count_operations(bench, operation);
    uint32_t seeds = kit_sweep_number("FERRY_TORTURE_SEEDS", 16);

    totals.of_operations += operations;
    for (uint32_t at = 1; at <= operations; at++) {
        if (!kit_sweep_mine(at)) {
            continue;
        }
        totals.operations++;
        (void)run(bench, operation, at, KIT_CUT_LOST, 0, 1);
        (void)run(bench, operation, at, KIT_CUT_DONE, 0, 1);
        for (uint32_t seed = 1; seed <= seeds; seed++) {
            (void)run(bench, operation, at, KIT_CUT_TORN, 0, seed);
        }
        if (getenv("FERRY_TORTURE_DOUBLE") != NULL) {
            run_pairs(bench, operation, at);
        } else {
            run_doubles(bench, operation, at, second_step);
        }
    }
}

/* `start` holds a journal with this many records, the last of them OLD, and a few boot logs. */
static void prepare(struct bench *bench, uint32_t records)
{
    uint8_t record[FERRY_RECORD_SIZE], hash[FERRY_HASH_SIZE] = {0};
    struct ferry_state old = a_state(OLD);
    struct ferry_journal *journal = &bench->journal;
    struct ferry_boot_log log = {.slot = 1};

    memset(bench->start.memory, 0xFF, bench->start.size);
    ferry_journal_format(record, FERRY_SLOT_A, 1, hash);
    kit_flash_load(&bench->start, kit_board.sectors[kit_board.journal_sectors[0]], record,
                   sizeof(record));
    assert_int_equal(ferry_journal_open(journal, &bench->start.port, &kit_board), FERRY_OK);
    for (uint8_t i = 0; i < 2; i++) {
        log.attempts = i;
        assert_int_equal(ferry_journal_log(journal, &log), FERRY_OK);
    }
    while (journal->cursor < records) {
        assert_int_equal(ferry_journal_commit(journal, &old), FERRY_OK);
    }
}

static void a_commit_into_a_new_sector(void **test)
{
    struct bench *bench = *test;
    prepare(bench, 4);
    sweep(bench, ferry_journal_commit, 1);
}

static void a_commit_into_the_last_places(void **test)
{
    struct bench *bench = *test;
    for (uint32_t records = 61; records < 64; records++) {
        prepare(bench, records);
        sweep(bench, ferry_journal_commit, 7);
    }
}

/* The bootloader makes room below the reserve, or where the journal is full. */
static void a_compaction(void **test)
{
    struct bench *bench = *test;
    const uint32_t records[] = {64 - 20, 64};
    for (size_t i = 0; i < 2; i++) {
        prepare(bench, records[i]);
        sweep(bench, ferry_journal_compact, 3);
    }
}

/* Back again: the sector it goes to holds old records, so that a torn erase leaves parts of them.
 */
static void a_compaction_over_old_records(void **test)
{
    struct bench *bench = *test;
    struct ferry_state old = a_state(OLD);
    prepare(bench, 64);
    assert_int_equal(ferry_journal_compact(&bench->journal, &old), FERRY_OK);
    while (ferry_journal_room(&bench->journal) > 10) {
        assert_int_equal(ferry_journal_commit(&bench->journal, &old), FERRY_OK);
    }
    sweep(bench, ferry_journal_compact, 3);
}

/* A torn record, then a boot log or two after it, then the next cut: the distance in places counts.
 */
static void cuts_one_after_another(void **test)
{
    struct bench *bench = *test;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        if (!kit_sweep_mine(seed)) {
            continue;
        }
        uint32_t random = seed, now = OLD;
        prepare(bench, 4);
        kit_flash_copy(&bench->flash, &bench->start);
        for (uint32_t next = NEW; next < 60; next++) {
            struct ferry_state state = a_state(next);
            now = look(bench, now, now);
            kit_flash_arm(&bench->flash, (enum kit_cut)(KIT_CUT_LOST + kit_random(&random) % 3),
                          1 + kit_random(&random) % 40, kit_random(&random));
            if (ferry_journal_commit(&bench->journal, &state) == FERRY_OK) {
                now = next; /* committed: may never be lost again */
            }
            kit_flash_power_on(&bench->flash);
            uint32_t found = look(bench, now, next);
            assert_true(found == now || found == next);
            now = found;
            assert_int_equal(heal(bench), FERRY_OK);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_commit_into_a_new_sector),
        TEST(a_commit_into_the_last_places),
        TEST(a_compaction),
        TEST(a_compaction_over_old_records),
        TEST(cuts_one_after_another),
    };
    cmocka_set_test_filter(getenv("FERRY_TORTURE_CASE"));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf(
        "totals journal: %llu of %llu operations, %llu trials, %llu with a second cut, %llu known, "
        "%d failed\n",
        totals.operations, totals.of_operations, totals.trials, totals.doubles, 0ULL, failed);
    return failed;
}
