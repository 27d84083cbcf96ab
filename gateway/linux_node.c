#include "linux_node.h"

#include "clock.h"
#include "linux_sink.h"
#include "log.h"
#include "sources/source_ddi.h"
#include "sources/source_file.h"
#include "sources/source_http.h"
#include "version_text.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AUTHORIZATION_SIZE = CONFIG_TEXT_SIZE + 16,
    FREE_PORT_MS = 3000,
    POLL_DEFAULT_S = 300,
    HTTP_WORK_MS = 50,
    ROM_GIVES_UP_MS = 3 * FERRY_SENDER_REQUEST_MS /* that sink's own verdict comes first */
};

struct linux_node {
    const struct node_config *config;
    const struct node_control *control;
    pthread_t thread;
    char authorization[AUTHORIZATION_SIZE];
    struct http_client *client; /* NULL: source file */
    union {
        struct source_http http;
        struct source_ddi ddi;
        struct source_file file;
    } source_state;
    struct gateway_source source;
    struct linux_sink sink;
    struct gateway_reporter log_reporter, ddi_reporter;
    const struct gateway_reporter *reporters[2];
    struct gateway_engine engine;
    uint32_t logged_tenth; /* progress */
    bool greeted;
    bool silent; /* the last thing that it did was not to answer */
    bool idle;   /* that there is nothing to do was logged, and nothing happened since */
};

/* --- log ------------------------------------------------------------------------------------ */

static void log_node(struct linux_node *node, const struct gateway_report *report)
{
    const struct ferry_info *info = report->info;
    char version[FERRY_VERSION_TEXT_SIZE] = "the bootloader";
    if (node->sink.is_rom && info->running == FERRY_SLOT_NONE) {
        log_line(node->greeted ? LOG_DEBUG : LOG_INFO, node->config->name, "node",
                 "what runs is not known before ST's ROM bootloader is asked");
        node->greeted = true;
        return;
    }
    if (info->running < info->slot_count && info->running < FERRY_SLOTS_MAX) {
        ferry_version_print(&info->slots[info->running].version, version);
    }
    bool news = !node->greeted || node->silent;
    log_line(news ? LOG_INFO : LOG_DEBUG, node->config->name, "node", "%s answers%s, running %s",
             info->board, node->greeted && node->silent ? " again" : "", version);
    if (!node->greeted && (info->flags & FERRY_INFO_DEV_KEY) != 0) {
        log_line(LOG_WARNING, node->config->name, "dev_key",
                 "the node's bootloader accepts a throw-away key (DEV KEY)");
    }
    node->greeted = true;
    node->silent = false;
}

static void log_progress(struct linux_node *node, const struct gateway_report *report)
{
    uint32_t tenth =
        report->total > 0 ? (uint32_t)((uint64_t)report->done * 10 / report->total) : 0;
    bool step = tenth != node->logged_tenth;
    node->logged_tenth = tenth;
    log_line(step ? LOG_INFO : LOG_DEBUG, node->config->name, "progress", "%u of %u bytes",
             report->done, report->total);
}

static void log_opened(const struct linux_node *node, const struct gateway_report *report,
                       const char *version)
{
    if (node->sink.is_rom) {
        log_line(LOG_INFO, node->config->name, "opened",
                 "%s is signed and for this node; all of it is verified before it is written",
                 version);
        return;
    }
    log_line(LOG_INFO, node->config->name, "opened", "the node takes %s from byte %u on", version,
             report->done);
}

/* A port that failed, or a node that did not answer; a server's failure is no such thing. */
static void note_silence(struct linux_node *node, const struct gateway_report *report)
{
    node->silent = node->silent || report->status == FERRY_TIMEOUT ||
                   (report->status == FERRY_IO && linux_sink_failed(&node->sink));
}

static const char *reason(const struct gateway_report *report)
{
    return report->text[0] != '\0' ? report->text : ferry_status_text(report->status);
}

/* Nothing is tried again by itself: with what to do, where the reason is not a server's own. */
static void log_failed(const struct linux_node *node, const struct gateway_report *report)
{
    const bool own = report->text[0] == '\0';
    log_line(LOG_ERROR, node->config->name, "failed", "%s%s%s (%s)", reason(report),
             own ? "; " : "", own ? ferry_status_remedy(report->status) : "",
             ferry_status_name(report->status));
}

/* Comes with each poll of a node that has what it should. */
static bool is_routine(enum gateway_event event)
{
    return event == GATEWAY_EVENT_NODE || event == GATEWAY_EVENT_BOOTS ||
           event == GATEWAY_EVENT_CURRENT;
}

