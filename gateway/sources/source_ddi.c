#include "source_ddi.h"

#include "clock.h"
#include "version_text.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEEDBACK_PAUSE_MS = 1000, HISTORY_MESSAGES = 20 };

bool source_ddi_init(struct source_ddi *source, struct http_client *client,
                     const struct ddi_options *options)
{
    memset(source, 0, sizeof *source);
    source->client = client;
    source->follow_poll_interval = options->follow_poll_interval;
    char *tenant = curl_easy_escape(NULL, options->tenant, 0);
    char *id = curl_easy_escape(NULL, options->controller_id, 0);
    size_t end = strlen(options->url);
    while (end > 0 && options->url[end - 1] == '/') {
        end--;
    }
    int length = -1;
    if (tenant != NULL && id != NULL) {
        length = snprintf(source->base, sizeof source->base, "%.*s/%s/controller/v1/%s", (int)end,
                          options->url, tenant, id);
    }
    curl_free(tenant);
    curl_free(id);
    return length > 0 && (size_t)length < sizeof source->base - 128;
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* Fetches an object. NULL with *answer set. */
static cJSON *get_json(struct source_ddi *source, const char *url, enum gateway_answer *answer)
{
    char *text = malloc(HTTP_ANSWER_MAX + 1);
    cJSON *json = NULL;
    if (text == NULL) {
        *answer = http_fail(source->client, GATEWAY_RETRY, "out of memory");
        return NULL;
    }
    *answer = http_exchange(source->client, "GET", url, NULL, text, NULL);
    if (*answer == GATEWAY_OK) {
        json = cJSON_Parse(text);
        if (!cJSON_IsObject(json)) {
            cJSON_Delete(json);
            json = NULL;
            *answer = http_fail(source->client, GATEWAY_REFUSED,
                                "%.150s: the answer is no JSON object", url);
        }
    }
    free(text);
    return json;
}

static const char *text_of(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/* The URL of a link, or NULL. */
static const char *link_of(const cJSON *json, const char *name)
{
    const cJSON *links = cJSON_GetObjectItemCaseSensitive(json, "_links");
    return text_of(cJSON_GetObjectItemCaseSensitive(links, name), "href");
}

/* --- configData ------------------------------------------------------------------------------- */

static void describe(const struct ferry_info *info, cJSON *data)
{
    char text[FERRY_VERSION_TEXT_SIZE];
    char uid[2 * FERRY_UID_SIZE + 1];
    for (size_t i = 0; i < FERRY_UID_SIZE; i++) {
        snprintf(uid + 2 * i, 3, "%02x", info->uid[i]);
    }
    cJSON_AddStringToObject(data, "board", info->board);
    cJSON_AddStringToObject(data, "uid", uid);
    bool on_trial = info->phase == FERRY_PHASE_TRIAL; /* not yet what this node has */
    if (info->running < info->slot_count && info->running < FERRY_SLOTS_MAX && !on_trial) {
        ferry_version_print(&info->slots[info->running].version, text);
        cJSON_AddStringToObject(data, "version", text);
        cJSON_AddStringToObject(data, "slot", info->running == FERRY_SLOT_A ? "a" : "b");
    }
    snprintf(text, sizeof text, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, info->bootloader_version >> 24,
             info->bootloader_version >> 16 & 0xFF, info->bootloader_version & 0xFFFF);
    cJSON_AddStringToObject(data, "bootloader", text);
    cJSON_AddStringToObject(data, "dev_key",
                            (info->flags & FERRY_INFO_DEV_KEY) != 0 ? "true" : "false");
}

/* Tells the server about the node, when it asks or when something changed. *told: it was sent. */
static enum gateway_answer tell_config(struct source_ddi *source, const struct ferry_info *info,
                                       const char *wanted_url, bool *told)
{
    char url[HTTP_URL_SIZE + 16];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "mode", "merge");
    describe(info, cJSON_AddObjectToObject(json, "data"));
    char *body = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    enum gateway_answer answer = GATEWAY_OK;
    *told = false;
    if (body == NULL) {
        return http_fail(source->client, GATEWAY_RETRY, "out of memory");
    }
    uint32_t crc = ferry_crc32(0, body, strlen(body));
    char hash[16];
    snprintf(hash, sizeof hash, "%08" PRIx32, crc);
    if (wanted_url != NULL || strcmp(hash, source->config_hash) != 0) {
        snprintf(url, sizeof url, "%s/configData", source->base);
        answer = http_exchange(source->client, "PUT", wanted_url != NULL ? wanted_url : url, body,
                               NULL, NULL);
        *told = answer == GATEWAY_OK;
    }
    if (*told) {
        memcpy(source->config_hash, hash, sizeof hash);
    }
    cJSON_free(body);
    return answer;
}

/*
 * A request of its own: a server that does not take boots must not miss the rest. What it refuses
 * is dropped; what may heal is kept for the next poll, a token or certificate that it does not
 * accept too: the engine counts these starts as told and does not bring them again.
 */
static void tell_boots(struct source_ddi *source)
{
    char url[HTTP_URL_SIZE + 16];
    char *body = ddi_boots_body(&source->boots);
    if (body == NULL) {
        return;
    }
    snprintf(url, sizeof url, "%s/configData", source->base);
    enum gateway_answer answer = http_exchange(source->client, "PUT", url, body, NULL, NULL);
    if (answer == GATEWAY_OK || answer == GATEWAY_REFUSED) {
        source->boots.count = 0;
    }
    cJSON_free(body);
}

/* --- feedback -----------------------------------------------------------------------------------
 */

struct feedback {
    const char *execution; /* proceeding, closed, ... */
    const char *finished;  /* none, success, failure */
    const char *detail;    /* NULL: none */
    uint32_t done, total;  /* total 0: no progress */
};

static char *make_feedback(const char *action, const struct feedback *feedback)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", action);
    cJSON *status = cJSON_AddObjectToObject(json, "status");
    cJSON_AddStringToObject(status, "execution", feedback->execution);
    cJSON *result = cJSON_AddObjectToObject(status, "result");
    cJSON_AddStringToObject(result, "finished", feedback->finished);
    if (feedback->total > 0) {
        cJSON *progress = cJSON_AddObjectToObject(result, "progress");
        cJSON_AddNumberToObject(progress, "cnt", feedback->done);
        cJSON_AddNumberToObject(progress, "of", feedback->total);
    }
    cJSON *details = cJSON_AddArrayToObject(status, "details");
    if (feedback->detail != NULL) {
        cJSON_AddItemToArray(details, cJSON_CreateString(feedback->detail));
    }
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static void feedback_url(const struct source_ddi *source, const char *action,
                         char url[HTTP_URL_SIZE])
{
    snprintf(url, HTTP_URL_SIZE, "%.900s/deploymentBase/%.31s/feedback", source->base, action);
}

/* An action that the server closed itself takes no more feedback: as good as delivered. */
static enum gateway_answer deliver(struct source_ddi *source)
{
    long code = 0;
    if (!source->undelivered) {
        return GATEWAY_OK;
    }
    enum gateway_answer answer = http_exchange(source->client, "POST", source->feedback_url,
                                               source->feedback_body, NULL, &code);
    if (answer == GATEWAY_OK || (answer == GATEWAY_REFUSED && code >= 400)) {
        source->undelivered = false;
        return GATEWAY_OK;
    }
    return answer;
}

/* Not waited for, and not repeated: the next one says more. */
static void proceed(struct source_ddi *source, const struct feedback *feedback)
{
    char url[HTTP_URL_SIZE];
    char *body = make_feedback(source->action, feedback);
    feedback_url(source, source->action, url);
    if (body != NULL && http_post_later(source->client, url, body)) {
        source->told_ms = ferry_posix_now_ms();
    }
    cJSON_free(body);
}

/* Says why it does not go on now; the action stays open, the next poll takes it up. */
static void hold(struct source_ddi *source, const struct feedback *feedback)
{
    char url[HTTP_URL_SIZE];
    char *body = make_feedback(source->action, feedback);
    feedback_url(source, source->action, url);
    if (body != NULL) {
        (void)http_exchange(source->client, "POST", url, body, NULL, NULL);
    }
    cJSON_free(body);
    source->action[0] = '\0';
}

/* Ends the action; tried at once and then at every check until the server has it. */
static void finish(struct source_ddi *source, const struct feedback *feedback)
{
    char *body = make_feedback(source->action, feedback);
    feedback_url(source, source->action, source->feedback_url);
    if (body != NULL && strlen(body) < sizeof source->feedback_body) {
        memcpy(source->feedback_body, body, strlen(body) + 1);
        source->undelivered = true;
        memcpy(source->ended, source->action, sizeof source->ended);
    }
    cJSON_free(body);
    source->action[0] = '\0';
    (void)deliver(source);
}

static void report_failure(struct source_ddi *source, const struct gateway_report *report)
{
    char text[DDI_DETAIL_SIZE];
    struct feedback feedback = {"closed", "failure", text, 0, 0};
    snprintf(text, sizeof text, "%s: %s%s", ferry_status_name(report->status),
             report->text[0] != '\0' ? report->text : ferry_status_text(report->status),
             report->final ? "" : "; the next poll goes on");
    if (report->final) {
        finish(source, &feedback);
        if (!source->undelivered) {
            tell_boots(source);
        }
    } else {
        feedback.execution = "proceeding";
        feedback.finished = "none";
        hold(source, &feedback);
    }
}

static void report(void *ctx, const struct gateway_report *report)
{
    struct source_ddi *source = ctx;
    char text[DDI_DETAIL_SIZE];
    struct feedback feedback = {.execution = "proceeding", .finished = "none"};
    if (report->event == GATEWAY_EVENT_BOOTS) {
        ddi_boots_keep(&source->boots, report->boots, report->boot_count);
        return;
    }
    if (source->action[0] == '\0') {
        return;
    }
    switch (report->event) {
    case GATEWAY_EVENT_OPENED:
        /* From here on a revert of this image is this action's, no older story. */
        source->seen = true;
        feedback.detail = "the node takes it"; /* for was_worked_on after a restart */
        feedback.done = report->done;
        feedback.total = report->total;
        proceed(source, &feedback);
        break;
    case GATEWAY_EVENT_PROGRESS:
        feedback.done = report->done;
        feedback.total = report->total;
        if (ferry_posix_now_ms() - source->told_ms >= FEEDBACK_PAUSE_MS) {
            proceed(source, &feedback);
        }
        break;
    case GATEWAY_EVENT_INSTALLED:
        feedback.detail = "installed, the trial is next";
        feedback.done = report->total;
        feedback.total = report->total;
        proceed(source, &feedback);
        break;
    case GATEWAY_EVENT_RETRY:
        snprintf(text, sizeof text, "%s: trying again",
                 report->text[0] != '\0' ? report->text : ferry_status_text(report->status));
        feedback.detail = text;
        proceed(source, &feedback);
        break;
    case GATEWAY_EVENT_CURRENT:
    case GATEWAY_EVENT_SUCCEEDED:
        feedback = (struct feedback){"closed", "success",
                                     report->read_back ? "in flash, read back, started"
                                                       : "runs, confirmed",
                                     report->total, report->total};
        finish(source, &feedback);
        if (!source->undelivered) { /* so that the server has the new slot before the next poll */
            bool told = false;
            tell_boots(source);
            (void)tell_config(source, report->info, NULL, &told);
        }
        break;
    case GATEWAY_EVENT_FAILED:
        report_failure(source, report);
        break;
    default:
        break;
    }
}

/* --- poll
 * ----------------------------------------------------------------------------------------- */

/* Two digits, or more than any field may be. */
static uint32_t two_digits(const char *text)
{
    bool ok = text[0] >= '0' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9';
    return ok ? (uint32_t)(text[0] - '0') * 10 + (uint32_t)(text[1] - '0') : 100;
}

/* "HH:mm:ss" as milliseconds; 0 for anything else. */
static uint32_t interval_of(const cJSON *poll)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(poll, "config");
    const char *text = text_of(cJSON_GetObjectItemCaseSensitive(config, "polling"), "sleep");
    if (text == NULL || strlen(text) != 8 || text[2] != ':' || text[5] != ':') {
        return 0;
    }
    uint32_t hours = two_digits(text);
    uint32_t minutes = two_digits(text + 3);
    uint32_t seconds = two_digits(text + 6);
    bool ok = hours < 100 && minutes < 60 && seconds < 60;
    return ok ? (hours * 3600 + minutes * 60 + seconds) * 1000 : 0;
}

