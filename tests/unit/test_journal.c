/* The journal: open, commit, compaction, boot log, and sectors full of anything. */
#include "ferry/journal.h"
#include "ferry/receiver.h"

#include "kit_board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct bench {
    struct kit_flash flash;
    struct ferry_journal journal;
};

static int set_up(void **test)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    kit_flash_init(&bench.flash, &kit_board);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    return 0;
}

static struct ferry_range sector(uint8_t which)
{
    return ferry_board_sector(&kit_board, kit_board.journal_sectors[which]);
}

static uint8_t *memory(struct bench *bench, uint8_t which)
{
    return &bench->flash.memory[sector(which).start - bench->flash.base];
}

static void open(struct bench *bench)
{
    assert_int_equal(ferry_journal_open(&bench->journal, &bench->flash.port, &kit_board), FERRY_OK);
}

static void format(struct bench *bench)
{
    uint8_t record[FERRY_RECORD_SIZE], hash[FERRY_HASH_SIZE];
    memset(hash, 0x42, sizeof(hash));
    ferry_journal_format(record, FERRY_SLOT_A, 7, hash);
    kit_flash_load(&bench->flash, sector(0).start, record, sizeof(record));
    open(bench);
}

/* A state in which every field depends on `n`. */
static struct ferry_state a_state(uint32_t n)
{
    struct ferry_state state;
    memset(&state, 0, sizeof(state));
    state.confirmed = (uint8_t)(n % 2);
    state.phase = (uint8_t)(n % 4);
    state.candidate = (uint8_t)(1 - n % 2);
    state.attempts = (uint8_t)(n % 5);
    state.outcome = (uint8_t)(n % 52);
    state.security_counter = n;
    state.durable = n * 4096;
    state.erased = n * 3;
    memset(state.hash, (int)(n & 0xFF), sizeof(state.hash));
    return state;
}

static void commit(struct bench *bench, uint32_t n)
{
    struct ferry_state state = a_state(n);
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_OK);
    assert_memory_equal(&bench->journal.state, &state, sizeof(state));
}

static void compact(struct bench *bench, uint32_t n)
{
    struct ferry_state state = a_state(n);
    assert_int_equal(ferry_journal_compact(&bench->journal, &state), FERRY_OK);
}

static void expect(struct bench *bench, uint32_t n)
{
    struct ferry_state state = a_state(n);
    open(bench);
    assert_false(bench->journal.lost);
    assert_memory_equal(&bench->journal.state, &state, sizeof(state));
}

/* ---- opening --------------------------------------------------------------------------------- */

static void an_erased_journal_is_lost(void **test)
{
    struct bench *bench = *test;
    open(bench);
    assert_true(bench->journal.lost);
    assert_int_equal(bench->journal.state.confirmed, FERRY_SLOT_NONE);
    assert_int_equal(bench->journal.state.candidate, FERRY_SLOT_NONE);
    assert_int_equal(bench->journal.state.phase, FERRY_PHASE_NONE);
    assert_int_equal(ferry_journal_room(&bench->journal), 0);
    struct ferry_state state = a_state(1);
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_JOURNAL_FULL);
    assert_int_equal(bench->flash.operations, 0);
}

static void a_lost_journal_is_made_anew_by_compaction(void **test)
{
    struct bench *bench = *test;
    open(bench);
    compact(bench, 5);
    expect(bench, 5);
    commit(bench, 6);
    expect(bench, 6);
}

static void a_formatted_journal_opens(void **test)
{
    struct bench *bench = *test;
    format(bench);
    assert_false(bench->journal.lost);
    assert_int_equal(bench->journal.state.confirmed, FERRY_SLOT_A);
    assert_int_equal(bench->journal.state.candidate, FERRY_SLOT_A);
    assert_int_equal(bench->journal.state.phase, FERRY_PHASE_NONE);
    assert_int_equal(bench->journal.state.security_counter, 7);
    assert_int_equal(bench->journal.sequence, 1);
    assert_int_equal(ferry_journal_room(&bench->journal), sector(0).size / FERRY_RECORD_SIZE - 1);
    assert_int_equal(bench->flash.operations, 0);
}

