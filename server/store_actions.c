/* Actions: what was offered to a target and how it went. */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

/* A release is offered to a target at most so often, and not again after a failure unless somebody
 * asks for it (store_retry_action). */
enum { OFFERS_MAX = 3 };

#define SELECT_ACTION                                                                              \
    "SELECT a.id, a.target, r.id, r.name, r.version, r.created, a.state, a.done, a.total,"         \
    " a.message FROM actions a JOIN releases r ON r.id = a.release "

/* Reads the one row, frees the statement. */
static bool take_action(struct store *store, sqlite3_stmt *row, struct action *action)
{
    if (!store_row(store, &row)) {
        return false;
    }
    action->id = sqlite3_column_int64(row, 0);
    action->target = sqlite3_column_int64(row, 1);
    action->release.id = sqlite3_column_int64(row, 2);
    store_text(row, 3, action->release.name, sizeof action->release.name);
    store_text(row, 4, action->release.version, sizeof action->release.version);
    action->release.created = sqlite3_column_int64(row, 5);
    store_text(row, 6, action->state, sizeof action->state);
    action->done = sqlite3_column_int64(row, 7);
    action->total = sqlite3_column_int64(row, 8);
    store_text(row, 9, action->message, sizeof action->message);
    store_end(&row);
    return true;
}

static bool open_action(struct store *store, int64_t target, struct action *action)
{
    sqlite3_stmt *row = store_prepare(store,
                                      SELECT_ACTION "WHERE a.target = ? AND a.state IN"
                                                    " ('pending', 'retrieved', 'running')",
                                      "i", target);
    return take_action(store, row, action);
}

/* May this release be offered (again)? */
static bool may_offer(struct store *store, int64_t target, int64_t release)
{
    bool may = false;
    sqlite3_stmt *row =
        store_prepare(store,
                      "SELECT count(*), count(*) FILTER (WHERE state IN ('failure', 'canceled'))"
                      " FROM actions WHERE target = ? AND release = ? AND state <> 'superseded'",
                      "ii", target, release);
    if (store_row(store, &row)) {
        may = sqlite3_column_int(row, 0) < OFFERS_MAX && sqlite3_column_int(row, 1) == 0;
    }
    store_end(&row);
    return may;
}

static enum store_result offer(struct store *store, int64_t target, int64_t release,
                               struct action *action)
{
    int64_t now = store_now();
    if (!store_run(store,
                   "INSERT INTO actions (target, release, created, updated) VALUES (?, ?, ?, ?)",
                   "iiii", target, release, now, now)) {
        return STORE_ERROR;
    }
    return open_action(store, target, action) ? STORE_CREATED : STORE_ERROR;
}

/* Does the open action still stand? One that is being carried out does, until it is closed. */
static bool still_stands(const struct action *action, const struct release *wanted, bool is_needed)
{
    if (strcmp(action->state, "running") == 0) {
        return true;
    }
    return is_needed && action->release.id == wanted->id;
}

static enum store_result settle(struct store *store, const struct target *target,
                                const struct release *wanted, struct action *action)
{
    bool is_needed = wanted->id != 0 && !version_text_equal(target->version, wanted->version);
    if (open_action(store, target->id, action)) {
        if (still_stands(action, wanted, is_needed)) {
            return STORE_OK;
        }
        if (!store_run(store, "UPDATE actions SET state = 'superseded', updated = ? WHERE id = ?",
                       "ii", store_now(), action->id)) {
            return STORE_ERROR;
        }
    }
    memset(action, 0, sizeof *action);
    if (!is_needed || !may_offer(store, target->id, wanted->id)) {
        return STORE_OK;
    }
    return offer(store, target->id, wanted->id, action);
}

enum store_result store_poll_action(struct store *store, const struct target *target,
                                    struct action *action)
{
    struct release wanted = {0};
    memset(action, 0, sizeof *action);
    if (target->board[0] != '\0') {
        store_wanted_release(store, target->board, &wanted);
    }
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = settle(store, target, &wanted, action);
    return store_commit(store, result != STORE_ERROR) ? result : STORE_ERROR;
}

enum store_result store_find_action(struct store *store, int64_t target, int64_t id,
                                    struct action *action)
{
    store_lock(store);
    bool found = take_action(
        store,
        store_prepare(store, SELECT_ACTION "WHERE a.id = ? AND a.target = ?", "ii", id, target),
        action);
    store_unlock(store);
    return found ? STORE_OK : STORE_NOT_FOUND;
}

