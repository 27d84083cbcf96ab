/* Artifacts and releases: what was published. */
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

#define ARTIFACT_COLUMNS "a.sha256, a.sha1, a.md5, a.board, a.slot, a.version, a.counter, a.size"

static void read_artifact(sqlite3_stmt *row, struct artifact *artifact)
{
    store_text(row, 0, artifact->hashes.sha256, sizeof artifact->hashes.sha256);
    store_text(row, 1, artifact->hashes.sha1, sizeof artifact->hashes.sha1);
    store_text(row, 2, artifact->hashes.md5, sizeof artifact->hashes.md5);
    store_text(row, 3, artifact->facts.board, sizeof artifact->facts.board);
    store_text(row, 4, artifact->facts.slot, sizeof artifact->facts.slot);
    store_text(row, 5, artifact->facts.version, sizeof artifact->facts.version);
    artifact->facts.security_counter = (uint32_t)sqlite3_column_int64(row, 6);
    artifact->size = (uint64_t)sqlite3_column_int64(row, 7);
}

static void read_release(sqlite3_stmt *row, struct release *release)
{
    release->id = sqlite3_column_int64(row, 0);
    store_text(row, 1, release->name, sizeof release->name);
    store_text(row, 2, release->version, sizeof release->version);
    release->created = sqlite3_column_int64(row, 3);
}

/* True if the statement has a row. Frees it. */
static bool exists(struct store *store, sqlite3_stmt *statement)
{
    bool found = store_row(store, &statement);
    store_end(&statement);
    return found;
}

/* NOT_FOUND: it may be added; OK: it is there; CONFLICT: its place in a release is taken. */
static enum store_result judge_artifact(struct store *store, const struct artifact *artifact)
{
    const struct image_facts *facts = &artifact->facts;
    if (exists(store, store_prepare(store, "SELECT 1 FROM artifacts WHERE sha256 = ?", "s",
                                    artifact->hashes.sha256))) {
        return STORE_OK;
    }
    bool is_taken =
        exists(store, store_prepare(store,
                                    "SELECT 1 FROM release_artifacts ra"
                                    " JOIN releases r ON r.id = ra.release"
                                    " WHERE r.version = ? AND ra.board = ? AND ra.slot = ?",
                                    "sss", facts->version, facts->board, facts->slot));
    return is_taken ? STORE_CONFLICT : STORE_NOT_FOUND;
}

enum store_result store_judge_artifact(struct store *store, const struct artifact *artifact)
{
    store_lock(store);
    enum store_result result = judge_artifact(store, artifact);
    store_unlock(store);
    return result;
}

static enum store_result insert_artifact(struct store *store, const struct artifact *artifact)
{
    const struct image_facts *facts = &artifact->facts;
    const struct artifact_hashes *hashes = &artifact->hashes;
    enum store_result result = judge_artifact(store, artifact);
    if (result != STORE_NOT_FOUND) {
        return result;
    }
    bool ok = store_run(store,
                        "INSERT INTO artifacts (sha256, sha1, md5, board, slot, version, counter,"
                        " size, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        "ssssssiii", hashes->sha256, hashes->sha1, hashes->md5, facts->board,
                        facts->slot, facts->version, (int64_t)facts->security_counter,
                        (int64_t)artifact->size, store_now());
    return ok ? STORE_CREATED : STORE_ERROR;
}

enum store_result store_add_artifact(struct store *store, const struct artifact *artifact)
{
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = insert_artifact(store, artifact);
    if (!store_commit(store, result != STORE_ERROR)) {
        return STORE_ERROR;
    }
    return result;
}

static enum store_result find_artifact(struct store *store, const char *sha256,
                                       struct artifact *artifact)
{
    sqlite3_stmt *row = store_prepare(
        store, "SELECT " ARTIFACT_COLUMNS " FROM artifacts a WHERE sha256 = ?", "s", sha256);
    if (!store_row(store, &row)) {
        return STORE_NOT_FOUND;
    }
    read_artifact(row, artifact);
    store_end(&row);
    return STORE_OK;
}

/* A release of this version that has the artifact's board: 0 if there is none. */
static int64_t release_of_board(struct store *store, const char *version, const char *board)
{
    int64_t id = 0;
    sqlite3_stmt *row = store_prepare(store,
                                      "SELECT r.id FROM releases r JOIN release_artifacts ra"
                                      " ON ra.release = r.id"
                                      " WHERE r.version = ? AND ra.board = ? LIMIT 1",
                                      "ss", version, board);
    if (store_row(store, &row)) {
        id = sqlite3_column_int64(row, 0);
    }
    store_end(&row);
    return id;
}

/*
 * Compares with what is published. *same: the one release that holds all artifacts already, or 0
 * when none of their boards has this version.
 */
static enum store_result check_published(struct store *store, const char *version,
                                         const char *const sha256[], size_t count, int64_t *same)
{
    for (size_t i = 0; i < count; i++) {
        struct artifact artifact = {0};
        enum store_result result = find_artifact(store, sha256[i], &artifact);
        if (result != STORE_OK) {
            return result;
        }
        if (!version_text_equal(artifact.facts.version, version)) {
            return STORE_MISMATCH;
        }
        int64_t id = release_of_board(store, artifact.facts.version, artifact.facts.board);
        bool inside = id != 0 && exists(store, store_prepare(store,
                                                             "SELECT 1 FROM release_artifacts"
                                                             " WHERE release = ? AND sha256 = ?",
                                                             "is", id, sha256[i]));
        if ((id != 0 && !inside) || (i > 0 && id != *same)) {
            return STORE_CONFLICT;
        }
        *same = id;
    }
    return STORE_OK;
}