static void zeroed_sectors_are_lost(void **test)
{
    struct bench *bench = *test;
    memset(memory(bench, 0), 0, sector(0).size);
    memset(memory(bench, 1), 0, sector(1).size);
    open(bench);
    assert_true(bench->journal.lost);
    compact(bench, 9);
    expect(bench, 9);
}

static void random_sectors_are_lost_and_do_not_disturb_the_other(void **test)
{
    struct bench *bench = *test;
    for (uint32_t seed = 1; seed < 200; seed++) {
        uint32_t random = seed;
        memset(bench->flash.memory, 0xFF, bench->flash.size);
        for (uint32_t i = 0; i < sector(1).size; i++) {
            memory(bench, 1)[i] = (uint8_t)kit_random(&random);
        }
        if (seed % 2 == 0) {
            for (uint32_t i = 0; i < sector(0).size; i++) {
                memory(bench, 0)[i] = (uint8_t)kit_random(&random);
            }
            open(bench);
            assert_true(bench->journal.lost);
            compact(bench, seed);
        } else {
            format(bench);
            assert_false(bench->journal.lost);
            commit(bench, seed);
        }
        expect(bench, seed);
    }
}

/* A sector whose erase was cut: some of its bits are up already. */
static void a_half_erased_old_sector_does_no_harm(void **test)
{
    struct bench *bench = *test;
    for (uint32_t seed = 1; seed < 60; seed++) {
        memset(bench->flash.memory, 0xFF, bench->flash.size);
        memset(bench->flash.unstable, 0, bench->flash.size);
        format(bench);
        for (uint32_t n = 0; n < 20; n++) {
            commit(bench, n);
        }
        compact(bench, 100);
        struct ferry_state next = a_state(101);
        kit_flash_arm(&bench->flash, KIT_CUT_TORN, 1, seed);
        assert_int_equal(ferry_journal_compact(&bench->journal, &next), FERRY_FLASH);
        kit_flash_power_on(&bench->flash);
        expect(bench, 100);
        commit(bench, 102);
        expect(bench, 102);
    }
}

static void a_flash_error_is_told(void **test)
{
    struct bench *bench = *test;
    format(bench);
    bench->flash.dead = true;
    struct ferry_state state = a_state(1);
    assert_int_equal(ferry_journal_open(&bench->journal, &bench->flash.port, &kit_board),
                     FERRY_FLASH);
    bench->flash.dead = false;
    open(bench);
    bench->flash.dead = true;
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_FLASH);
    assert_int_equal(ferry_journal_compact(&bench->journal, &state), FERRY_FLASH);
}

/* ---- appending and compacting ---------------------------------------------------------------- */

static void a_sector_takes_as_many_records_as_it_has_places(void **test)
{
    struct bench *bench = *test;
    format(bench);
    uint32_t places = sector(0).size / FERRY_RECORD_SIZE;
    for (uint32_t n = 1; n < places; n++) {
        assert_int_equal(ferry_journal_room(&bench->journal), places - n);
        commit(bench, n);
        expect(bench, n);
    }
    assert_int_equal(ferry_journal_room(&bench->journal), 0);
    struct ferry_state state = a_state(1000);
    uint32_t before = bench->flash.operations;
    assert_int_equal(ferry_journal_commit(&bench->journal, &state), FERRY_JOURNAL_FULL);
    assert_int_equal(bench->flash.operations, before);
    expect(bench, places - 1);
}

/* Sectors of 4 and 8 KB in turn, many rounds; no program that would have to raise a bit. */
static void compaction_goes_to_and_fro_between_unequal_sectors(void **test)
{
    struct bench *bench = *test;
    format(bench);
    for (uint32_t n = 1; n < 1000; n++) {
        if (ferry_journal_room(&bench->journal) == 0) {
            uint8_t before = bench->journal.active;
            compact(bench, n);
            assert_int_equal(bench->journal.active, 1 - before);
            assert_int_equal(ferry_journal_room(&bench->journal),
                             sector(bench->journal.active).size / FERRY_RECORD_SIZE - 1);
        } else {
            commit(bench, n);
        }
        expect(bench, n);
    }
    assert_int_equal(bench->flash.raised, 0);
    assert_true(bench->flash.erases[kit_board.journal_sectors[0]] >= 4);
}

