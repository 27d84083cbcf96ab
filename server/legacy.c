/*
 * Two endpoints for the simplest clients: /version answers a decimal number, /firmware the image
 * for the slot that does not run.
 */
#include "handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum MHD_Result legacy_version(struct request *request)
{
    struct release release;
    struct ferry_version version;
    char text[16];
    if (store_wanted_release(request->server->store, http_query(request, "board"), &release) !=
        STORE_OK) {
        return http_reply_problem(request, PROBLEM_NO_RELEASE);
    }
    if (!ferry_version_parse(release.version, &version)) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    snprintf(text, sizeof text, "%" PRIu32, version_number(&version));
    return http_reply_text(request, MHD_HTTP_OK, "text/plain", text);
}

/* The image for `slot`; a board with one slot has only that. NULL if there is none. */
static const struct artifact *pick(const struct artifact *list, size_t count, char slot)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].facts.slot[0] == slot) {
            return &list[i];
        }
    }
    const struct ferry_board *board = count == 1 ? ferry_board_find(list[0].facts.board) : NULL;
    return board != NULL && board->slot_count == 1 ? &list[0] : NULL;
}

/*
 * The images of a release for one board. Without a board the release must have one only: images are
 * sorted by board, so the first and the last of the (at most two slots + 1) tell.
 */
static size_t images_of(struct store *store, int64_t release, const char *board,
                        struct artifact list[3])
{
    size_t count = store_release_artifacts(store, release, board, list, 3);
    bool is_one = count > 0 && strcmp(list[0].facts.board, list[count - 1].facts.board) == 0;
    return is_one ? count : 0;
}

enum MHD_Result legacy_firmware(struct request *request)
{
    struct artifact list[3];
    struct release release;
    const char *bank = http_query(request, "current_bank");
    const char *board = http_query(request, "board");
    struct store *store = request->server->store;
    if (bank == NULL || (strcmp(bank, "0") != 0 && strcmp(bank, "1") != 0)) {
        return http_reply_problem_text(
            request, PROBLEM_BAD_PARAMETER,
            "current_bank: send 0 when slot A runs, 1 when slot B runs.");
    }
    if (store_wanted_release(store, board, &release) != STORE_OK) {
        return http_reply_problem(request, PROBLEM_NO_RELEASE);
    }
    size_t count = images_of(store, release.id, board, list);
    if (count == 0) {
        return http_reply_problem_text(request, PROBLEM_BAD_PARAMETER,
                                       "board: this release is for several boards, name one.");
    }
    const struct artifact *artifact = pick(list, count, bank[0] == '0' ? 'b' : 'a');
    if (artifact == NULL) {
        return http_reply_problem_text(request, PROBLEM_NO_RELEASE,
                                       "This release has no image for the other slot.");
    }
    return http_reply_artifact(request, artifact->hashes.sha256, artifact->size);
}