static bool take_id(const cJSON *json, char id[DDI_ID_SIZE])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "id");
    const char *text = cJSON_GetStringValue(item);
    char number[DDI_ID_SIZE];
    if (cJSON_IsNumber(item)) {
        snprintf(number, sizeof number, "%.0f", item->valuedouble);
        text = number;
    }
    if (text == NULL || text[0] == '\0' || strlen(text) >= DDI_ID_SIZE ||
        strspn(text, "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ-_") !=
            strlen(text)) {
        return false;
    }
    memcpy(id, text, strlen(text) + 1);
    return true;
}

/* Nothing is under way while we poll: a cancellation is always accepted. */
static enum gateway_answer accept_cancel(struct source_ddi *source, const char *url)
{
    char id[DDI_ID_SIZE];
    char to[HTTP_URL_SIZE];
    enum gateway_answer answer;
    const struct feedback feedback = {"closed", "success", "cancelled", 0, 0};
    cJSON *json = get_json(source, url, &answer);
    if (json == NULL) {
        return answer;
    }
    bool ok = take_id(json, id);
    cJSON_Delete(json);
    char *body = ok ? make_feedback(id, &feedback) : NULL;
    if (body == NULL) {
        return http_fail(source->client, GATEWAY_REFUSED, "%.150s: malformed", url);
    }
    snprintf(to, sizeof to, "%.900s/cancelAction/%s/feedback", source->base, id);
    answer = http_exchange(source->client, "POST", to, body, NULL, NULL);
    cJSON_free(body);
    return answer;
}

