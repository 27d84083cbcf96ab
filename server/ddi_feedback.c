/* hawkBit Direct Device Integration, what a device tells: configData, feedback, installed. */
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

#include "boots.h"
#include "ddi.h"
#include "log.h"
#include "views.h"

/* Keys that the server itself uses, and what it can use. */
static bool is_usable(const char *key, const char *value)
{
    struct ferry_version version;
    if (strcmp(key, "board") == 0) {
        return http_is_name(value) && strlen(value) < BOARD_TEXT_SIZE;
    }
    if (strcmp(key, "version") == 0) {
        return ferry_version_parse(value, &version);
    }
    if (strcmp(key, "slot") == 0) {
        return strcmp(value, "a") == 0 || strcmp(value, "b") == 0;
    }
    if (strcmp(key, "uid") == 0) {
        return http_is_name(value);
    }
    return true;
}

static bool read_mode(const cJSON *json, enum attribute_mode *mode)
{
    const char *text = http_json_text(json, "mode", 16);
    *mode = ATTRIBUTES_MERGE;
    if (text != NULL && strcmp(text, "replace") == 0) {
        *mode = ATTRIBUTES_REPLACE;
    } else if (text != NULL && strcmp(text, "remove") == 0) {
        *mode = ATTRIBUTES_REMOVE;
    } else if (text != NULL && strcmp(text, "merge") != 0) {
        return false;
    }
    return text != NULL || !cJSON_HasObjectItem(json, "mode");
}

/* What configData says. The texts are borrowed from the object. */
struct config_data {
    enum attribute_mode mode;
    struct attribute list[ATTRIBUTES_MAX];
    size_t count;
    struct boot boots[ATTRIBUTES_MAX];
    size_t boot_count;
};

/* An attribute that is a start of the node; those are not removed by anybody. NULL, or what is
 * wrong with it. */
static const char *read_boot(struct config_data *config, const char *value)
{
    if (config->mode == ATTRIBUTES_REMOVE) {
        return NULL;
    }
    return boots_parse(value, &config->boots[config->boot_count++])
               ? NULL
               : "data: ferry.boot.N is like \"17 power boot_confirmed a 1.0.0 0 OK\".";
}

/* Fills `config` from the object "data". NULL, or a sentence that says what is wrong with it. */
static const char *read_attributes(const cJSON *json, struct config_data *config)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(json, "data");
    const cJSON *item;
    const char *wrong;
    enum attribute_mode mode = config->mode;
    if (!cJSON_IsObject(data)) {
        return "data: send an object of texts.";
    }
    cJSON_ArrayForEach(item, data)
    {
        const char *value = mode == ATTRIBUTES_REMOVE ? "" : cJSON_GetStringValue(item);
        if (config->count + config->boot_count == ATTRIBUTES_MAX) {
            return "data: send at most 64 keys.";
        }
        if (value == NULL || strlen(value) > ATTRIBUTE_VALUE_MAX) {
            return "data: values are texts of at most 256 bytes.";
        }
        if (item->string[0] == '\0' || strlen(item->string) > ATTRIBUTE_KEY_MAX) {
            return "data: keys have 1 to 64 bytes.";
        }
        if (boots_is_key(item->string)) {
            wrong = read_boot(config, value);
            if (wrong != NULL) {
                return wrong;
            }
            continue;
        }
        if (mode != ATTRIBUTES_REMOVE && !is_usable(item->string, value)) {
            return "data: board and uid are names, version is like 1.2.3, slot is a or b.";
        }
        config->list[config->count++] = (struct attribute){item->string, value};
    }
    return NULL;
}

/* Boots alone say nothing of what the target is: configData stays wanted. */
static enum store_result keep_config(struct request *request, const struct config_data *config)
{
    struct store *store = request->server->store;
    enum store_result result = STORE_OK;
    if (config->boot_count == 0 || config->count > 0 || config->mode == ATTRIBUTES_REPLACE) {
        result = store_set_attributes(store, request->target.id, config->mode, config->list,
                                      config->count);
    }
    if (result == STORE_OK && config->boot_count > 0) {
        result = store_add_boots(store, request->target.id, config->boots, config->boot_count);
    }
    return result == STORE_CREATED ? STORE_OK : result;
}

