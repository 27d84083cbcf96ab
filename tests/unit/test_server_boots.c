/* Starts of nodes: what is read as one, and what the database keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot_text.h"
#include "boots.h"
#include "embedded.h"

static const char *const good[] = {
    "0 power boot_confirmed a 1.0.0 0 OK",
    "4294967295 brown-out some_new_word b 255.255.65535+4294967295 255 IMAGE_HASH",
    "7 watchdog listen - - 0 NOTHING_BOOTABLE",
    "7 a23456789012345678901234567890ab listen - - 0 OK",
};

static const char *const bad[] = {
    "",
    " ",
    "1",
    "1 power boot_confirmed a 1.0.0 0",
    "1 power boot_confirmed a 1.0.0 0 OK more",
    "1 power boot_confirmed a 1.0.0 0 OK ",
    " 1 power boot_confirmed a 1.0.0 0 OK",
    "1 power  boot_confirmed a 1.0.0 0 OK",
    "1 power boot_confirmed a 1.0.0 0  OK",
    "-1 power boot_confirmed a 1.0.0 0 OK",
    "4294967296 power boot_confirmed a 1.0.0 0 OK",
    "99999999999999999999 power boot_confirmed a 1.0.0 0 OK",
    "x power boot_confirmed a 1.0.0 0 OK",
    "1 power boot_confirmed c 1.0.0 0 OK",
    "1 power boot_confirmed ab 1.0.0 0 OK",
    "1 power boot_confirmed a 1.0 0 OK",
    "1 power boot_confirmed a 1.0.0 256 OK",
    "1 power boot_confirmed a 1.0.0 -1 OK",
    "1 po\twer boot_confirmed a 1.0.0 0 OK",
    "1 <b>power</b> boot_confirmed a 1.0.0 0 OK",
    "1 p\xC3\xB6wer boot_confirmed a 1.0.0 0 OK",
    "1 a234567890123456789012345678901234 listen a 1.0.0 0 OK",
};

static void values_are_read(void **state)
{
    struct boot boot;
    (void)state;
    assert_true(boots_parse("17 watchdog revert_exhausted a 1.0.0 2 TRIAL_EXHAUSTED", &boot));
    assert_int_equal(boot.number, 17);
    assert_string_equal(boot.reset, "watchdog");
    assert_string_equal(boot.action, "revert_exhausted");
    assert_string_equal(boot.slot, "a");
    assert_string_equal(boot.version, "1.0.0");
    assert_int_equal(boot.attempts, 2);
    assert_string_equal(boot.error, "TRIAL_EXHAUSTED");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(boots_parse(good[i], &boot));
    }
    assert_string_equal(boot.slot, "");
    assert_string_equal(boot.version, "");
}

static void anything_else_is_refused(void **state)
{
    struct boot boot;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *copy = strdup(bad[i]); /* of its own size: the sanitizer sees a step too far */
        assert_false(boots_parse(copy, &boot));
        free(copy);
    }
}

/* Each prefix, and each byte changed into each other: never more than it is, never a crash. */
static void mutations_stay_in_bounds(void **state)
{
    static const char line[] = "17 watchdog revert_exhausted a 1.0.0 2 TRIAL_EXHAUSTED";
    struct boot boot;
    (void)state;
    for (size_t length = 0; length < sizeof line - 1; length++) {
        char *copy = strndup(line, length);
        bool whole = length > strlen("17 watchdog revert_exhausted a 1.0.0 2 ");
        assert_int_equal(boots_parse(copy, &boot), whole);
        free(copy);
    }
    for (size_t at = 0; at < sizeof line - 1; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char *copy = strdup(line);
            copy[at] = (char)byte;
            if (boots_parse(copy, &boot)) {
                assert_in_range(boot.number, 0, UINT32_MAX);
                assert_in_range(boot.attempts, 0, 255);
                assert_int_equal(strspn(boot.reset, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                                    "TUVWXYZ0123456789-_"),
                                 strlen(boot.reset));
            }
            free(copy);
        }
    }
}