static void compaction_may_be_given_the_journals_own_state(void **test)
{
    struct bench *bench = *test;
    format(bench);
    commit(bench, 33);
    assert_int_equal(ferry_journal_commit(&bench->journal, &bench->journal.state), FERRY_OK);
    assert_int_equal(ferry_journal_compact(&bench->journal, &bench->journal.state), FERRY_OK);
    expect(bench, 33);
}

static void the_sequence_wraps(void **test)
{
    struct bench *bench = *test;
    format(bench);
    for (uint32_t start = 0xFFFFFF80U; start != 0x00000080U; start += 8) {
        bench->journal.sequence = start; /* as after 4 billion records ... */
        compact(bench, start);
        compact(bench, start); /* ... and nothing older left */
        for (uint32_t n = 0; n < 30; n++) {
            commit(bench, n);
            expect(bench, n);
        }
        compact(bench, 77);
        expect(bench, 77);
    }
}

/* A place that cannot take the record (a bit is stuck at 0) is left out. */
static void a_bad_place_is_skipped(void **test)
{
    struct bench *bench = *test;
    format(bench);
    memory(bench, 0)[1 * FERRY_RECORD_SIZE + 8] = 0x00; /* kind can never be 1 here */
    memory(bench, 0)[2 * FERRY_RECORD_SIZE + 40] = 0x00;
    bench->journal.cursor = 1; /* opened before the bits fell */
    commit(bench, 0xFF);
    assert_int_equal(bench->journal.place, 3);
    assert_int_equal(bench->journal.sequence, 4);
    expect(bench, 0xFF);
    assert_int_equal(bench->journal.sequence, 4); /* in flash too */
    commit(bench, 3);
    expect(bench, 3);
}

static void what_stands_behind_a_torn_record_is_used_only_from_there_on(void **test)
{
    struct bench *bench = *test;
    format(bench);
    memory(bench, 0)[20 * FERRY_RECORD_SIZE + 5] = 0x7F; /* something once stood there */
    open(bench);
    assert_int_equal(bench->journal.cursor, 21);
    commit(bench, 4);
    assert_int_equal(bench->journal.place, 21);
    assert_int_equal(bench->journal.sequence, 22);
    expect(bench, 4);
}

static void a_reserve_holds_every_record_of_an_update(void **test)
{
    (void)test;
    uint32_t sectors = 2, grains = kit_board.slots[0].size / FERRY_JOURNAL_GRAIN;
    /* OPEN, one a sector and a grain, PENDING, three starts, CONFIRM */
    assert_true(ferry_journal_reserve(&kit_board) >= 1 + sectors + grains + 1 + 3 + 1);
    assert_true(ferry_journal_reserve(&kit_board) < sector(0).size / FERRY_RECORD_SIZE);
}

/* ---- boot log -------------------------------------------------------------------------------- */

static void log_one(struct bench *bench, uint8_t attempts)
{
    struct ferry_boot_log log = {.reset_cause = FERRY_RESET_PIN,
                                 .action = 3,
                                 .slot = 1,
                                 .attempts = attempts,
                                 .error = FERRY_REVERTED,
                                 .version = {1, 2, 3, 4}};
    assert_int_equal(ferry_journal_log(&bench->journal, &log), FERRY_OK);
}

static void logs_read_newest_first_and_survive_a_reset(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_log log;
    format(bench);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_ARGUMENT);
    for (uint8_t n = 1; n <= 5; n++) {
        log_one(bench, n);
        commit(bench, n); /* states and logs stand mixed */
    }
    expect(bench, 5);
    for (uint32_t n = 0; n < 5; n++) {
        assert_int_equal(ferry_journal_log_read(&bench->journal, n, &log), FERRY_OK);
        assert_int_equal(log.boot, 5 - n);
        assert_int_equal(log.attempts, 5 - n);
        assert_int_equal(log.error, FERRY_REVERTED);
        assert_int_equal(log.version.build, 4);
    }
    assert_int_equal(ferry_journal_log_read(&bench->journal, 5, &log), FERRY_ARGUMENT);
}

static void a_repeated_log_is_not_written(void **test)
{
    struct bench *bench = *test;
    format(bench);
    log_one(bench, 1);
    uint32_t room = ferry_journal_room(&bench->journal);
    log_one(bench, 1);
    assert_int_equal(ferry_journal_room(&bench->journal), room);
    log_one(bench, 2);
    assert_int_equal(ferry_journal_room(&bench->journal), room - 1);
}

