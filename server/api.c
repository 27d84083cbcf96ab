/* The management API: upload, publish, lists. */
#include "handlers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "views.h"

enum { LIST_MAX = 100 };

enum MHD_Result api_health(struct request *request)
{
    if (!store_healthy(request->server->store)) {
        return http_reply_problem(request, PROBLEM_UNAVAILABLE);
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "status", "ok");
    cJSON_AddStringToObject(json, "version", FERRY_VERSION);
    return http_reply_json(request, MHD_HTTP_OK, json);
}

static enum MHD_Result refuse_image(struct request *request, int status)
{
    char text[256];
    if (status == FERRY_IMAGE_KEY) { /* the list's sentence speaks of a node's keys */
        snprintf(text, sizeof text,
                 "%s: the server does not accept the key of this signature; see public_keys in "
                 "its configuration",
                 ferry_status_name(status));
    } else {
        snprintf(text, sizeof text, "%s: %s; %s", ferry_status_name(status),
                 ferry_status_text(status), ferry_status_remedy(status));
    }
    LOG_EVENT(LEVEL_WARN, "image_refused", LOG_S("status", ferry_status_name(status)));
    return http_reply_problem_text(request, PROBLEM_BAD_IMAGE, text);
}

/*
 * Keeps a verified image: first the file, then the record, so that a record never lacks its file.
 * A file without a record is harmless: the next upload of the same content takes its place.
 */
static enum store_result keep_image(struct request *request, const struct artifact *artifact)
{
    struct store *store = request->server->store;
    if (store_judge_artifact(store, artifact) == STORE_CONFLICT) {
        return STORE_CONFLICT;
    }
    if (!upload_commit(request->upload)) {
        LOG_EVENT(LEVEL_ERROR, "artifact_not_stored", LOG_S("sha256", artifact->hashes.sha256),
                  LOG_S("cause", strerror(errno)));
        return STORE_ERROR;
    }
    return store_add_artifact(store, artifact);
}

enum MHD_Result api_upload(struct request *request)
{
    struct artifact artifact;
    memset(&artifact, 0, sizeof artifact);
    artifact.size = upload_size(request->upload);
    if (!upload_finish(request->upload, &artifact.hashes)) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    int status = image_check(upload_file(request->upload), artifact.size, &request->server->keys,
                             &artifact.facts);
    if (status != FERRY_OK) {
        return refuse_image(request, status);
    }
    enum store_result result = keep_image(request, &artifact);
    if (result == STORE_CONFLICT) {
        return http_reply_problem(request, PROBLEM_RELEASE_CONFLICT);
    }
    if (result != STORE_OK && result != STORE_CREATED) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    LOG_EVENT(LEVEL_INFO, "artifact_stored", LOG_S("sha256", artifact.hashes.sha256),
              LOG_S("board", artifact.facts.board), LOG_S("slot", artifact.facts.slot),
              LOG_S("version", artifact.facts.version));
    return http_reply_json(request, result == STORE_CREATED ? MHD_HTTP_CREATED : MHD_HTTP_OK,
                           view_artifact(&artifact));
}

/* Fills `list` with the members of "artifacts". Returns how many, 0 if they are not as they should
 * be. The texts are borrowed from the object. */
static size_t read_hashes(const cJSON *json, const char *list[RELEASE_ARTIFACTS_MAX])
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, "artifacts");
    const cJSON *item;
    size_t count = 0;
    if (!cJSON_IsArray(array)) {
        return 0;
    }
    cJSON_ArrayForEach(item, array)
    {
        const char *text = cJSON_GetStringValue(item);
        if (text == NULL || !artifacts_is_sha256(text) || count == RELEASE_ARTIFACTS_MAX) {
            return 0;
        }
        list[count++] = text;
    }
    return count;
}

static enum MHD_Result reply_release(struct request *request, enum store_result result,
                                     const struct release *release)
{
    switch (result) {
    case STORE_CREATED:
        LOG_EVENT(LEVEL_INFO, "release_published", LOG_S("version", release->version),
                  LOG_S("name", release->name));
        view_tell_release(request->server, release);
        return http_reply_json(request, MHD_HTTP_CREATED,
                               view_release(request->server->store, release));
    case STORE_OK:
        return http_reply_json(request, MHD_HTTP_OK, view_release(request->server->store, release));
    case STORE_NOT_FOUND:
        return http_reply_problem(request, PROBLEM_NO_ARTIFACT);
    case STORE_CONFLICT:
        return http_reply_problem(request, PROBLEM_RELEASE_CONFLICT);
    case STORE_MISMATCH:
        return http_reply_problem(request, PROBLEM_VERSION_MISMATCH);
    case STORE_FULL:
    case STORE_ERROR:
        break;
    }
    return http_reply_problem(request, PROBLEM_INTERNAL);
}

