/* What is offered to whom: releases, targets and actions in a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

static char folder[64];
static struct store *store;

/* An artifact whose hash is made of one hexadecimal digit. */
static void add_artifact(char digit, const char *board, const char *slot, const char *version,
                         enum store_result expected)
{
    struct artifact artifact;
    memset(&artifact, 0, sizeof artifact);
    memset(artifact.hashes.sha256, digit, SHA256_TEXT_SIZE - 1);
    snprintf(artifact.facts.board, sizeof artifact.facts.board, "%s", board);
    snprintf(artifact.facts.slot, sizeof artifact.facts.slot, "%s", slot);
    snprintf(artifact.facts.version, sizeof artifact.facts.version, "%s", version);
    artifact.size = 1000;
    assert_int_equal(store_add_artifact(store, &artifact), expected);
}

/* Publishes the artifacts that the digits name. */
static enum store_result publish(const char *version, const char *digits, struct release *release)
{
    char hashes[8][SHA256_TEXT_SIZE];
    const char *list[8];
    size_t count = strlen(digits);
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++) {
        memset(hashes[i], digits[i], SHA256_TEXT_SIZE - 1);
        hashes[i][SHA256_TEXT_SIZE - 1] = '\0';
        list[i] = hashes[i];
    }
    return store_add_release(store, "name", version, list, count, release);
}

static struct target make_target(const char *name, const char *board, const char *version)
{
    struct target target;
    const struct attribute attributes[] = {{"board", board}, {"version", version}};
    enum store_result result = store_add_target(store, name, NULL);
    assert_true(result == STORE_CREATED || result == STORE_CONFLICT);
    assert_int_equal(store_find_target(store, name, &target), STORE_OK);
    assert_int_equal(store_set_attributes(store, target.id, ATTRIBUTES_MERGE, attributes, 2),
                     STORE_OK);
    assert_int_equal(store_find_target(store, name, &target), STORE_OK);
    return target;
}

/* The open action's id after a poll; 0: none. */
static int64_t poll(const char *name)
{
    struct target target;
    struct action action;
    assert_int_equal(store_find_target(store, name, &target), STORE_OK);
    assert_int_not_equal(store_poll_action(store, &target, &action), STORE_ERROR);
    return action.id;
}

static enum store_result tell(const struct target *target, int64_t action, const char *state)
{
    const struct feedback feedback = {.state = state};
    return store_add_feedback(store, target->id, action, &feedback);
}

static void releases_are_immutable(void **state)
{
    struct release first, again;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    add_artifact('1', "x", "a", "1.0.0", STORE_OK);
    add_artifact('2', "x", "b", "1.0.0", STORE_CREATED);
    add_artifact('3', "x", "a", "1.0.0", STORE_CREATED);
    assert_int_equal(publish("1.0.0", "13", &first), STORE_MISMATCH); /* one slot twice */
    assert_int_equal(publish("1.0.1", "12", &first), STORE_MISMATCH);
    assert_int_equal(publish("1.0.0", "1f", &first), STORE_NOT_FOUND);
    assert_int_equal(publish("1.0.0", "12", &first), STORE_CREATED);
    assert_int_equal(publish("01.0.0", "21", &again), STORE_OK);
    assert_int_equal(again.id, first.id);
    assert_int_equal(publish("1.0.0", "1", &again), STORE_OK);
    assert_int_equal(publish("1.0.0", "3", &again), STORE_CONFLICT);
    assert_int_equal(publish("1.0.0", "31", &again), STORE_CONFLICT);
    add_artifact('4', "x", "a", "1.0.0", STORE_CONFLICT);
}

