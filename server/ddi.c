/*
 * hawkBit Direct Device Integration, what a device reads: poll, deployment, artifacts, installed.
 * docs/SERVER.md lists the subset. The guard has checked the token and found the target.
 */
#include "handlers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ddi.h"
#include "log.h"
#include "views.h"

enum { URL_SIZE = 256 + 2 * HTTP_SEGMENT_SIZE + 32 };

/* params: 0 tenant, 1 controllerId, then what the path has. */
static void controller_url(const struct request *request, char out[URL_SIZE])
{
    char base[256];
    http_base_url(request, base, sizeof base);
    snprintf(out, URL_SIZE, "%s/%s/controller/v1/%s", base, request->params[0], request->params[1]);
}

static void add_link(cJSON *links, const char *name, const char *href)
{
    cJSON *link = cJSON_AddObjectToObject(links, name);
    cJSON_AddStringToObject(link, "href", href);
}

static cJSON *poll_links(const struct request *request, const struct action *open)
{
    char base[URL_SIZE];
    char url[URL_SIZE + 64];
    struct action installed;
    struct store *store = request->server->store;
    cJSON *links = cJSON_CreateObject();
    controller_url(request, base);
    if (open->id != 0) {
        /* c: hawkBit's clients treat another value as changed content; ours never changes. */
        snprintf(url, sizeof url, "%s/deploymentBase/%lld?c=1", base, (long long)open->id);
        add_link(links, "deploymentBase", url);
    }
    if (request->target.config_wanted) {
        snprintf(url, sizeof url, "%s/configData", base);
        add_link(links, "configData", url);
    }
    if (store_installed_action(store, &request->target, &installed) == STORE_OK) {
        snprintf(url, sizeof url, "%s/installedBase/%lld", base, (long long)installed.id);
        add_link(links, "installedBase", url);
    }
    return links;
}

enum MHD_Result ddi_poll(struct request *request)
{
    struct action open;
    struct server *server = request->server;
    enum store_result result = store_poll_action(server->store, &request->target, &open);
    if (result == STORE_ERROR) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    if (result == STORE_CREATED) {
        LOG_EVENT(LEVEL_INFO, "release_offered", LOG_S("target", request->target.controller),
                  LOG_S("version", open.release.version), LOG_N("action", open.id));
        view_tell_target(server, request->target.controller);
    }
    cJSON *json = cJSON_CreateObject();
    cJSON *config = cJSON_AddObjectToObject(json, "config");
    cJSON *polling = cJSON_AddObjectToObject(config, "polling");
    cJSON_AddStringToObject(polling, "sleep", server->config.poll_interval);
    cJSON_AddItemToObject(json, "_links", poll_links(request, &open));
    return http_reply_json(request, MHD_HTTP_OK, json);
}

/* "+" is not kept by every client's URL code. */
static void file_name(const struct artifact *artifact, char *out, size_t size)
{
    snprintf(out, size, "%s-%s-%s.img", artifact->facts.board, artifact->facts.version,
             artifact->facts.slot);
    for (char *at = strchr(out, '+'); at != NULL; at = strchr(at, '+')) {
        *at = '.';
    }
}

static cJSON *view_download(const struct request *request, int64_t release,
                            const struct artifact *artifact)
{
    char base[URL_SIZE];
    char name[HTTP_SEGMENT_SIZE];
    char url[URL_SIZE + HTTP_SEGMENT_SIZE + 64];
    controller_url(request, base);
    file_name(artifact, name, sizeof name);
    snprintf(url, sizeof url, "%s/softwaremodules/%lld/artifacts/%s", base, (long long)release,
             name);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "filename", name);
    cJSON *hashes = cJSON_AddObjectToObject(json, "hashes");
    cJSON_AddStringToObject(hashes, "sha1", artifact->hashes.sha1);
    cJSON_AddStringToObject(hashes, "md5", artifact->hashes.md5);
    cJSON_AddStringToObject(hashes, "sha256", artifact->hashes.sha256);
    cJSON_AddNumberToObject(json, "size", (double)artifact->size);
    cJSON *links = cJSON_AddObjectToObject(json, "_links");
    add_link(links, "download", url);
    add_link(links, "download-http", url);
    return json;
}