enum MHD_Result api_publish(struct request *request)
{
    const char *hashes[RELEASE_ARTIFACTS_MAX];
    struct release release;
    struct ferry_version number;
    cJSON *json = http_json(request);
    if (json == NULL) {
        return http_reply_problem(request, PROBLEM_BAD_JSON);
    }
    const char *version = http_json_text(json, "version", FERRY_VERSION_TEXT_SIZE - 1);
    const char *name = http_json_text(json, "name", NAME_TEXT_SIZE - 1);
    bool has_name = cJSON_HasObjectItem(json, "name");
    size_t count = read_hashes(json, hashes);
    enum MHD_Result result;
    if (version == NULL || !ferry_version_parse(version, &number)) {
        result = http_reply_problem_text(request, PROBLEM_BAD_FIELD,
                                         "version: send text such as \"1.2.3\".");
    } else if (has_name && name == NULL) {
        result = http_reply_problem_text(request, PROBLEM_BAD_FIELD,
                                         "name: send text of at most 64 bytes.");
    } else if (count == 0) {
        result = http_reply_problem_text(request, PROBLEM_BAD_FIELD,
                                         "artifacts: send 1 to 32 SHA-256 hashes, 64 lower-case "
                                         "hexadecimal digits each.");
    } else {
        result =
            reply_release(request,
                          store_add_release(request->server->store, name != NULL ? name : version,
                                            version, hashes, count, &release),
                          &release);
    }
    cJSON_Delete(json);
    return result;
}

enum MHD_Result api_releases(struct request *request)
{
    int64_t before, limit;
    if (!http_query_number(request, "before", 0, INT64_MAX, &before) ||
        !http_query_number(request, "limit", LIST_MAX, LIST_MAX, &limit) || limit == 0) {
        return http_reply_problem(request, PROBLEM_BAD_PARAMETER);
    }
    struct release *list = calloc(LIST_MAX, sizeof *list);
    if (list == NULL) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    struct store *store = request->server->store;
    size_t count = store_list_releases(store, before, list, (size_t)limit);
    cJSON *json = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(json, "releases");
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(array, view_release(store, &list[i]));
    }
    if (count == (size_t)limit) {
        cJSON_AddNumberToObject(json, "next", (double)list[count - 1].id);
    }
    free(list);
    return http_reply_json(request, MHD_HTTP_OK, json);
}

enum MHD_Result api_targets(struct request *request)
{
    int64_t limit;
    const char *after = http_query(request, "after");
    if (!http_query_number(request, "limit", LIST_MAX, LIST_MAX, &limit) || limit == 0) {
        return http_reply_problem(request, PROBLEM_BAD_PARAMETER);
    }
    struct target *list = calloc(LIST_MAX, sizeof *list);
    if (list == NULL) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    struct store *store = request->server->store;
    size_t count = store_list_targets(store, after != NULL ? after : "", list, (size_t)limit);
    cJSON *json = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(json, "targets");
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(array, view_target(store, &list[i]));
    }
    if (count == (size_t)limit) {
        cJSON_AddStringToObject(json, "next", list[count - 1].controller);
    }
    free(list);
    return http_reply_json(request, MHD_HTTP_OK, json);
}

/* params: 0 controllerId. */
enum MHD_Result api_target(struct request *request)
{
    struct target target;
    struct store *store = request->server->store;
    if (store_find_target(store, request->params[0], &target) != STORE_OK) {
        return http_reply_problem(request, PROBLEM_NO_TARGET);
    }
    return http_reply_json(request, MHD_HTTP_OK, view_target_whole(store, &target));
}

/* params: 0 controllerId. */
enum MHD_Result api_retry(struct request *request)
{
    struct target target;
    struct action action;
    struct server *server = request->server;
    if (store_find_target(server->store, request->params[0], &target) != STORE_OK) {
        return http_reply_problem(request, PROBLEM_NO_TARGET);
    }
    enum store_result result = store_retry_action(server->store, target.id, &action);
    if (result != STORE_CREATED) {
        return http_reply_problem(request,
                                  result == STORE_CONFLICT ? PROBLEM_NO_FAILURE : PROBLEM_INTERNAL);
    }
    LOG_EVENT(LEVEL_INFO, "release_offered_again", LOG_S("target", target.controller),
              LOG_S("version", action.release.version), LOG_N("action", action.id));
    view_tell_target(server, target.controller);
    return http_reply_json(request, MHD_HTTP_CREATED, view_target(server->store, &target));
}
