/* The last starts of each target. */
#include "store_internal.h"

#include <string.h>

static bool insert_boot(struct store *store, int64_t target, const struct boot *boot)
{
    return store_run(store,
                     "INSERT INTO boots (target, number, reset, action, slot, version,"
                     " attempts, error, reported) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     "iissssisi", target, boot->number, boot->reset, boot->action, boot->slot,
                     boot->version, boot->attempts, boot->error, store_now());
}

static bool forget_oldest(struct store *store, int64_t target)
{
    return store_run(store,
                     "DELETE FROM boots WHERE target = ?1 AND id <="
                     " (SELECT id FROM boots WHERE target = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                     "ii", target, (int64_t)BOOTS_MAX);
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

/* Under the store's lock. The newest first. */
static size_t read_boots(struct store *store, int64_t target, struct boot *list, size_t max)
{
    size_t count = 0;
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
    return count;
}

/* By all that a start says of itself; not by when it was told. */
static bool is_same(const struct boot *a, const struct boot *b)
{
    return a->number == b->number && a->attempts == b->attempts &&
           strcmp(a->reset, b->reset) == 0 && strcmp(a->action, b->action) == 0 &&
           strcmp(a->slot, b->slot) == 0 && strcmp(a->version, b->version) == 0 &&
           strcmp(a->error, b->error) == 0;
}

/* Are the `length` newest of `stored` (newest first) the `length` first of `list` (oldest first)?
 */
static bool overlaps(const struct boot *stored, const struct boot *list, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_same(&stored[length - 1 - i], &list[i])) {
            return false;
        }
    }
    return true;
}

/*
 * How many of `list` are the end of what is stored: told before. The longest overlap, so that a
 * batch told twice is stored once. Nothing older is compared: the numbers of a node that lost its
 * journal begin again, and its new starts may say what old ones said.
 */
static size_t count_known(struct store *store, int64_t target, const struct boot *list,
                          size_t count)
{
    struct boot stored[BOOTS_MAX];
    size_t length = read_boots(store, target, stored, BOOTS_MAX);
    length = length < count ? length : count;
    while (length > 0 && !overlaps(stored, list, length)) {
        length--;
    }
    return length;
}

enum store_result store_add_boots(struct store *store, int64_t target, const struct boot *list,
                                  size_t count)
{
    if (count > BOOTS_MAX) { /* the rest would be forgotten at once */
        list += count - BOOTS_MAX;
        count = BOOTS_MAX;
    }
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    bool ok = true;
    size_t known = count_known(store, target, list, count);
    for (size_t i = known; i < count && ok; i++) {
        ok = insert_boot(store, target, &list[i]);
    }
    ok = ok && (known == count || forget_oldest(store, target));
    if (!store_commit(store, ok)) {
        return STORE_ERROR;
    }
    return known < count ? STORE_CREATED : STORE_OK;
}

size_t store_list_boots(struct store *store, int64_t target, struct boot *list, size_t max)
{
    store_lock(store);
    size_t count = read_boots(store, target, list, max);
    store_unlock(store);
    return count;
}