static void boards_may_have_a_version_each(void **state)
{
    struct release x, y, wanted;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    add_artifact('2', "y", "a", "1.0.0", STORE_CREATED);
    assert_int_equal(publish("1.0.0", "1", &x), STORE_CREATED);
    assert_int_equal(publish("1.0.0", "2", &y), STORE_CREATED);
    assert_int_equal(publish("1.0.0", "12", &wanted), STORE_CONFLICT);
    assert_int_equal(store_wanted_release(store, "x", &wanted), STORE_OK);
    assert_int_equal(wanted.id, x.id);
    assert_int_equal(store_wanted_release(store, NULL, &wanted), STORE_OK);
    assert_int_equal(wanted.id, y.id);
    assert_int_equal(store_wanted_release(store, "z", &wanted), STORE_NOT_FOUND);
}

static void the_newest_release_is_offered_until_it_runs(void **state)
{
    struct release release;
    struct action action;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    publish("1.0.0", "1", &release);
    struct target target = make_target("node", "x", "0.9.0");
    int64_t id = poll("node");
    assert_int_not_equal(id, 0);
    assert_int_equal(poll("node"), id);
    assert_true(store_was_offered(store, target.id, release.id));
    assert_int_equal(tell(&target, id, "running"), STORE_OK);
    assert_int_equal(tell(&target, id, "success"), STORE_OK);
    assert_int_equal(tell(&target, id, "success"), STORE_CONFLICT);
    assert_int_equal(poll("node"), 0);
    assert_int_equal(store_find_target(store, "node", &target), STORE_OK);
    assert_int_equal(store_installed_action(store, &target, &action), STORE_OK);
    assert_int_equal(action.id, id);
    assert_string_equal(target.version, "1.0.0");
    assert_true(target.config_wanted);
}

static void what_the_target_names_is_installed(void **state)
{
    struct release first, second;
    struct action action;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    add_artifact('2', "x", "a", "2.0.0", STORE_CREATED);
    publish("1.0.0", "1", &first);
    struct target target = make_target("node", "x", "1.0.0");
    struct target other = make_target("other", "y", "1.0.0");
    struct target unknown = make_target("unknown", "x", "0.9.0");
    assert_int_equal(poll("node"), 0);
    assert_int_equal(store_installed_action(store, &target, &action), STORE_OK);
    assert_int_equal(action.id, 0);
    assert_int_equal(action.release.id, first.id);
    assert_int_equal(store_installed_action(store, &other, &action), STORE_NOT_FOUND);
    assert_int_equal(store_installed_action(store, &unknown, &action), STORE_NOT_FOUND);
    publish("2.0.0", "2", &second);
    int64_t id = poll("node");
    assert_int_equal(tell(&target, id, "failure"), STORE_OK);
    assert_int_equal(store_installed_action(store, &target, &action), STORE_OK);
    assert_int_equal(action.release.id, first.id);
}

static void a_failure_ends_the_offers_of_that_release(void **state)
{
    struct release release;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    add_artifact('2', "x", "a", "1.0.1", STORE_CREATED);
    publish("1.0.0", "1", &release);
    struct target target = make_target("node", "x", "0.9.0");
    assert_int_equal(tell(&target, poll("node"), "failure"), STORE_OK);
    assert_int_equal(poll("node"), 0);
    publish("1.0.1", "2", &release);
    assert_int_equal(tell(&target, poll("node"), "canceled"), STORE_OK);
    assert_int_equal(poll("node"), 0);
}

static void a_failure_is_offered_again_on_request(void **state)
{
    struct release release;
    struct action action;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    add_artifact('2', "x", "a", "1.0.1", STORE_CREATED);
    publish("1.0.0", "1", &release);
    struct target target = make_target("node", "x", "0.9.0");
    assert_int_equal(store_retry_action(store, target.id, &action), STORE_CONFLICT);
    int64_t first = poll("node");
    assert_int_equal(store_retry_action(store, target.id, &action), STORE_CONFLICT);
    assert_int_equal(tell(&target, first, "failure"), STORE_OK);
    assert_int_equal(store_retry_action(store, target.id, &action), STORE_CREATED);
    assert_true(action.id > first);
    assert_int_equal(action.release.id, release.id);
    assert_int_equal(poll("node"), action.id);
    assert_int_equal(tell(&target, action.id, "canceled"), STORE_OK);
    publish("1.0.1", "2", &release);
    assert_int_equal(store_retry_action(store, target.id, &action), STORE_CREATED);
    assert_true(poll("node") > action.id); /* the newer one takes its place */
}

