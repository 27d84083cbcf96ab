/* Targets and what they tell about themselves. */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

#define TARGET_COLUMNS "id, controller, token_hash, board, version, slot, uid, config_wanted, seen"

enum { TOUCH_EVERY_S = 30 };

static void read_target(sqlite3_stmt *row, struct target *target)
{
    memset(target, 0, sizeof *target);
    target->id = sqlite3_column_int64(row, 0);
    store_text(row, 1, target->controller, sizeof target->controller);
    target->has_token = sqlite3_column_bytes(row, 2) == TOKEN_HASH_SIZE;
    if (target->has_token) {
        memcpy(target->token_hash, sqlite3_column_blob(row, 2), TOKEN_HASH_SIZE);
    }
    store_text(row, 3, target->board, sizeof target->board);
    store_text(row, 4, target->version, sizeof target->version);
    store_text(row, 5, target->slot, sizeof target->slot);
    store_text(row, 6, target->uid, sizeof target->uid);
    target->config_wanted = sqlite3_column_int(row, 7) != 0;
    target->seen = sqlite3_column_int64(row, 8);
}

static int64_t count_rows(struct store *store, sqlite3_stmt *row)
{
    int64_t count = -1;
    if (store_row(store, &row)) {
        count = sqlite3_column_int64(row, 0);
    }
    store_end(&row);
    (void)store;
    return count;
}

static enum store_result insert_target(struct store *store, const char *controller,
                                       const uint8_t *token_hash)
{
    int64_t targets = count_rows(store, store_prepare(store, "SELECT count(*) FROM targets", ""));
    if (targets < 0) {
        return STORE_ERROR;
    }
    if (targets >= TARGETS_MAX) {
        return STORE_FULL;
    }
    if (!store_run(store,
                   "INSERT OR IGNORE INTO targets (controller, token_hash, created)"
                   " VALUES (?, ?, ?)",
                   "shi", controller, token_hash, store_now())) {
        return STORE_ERROR;
    }
    return sqlite3_changes(store->db) == 1 ? STORE_CREATED : STORE_CONFLICT;
}

enum store_result store_add_target(struct store *store, const char *controller,
                                   const uint8_t *token_hash)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = insert_target(store, controller, token_hash);
    if (!store_commit(store, result == STORE_CREATED) && result == STORE_CREATED) {
        return STORE_ERROR;
    }
    return result;
}

enum store_result store_find_target(struct store *store, const char *controller,
                                    struct target *target)
{
    store_lock(store);
    sqlite3_stmt *row = store_prepare(
        store, "SELECT " TARGET_COLUMNS " FROM targets WHERE controller = ?", "s", controller);
    bool found = store_row(store, &row);
    if (found) {
        read_target(row, target);
    }
    store_end(&row);
    store_unlock(store);
    return found ? STORE_OK : STORE_NOT_FOUND;
}

size_t store_list_targets(struct store *store, const char *after, struct target *list, size_t max)
{
    size_t count = 0;
    store_lock(store);
    sqlite3_stmt *row = store_prepare(store,
                                      "SELECT " TARGET_COLUMNS " FROM targets"
                                      " WHERE controller > ? ORDER BY controller LIMIT ?",
                                      "si", after, (int64_t)max);
    while (store_row(store, &row)) {
        if (count < max) {
            read_target(row, &list[count++]);
        }
    }
    store_unlock(store);
    return count;
}

void store_touch_target(struct store *store, const struct target *target)
{
    int64_t now = store_now();
    if (now - target->seen < TOUCH_EVERY_S) {
        return;
    }
    store_lock(store);
    store_run(store, "UPDATE targets SET seen = ? WHERE id = ?", "ii", now, target->id);
    store_unlock(store);
}

static bool set_attribute(struct store *store, int64_t target, enum attribute_mode mode,
                          const struct attribute *attribute)
{
    if (mode == ATTRIBUTES_REMOVE) {
        return store_run(store, "DELETE FROM attributes WHERE target = ? AND key = ?", "is", target,
                         attribute->key);
    }
    return store_run(store,
                     "INSERT INTO attributes (target, key, value) VALUES (?, ?, ?)"
                     " ON CONFLICT DO UPDATE SET value = excluded.value",
                     "iss", target, attribute->key, attribute->value);
}

/* What offers depend on stands in columns. A key that is not there leaves its column as it is. */
static bool copy_attributes(struct store *store, int64_t target)
{
#define COPY_OF(key)                                                                               \
    key " = coalesce((SELECT value FROM attributes WHERE target = ?1"                              \
        " AND key = '" key "'), " key ")"
    return store_run(store,
                     "UPDATE targets SET config_wanted = 0, " COPY_OF("board") ", " COPY_OF(
                         "version") ", " COPY_OF("slot") ", " COPY_OF("uid") " WHERE id = ?1",
                     "i", target);
#undef COPY_OF
}

static enum store_result change_attributes(struct store *store, int64_t target,
                                           enum attribute_mode mode, const struct attribute *list,
                                           size_t count)
{
    if (mode == ATTRIBUTES_REPLACE &&
        !store_run(store, "DELETE FROM attributes WHERE target = ?", "i", target)) {
        return STORE_ERROR;
    }
    for (size_t i = 0; i < count; i++) {
        if (!set_attribute(store, target, mode, &list[i])) {
            return STORE_ERROR;
        }
    }
    int64_t total =
        count_rows(store, store_prepare(store, "SELECT count(*) FROM attributes WHERE target = ?",
                                        "i", target));
    if (total > ATTRIBUTES_MAX) {
        return STORE_FULL;
    }
    return total >= 0 && copy_attributes(store, target) ? STORE_OK : STORE_ERROR;
}

enum store_result store_set_attributes(struct store *store, int64_t target,
                                       enum attribute_mode mode, const struct attribute *list,
                                       size_t count)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = change_attributes(store, target, mode, list, count);
    if (!store_commit(store, result == STORE_OK) && result == STORE_OK) {
        return STORE_ERROR;
    }
    return result;
}

enum store_result store_set_version(struct store *store, int64_t target, const char *version)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    bool ok =
        store_run(store, "UPDATE targets SET version = ? WHERE id = ?", "si", version, target) &&
        store_run(store,
                  "UPDATE attributes SET value = ? WHERE target = ?"
                  " AND key = 'version'",
                  "si", version, target);
    return store_commit(store, ok) ? STORE_OK : STORE_ERROR;
}