/* Whatever a node says, what its gateway makes of it is taken. */
static void lines_of_a_gateway_are_read(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        struct ferry_boot_log log;
        struct boot boot;
        char text[FERRY_BOOT_TEXT_SIZE];
        memset(&log, (int)value, sizeof log);
        log.slot = (uint8_t)(value % 4);
        ferry_boot_print(&log, text);
        assert_true(boots_parse(text, &boot));
        assert_int_equal(boot.number, log.boot);
        assert_int_equal(boot.attempts, log.attempts);
        assert_string_equal(boot.reset, ferry_reset_cause_name(log.reset_cause));
    }
}

static void keys(void **state)
{
    (void)state;
    assert_true(boots_is_key("ferry.boot.3"));
    assert_true(boots_is_key("ferry.boot."));
    assert_false(boots_is_key("ferry.boot"));
    assert_false(boots_is_key("board"));
    assert_false(boots_is_key(""));
}

/* --- the database --------------------------------------------------------------------------- */

static char folder[64];
static struct store *store;
static int64_t target;

static void remove_files(void)
{
    static const char *const names[] = {"ferry.db", "ferry.db-wal", "ferry.db-shm"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static int64_t add_target(const char *name)
{
    struct target made;
    assert_int_equal(store_add_target(store, name, NULL), STORE_CREATED);
    assert_int_equal(store_find_target(store, name, &made), STORE_OK);
    return made.id;
}

static struct boot boot_number(int64_t number)
{
    struct boot boot = {.number = number,
                        .reset = "power",
                        .action = "boot_confirmed",
                        .slot = "a",
                        .version = "1.0.0",
                        .error = "OK"};
    return boot;
}

/* Tells the starts first..last. */
static enum store_result tell(int64_t of, int64_t first, int64_t last)
{
    struct boot list[BOOTS_MAX];
    size_t count = 0;
    for (int64_t i = first; i <= last; i++) {
        list[count++] = boot_number(i);
    }
    return store_add_boots(store, of, list, count);
}

static size_t boots_of(int64_t of, struct boot list[2 * BOOTS_MAX])
{
    return store_list_boots(store, of, list, 2 * (size_t)BOOTS_MAX);
}

static void what_was_told_before_adds_nothing(void **state)
{
    struct boot list[2 * BOOTS_MAX];
    (void)state;
    assert_int_equal(tell(target, 1, 3), STORE_CREATED);
    assert_int_equal(tell(target, 1, 3), STORE_OK);
    assert_int_equal(tell(target, 2, 4), STORE_CREATED);
    assert_int_equal(boots_of(target, list), 4);
    assert_int_equal(list[0].number, 4); /* the newest first */
    assert_int_equal(list[3].number, 1);
    assert_string_equal(list[0].reset, "power");
    assert_string_equal(list[0].error, "OK");
    assert_int_not_equal(list[0].reported, 0);
}

static void the_oldest_are_forgotten(void **state)
{
    struct boot list[2 * BOOTS_MAX];
    int64_t other = add_target("other");
    (void)state;
    assert_int_equal(tell(other, 1, 2), STORE_CREATED);
    for (int64_t first = 1; first <= 1000; first += 16) {
        assert_int_equal(tell(target, first, first + 15), STORE_CREATED);
    }
    assert_int_equal(boots_of(target, list), BOOTS_MAX);
    assert_int_equal(list[0].number, 1008);
    assert_int_equal(list[BOOTS_MAX - 1].number, 1008 - BOOTS_MAX + 1);
    assert_int_equal(boots_of(other, list), 2);
}

/* Its numbers begin again; the same number is another start. */
static void a_new_journal_is_another_story(void **state)
{
    struct boot list[2 * BOOTS_MAX];
    struct boot boot = boot_number(1);
    (void)state;
    assert_int_equal(tell(target, 1, 5), STORE_CREATED);
    snprintf(boot.reset, sizeof boot.reset, "watchdog");
    assert_int_equal(store_add_boots(store, target, &boot, 1), STORE_CREATED);
    assert_int_equal(boots_of(target, list), 6);
    assert_string_equal(list[0].reset, "watchdog");
}

/* Of a node that was provisioned again, the starts say word for word what the old ones said. */
static void a_new_journal_that_says_the_same_is_another_story(void **state)
{
    static const int64_t wanted[] = {4, 3, 2, 1, 5, 4, 3, 2, 1};
    struct boot list[2 * BOOTS_MAX];
    (void)state;
    assert_int_equal(tell(target, 1, 5), STORE_CREATED);
    assert_int_equal(tell(target, 1, 1), STORE_CREATED);
    assert_int_equal(tell(target, 1, 1), STORE_OK);
    assert_int_equal(tell(target, 1, 3), STORE_CREATED);
    assert_int_equal(tell(target, 2, 4), STORE_CREATED);
    assert_int_equal(tell(target, 1, 4), STORE_OK);
    assert_int_equal(boots_of(target, list), sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        assert_int_equal(list[i].number, wanted[i]);
    }
}

/* The same number with anything else in it is another start. */
static void every_word_tells_starts_apart(void **state)
{
    struct boot other[6];
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        other[i] = boot_number(1);
    }
    strcpy(other[0].reset, "pin");
    strcpy(other[1].action, "listen");
    strcpy(other[2].slot, "b");
    strcpy(other[3].version, "1.0.1");
    strcpy(other[4].error, "FLASH");
    other[5].attempts = 1;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(tell(target, 1, 1), STORE_CREATED);
        assert_int_equal(store_add_boots(store, target, &other[i], 1), STORE_CREATED);
    }
}