static enum store_result link_artifacts(struct store *store, int64_t release,
                                        const char *const sha256[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!store_run(store,
                       "INSERT OR IGNORE INTO release_artifacts (release, sha256, board, slot)"
                       " SELECT ?, sha256, board, slot FROM artifacts WHERE sha256 = ?",
                       "is", release, sha256[i])) {
            return STORE_ERROR;
        }
        if (sqlite3_changes(store->db) != 1) { /* board and slot are taken */
            return STORE_MISMATCH;
        }
    }
    return STORE_CREATED;
}

static bool find_release(struct store *store, int64_t id, struct release *release)
{
    sqlite3_stmt *row = store_prepare(
        store, "SELECT id, name, version, created FROM releases WHERE id = ?", "i", id);
    if (!store_row(store, &row)) {
        return false;
    }
    read_release(row, release);
    store_end(&row);
    return true;
}

static enum store_result publish(struct store *store, const char *name, const char *version,
                                 const char *const sha256[], size_t count, struct release *release)
{
    int64_t id = 0;
    enum store_result result = check_published(store, version, sha256, count, &id);
    if (result == STORE_OK && id == 0) {
        if (!store_run(store, "INSERT INTO releases (name, version, created) VALUES (?, ?, ?)",
                       "ssi", name, version, store_now())) {
            return STORE_ERROR;
        }
        id = sqlite3_last_insert_rowid(store->db);
        result = link_artifacts(store, id, sha256, count);
    }
    if (result != STORE_OK && result != STORE_CREATED) {
        return result;
    }
    return find_release(store, id, release) ? result : STORE_ERROR;
}

enum store_result store_add_release(struct store *store, const char *name, const char *version,
                                    const char *const sha256[], size_t count,
                                    struct release *release)
{
    struct ferry_version number;
    char canonical[FERRY_VERSION_TEXT_SIZE]; /* "01.2.3" and "1.2.3" are one version */
    if (!ferry_version_parse(version, &number)) {
        return STORE_MISMATCH;
    }
    ferry_version_print(&number, canonical);
    if (!store_begin(store)) {
        return STORE_ERROR;
    }
    enum store_result result = publish(store, name, canonical, sha256, count, release);
    bool keep = result == STORE_OK || result == STORE_CREATED;
    if (!store_commit(store, keep) && keep) {
        return STORE_ERROR;
    }
    return result;
}

enum store_result store_wanted_release(struct store *store, const char *board,
                                       struct release *release)
{
    bool any = board == NULL || board[0] == '\0';
    store_lock(store);
    sqlite3_stmt *row = store_prepare(store,
                                      "SELECT id, name, version, created FROM releases r"
                                      " WHERE ?1 = 1 OR EXISTS (SELECT 1 FROM release_artifacts"
                                      "  WHERE release = r.id AND board = ?2)"
                                      " ORDER BY id DESC LIMIT 1",
                                      "is", (int64_t)any, any ? "" : board);
    bool found = store_row(store, &row);
    if (found) {
        read_release(row, release);
    }
    store_end(&row);
    store_unlock(store);
    return found ? STORE_OK : STORE_NOT_FOUND;
}

enum store_result store_find_release(struct store *store, const char *board, const char *version,
                                     struct release *release)
{
    store_lock(store);
    sqlite3_stmt *row = store_prepare(store,
                                      "SELECT id, name, version, created FROM releases r"
                                      " WHERE version = ?1 AND EXISTS (SELECT 1 FROM"
                                      "  release_artifacts WHERE release = r.id AND board = ?2)"
                                      " ORDER BY id DESC LIMIT 1",
                                      "ss", version, board);
    bool found = store_row(store, &row);
    if (found) {
        read_release(row, release);
    }
    store_end(&row);
    store_unlock(store);
    return found ? STORE_OK : STORE_NOT_FOUND;
}

size_t store_list_releases(struct store *store, int64_t before, struct release *list, size_t max)
{
    size_t count = 0;
    store_lock(store);
    sqlite3_stmt *row = store_prepare(store,
                                      "SELECT id, name, version, created FROM releases"
                                      " WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2",
                                      "ii", before, (int64_t)max);
    while (store_row(store, &row)) {
        if (count < max) {
            read_release(row, &list[count++]);
        }
    }
    store_unlock(store);
    return count;
}

size_t store_release_artifacts(struct store *store, int64_t release, const char *board,
                               struct artifact *list, size_t max)
{
    size_t count = 0;
    store_lock(store);
    sqlite3_stmt *row = store_prepare(store,
                                      "SELECT " ARTIFACT_COLUMNS " FROM release_artifacts ra"
                                      " JOIN artifacts a ON a.sha256 = ra.sha256"
                                      " WHERE ra.release = ?1 AND (?2 = '' OR ra.board = ?2)"
                                      " ORDER BY a.board, a.slot LIMIT ?3",
                                      "isi", release, board != NULL ? board : "", (int64_t)max);
    while (store_row(store, &row)) {
        if (count < max) {
            read_artifact(row, &list[count++]);
        }
    }
    store_unlock(store);
    return count;
}
