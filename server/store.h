/*
 * store.h - what the server remembers, in SQLite.
 *
 * The rest of the server sees records and questions, no SQL. Thread-safe: one connection, one
 * lock, each function one transaction. Texts in records are copies. A function that changes
 * something returns after it is on disk (synchronous=FULL).
 */
#ifndef FERRY_SERVER_STORE_H
#define FERRY_SERVER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "artifacts.h"
#include "image_check.h"
#include "token.h"

enum store_result {
    STORE_OK,
    STORE_CREATED,   /* done, and it was not there before */
    STORE_NOT_FOUND, /* no such record */
    STORE_CONFLICT,  /* refused: it contradicts what is stored */
    STORE_MISMATCH,  /* refused: the parts do not belong together */
    STORE_FULL,      /* refused: a limit is reached */
    STORE_ERROR      /* the database failed; logged */
};

enum {
    NAME_TEXT_SIZE = 65, /* controllerId, release name: 64 characters */
    BOARD_TEXT_SIZE = FERRY_BOARD_NAME_MAX + 1,
    UID_TEXT_SIZE = 65,
    MESSAGE_TEXT_SIZE = 1001,   /* 250 characters of UTF-8; longer texts are cut */
    RELEASE_ARTIFACTS_MAX = 32, /* images of one release */
    ATTRIBUTES_MAX = 64,        /* configData keys of one target */
    ATTRIBUTE_KEY_MAX = 64,     /* bytes */
    ATTRIBUTE_VALUE_MAX = 256,  /* bytes */
    BOOTS_MAX = 64,             /* starts kept of one target: the newest */
    BOOT_WORD_SIZE = 33,        /* 32 characters */
    TARGETS_MAX = 100000        /* unknown targets are refused beyond */
};

struct store;

struct artifact {
    struct artifact_hashes hashes;
    struct image_facts facts;
    uint64_t size;
};

struct release {
    int64_t id;
    char name[NAME_TEXT_SIZE];
    char version[FERRY_VERSION_TEXT_SIZE];
    int64_t created;
};

struct action {
    int64_t id; /* 0: none */
    int64_t target;
    struct release release;
    char state[12];
    int64_t done, total;
    char message[MESSAGE_TEXT_SIZE];
};

struct target {
    int64_t id;
    char controller[NAME_TEXT_SIZE];
    bool has_token;
    uint8_t token_hash[TOKEN_HASH_SIZE];
    char board[BOARD_TEXT_SIZE];
    char version[FERRY_VERSION_TEXT_SIZE];
    char slot[2];
    char uid[UID_TEXT_SIZE];
    bool config_wanted;
    int64_t seen; /* seconds since 1970; 0: never */
};

/* A start of a node, from its boot log. */
struct boot {
    int64_t number;   /* as the node counts, 0 to 2^32 - 1; starts again with a lost journal */
    int64_t attempts; /* left, 0 to 255 */
    int64_t reported; /* seconds since 1970; set by the store */
    char reset[BOOT_WORD_SIZE];            /* "watchdog" */
    char action[BOOT_WORD_SIZE];           /* "boot_confirmed" */
    char slot[2];                          /* started: "a", "b", or "" */
    char version[FERRY_VERSION_TEXT_SIZE]; /* of it, or "" */
    char error[BOOT_WORD_SIZE];            /* "OK", "TRIAL_EXHAUSTED" */
};

/* Opens DIR/ferry.db, which `create` makes (init checks that there is none), and brings an older
 * one up to date. NULL: logged. */
struct store *store_open(const char *data, bool create);
void store_close(struct store *store);

/* True when the database answers. */
bool store_healthy(struct store *store);

/* --- tokens: kind is "publish" or "enrol" --- */
/* Removes all tokens of the kind and adds this one. */
bool store_replace_tokens(struct store *store, const char *kind,
                          const uint8_t hash[TOKEN_HASH_SIZE]);
bool store_has_token(struct store *store, const char *kind, const uint8_t hash[TOKEN_HASH_SIZE]);

/* --- artifacts and releases (store_releases.c) --- */

/*
 * What adding would meet: NOT_FOUND (nothing, go on), OK (it is there), CONFLICT (a release has
 * other content for this version, board and slot).
 */
enum store_result store_judge_artifact(struct store *store, const struct artifact *artifact);

/* CREATED, or as store_judge_artifact. */
enum store_result store_add_artifact(struct store *store, const struct artifact *artifact);

/*
 * Publishes. OK if one release holds all these artifacts already; CONFLICT if this version is
 * published for one of their boards; NOT_FOUND for an unknown artifact; MISMATCH if an artifact
 * has another version, or two have the same board and slot.
 */