/* https first; `download-http` may point to plain http, which the client then judges. */
static const char *artifact_url(const cJSON *artifact)
{
    const char *url = link_of(artifact, "download");
    return url != NULL ? url : link_of(artifact, "download-http");
}

static void take_artifacts(struct source_ddi *source, const cJSON *deployment)
{
    const cJSON *chunk;
    const cJSON *artifact;
    source->count = 0;
    cJSON_ArrayForEach(chunk, cJSON_GetObjectItemCaseSensitive(deployment, "chunks"))
    {
        cJSON_ArrayForEach(artifact, cJSON_GetObjectItemCaseSensitive(chunk, "artifacts"))
        {
            const char *url = artifact_url(artifact);
            if (url != NULL && strlen(url) < HTTP_URL_SIZE && source->count < DDI_IMAGES_MAX) {
                memcpy(source->urls[source->count++], url, strlen(url) + 1);
            }
        }
    }
}

static bool is_skipped(const cJSON *deployment)
{
    const char *download = text_of(deployment, "download");
    const char *update = text_of(deployment, "update");
    return (download != NULL && strcmp(download, "skip") == 0) ||
           (update != NULL && strcmp(update, "skip") == 0);
}

/*
 * Did a gateway tell anything about this action before? hawkBit marks its own sentences.
 * A server without histories says no: then a trial that was given up while no gateway ran is tried
 * once more.
 */
