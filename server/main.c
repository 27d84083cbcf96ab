/* ferry-server: command line, start and end. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers.h"
#include "init.h"
#include "log.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static const char usage_text[] =
    "usage: ferry-server --config FILE [--check-config] [--log-level error|warn|info|debug]\n"
    "       ferry-server init --data DIR [--bootstrap-key PUB.pem]...\n"
    "       ferry-server target add ID --data DIR\n"
    "       ferry-server token renew publish|enrol --data DIR\n"
    "       ferry-server --help | --version\n"
    "\n"
    "Publishes signed images and offers them to devices (docs/SERVER.md).\n"
    "  init         make a data folder: configuration, database, tokens (printed once)\n"
    "  target add   add a device with a token of its own (printed once)\n"
    "  token renew  make a new token of a kind, end the older ones\n"
    "Exit codes: 0 done, 1 failure, 2 wrong command line or configuration.\n";

struct options {
    const char *config;
    const char *data;
    const char *log_level;
    bool check_config;
    const char *keys[IMAGE_CHECK_KEYS_MAX];
    size_t key_count;
};

enum { OPT_CONFIG = 1, OPT_DATA, OPT_KEY, OPT_CHECK, OPT_LOG_LEVEL, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"data", required_argument, NULL, OPT_DATA},
    {"bootstrap-key", required_argument, NULL, OPT_KEY},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* The reason comes before the long text; NULL: it was said. */
static int usage(const char *reason)
{
    if (reason != NULL) {
        fprintf(stderr, "ferry-server: %s\n\n", reason);
    }
    fputs(usage_text, stderr);
    return EXIT_USAGE;
}

/* -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case OPT_CONFIG:
            options->config = optarg;
            break;
        case OPT_DATA:
            options->data = optarg;
            break;
        case OPT_KEY:
            if (options->key_count == IMAGE_CHECK_KEYS_MAX) {
                return usage("--bootstrap-key: at most 16 keys");
            }
            options->keys[options->key_count++] = optarg;
            break;
        case OPT_CHECK:
            options->check_config = true;
            break;
        case OPT_LOG_LEVEL:
            options->log_level = optarg;
            break;
        case OPT_HELP:
            fputs(usage_text, stdout);
            return EXIT_OK;
        case OPT_VERSION:
            puts("ferry-server " FERRY_VERSION);
            return EXIT_OK;
        default:
            fputc('\n', stderr); /* getopt_long has said why */
            return usage(NULL);
        }
    }
    return -1;
}

static bool load_keys(struct server *server)
{
    const struct server_config *config = &server->config;
    for (size_t i = 0; i < config->public_key_count; i++) {
        const char *reason;
        if (!image_keys_add(&server->keys, config->public_keys[i], &reason)) {
            fprintf(stderr, "ferry-server: %s: %s\n", config->public_keys[i], reason);
            return false;
        }
    }
    if (config->public_key_count == 0) {
        LOG_EVENT(LEVEL_WARN, "no_public_keys",
                  LOG_S("effect", "no image is accepted; set public_keys"));
    }
    return true;
}

static bool readable(const char *path)
{
    if (path[0] == '\0' || access(path, R_OK) == 0) {
        return true;
    }
    fprintf(stderr, "ferry-server: %s: %s\n", path, strerror(errno));
    return false;
}

/* Configuration and all files it names. */
static bool load(const struct options *options, struct server *server)
{
    char error[CONFIG_ERROR_SIZE];
    if (!config_load(options->config, &server->config, error)) {
        fprintf(stderr, "ferry-server: %s\n", error);
        return false;
    }
    if (options->log_level != NULL &&
        !log_level_parse(options->log_level, &server->config.log_level)) {
        fprintf(stderr, "ferry-server: --log-level: error, warn, info or debug\n");
        return false;
    }
    log_set_level(server->config.log_level);
    return load_keys(server) && readable(server->config.tls_cert) &&
           readable(server->config.tls_key) && readable(server->config.data);
}

/* Two servers must not share a folder: each would clear the other's uploads. */
static bool lock_data(const char *data)
{
    char path[ARTIFACTS_PATH_SIZE];
    char cause[ARTIFACTS_PATH_SIZE + 64];
    snprintf(path, sizeof path, "%s/lock", data);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        LOG_EVENT(LEVEL_ERROR, "data_folder_not_writable", LOG_S("file", path),
                  LOG_S("cause", strerror(errno)));
        return false;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return true; /* held until the process ends */
    }
    snprintf(cause, sizeof cause, "another ferry-server uses %s", data);
    LOG_EVENT(LEVEL_ERROR, "data_folder_in_use", LOG_S("file", path), LOG_S("cause", cause));
    close(fd);
    return false;
}

/* Until SIGTERM or SIGINT. Both are blocked in all threads and taken here. */
static void wait_for_end(struct server *server, const sigset_t *ending)
{
    int got = -1;
    while (got != SIGTERM && got != SIGINT) {
        got = sigtimedwait(ending, NULL, &(struct timespec){1, 0});
        events_tick(server->events);
    }
    LOG_EVENT(LEVEL_INFO, "stopping", LOG_N("signal", got));
}

static int run(struct server *server)
{
    sigset_t ending;
    int code = EXIT_FAILED;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);

    const char *data = server->config.data;
    if (!lock_data(data) || !artifacts_open_folder(data)) {
        return EXIT_FAILED;
    }
    server->store = store_open(data, false);
    server->events = events_create();
    if (server->store != NULL && server->events != NULL &&
        http_start(server, routes, route_count)) {
        LOG_EVENT(LEVEL_INFO, "listening", LOG_S("address", server->config.listen_address),
                  LOG_N("port", http_port(server)),
                  LOG_N("tls", server->config.tls_cert[0] != '\0'),
                  LOG_S("version", FERRY_VERSION));
        wait_for_end(server, &ending);
        http_stop(server);
        LOG_EVENT(LEVEL_INFO, "stopped", LOG_N("code", EXIT_OK));
        code = EXIT_OK;
    }
    events_destroy(server->events);
    store_close(server->store);
    return code;
}

static int serve(const struct options *options)
{
    static struct server server;
    if (options->config == NULL) {
        return usage("--config FILE is needed; `ferry-server init --data DIR` makes one");
    }
    if (!load(options, &server)) {
        return EXIT_USAGE;
    }
    if (options->check_config) {
        printf("%s: good\n", options->config);
        return EXIT_OK;
    }
    return run(&server);
}

/* The commands on a data folder: init, target add, token renew. */
static int manage(int count, char **word, const struct options *options)
{
    bool init = count == 1 && strcmp(word[0], "init") == 0;
    bool add = count == 3 && strcmp(word[0], "target") == 0 && strcmp(word[1], "add") == 0;
    bool renew = count == 3 && strcmp(word[0], "token") == 0 && strcmp(word[1], "renew") == 0;
    if (!init && !add && !renew) {
        return usage("unknown command, or words missing or too many");
    }
    if (options->data == NULL) {
        return usage("--data DIR is needed");
    }
    if (init) {
        return init_data(options->data, options->keys, options->key_count);
    }
    return add ? init_add_target(options->data, word[2]) : init_renew_token(options->data, word[2]);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    umask(0077);
    int code = read_options(argc, argv, &options);
    if (code >= 0) {
        return code;
    }
    /* getopt_long has moved the words behind the options */
    return argc == optind ? serve(&options) : manage(argc - optind, argv + optind, &options);
}
