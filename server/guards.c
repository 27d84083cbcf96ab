/* Who may do what, decided before a body is read. */
#include "handlers.h"

#include <string.h>

#include "log.h"
#include "views.h"

static bool token_is(const struct request *request, const char *scheme, const char *kind)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    const char *token = http_token(request, scheme);
    if (token == NULL) {
        return false;
    }
    token_hash(token, hash);
    return store_has_token(request->server->store, kind, hash);
}

enum problem guard_publish(struct request *request)
{
    return token_is(request, "Bearer", "publish") ? PROBLEM_NONE : PROBLEM_NO_TOKEN;
}

/* The target's own token. */
static bool token_is_targets(const struct request *request)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    const char *token = http_token(request, "TargetToken");
    if (token == NULL || !request->target.has_token) {
        return false;
    }
    token_hash(token, hash);
    return token_equal(hash, request->target.token_hash);
}

static bool token_enrols(const struct request *request)
{
    return token_is(request, "GatewayToken", "enrol") || token_is(request, "TargetToken", "enrol");
}

/* Makes the target that an enrolment token vouches for. */
static enum problem enrol(struct request *request, const char *controller)
{
    struct store *store = request->server->store;
    enum store_result result = store_add_target(store, controller, NULL);
    if (result == STORE_FULL) {
        return PROBLEM_TOO_MANY;
    }
    if (store_find_target(store, controller, &request->target) != STORE_OK) {
        return PROBLEM_INTERNAL;
    }
    LOG_EVENT(LEVEL_INFO, "target_enrolled", LOG_S("target", controller));
    view_tell_target(request->server, controller);
    return PROBLEM_NONE;
}

/* The same answer whether the target exists or not. */
static enum problem check_device(struct request *request, const char *controller)
{
    struct store *store = request->server->store;
    bool known = store_find_target(store, controller, &request->target) == STORE_OK;
    if (known && token_is_targets(request)) {
        return PROBLEM_NONE;
    }
    if (!token_enrols(request)) {
        return PROBLEM_NO_TOKEN;
    }
    return known ? PROBLEM_NONE : enrol(request, controller);
}

enum problem guard_device(struct request *request)
{
    const char *tenant = request->params[0];
    const char *controller = request->params[1];
    if (strcmp(tenant, "DEFAULT") != 0 && strcmp(tenant, "default") != 0) {
        return PROBLEM_NOT_FOUND;
    }
    if (!http_is_name(controller)) {
        return PROBLEM_BAD_NAME;
    }
    enum problem problem = check_device(request, controller);
    if (problem == PROBLEM_NONE) {
        store_touch_target(request->server->store, &request->target);
    }
    return problem;
}

enum problem guard_legacy(struct request *request)
{
    bool allowed = request->server->config.legacy_open || token_enrols(request) ||
                   token_is(request, "Bearer", "enrol") || token_is(request, "Bearer", "publish");
    return allowed ? PROBLEM_NONE : PROBLEM_NO_TOKEN;
}