static bool was_worked_on(const cJSON *json)
{
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(json, "actionHistory");
    const cJSON *message;
    cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(history, "messages"))
    {
        const char *text = cJSON_GetStringValue(message);
        if (text != NULL && strncmp(text, "Update Server", 13) != 0) {
            return true;
        }
    }
    return false;
}

static void meet(struct source_ddi *source, const cJSON *json)
{
    if (strcmp(source->action, source->met) != 0) {
        memcpy(source->met, source->action, sizeof source->met);
        source->seen = was_worked_on(json);
    }
}

static enum gateway_answer take_deployment(struct source_ddi *source, const char *url,
                                           struct gateway_offer *offer)
{
    enum gateway_answer answer;
    char with_history[HTTP_URL_SIZE + 32];
    snprintf(with_history, sizeof with_history, "%.1023s%cactionHistory=%d", url,
             strchr(url, '?') != NULL ? '&' : '?', HISTORY_MESSAGES);
    cJSON *json = get_json(source, with_history, &answer);
    if (json == NULL) {
        return answer;
    }
    const cJSON *deployment = cJSON_GetObjectItemCaseSensitive(json, "deployment");
    bool ok = take_id(json, source->action) && cJSON_IsObject(deployment);
    bool skip = ok && is_skipped(deployment);
    if (ok) {
        meet(source, json);
        take_artifacts(source, deployment);
    }
    cJSON_Delete(json);
    if (!ok) {
        source->action[0] = '\0';
        return http_fail(source->client, GATEWAY_REFUSED, "%.150s: malformed deployment", url);
    }
    if (skip || strcmp(source->action, source->ended) == 0) {
        source->action[0] = '\0'; /* not yet allowed, or the server has not noted its end */
        return GATEWAY_NOTHING;
    }
    if (source->count == 0) {
        return http_fail(source->client, GATEWAY_REFUSED,
                         "the release has no image for this board");
    }
    offer->count = source->count;
    offer->again = !source->seen;
    return GATEWAY_OK;
}