enum store_result store_add_release(struct store *store, const char *name, const char *version,
                                    const char *const sha256[], size_t count,
                                    struct release *release);

/* The release that targets of a board should run; board NULL or "": the newest at all. */
enum store_result store_wanted_release(struct store *store, const char *board,
                                       struct release *release);

/* The release of this version that has an image for the board; version as a release has it. */
enum store_result store_find_release(struct store *store, const char *board, const char *version,
                                     struct release *release);

/* Newest first, releases older than `before` (0: from the newest). Returns how many were filled. */
size_t store_list_releases(struct store *store, int64_t before, struct release *list, size_t max);

/* The images of a release, of one board or of all (NULL). Returns how many were filled. */
size_t store_release_artifacts(struct store *store, int64_t release, const char *board,
                               struct artifact *list, size_t max);

/* --- targets (store_targets.c) --- */

/* CREATED, CONFLICT if it exists, FULL. token_hash may be NULL. */
enum store_result store_add_target(struct store *store, const char *controller,
                                   const uint8_t *token_hash);
enum store_result store_find_target(struct store *store, const char *controller,
                                    struct target *target);

/* By controllerId ascending, those after `after` ("": from the first). Returns how many. */
size_t store_list_targets(struct store *store, const char *after, struct target *list, size_t max);

/* Notes that a target was heard; written at most once in 30 s, so that polls cost no disk. */
void store_touch_target(struct store *store, const struct target *target);

enum attribute_mode { ATTRIBUTES_MERGE, ATTRIBUTES_REPLACE, ATTRIBUTES_REMOVE };
struct attribute {
    const char *key;
    const char *value; /* ignored for ATTRIBUTES_REMOVE */
};

/* Stores configData and copies board, version, slot, uid. FULL past ATTRIBUTES_MAX. */
enum store_result store_set_attributes(struct store *store, int64_t target,
                                       enum attribute_mode mode, const struct attribute *list,
                                       size_t count);

/*
 * Adds starts, the oldest first. Those at the front of `list` that are the newest stored ones are
 * left out: the same list twice is stored once. The oldest beyond BOOTS_MAX are forgotten. CREATED;
 * OK if none was new.
 */
enum store_result store_add_boots(struct store *store, int64_t target, const struct boot *list,
                                  size_t count);

/* The last told first. Returns how many were filled. */
size_t store_list_boots(struct store *store, int64_t target, struct boot *list, size_t max);

/* The target says which version it runs. */
enum store_result store_set_version(struct store *store, int64_t target, const char *version);

/* --- actions (store_actions.c) --- */

/*
 * The open action of a target, made or superseded as the wanted release asks. action->id is 0 when
 * there is nothing to do. A release that failed on a target is not offered to it again, and none is
 * offered more than three times: an update that never takes must not wear out the flash.
 */
enum store_result store_poll_action(struct store *store, const struct target *target,
                                    struct action *action);

/* NOT_FOUND if it is no action of this target. */
enum store_result store_find_action(struct store *store, int64_t target, int64_t id,
                                    struct action *action);

/*
 * What the target has installed: the last action that ended well. Where the target names another
 * version (it came from the factory, or was updated by hand) and there is a release of that, an
 * action with id 0 that has this release.
 */
enum store_result store_installed_action(struct store *store, const struct target *target,
                                         struct action *action);

/* The newest action, open or closed; NOT_FOUND if there is none. */
enum store_result store_last_action(struct store *store, int64_t target, struct action *action);

/*
 * Offers the release of the newest action once more if that failed or was canceled, as a new action
 * (a device that saw the end of the old one would not take it up). CREATED; CONFLICT if the newest
 * action did not fail, or if there is none. The next poll supersedes it where a newer release is
 * wanted by then.
 */
enum store_result store_retry_action(struct store *store, int64_t target, struct action *action);

/* The target has fetched its deploymentBase. */
enum store_result store_retrieve_action(struct store *store, int64_t id);

struct feedback {
    const char *state; /* "running", "success", "failure" or "canceled" */
    bool has_progress;
    int64_t done, total;
    const char *message; /* NULL: keep the last */
};

/* OK; NOT_FOUND; CONFLICT if the action is closed. "success" also sets the target's version. */
enum store_result store_add_feedback(struct store *store, int64_t target, int64_t id,
                                     const struct feedback *feedback);

/* True if a release was ever offered to a target (and so may be downloaded by it). */
bool store_was_offered(struct store *store, int64_t target, int64_t release);

#endif