static bool last_success(struct store *store, int64_t target, struct action *action)
{
    store_lock(store);
    bool found = take_action(store,
                             store_prepare(store,
                                           SELECT_ACTION "WHERE a.target = ? AND a.state ="
                                                         " 'success' ORDER BY a.id DESC LIMIT 1",
                                           "i", target),
                             action);
    store_unlock(store);
    return found;
}

enum store_result store_installed_action(struct store *store, const struct target *target,
                                         struct action *action)
{
    struct release named;
    bool found = last_success(store, target->id, action);
    bool is_named = found && version_text_equal(target->version, action->release.version);
    if (!is_named &&
        store_find_release(store, target->board, target->version, &named) == STORE_OK) {
        *action = (struct action){.target = target->id, .release = named, .state = "success"};
        found = true;
    }
    return found ? STORE_OK : STORE_NOT_FOUND;
}

static bool last_action(struct store *store, int64_t target, struct action *action)
{
    return take_action(store,
                       store_prepare(store,
                                     SELECT_ACTION "WHERE a.target = ? ORDER BY a.id DESC LIMIT 1",
                                     "i", target),
                       action);
}

static bool is_failed(const struct action *action)
{
    return strcmp(action->state, "failure") == 0 || strcmp(action->state, "canceled") == 0;
}

enum store_result store_last_action(struct store *store, int64_t target, struct action *action)
{
    store_lock(store);
    bool found = last_action(store, target, action);
    store_unlock(store);
    return found ? STORE_OK : STORE_NOT_FOUND;
}

enum store_result store_retrieve_action(struct store *store, int64_t id)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    bool ok = store_run(store,
                        "UPDATE actions SET state = 'retrieved', updated = ?"
                        " WHERE id = ? AND state = 'pending'",
                        "ii", store_now(), id);
    return store_commit(store, ok) ? STORE_OK : STORE_ERROR;
}

static bool is_closed(const struct action *action)
{
    return strcmp(action->state, "pending") != 0 && strcmp(action->state, "retrieved") != 0 &&
           strcmp(action->state, "running") != 0;
}

static bool write_feedback(struct store *store, const struct action *action,
                           const struct feedback *feedback)
{
    int64_t done = feedback->has_progress ? feedback->done : action->done;
    int64_t total = feedback->has_progress ? feedback->total : action->total;
    const char *message = feedback->message != NULL ? feedback->message : action->message;
    return store_run(store,
                     "UPDATE actions SET state = ?, done = ?, total = ?,"
                     " message = substr(?, 1, 250), updated = ?"
                     " WHERE id = ?",
                     "siisii", feedback->state, done, total, message, store_now(), action->id);
}

/* The target runs the release now; ask it for its configData, which says so itself. */
static bool note_success(struct store *store, const struct action *action)
{
    return store_run(store, "UPDATE targets SET version = ?, config_wanted = 1 WHERE id = ?", "si",
                     action->release.version, action->target) &&
           store_run(store, "UPDATE attributes SET value = ? WHERE target = ? AND key = 'version'",
                     "si", action->release.version, action->target);
}

static enum store_result add_feedback(struct store *store, int64_t target, int64_t id,
                                      const struct feedback *feedback)
{
    struct action action;
    sqlite3_stmt *row =
        store_prepare(store, SELECT_ACTION "WHERE a.id = ? AND a.target = ?", "ii", id, target);
    if (!take_action(store, row, &action)) {
        return STORE_NOT_FOUND;
    }
    if (is_closed(&action)) {
        return STORE_CONFLICT;
    }
    bool is_success = strcmp(feedback->state, "success") == 0;
    bool ok =
        write_feedback(store, &action, feedback) && (!is_success || note_success(store, &action));
    return ok ? STORE_OK : STORE_ERROR;
}

enum store_result store_add_feedback(struct store *store, int64_t target, int64_t id,
                                     const struct feedback *feedback)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = add_feedback(store, target, id, feedback);
    if (!store_commit(store, result == STORE_OK) && result == STORE_OK) {
        return STORE_ERROR;
    }
    return result;
}

enum store_result store_retry_action(struct store *store, int64_t target, struct action *action)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = STORE_CONFLICT;
    bool found = last_action(store, target, action);
    if (found && is_failed(action)) {
        result = offer(store, target, action->release.id, action);
    }
    bool ok = store_commit(store, result == STORE_CREATED);
    return result == STORE_CREATED && !ok ? STORE_ERROR : result;
}

bool store_was_offered(struct store *store, int64_t target, int64_t release)
{
    store_lock(store);
    sqlite3_stmt *row =
        store_prepare(store, "SELECT 1 FROM actions WHERE target = ? AND release = ? LIMIT 1", "ii",
                      target, release);
    bool found = store_row(store, &row);
    store_end(&row);
    store_unlock(store);
    return found;
}