/* Its bootloader will listen until somebody brings an image. */
static bool has_nothing_to_run(const struct ferry_info *info)
{
    bool none = info->confirmed >= info->slot_count || info->confirmed >= FERRY_SLOTS_MAX ||
                info->slots[info->confirmed].content == FERRY_CONTENT_BAD;
    return none && info->running == FERRY_SLOT_NONE && info->phase != FERRY_PHASE_PENDING &&
           info->phase != FERRY_PHASE_TRIAL;
}

/*
 * What the server has as installed: the last release that this node confirmed. No action is open,
 * so nobody is told but by configData. Not `again`: an image that fails here too is left alone.
 */
static enum gateway_answer take_installed(struct source_ddi *source, const char *url,
                                          struct gateway_offer *offer)
{
    enum gateway_answer answer;
    cJSON *json = get_json(source, url, &answer);
    if (json == NULL) {
        return answer;
    }
    take_artifacts(source, cJSON_GetObjectItemCaseSensitive(json, "deployment"));
    cJSON_Delete(json);
    offer->count = source->count;
    return source->count > 0 ? GATEWAY_OK : GATEWAY_NOTHING;
}

/* One poll; *again asks for another at once, as the server may offer more after configData. */
static enum gateway_answer poll_once(struct source_ddi *source, const struct ferry_info *info,
                                     struct gateway_offer *offer, bool *again)
{
    enum gateway_answer answer;
    cJSON *poll = get_json(source, source->base, &answer);
    if (poll == NULL) {
        return answer;
    }
    const char *deployment = link_of(poll, "deploymentBase");
    const char *cancel = link_of(poll, "cancelAction");
    const char *installed = link_of(poll, "installedBase");
    offer->poll_ms = source->follow_poll_interval ? interval_of(poll) : 0;
    answer = tell_config(source, info, link_of(poll, "configData"), again);
    if (answer == GATEWAY_OK && !*again) {
        if (cancel != NULL) {
            answer = accept_cancel(source, cancel);
            answer = answer == GATEWAY_OK ? GATEWAY_NOTHING : answer;
        } else if (deployment != NULL) {
            answer = take_deployment(source, deployment, offer);
        } else {
            answer = installed != NULL && has_nothing_to_run(info)
                         ? take_installed(source, installed, offer)
                         : GATEWAY_NOTHING;
        }
    }
    cJSON_Delete(poll);
    return answer;
}

static enum gateway_answer check(void *ctx, const struct ferry_info *info,
                                 struct gateway_offer *offer)
{
    struct source_ddi *source = ctx;
    bool again = false;
    http_forget(source->client);
    source->action[0] = '\0';
    enum gateway_answer answer = deliver(source);
    if (answer != GATEWAY_OK) {
        return answer;
    }
    answer = poll_once(source, info, offer, &again);
    if (answer == GATEWAY_OK && again) {
        answer = poll_once(source, info, offer, &again);
        answer = answer == GATEWAY_OK && again ? GATEWAY_NOTHING : answer;
    }
    if (answer == GATEWAY_OK || answer == GATEWAY_NOTHING) {
        tell_boots(source); /* last: a new target is known by its board first */
    }
    return answer;
}

static enum gateway_answer read_image(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                      uint32_t size, uint32_t *got)
{
    struct source_ddi *source = ctx;
    return http_read(source->client, source->urls[index], offset, out, size, got);
}

static const char *error(void *ctx)
{
    const struct source_ddi *source = ctx;
    return http_client_error(source->client);
}

struct gateway_source source_ddi_source(struct source_ddi *source)
{
    return (struct gateway_source){
        .ctx = source, .check = check, .read = read_image, .error = error};
}

struct gateway_reporter source_ddi_reporter(struct source_ddi *source)
{
    return (struct gateway_reporter){.ctx = source, .report = report};
}