/* A batch over a lost journal overlaps itself: the longest overlap counts. */
static void a_batch_that_repeats_itself_is_stored_once(void **state)
{
    const struct boot told[] = {boot_number(1), boot_number(2), boot_number(1), boot_number(2)};
    struct boot list[2 * BOOTS_MAX];
    (void)state;
    assert_int_equal(store_add_boots(store, target, told, 4), STORE_CREATED);
    assert_int_equal(store_add_boots(store, target, told, 4), STORE_OK);
    assert_int_equal(boots_of(target, list), 4);
}

/* Each batch out of a row of starts, told after each other one that came before it. */
static void batches_that_overlap_are_stored_once(void **state)
{
    struct boot list[2 * BOOTS_MAX];
    char name[32];
    (void)state;
    for (int64_t end = 1; end <= 6; end++) {
        for (int64_t first = 1; first <= end + 1; first++) {
            snprintf(name, sizeof name, "n%d-%d", (int)end, (int)first);
            int64_t node = add_target(name);
            assert_int_equal(tell(node, 1, end), STORE_CREATED);
            assert_int_equal(tell(node, first, 7), STORE_CREATED);
            assert_int_equal(tell(node, first, 7), STORE_OK);
            assert_int_equal(boots_of(node, list), 7);
            for (int64_t i = 0; i < 7; i++) {
                assert_int_equal(list[i].number, 7 - i);
            }
        }
    }
}

/* More than is kept, told twice: the newest of them, once. */
static void a_batch_beyond_the_bound_is_stored_once(void **state)
{
    struct boot told[BOOTS_MAX + 3];
    struct boot list[2 * BOOTS_MAX];
    (void)state;
    for (size_t i = 0; i < BOOTS_MAX + 3; i++) {
        told[i] = boot_number((int64_t)i);
    }
    assert_int_equal(store_add_boots(store, target, told, BOOTS_MAX + 3), STORE_CREATED);
    assert_int_equal(store_add_boots(store, target, told, BOOTS_MAX + 3), STORE_OK);
    assert_int_equal(boots_of(target, list), BOOTS_MAX);
    assert_int_equal(list[0].number, BOOTS_MAX + 2);
    assert_int_equal(list[BOOTS_MAX - 1].number, 3);
}

