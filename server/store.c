#include "store.h"
#include "store_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "embedded.h"
#include "log.h"

enum { BUSY_TIMEOUT_MS = 5000, SCHEMA_NUMBER = 2 };

static void log_failure(struct store *store, const char *what)
{
    LOG_EVENT(LEVEL_ERROR, "database_failed", LOG_S("what", what),
              LOG_S("cause", sqlite3_errmsg(store->db)));
}

int64_t store_now(void)
{
    return (int64_t)time(NULL);
}

void store_lock(struct store *store)
{
    pthread_mutex_lock(&store->lock);
}

void store_unlock(struct store *store)
{
    pthread_mutex_unlock(&store->lock);
}

static int bind_value(sqlite3_stmt *statement, int index, char type, va_list *values)
{
    if (type == 'i') {
        return sqlite3_bind_int64(statement, index, va_arg(*values, int64_t));
    }
    if (type == 's') {
        return sqlite3_bind_text(statement, index, va_arg(*values, const char *), -1,
                                 SQLITE_TRANSIENT);
    }
    const void *hash = va_arg(*values, const void *); /* NULL binds as SQL NULL */
    return sqlite3_bind_blob(statement, index, hash, TOKEN_HASH_SIZE, SQLITE_TRANSIENT);
}

static sqlite3_stmt *prepare(struct store *store, const char *sql, const char *types,
                             va_list *values)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    for (int i = 0; result == SQLITE_OK && types[i] != '\0'; i++) {
        result = bind_value(statement, i + 1, types[i], values);
    }
    if (result == SQLITE_OK) {
        return statement;
    }
    log_failure(store, sql);
    sqlite3_finalize(statement);
    return NULL;
}

sqlite3_stmt *store_prepare(struct store *store, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = prepare(store, sql, types, &values);
    va_end(values);
    return statement;
}

void store_end(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

bool store_row(struct store *store, sqlite3_stmt **statement)
{
    if (*statement == NULL) {
        return false;
    }
    int result = sqlite3_step(*statement);
    if (result == SQLITE_ROW) {
        return true;
    }
    if (result != SQLITE_DONE) {
        log_failure(store, sqlite3_sql(*statement));
    }
    store_end(statement);
    return false;
}

bool store_run(struct store *store, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    sqlite3_stmt *statement = prepare(store, sql, types, &values);
    va_end(values);
    if (statement == NULL) {
        return false;
    }
    int result = sqlite3_step(statement);
    if (result != SQLITE_DONE && result != SQLITE_ROW) {
        log_failure(store, sql);
    }
    store_end(&statement);
    return result == SQLITE_DONE || result == SQLITE_ROW;
}

void store_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

bool store_begin(struct store *store)
{
    store_lock(store);
    if (store_run(store, "BEGIN IMMEDIATE", "")) {
        return true;
    }
    store_unlock(store);
    return false;
}

bool store_commit(struct store *store, bool ok)
{
    if (ok) {
        ok = store_run(store, "COMMIT", "");
    }
    if (!ok && sqlite3_get_autocommit(store->db) == 0) {
        store_run(store, "ROLLBACK", "");
    }
    store_unlock(store);
    return ok;
}

static int schema_number(struct store *store)
{
    sqlite3_stmt *statement = store_prepare(store, "PRAGMA user_version", "");
    int number = -1;
    if (store_row(store, &statement)) {
        number = sqlite3_column_int(statement, 0);
    }
    store_end(&statement);
    return number;
}

/*
 * One step up from number `from`, whole or not at all: the file sets the number, too. Nothing to do
 * where another process took the step before we had the lock.
 */
static bool run_schema(struct store *store, const char *name, int from)
{
    const struct embedded_file *schema = embedded_find(name);
    if (!store_begin(store)) {
        return false;
    }
    bool ok = true;
    if (schema_number(store) == from) {
        ok = sqlite3_exec(store->db, (const char *)schema->data, NULL, NULL, NULL) == SQLITE_OK;
    }
    if (!ok) {
        log_failure(store, name);
    }
    return store_commit(store, ok);
}

/* From the number that was found, over each one between, to ours. */
static bool upgrade(struct store *store)
{
    static const char *const steps[SCHEMA_NUMBER + 1] = {[1] = "schema_2.sql"};
    int number = schema_number(store);
    bool ok = true;
    for (; ok && number >= 1 && number < SCHEMA_NUMBER; number++) {
        ok = run_schema(store, steps[number], number);
    }
    return ok;
}

static bool set_up(struct store *store, bool create)
{
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    if (!store_run(store, "PRAGMA journal_mode = WAL", "") ||
        !store_run(store, "PRAGMA synchronous = FULL", "") ||
        !store_run(store, "PRAGMA foreign_keys = ON", "")) {
        return false;
    }
    if ((create && !run_schema(store, "schema.sql", 0)) || !upgrade(store)) {
        return false;
    }
    int number = schema_number(store);
    if (number != SCHEMA_NUMBER) {
        LOG_EVENT(LEVEL_ERROR, "database_other_version", LOG_N("found", number),
                  LOG_N("expected", SCHEMA_NUMBER));
    }
    return number == SCHEMA_NUMBER;
}

struct store *store_open(const char *data, bool create)
{
    char path[ARTIFACTS_PATH_SIZE];
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL || snprintf(path, sizeof path, "%s/ferry.db", data) >= (int)sizeof path) {
        goto fail_free;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (create) {
        flags |= SQLITE_OPEN_CREATE;
    }
    pthread_mutex_init(&store->lock, NULL);
    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK) {
        log_failure(store, path);
        goto fail_close;
    }
    if (!set_up(store, create)) {
        goto fail_close;
    }
    return store;

fail_close:
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
fail_free:
    free(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    sqlite3_close(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

bool store_healthy(struct store *store)
{
    store_lock(store);
    int number = schema_number(store);
    store_unlock(store);
    return number == SCHEMA_NUMBER;
}

bool store_replace_tokens(struct store *store, const char *kind,
                          const uint8_t hash[TOKEN_HASH_SIZE])
{
    if (!store_begin(store)) {
        return false;
    }
    bool ok = store_run(store, "DELETE FROM tokens WHERE kind = ?", "s", kind) &&
              store_run(store, "INSERT INTO tokens (kind, hash, created) VALUES (?, ?, ?)", "shi",
                        kind, hash, store_now());
    return store_commit(store, ok);
}

/* Compares with every token of the kind in constant time, rather than by an index. */
bool store_has_token(struct store *store, const char *kind, const uint8_t hash[TOKEN_HASH_SIZE])
{
    bool found = false;
    store_lock(store);
    sqlite3_stmt *statement =
        store_prepare(store, "SELECT hash FROM tokens WHERE kind = ?", "s", kind);
    while (store_row(store, &statement)) {
        if (sqlite3_column_bytes(statement, 0) == TOKEN_HASH_SIZE &&
            token_equal(sqlite3_column_blob(statement, 0), hash)) {
            found = true;
        }
    }
    store_unlock(store);
    return found;
}