/* Once for each change: a log that grows with each poll is not read. */
static void log_idle(struct linux_node *node)
{
    const struct gateway_engine *engine = &node->engine;
    if (engine->result != GATEWAY_RESULT_NOTHING || node->idle) {
        return;
    }
    node->idle = true;
    /* An image that this node gave up goes on being offered by a source without memory. */
    const char *what = engine->given_up_known ? "nothing to install" : "up to date";
    if (node->control->once) {
        log_line(LOG_INFO, node->config->name, "up_to_date", "up to date, nothing to install");
        return;
    }
    uint32_t pause = engine->offer.poll_ms != 0 ? engine->offer.poll_ms : engine->options.poll_ms;
    log_line(LOG_INFO, node->config->name, "up_to_date", "%s; next poll in %u s", what,
             pause / 1000);
}

static void log_report(void *ctx, const struct gateway_report *report)
{
    struct linux_node *node = ctx;
    const char *name = node->config->name;
    char version[FERRY_VERSION_TEXT_SIZE];
    ferry_version_print(report->version, version);
    node->idle = node->idle && is_routine(report->event);
    switch (report->event) {
    case GATEWAY_EVENT_NODE:
        log_node(node, report);
        break;
    case GATEWAY_EVENT_BOOTS:
        log_line(LOG_DEBUG, name, "boots", "%u new in the boot log, the newest is %u",
                 report->boot_count, report->boots[0].boot);
        break;
    case GATEWAY_EVENT_CURRENT:
        log_line(LOG_DEBUG, name, "current", "%s runs already", version);
        break;
    case GATEWAY_EVENT_OFFER:
        log_line(LOG_INFO, name, "offer", "%s is offered, %u bytes", version, report->total);
        break;
    case GATEWAY_EVENT_OPENED:
        node->logged_tenth = 0;
        log_opened(node, report, version);
        break;
    case GATEWAY_EVENT_PROGRESS:
        log_progress(node, report);
        break;
    case GATEWAY_EVENT_INSTALLED:
        log_line(LOG_INFO, name, "installed",
                 node->sink.is_rom ? "%s is in flash, read back; it is started"
                                   : "%s is installed, the trial is next",
                 version);
        break;
    case GATEWAY_EVENT_TRIAL:
        log_line(report->read_back ? LOG_DEBUG : LOG_INFO, name, "trial",
                 "waiting for %s to confirm itself", version);
        break;
    case GATEWAY_EVENT_PULSE:
        node->silent = true;
        log_line(LOG_WARNING, name, "nrst", "the node is reset by NRST");
        break;
    case GATEWAY_EVENT_RETRY:
        note_silence(node, report);
        log_line(LOG_WARNING, name, "retry", "%s (%s); again in %.1f s", reason(report),
                 ferry_status_name(report->status), report->wait_ms / 1000.0);
        break;
    case GATEWAY_EVENT_SUCCEEDED:
        log_line(LOG_INFO, name, "succeeded",
                 report->read_back ? "%s was started; that it runs nobody says (confirm = readback)"
                                   : "%s runs, confirmed",
                 version);
        break;
    case GATEWAY_EVENT_FAILED:
        note_silence(node, report);
        log_failed(node, report);
        break;
    }
}

/* --- setting up ------------------------------------------------------------------------------ */

static bool make_client(struct linux_node *node)
{
    const struct node_config *config = node->config;
    if (config->source == CONFIG_SOURCE_FILE) {
        return true;
    }
    const char *scheme = config->source == CONFIG_SOURCE_DDI ? "TargetToken" : "Bearer";
    if (config->token[0] != '\0') {
        snprintf(node->authorization, sizeof node->authorization, "%s %s", scheme, config->token);
    }
    const struct http_options options = {.server = config->urls[0],
                                         .authorization = node->authorization,
                                         .ca_file = config->ca_file,
                                         .insecure_http = config->insecure_http};
    node->client = http_client_new(&options);
    if (node->client == NULL) {
        return false;
    }
    http_client_set_stop(node->client, &node->control->stop);
    return true;
}