/* Leaves a database of number 1 as a server before boots made it, with a target, and more. */
static void make_number_1(const char *more)
{
    char path[128];
    sqlite3 *db;
    const struct embedded_file *schema = embedded_find("schema.sql");
    store_close(store);
    remove_files();
    snprintf(path, sizeof path, "%s/ferry.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, (const char *)schema->data, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO targets (controller, created) VALUES ('old', 1)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, more, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    store = store_open(folder, false);
}

/* One number out of the database as it lies on disk. */
static int ask_database(const char *question)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *row;
    snprintf(path, sizeof path, "%s/ferry.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, question, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int number = sqlite3_column_int(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return number;
}

static void an_older_database_is_brought_up_to_date(void **state)
{
    struct boot list[2 * BOOTS_MAX];
    struct target found;
    (void)state;
    make_number_1("");
    for (int opened = 0; opened < 2; opened++) { /* the second time there is nothing to do */
        assert_non_null(store);
        assert_true(store_healthy(store));
        assert_int_equal(store_find_target(store, "old", &found), STORE_OK);
        assert_int_equal(tell(found.id, 1, 2), opened == 0 ? STORE_CREATED : STORE_OK);
        assert_int_equal(boots_of(found.id, list), 2);
        store_close(store);
        store = store_open(folder, false);
    }
    assert_int_equal(ask_database("PRAGMA user_version"), 2);
}

/* Its last statement fails: the index is there. */
static void a_step_that_fails_leaves_the_database_as_it_was(void **state)
{
    (void)state;
    make_number_1("CREATE INDEX boots_by_target ON targets (controller)");
    assert_null(store);
    assert_int_equal(ask_database("PRAGMA user_version"), 1);
    assert_int_equal(ask_database("SELECT count(*) FROM sqlite_schema WHERE name = 'boots'"), 0);
    assert_int_equal(ask_database("SELECT count(*) FROM targets"), 1);
}

/* Another process on the same database: brings it up to date when ours begins its transaction. */
static int overtake(unsigned type, void *ctx, void *statement, void *text)
{
    bool *done = ctx;
    char path[128];
    sqlite3 *other;
    const struct embedded_file *schema = embedded_find("schema_2.sql");
    (void)type;
    (void)statement;
    if (*done || strcmp(text, "BEGIN IMMEDIATE") != 0) {
        return 0;
    }
    *done = true;
    snprintf(path, sizeof path, "%s/ferry.db", folder);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, (const char *)schema->data, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    return 0;
}

static bool overtaken;

/* Of the type that sqlite3_auto_extension() calls for each connection. */
static int watch_connection(sqlite3 *db, const char **error, const void *routines)
{
    (void)error;
    (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, overtake, &overtaken);
}

static void two_processes_bring_a_database_up_to_date(void **state)
{
    (void)state;
    overtaken = false;
    sqlite3_auto_extension((void (*)(void))watch_connection);
    make_number_1("PRAGMA journal_mode = WAL");
    sqlite3_reset_auto_extension();
    assert_true(overtaken);
    assert_non_null(store);
    assert_true(store_healthy(store));
    assert_int_equal(ask_database("PRAGMA user_version"), 2);
}

static void a_newer_database_is_refused(void **state)
{
    (void)state;
    make_number_1("PRAGMA user_version = 3");
    assert_null(store);
    assert_int_equal(ask_database("PRAGMA user_version"), 3);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ferry-boots-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    store = store_open(folder, true);
    target = store != NULL ? add_target("node") : 0;
    return store != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    if (store != NULL) {
        store_close(store);
    }
    remove_files();
    return rmdir(folder);
}

#define IN_A_DATABASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(mutations_stay_in_bounds),
        cmocka_unit_test(lines_of_a_gateway_are_read),
        cmocka_unit_test(keys),
        IN_A_DATABASE(what_was_told_before_adds_nothing),
        IN_A_DATABASE(the_oldest_are_forgotten),
        IN_A_DATABASE(a_new_journal_is_another_story),
        IN_A_DATABASE(a_new_journal_that_says_the_same_is_another_story),
        IN_A_DATABASE(every_word_tells_starts_apart),
        IN_A_DATABASE(a_batch_that_repeats_itself_is_stored_once),
        IN_A_DATABASE(batches_that_overlap_are_stored_once),
        IN_A_DATABASE(a_batch_beyond_the_bound_is_stored_once),
        IN_A_DATABASE(an_older_database_is_brought_up_to_date),
        IN_A_DATABASE(a_step_that_fails_leaves_the_database_as_it_was),
        IN_A_DATABASE(two_processes_bring_a_database_up_to_date),
        IN_A_DATABASE(a_newer_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
