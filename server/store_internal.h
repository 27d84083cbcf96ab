/*
 * store_internal.h - shared by the store_*.c files only: the connection and short forms of the
 * SQLite calls. Every statement is prepared; values are bound, never printed into SQL.
 */
#ifndef FERRY_SERVER_STORE_INTERNAL_H
#define FERRY_SERVER_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store.h"

struct store {
    sqlite3 *db;
    pthread_mutex_t lock;
};

/*
 * Prepares and binds in one call. `types` has a letter for each value: i int64_t, s text (copied),
 * h hash of 32 bytes or NULL. Returns NULL after logging; all functions below take NULL.
 */
sqlite3_stmt *store_prepare(struct store *store, const char *sql, const char *types, ...);

/* One row more? Ends and frees the statement (and clears *statement) when there is none. */
bool store_row(struct store *store, sqlite3_stmt **statement);

/* Frees a statement before its last row. */
void store_end(sqlite3_stmt **statement);

/* Prepares, runs to the end, frees. False after logging. */
bool store_run(struct store *store, const char *sql, const char *types, ...);

/* Copies a text column, cutting it to fit. */
void store_text(sqlite3_stmt *statement, int column, char *out, size_t size);

/* Locks and begins (immediately, so that it cannot fail half-way for a writer). */
bool store_begin(struct store *store);
/* Commits (or rolls back when `ok` is false) and unlocks. Returns whether it was committed. */
bool store_commit(struct store *store, bool ok);

void store_lock(struct store *store);
void store_unlock(struct store *store);

int64_t store_now(void);

#endif
