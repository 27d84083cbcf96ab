#include "views.h"

#include <stdlib.h>

cJSON *view_artifact(const struct artifact *artifact)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "sha256", artifact->hashes.sha256);
    cJSON_AddStringToObject(json, "board", artifact->facts.board);
    cJSON_AddStringToObject(json, "slot", artifact->facts.slot);
    cJSON_AddStringToObject(json, "version", artifact->facts.version);
    cJSON_AddNumberToObject(json, "security_counter", artifact->facts.security_counter);
    cJSON_AddNumberToObject(json, "size", (double)artifact->size);
    return json;
}

static cJSON *release_alone(const struct release *release)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "id", (double)release->id);
    cJSON_AddStringToObject(json, "name", release->name);
    cJSON_AddStringToObject(json, "version", release->version);
    cJSON_AddNumberToObject(json, "created", (double)release->created);
    return json;
}

cJSON *view_release(struct store *store, const struct release *release)
{
    struct artifact *list = calloc(RELEASE_ARTIFACTS_MAX, sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    cJSON *json = release_alone(release);
    cJSON *artifacts = cJSON_AddArrayToObject(json, "artifacts");
    size_t count = store_release_artifacts(store, release->id, NULL, list, RELEASE_ARTIFACTS_MAX);
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(artifacts, view_artifact(&list[i]));
    }
    free(list);
    return json;
}

static cJSON *view_action(const struct action *action)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "id", (double)action->id);
    cJSON_AddStringToObject(json, "version", action->release.version);
    cJSON_AddStringToObject(json, "state", action->state);
    cJSON_AddNumberToObject(json, "done", (double)action->done);
    cJSON_AddNumberToObject(json, "total", (double)action->total);
    cJSON_AddStringToObject(json, "message", action->message);
    return json;
}

cJSON *view_target(struct store *store, const struct target *target)
{
    struct action action;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", target->controller);
    cJSON_AddStringToObject(json, "board", target->board);
    cJSON_AddStringToObject(json, "version", target->version);
    cJSON_AddStringToObject(json, "slot", target->slot);
    cJSON_AddStringToObject(json, "uid", target->uid);
    cJSON_AddNumberToObject(json, "seen", (double)target->seen);
    if (store_last_action(store, target->id, &action) == STORE_OK) {
        cJSON_AddItemToObject(json, "action", view_action(&action));
    } else {
        cJSON_AddNullToObject(json, "action");
    }
    return json;
}

static cJSON *view_boot(const struct boot *boot)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "number", (double)boot->number);
    cJSON_AddStringToObject(json, "reset", boot->reset);
    cJSON_AddStringToObject(json, "action", boot->action);
    cJSON_AddStringToObject(json, "slot", boot->slot);
    cJSON_AddStringToObject(json, "version", boot->version);
    cJSON_AddNumberToObject(json, "attempts", (double)boot->attempts);
    cJSON_AddStringToObject(json, "error", boot->error);
    cJSON_AddNumberToObject(json, "reported", (double)boot->reported);
    return json;
}

cJSON *view_target_whole(struct store *store, const struct target *target)
{
    struct boot *list = calloc(BOOTS_MAX, sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    cJSON *json = view_target(store, target);
    cJSON *boots = cJSON_AddArrayToObject(json, "boots");
    size_t count = store_list_boots(store, target->id, list, BOOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        cJSON_AddItemToArray(boots, view_boot(&list[i]));
    }
    free(list);
    return json;
}

/* Takes over `json`. */
static void tell(struct server *server, const char *name, cJSON *json)
{
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (text != NULL) {
        events_publish(server->events, name, text);
    }
    free(text);
}

void view_tell_target(struct server *server, const char *controller)
{
    struct target target;
    if (store_find_target(server->store, controller, &target) == STORE_OK) {
        tell(server, "target", view_target(server->store, &target));
    }
}

void view_tell_release(struct server *server, const struct release *release)
{
    tell(server, "release", release_alone(release));
}