static void logs_never_take_the_room_of_an_update(void **test)
{
    struct bench *bench = *test;
    format(bench);
    for (uint32_t n = 0; n < 500; n++) {
        log_one(bench, n % 2);
    }
    assert_int_equal(ferry_journal_room(&bench->journal), ferry_journal_reserve(&kit_board));
    commit(bench, 8);
    expect(bench, 8);
}

static void compaction_keeps_the_newest_logs_and_goes_on_counting(void **test)
{
    struct bench *bench = *test;
    struct ferry_boot_log log;
    format(bench);
    for (uint8_t n = 1; n <= 12; n++) {
        log_one(bench, n);
    }
    compact(bench, 1);
    expect(bench, 1);
    for (uint32_t n = 0; n < 8; n++) {
        assert_int_equal(ferry_journal_log_read(&bench->journal, n, &log), FERRY_OK);
        assert_int_equal(log.boot, 12 - n);
    }
    assert_int_equal(ferry_journal_log_read(&bench->journal, 8, &log), FERRY_ARGUMENT);
    log_one(bench, 13);
    assert_int_equal(ferry_journal_log_read(&bench->journal, 0, &log), FERRY_OK);
    assert_int_equal(log.boot, 13);
    commit(bench, 2);
    expect(bench, 2);
}

static uint32_t reads;
static int (*read_flash)(void *ctx, uint32_t address, void *data, size_t size);

static int count_read(void *ctx, uint32_t address, void *data, size_t size)
{
    reads++;
    return read_flash(ctx, address, data, size);
}

/* Asks as LOG does. Returns how often that read flash. */
static uint32_t ask(struct bench *bench, uint32_t skip, struct ferry_log_answer *answer)
{
    struct ferry_node node = {.journal = &bench->journal};
    uint8_t message[FERRY_MESSAGE_MAX];

    read_flash = bench->flash.port.read;
    bench->flash.port.read = count_read;
    reads = 0;
    size_t size = ferry_receiver_log(&node, skip, 1, message);
    bench->flash.port.read = read_flash;
    assert_int_equal(ferry_message_read_logged(message, size, answer), FERRY_OK);
    return reads;
}

static void an_answer_reads_each_place_once(void **test)
{
    struct bench *bench = *test;
    struct ferry_log_answer answer;
    format(bench);
    for (uint8_t n = 1; n <= 15; n++) {
        log_one(bench, n);
        commit(bench, n);
    }
    assert_int_equal(ask(bench, 0, &answer), 2 * 8);
    assert_int_equal(answer.count, 8);
    assert_int_equal(answer.entries[0].boot, 15);
    assert_int_equal(answer.entries[7].boot, 8);
    assert_true(ask(bench, 10, &answer) <= bench->journal.cursor);
    assert_int_equal(answer.count, 5);
    assert_int_equal(answer.entries[0].boot, 5);
    assert_int_equal(answer.entries[4].boot, 1);
    assert_true(ask(bench, UINT16_MAX, &answer) <= bench->journal.cursor);
    assert_int_equal(answer.count, 0);
    bench->journal.lost = true;
    assert_int_equal(ask(bench, 0, &answer), 0);
    assert_int_equal(answer.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_erased_journal_is_lost),
        TEST(a_lost_journal_is_made_anew_by_compaction),
        TEST(a_formatted_journal_opens),
        TEST(zeroed_sectors_are_lost),
        TEST(random_sectors_are_lost_and_do_not_disturb_the_other),
        TEST(a_half_erased_old_sector_does_no_harm),
        TEST(a_flash_error_is_told),
        TEST(a_sector_takes_as_many_records_as_it_has_places),
        TEST(compaction_goes_to_and_fro_between_unequal_sectors),
        TEST(compaction_may_be_given_the_journals_own_state),
        TEST(the_sequence_wraps),
        TEST(a_bad_place_is_skipped),
        TEST(what_stands_behind_a_torn_record_is_used_only_from_there_on),
        TEST(a_reserve_holds_every_record_of_an_update),
        TEST(logs_read_newest_first_and_survive_a_reset),
        TEST(a_repeated_log_is_not_written),
        TEST(logs_never_take_the_room_of_an_update),
        TEST(compaction_keeps_the_newest_logs_and_goes_on_counting),
        TEST(an_answer_reads_each_place_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