static bool make_source(struct linux_node *node)
{
    const struct node_config *config = node->config;
    if (config->source == CONFIG_SOURCE_FILE) {
        source_file_init(&node->source_state.file, config->paths, config->path_count);
        node->source = source_file_source(&node->source_state.file);
        return true;
    }
    if (config->source == CONFIG_SOURCE_HTTP) {
        node->source = source_http_source(&node->source_state.http);
        return source_http_init(&node->source_state.http, node->client, config->urls,
                                config->url_count);
    }
    const struct ddi_options options = {.url = config->urls[0],
                                        .tenant = config->tenant,
                                        .controller_id = config->controller_id,
                                        .follow_poll_interval = config->poll_s == 0};
    node->source = source_ddi_source(&node->source_state.ddi);
    node->ddi_reporter = source_ddi_reporter(&node->source_state.ddi);
    return source_ddi_init(&node->source_state.ddi, node->client, &options);
}

static void make_engine(struct linux_node *node)
{
    const struct node_config *config = node->config;
    struct gateway_options options = gateway_options_default();
    uint8_t reporters = config->source == CONFIG_SOURCE_DDI ? 2 : 1;
    linux_sink_init(&node->sink, config);
    options.poll_ms = (config->poll_s != 0 ? config->poll_s : POLL_DEFAULT_S) * 1000;
    options.confirm_ms = config->confirm_s * 1000 + (node->sink.is_rom ? ROM_GIVES_UP_MS : 0);
    options.retries = (uint8_t)config->retries;
    options.by_bootloader = config->bootloader;
    options.boot_log = config->source == CONFIG_SOURCE_DDI; /* who else would hear of it? */
    options.check_uid = config->check_uid;
    memcpy(options.uid, config->uid, sizeof options.uid);
    options.board = config->board[0] != '\0' ? config->board : NULL;
    node->log_reporter = (struct gateway_reporter){.ctx = node, .report = log_report};
    node->reporters[0] = &node->log_reporter;
    node->reporters[1] = &node->ddi_reporter;
    gateway_engine_init(&node->engine, &node->source, &node->sink.sink, node->reporters, reporters,
                        &options, ferry_posix_seed());
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Sleeps without an eye on the port: an application may talk on it while nobody listens. */
static void rest(struct linux_node *node, uint32_t wait_ms)
{
    struct pollfd stop = {.fd = node->control->stop_fd, .events = POLLIN};
    if (wait_ms >= FREE_PORT_MS) {
        linux_sink_rest(&node->sink); /* `ferry status` and others may have the port meanwhile */
    }
    poll(&stop, 1, (int)(wait_ms < INT32_MAX ? wait_ms : INT32_MAX));
}

static void wait_for_work(struct linux_node *node)
{
    uint32_t wait_ms = gateway_engine_wait_ms(&node->engine, ferry_posix_now_ms());
    bool http = node->client != NULL && http_work(node->client);
    if (http && wait_ms > HTTP_WORK_MS) {
        wait_ms = HTTP_WORK_MS;
    }
    if (wait_ms == 0) {
        return;
    }
    if (gateway_engine_is_resting(&node->engine)) {
        rest(node, wait_ms);
    } else {
        linux_sink_wait(&node->sink, node->control->stop_fd, wait_ms);
    }
}

static void free_sources(struct linux_node *node)
{
    if (node->config->source == CONFIG_SOURCE_FILE) {
        source_file_close(&node->source_state.file);
    } else if (node->client != NULL) {
        http_client_free(node->client);
    }
}

static void *run(void *ctx)
{
    struct linux_node *node = ctx;
    while (!node->control->stop) {
        gateway_engine_step(&node->engine, ferry_posix_now_ms());
        log_idle(node);
        if (node->control->once && node->engine.result != GATEWAY_RESULT_NONE) {
            break;
        }
        wait_for_work(node);
    }
    linux_sink_close(&node->sink);
    return NULL;
}

struct linux_node *node_start(const struct node_config *config, const struct node_control *control)
{
    struct linux_node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        log_line(LOG_ERROR, config->name, "memory", "out of memory");
        return NULL;
    }
    node->config = config;
    node->control = control;
    if (!make_client(node) || !make_source(node)) {
        log_line(LOG_ERROR, config->name, "setup", "out of memory, or the url is too long");
        goto fail_client;
    }
    make_engine(node);
    if (pthread_create(&node->thread, NULL, run, node) != 0) {
        log_line(LOG_ERROR, config->name, "setup", "no more threads");
        goto fail_client;
    }
    return node;

fail_client:
    free_sources(node);
    free(node);
    return NULL;
}

enum gateway_result node_join(struct linux_node *node)
{
    pthread_join(node->thread, NULL);
    enum gateway_result result = (enum gateway_result)node->engine.result;
    free_sources(node);
    explicit_bzero(node->authorization, sizeof node->authorization);
    free(node);
    return result;
}