enum MHD_Result ddi_config_data(struct request *request)
{
    cJSON *json = http_json(request);
    if (json == NULL) {
        return http_reply_problem(request, PROBLEM_BAD_JSON);
    }
    struct config_data *config = calloc(1, sizeof *config);
    if (config == NULL) {
        cJSON_Delete(json);
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    const char *wrong = read_mode(json, &config->mode) ? read_attributes(json, config)
                                                       : "mode: send merge, replace or remove.";
    enum store_result result = wrong == NULL ? keep_config(request, config) : STORE_ERROR;
    free(config);
    cJSON_Delete(json);
    if (wrong != NULL) {
        return http_reply_problem_text(request, PROBLEM_BAD_FIELD, wrong);
    }
    if (result == STORE_FULL) {
        return http_reply_problem_text(request, PROBLEM_BAD_FIELD,
                                       "data: a target has at most 64 keys.");
    }
    if (result != STORE_OK) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    view_tell_target(request->server, request->target.controller);
    return http_reply_json(request, MHD_HTTP_OK, cJSON_CreateObject());
}

enum MHD_Result ddi_report_installed(struct request *request)
{
    struct ferry_version number;
    cJSON *json = http_json(request);
    if (json == NULL) {
        return http_reply_problem(request, PROBLEM_BAD_JSON);
    }
    const char *text = http_json_text(json, "version", FERRY_VERSION_TEXT_SIZE - 1);
    bool ok = text != NULL && ferry_version_parse(text, &number);
    cJSON_Delete(json);
    if (!ok) {
        return http_reply_problem_text(request, PROBLEM_BAD_FIELD,
                                       "version: send text such as \"1.2.3\".");
    }
    char version[FERRY_VERSION_TEXT_SIZE];
    ferry_version_print(&number, version);
    if (store_set_version(request->server->store, request->target.id, version) != STORE_OK) {
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    view_tell_target(request->server, request->target.controller);
    return http_reply_json(request, MHD_HTTP_OK, cJSON_CreateObject());
}

/*
 * The state an action goes to. An update that is closed without saying "success" did not succeed:
 * the server claims nothing that the device did not.
 */
static const char *state_of(const char *execution, const char *finished)
{
    static const char *const going[] = {"proceeding", "scheduled", "resumed", "download",
                                        "downloaded"};
    if (strcmp(execution, "closed") == 0) {
        return finished != NULL && strcmp(finished, "success") == 0 ? "success" : "failure";
    }
    if (strcmp(execution, "rejected") == 0) {
        return "failure";
    }
    if (strcmp(execution, "canceled") == 0) {
        return "canceled";
    }
    for (size_t i = 0; i < sizeof going / sizeof going[0]; i++) {
        if (strcmp(execution, going[i]) == 0) {
            return "running";
        }
    }
    return NULL;
}

/* A count 0..2^53, the range in which JSON numbers are exact. */
static bool read_count(const cJSON *object, const char *name, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item) ||
        !(item->valuedouble >= 0 && item->valuedouble <= 9007199254740992)) {
        return false;
    }
    *out = (int64_t)item->valuedouble;
    return true;
}

/* The texts are borrowed from the object. Unknown members are ignored. */
static const char *read_feedback(const cJSON *json, struct feedback *feedback)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(status, "result");
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(result, "progress");
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(status, "details");
    const char *execution = http_json_text(status, "execution", 32);
    memset(feedback, 0, sizeof *feedback);
    if (execution == NULL) {
        return "status.execution is missing.";
    }
    feedback->state = state_of(execution, http_json_text(result, "finished", 32));
    if (feedback->state == NULL) {
        return "status.execution: send proceeding, closed, rejected, canceled, scheduled, resumed, "
               "download or downloaded.";
    }
    feedback->has_progress = read_count(progress, "cnt", &feedback->done) &&
                             read_count(progress, "of", &feedback->total);
    /* The last detail is the newest. */
    int count = cJSON_GetArraySize(details);
    if (cJSON_IsArray(details) && count > 0) {
        feedback->message = cJSON_GetStringValue(cJSON_GetArrayItem(details, count - 1));
    }
    return NULL;
}

static enum MHD_Result reply_feedback(struct request *request, enum store_result result)
{
    switch (result) {
    case STORE_OK:
        view_tell_target(request->server, request->target.controller);
        return http_reply_json(request, MHD_HTTP_OK, cJSON_CreateObject());
    case STORE_NOT_FOUND:
        return http_reply_problem(request, PROBLEM_NO_ACTION);
    case STORE_CONFLICT:
        return http_reply_problem(request, PROBLEM_CLOSED);
    default:
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
}

enum MHD_Result ddi_feedback(struct request *request)
{
    struct feedback feedback;
    cJSON *json = http_json(request);
    if (json == NULL) {
        return http_reply_problem(request, PROBLEM_BAD_JSON);
    }
    int64_t id = ddi_id(request->params[2]);
    const char *wrong = read_feedback(json, &feedback);
    enum store_result result = STORE_ERROR;
    if (wrong == NULL) {
        result = store_add_feedback(request->server->store, request->target.id, id, &feedback);
    }
    if (result == STORE_OK && strcmp(feedback.state, "running") != 0) {
        LOG_EVENT(LEVEL_INFO, "action_closed", LOG_S("target", request->target.controller),
                  LOG_N("action", id), LOG_S("state", feedback.state),
                  LOG_S("detail", feedback.message));
    }
    cJSON_Delete(json);
    if (wrong != NULL) {
        return http_reply_problem_text(request, PROBLEM_BAD_FIELD, wrong);
    }
    return reply_feedback(request, result);
}