static void a_version_that_never_changes_ends_the_offers(void **state)
{
    struct release release;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    publish("1.0.0", "1", &release);
    for (int i = 0; i < 3; i++) {
        struct target target = make_target("node", "x", "0.9.0");
        assert_int_equal(tell(&target, poll("node"), "success"), STORE_OK);
    }
    make_target("node", "x", "0.9.0");
    assert_int_equal(poll("node"), 0);
}

static void only_what_has_not_begun_is_superseded(void **state)
{
    struct release release;
    struct action action;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    add_artifact('2', "x", "a", "2.0.0", STORE_CREATED);
    publish("1.0.0", "1", &release);
    struct target early = make_target("early", "x", "0.9.0");
    struct target late = make_target("late", "x", "0.9.0");
    int64_t first = poll("early"), second = poll("late");
    assert_int_equal(store_retrieve_action(store, first), STORE_OK);
    assert_int_equal(tell(&late, second, "running"), STORE_OK);
    publish("2.0.0", "2", &release);
    assert_int_not_equal(poll("early"), first);
    assert_int_equal(poll("late"), second);
    assert_int_equal(store_find_action(store, early.id, first, &action), STORE_OK);
    assert_string_equal(action.state, "superseded");
    assert_int_equal(tell(&early, first, "running"), STORE_CONFLICT);
}

static void an_offer_ends_when_the_target_runs_it_anyway(void **state)
{
    struct release release;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    publish("1.0.0", "1", &release);
    struct target target = make_target("node", "x", "0.9.0");
    int64_t first = poll("node");
    assert_int_equal(store_set_version(store, target.id, "1.0.0"), STORE_OK);
    assert_int_equal(poll("node"), 0);
    assert_int_equal(store_set_version(store, target.id, "0.9.0"), STORE_OK);
    assert_true(poll("node") > first); /* an offer that never began does not count */
}

static void without_a_board_nothing_is_offered(void **state)
{
    struct release release;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    publish("1.0.0", "1", &release);
    assert_int_equal(store_add_target(store, "node", NULL), STORE_CREATED);
    assert_int_equal(store_add_target(store, "node", NULL), STORE_CONFLICT);
    assert_int_equal(poll("node"), 0);
}

static void actions_belong_to_their_target(void **state)
{
    struct release release;
    struct action action;
    (void)state;
    add_artifact('1', "x", "a", "1.0.0", STORE_CREATED);
    publish("1.0.0", "1", &release);
    make_target("one", "x", "0.9.0");
    struct target two = make_target("two", "x", "1.0.0");
    int64_t id = poll("one");
    assert_int_equal(store_find_action(store, two.id, id, &action), STORE_NOT_FOUND);
    assert_int_equal(tell(&two, id, "running"), STORE_NOT_FOUND);
    assert_false(store_was_offered(store, two.id, release.id));
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ferry-store-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    store = store_open(folder, true);
    return store != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"ferry.db", "ferry.db-wal", "ferry.db-shm"};
    (void)state;
    store_close(store);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

#define IN_A_DATABASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DATABASE(releases_are_immutable),
        IN_A_DATABASE(boards_may_have_a_version_each),
        IN_A_DATABASE(the_newest_release_is_offered_until_it_runs),
        IN_A_DATABASE(what_the_target_names_is_installed),
        IN_A_DATABASE(a_failure_ends_the_offers_of_that_release),
        IN_A_DATABASE(a_failure_is_offered_again_on_request),
        IN_A_DATABASE(a_version_that_never_changes_ends_the_offers),
        IN_A_DATABASE(only_what_has_not_begun_is_superseded),
        IN_A_DATABASE(an_offer_ends_when_the_target_runs_it_anyway),
        IN_A_DATABASE(without_a_board_nothing_is_offered),
        IN_A_DATABASE(actions_belong_to_their_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
