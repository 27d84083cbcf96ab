/* The last starts of each target. */
#include "store_internal.h"

#include <string.h>

static bool insert_boot(struct store *store, int64_t target, const struct boot *boot, bool *added)
{
    bool ok = store_run(store,
                        "INSERT OR IGNORE INTO boots (target, number, reset, action, slot, version,"
                        " attempts, error, reported) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        "iissssisi", target, boot->number, boot->reset, boot->action, boot->slot,
                        boot->version, boot->attempts, boot->error, store_now());
    *added = *added || (ok && sqlite3_changes(store->db) == 1);
    return ok;
}

static bool forget_oldest(struct store *store, int64_t target)
{
    return store_run(store,
                     "DELETE FROM boots WHERE target = ?1 AND id <="
                     " (SELECT id FROM boots WHERE target = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                     "ii", target, (int64_t)BOOTS_MAX);
}

enum store_result store_add_boots(struct store *store, int64_t target, const struct boot *list,
                                  size_t count)
{
    bool added = false;
    bool ok = store_begin(store);
    if (!ok) {
        return STORE_ERROR;
    }
    for (size_t i = 0; i < count && ok; i++) {
        ok = insert_boot(store, target, &list[i], &added);
    }
    ok = ok && (!added || forget_oldest(store, target));
    if (!store_commit(store, ok)) {
        return STORE_ERROR;
    }
    return added ? STORE_CREATED : STORE_OK;
}

static void read_boot(sqlite3_stmt *row, struct boot *boot)
{
    memset(boot, 0, sizeof *boot);
    boot->number = sqlite3_column_int64(row, 0);
    store_text(row, 1, boot->reset, sizeof boot->reset);
    store_text(row, 2, boot->action, sizeof boot->action);
    store_text(row, 3, boot->slot, sizeof boot->slot);
    store_text(row, 4, boot->version, sizeof boot->version);
    boot->attempts = sqlite3_column_int64(row, 5);
    store_text(row, 6, boot->error, sizeof boot->error);
    boot->reported = sqlite3_column_int64(row, 7);
}

size_t store_list_boots(struct store *store, int64_t target, struct boot *list, size_t max)
{
    size_t count = 0;
    store_lock(store);
    sqlite3_stmt *row =
        store_prepare(store,
                      "SELECT number, reset, action, slot, version, attempts, error,"
                      " reported FROM boots WHERE target = ?"
                      " ORDER BY id DESC LIMIT ?",
                      "ii", target, (int64_t)max);
    while (store_row(store, &row)) {
        if (count < max) {
            read_boot(row, &list[count++]);
        }
    }
    store_unlock(store);
    return count;
}