/* One chunk with the images of the target's board. */
static cJSON *view_chunk(const struct request *request, const struct action *action)
{
    struct artifact list[FERRY_SLOTS_MAX];
    const struct target *target = &request->target;
    size_t count = store_release_artifacts(request->server->store, action->release.id,
                                           target->board, list, FERRY_SLOTS_MAX);
    cJSON *chunk = cJSON_CreateObject();
    cJSON_AddStringToObject(chunk, "part", "bApp"); /* hawkBit's name for applications */
    cJSON_AddStringToObject(chunk, "version", action->release.version);
    cJSON_AddStringToObject(chunk, "name", target->board);
    cJSON *artifacts = cJSON_AddArrayToObject(chunk, "artifacts");
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(artifacts, view_download(request, action->release.id, &list[i]));
    }
    return chunk;
}

/*
 * What the device told about the action so far, newest first: the last sentence. A client that was
 * restarted sees by it whether the action is new.
 */
static void add_history(cJSON *json, const struct action *action)
{
    char status[sizeof action->state];
    size_t length = strlen(action->state);
    for (size_t i = 0; i <= length; i++) {
        status[i] = (char)toupper((unsigned char)action->state[i]);
    }
    cJSON *history = cJSON_AddObjectToObject(json, "actionHistory");
    cJSON_AddStringToObject(history, "status", status);
    cJSON *messages = cJSON_AddArrayToObject(history, "messages");
    if (action->message[0] != '\0') {
        cJSON_AddItemToArray(messages, cJSON_CreateString(action->message));
    }
}

static enum MHD_Result reply_deployment(struct request *request, const struct action *action)
{
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)action->id);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", id);
    cJSON *deployment = cJSON_AddObjectToObject(json, "deployment");
    cJSON_AddStringToObject(deployment, "download", "forced");
    cJSON_AddStringToObject(deployment, "update", "forced");
    cJSON *chunks = cJSON_AddArrayToObject(deployment, "chunks");
    cJSON_AddItemToArray(chunks, view_chunk(request, action));
    const char *wanted = http_query(request, "actionHistory");
    if (wanted != NULL && strcmp(wanted, "0") != 0) {
        add_history(json, action);
    }
    return http_reply_json(request, MHD_HTTP_OK, json);
}

int64_t ddi_id(const char *text)
{
    int64_t id = 0;
    for (; *text >= '0' && *text <= '9' && id <= INT32_MAX; text++) {
        id = id * 10 + (*text - '0');
    }
    return *text == '\0' ? id : 0;
}

enum MHD_Result ddi_deployment(struct request *request)
{
    struct action action;
    struct store *store = request->server->store;
    if (store_find_action(store, request->target.id, ddi_id(request->params[2]), &action) !=
            STORE_OK ||
        strcmp(action.state, "superseded") == 0) {
        return http_reply_problem(request, PROBLEM_NO_ACTION);
    }
    if (strcmp(action.state, "pending") == 0 &&
        store_retrieve_action(store, action.id) != STORE_OK) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    return reply_deployment(request, &action);
}

enum MHD_Result ddi_installed_list(struct request *request)
{
    struct action action;
    if (store_installed_action(request->server->store, &request->target, &action) != STORE_OK) {
        return http_reply_problem(request, PROBLEM_NO_ACTION);
    }
    return reply_deployment(request, &action);
}

enum MHD_Result ddi_installed(struct request *request)
{
    struct action action;
    if (strcmp(request->params[2], "0") == 0) { /* installed without an action */
        return ddi_installed_list(request);
    }
    if (store_find_action(request->server->store, request->target.id, ddi_id(request->params[2]),
                          &action) != STORE_OK ||
        strcmp(action.state, "success") != 0) {
        return http_reply_problem(request, PROBLEM_NO_ACTION);
    }
    return reply_deployment(request, &action);
}

/* Was offered, or is what the target has and may need again. */
static bool may_download(const struct request *request, int64_t release)
{
    struct action installed;
    struct store *store = request->server->store;
    return store_was_offered(store, request->target.id, release) ||
           (store_installed_action(store, &request->target, &installed) == STORE_OK &&
            installed.release.id == release);
}

/* A target may download what it was offered or has, nothing else. */
enum MHD_Result ddi_download(struct request *request)
{
    struct artifact list[FERRY_SLOTS_MAX];
    struct store *store = request->server->store;
    int64_t release = ddi_id(request->params[2]);
    if (!may_download(request, release)) {
        return http_reply_problem(request, PROBLEM_NOT_FOUND);
    }
    size_t count =
        store_release_artifacts(store, release, request->target.board, list, FERRY_SLOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        char name[HTTP_SEGMENT_SIZE];
        file_name(&list[i], name, sizeof name);
        if (strcmp(name, request->params[3]) == 0) {
            return http_reply_artifact(request, list[i].hashes.sha256, list[i].size);
        }
    }
    return http_reply_problem(request, PROBLEM_NOT_FOUND);
}
