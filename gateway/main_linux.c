/* ferry-gateway: reads the configuration, starts a thread for each node, waits for a signal. */
#include "config.h"
#include "linux_node.h"
#include "log.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "Usage: ferry-gateway --config FILE [OPTIONS]\n"
    "\n"
    "Brings releases from an update server to nodes on serial ports.\n"
    "\n"
    "  --config FILE      configuration (gateway.conf.example shows every key)\n"
    "  --check-config     check it and exit\n"
    "  --once             one round for each node, then exit\n"
    "  --log-level LEVEL  error, warn, info (default) or debug\n"
    "  --log-json         one JSON object a log line\n"
    "  --version, --help\n"
    "\n"
    "Exit codes: 0 done (--once: every node is up to date), 1 failed, 2 wrong command line or\n"
    "configuration. SIGTERM and SIGINT end it; an open transfer is resumed at the next start.\n";

struct arguments {
    const char *config;
    bool check, once, json;
    enum log_level level;
};

enum option_code {
    OPTION_CONFIG = 1,
    OPTION_CHECK,
    OPTION_ONCE,
    OPTION_LEVEL,
    OPTION_JSON,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"log-level", required_argument, NULL, OPTION_LEVEL},
    {"log-json", no_argument, NULL, OPTION_JSON},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int fail_usage(const char *message)
{
    if (message != NULL) {
        fprintf(stderr, "ferry-gateway: %s\n", message);
    }
    fputs("Try `ferry-gateway --help`.\n", stderr);
    return EXIT_USAGE;
}

/* Returns -1 to go on, else the exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    int code;
    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (code) {
        case OPTION_CONFIG:
            arguments->config = optarg;
            break;
        case OPTION_CHECK:
            arguments->check = true;
            break;
        case OPTION_ONCE:
            arguments->once = true;
            break;
        case OPTION_JSON:
            arguments->json = true;
            break;
        case OPTION_LEVEL:
            if (!log_parse_level(optarg, &arguments->level)) {
                return fail_usage("--log-level takes error, warn, info or debug");
            }
            break;
        case OPTION_VERSION:
            puts("ferry-gateway " FERRY_VERSION);
            return EXIT_OK;
        case OPTION_HELP:
            fputs(usage, stdout);
            return EXIT_OK;
        default:
            return fail_usage(NULL);
        }
    }
    if (optind < argc) {
        return fail_usage("it takes options only");
    }
    return arguments->config == NULL ? fail_usage("--config is needed") : -1;
}

/* Signals are taken by the main thread alone, one at a time. */
static void block_signals(sigset_t *set)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static size_t start_nodes(const struct config *config, const struct node_control *control,
                          struct linux_node *nodes[CONFIG_NODES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < config->count; i++) {
        nodes[count] = node_start(&config->nodes[i], control);
        if (nodes[count] != NULL) {
            count++;
        }
    }
    return count;
}

static bool join_nodes(struct linux_node **nodes, size_t count)
{
    bool all_good = true;
    for (size_t i = 0; i < count; i++) {
        enum gateway_result result = node_join(nodes[i]);
        all_good = all_good && result != GATEWAY_RESULT_FAILED && result != GATEWAY_RESULT_NONE;
    }
    return all_good;
}

/* For --once: lets a signal end the wait for the nodes. */
struct watcher {
    const sigset_t *signals;
    struct node_control *control;
    int stop_fd; /* closed to wake the nodes */
};

static void *watch_signals(void *ctx)
{
    struct watcher *watcher = ctx;
    int number = 0;
    sigwait(watcher->signals, &number);
    log_line(LOG_INFO, NULL, "stop", "%s received", strsignal(number));
    watcher->control->stop = true;
    close(watcher->stop_fd);
    return NULL;
}

static int run(const struct config *config, bool once)
{
    static struct node_control control;
    static struct watcher watcher;
    sigset_t signals;
    pthread_t thread;
    int stop[2];
    struct linux_node *nodes[CONFIG_NODES_MAX];
    if (pipe2(stop, O_CLOEXEC) != 0) {
        log_line(LOG_ERROR, NULL, "setup", "pipe: %s", strerror(errno));
        return EXIT_FAILED;
    }
    control.stop_fd = stop[0];
    control.once = once;
    watcher = (struct watcher){&signals, &control, stop[1]};
    block_signals(&signals);
    if (pthread_create(&thread, NULL, watch_signals, &watcher) != 0) {
        log_line(LOG_ERROR, NULL, "setup", "no more threads");
        return EXIT_FAILED;
    }
    log_line(LOG_INFO, NULL, "start", "ferry-gateway " FERRY_VERSION ", %zu node%s", config->count,
             config->count == 1 ? "" : "s");
    size_t count = start_nodes(config, &control, nodes);
    bool all_good = join_nodes(nodes, count) && count == config->count;
    if (!control.stop) {
        pthread_cancel(thread); /* sigwait is a cancellation point */
    }
    pthread_join(thread, NULL);
    if (!once) {
        return count == config->count ? EXIT_OK : EXIT_FAILED;
    }
    return all_good ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static struct config config;
    struct arguments arguments = {.level = LOG_INFO};
    int code = parse_arguments(argc, argv, &arguments);
    if (code >= 0) {
        return code;
    }
    log_setup(arguments.level, arguments.json);
    if (!config_load(&config, arguments.config)) {
        fprintf(stderr, "ferry-gateway: %s\n", config.error);
        return EXIT_USAGE;
    }
    if (arguments.check) {
        printf("%s: %zu node%s, no errors\n", arguments.config, config.count,
               config.count == 1 ? "" : "s");
        return EXIT_OK;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    code = run(&config, arguments.once);
    curl_global_cleanup();
    explicit_bzero(&config, sizeof config);
    return code;
}
