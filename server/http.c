#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

enum {
    THREADS = 4,               /* a slow sync of one request does not hold the others */
    CONNECTION_MEMORY = 32768, /* bytes of headers and buffers of one connection */
    CONNECTION_TIMEOUT_S = 30, /* without a byte in either direction */
    DRAIN_MAX = 1 << 20,       /* bytes of a refused body that are read before giving up */
    DRAIN_TIME_MS = 10000,     /* and for so long */
    STOP_WAIT_MS = 30000       /* for running requests after SIGTERM */
};

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static unsigned method_bit(const char *method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(method, methods[i]) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

/* Matches a path with a pattern and captures the segments at "*". */
static bool match(const char *pattern, const char *path, char params[][HTTP_SEGMENT_SIZE])
{
    for (size_t captured = 0; *pattern != '\0'; pattern++) {
        if (*pattern != '*') {
            if (*pattern != *path++) {
                return false;
            }
            continue;
        }
        size_t length = strcspn(path, "/");
        if (length == 0 || length >= HTTP_SEGMENT_SIZE || captured == HTTP_PARAMS_MAX) {
            return false;
        }
        memcpy(params[captured], path, length);
        params[captured++][length] = '\0';
        path += length;
    }
    return *path == '\0';
}

static enum problem find_route(struct request *request, const char *path)
{
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    const struct server *server = request->server;
    for (size_t i = 0; i < server->route_count; i++) {
        const struct http_route *route = &server->routes[i];
        if (!match(route->pattern, path, request->params)) {
            continue;
        }
        request->allowed |= method_bit(route->method);
        if (strcmp(route->method, method) == 0) {
            request->route = route;
            return PROBLEM_NONE;
        }
    }
    return request->allowed != 0 ? PROBLEM_METHOD : PROBLEM_NOT_FOUND;
}

static uint64_t body_limit(const struct request *request)
{
    if (request->route == NULL || request->route->body == BODY_NONE) {
        return 0;
    }
    return request->route->body == BODY_FILE ? request->server->config.max_artifact_bytes
                                             : (uint64_t)HTTP_JSON_MAX;
}

/* Content-Length as announced; 0 for chunked bodies, whose size is seen as they come. */
static uint64_t announced_size(const struct request *request)
{
    const char *text = http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text != NULL ? strtoull(text, NULL, 10) : 0;
}

/* Everything that can be refused by the headers. */
static enum problem judge_headers(struct request *request, const char *path)
{
    enum problem problem = find_route(request, path);
    if (problem == PROBLEM_NONE && request->route->guard != NULL) {
        problem = request->route->guard(request);
    }
    if (problem == PROBLEM_NONE && request->route->body != BODY_NONE &&
        announced_size(request) > body_limit(request)) {
        problem = PROBLEM_TOO_LARGE;
    }
    return problem;
}

static bool start_body(struct request *request)
{
    if (request->route->body != BODY_FILE) {
        return true;
    }
    request->upload =
        upload_begin(request->server->config.data, request->server->config.max_artifact_bytes);
    if (request->upload == NULL) {
        LOG_EVENT(LEVEL_ERROR, "upload_failed", LOG_S("cause", strerror(errno)));
    }
    return request->upload != NULL;
}

static struct request *request_begin(struct server *server, struct MHD_Connection *connection,
                                     const char *path, const char *method)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->server = server;
    request->connection = connection;
    request->method = method;
    request->started_ms = now_ms();
    snprintf(request->path, sizeof request->path, "%s", path);
    request->problem = judge_headers(request, path);
    if (request->problem == PROBLEM_NONE && !start_body(request)) {
        request->problem = PROBLEM_INTERNAL;
    }
    return request;
}

static bool keep_json(struct request *request, const char *bytes, size_t size)
{
    if (size > HTTP_JSON_MAX - request->body_size) { /* body_size <= HTTP_JSON_MAX always */
        return false;
    }
    if (request->body == NULL) {
        request->body = malloc(HTTP_JSON_MAX + 1);
    }
    if (request->body == NULL) {
        return false;
    }
    memcpy(request->body + request->body_size, bytes, size);
    request->body_size += size;
    request->body[request->body_size] = '\0';
    return true;
}

/* Takes a piece of the body. After a problem pieces are dropped, so that the answer can be read. */
static void take_body(struct request *request, const char *bytes, size_t size)
{
    request->body_seen += size;
    if (request->problem != PROBLEM_NONE) {
        return;
    }
    if (request->upload != NULL) {
        if (!upload_feed(request->upload, bytes, size)) {
            LOG_EVENT(LEVEL_ERROR, "upload_failed", LOG_S("cause", strerror(errno)));
            request->problem = PROBLEM_INTERNAL;
        } else if (upload_too_large(request->upload)) {
            request->problem = PROBLEM_TOO_LARGE;
        }
    } else if (request->route->body == BODY_JSON && !keep_json(request, bytes, size)) {
        request->problem = PROBLEM_TOO_LARGE;
    }
}

/* A body that nobody wants is read a while, so that the client hears why; then it is cut. */
static bool may_go_on(const struct request *request)
{
    bool is_wanted = request->problem == PROBLEM_NONE && request->route->body != BODY_NONE;
    return is_wanted || (request->body_seen <= body_limit(request) + DRAIN_MAX &&
                         now_ms() - request->started_ms <= DRAIN_TIME_MS);
}

/* libmicrohttpd calls this with the headers, for each piece of the body, and at its end. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *protocol, const char *bytes,
                                  size_t *size, void **state)
{
    (void)protocol;
    struct request *request = *state;
    if (request == NULL) {
        request = request_begin(ctx, connection, path, method);
        if (request == NULL) {
            return MHD_NO;
        }
        *state = request;
        atomic_fetch_add(&request->server->active, 1);
        if (request->problem != PROBLEM_NONE && announced_size(request) > DRAIN_MAX) {
            return http_reply_problem(request, request->problem);
        }
        return MHD_YES;
    }
    if (*size > 0) {
        take_body(request, bytes, *size);
        *size = 0;
        return may_go_on(request) ? MHD_YES : MHD_NO;
    }
    if (request->problem != PROBLEM_NONE) {
        return http_reply_problem(request, request->problem);
    }
    return request->route->handle(request);
}

/* The peer's numeric address, for the log. */
static const char *client_address(struct MHD_Connection *connection, char text[NI_MAXHOST])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) {
        return "";
    }
    socklen_t size = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                              : sizeof(struct sockaddr_in);
    int result = getnameinfo(info->client_addr, size, text, NI_MAXHOST, NULL, 0, NI_NUMERICHOST);
    return result == 0 ? text : "";
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)ctx;
    char client[NI_MAXHOST];
    struct request *request = *state;
    if (request == NULL) {
        return;
    }
    *state = NULL;
    LOG_EVENT(request->status >= 500 ? LEVEL_WARN : LEVEL_INFO, "request",
              LOG_S("client", client_address(connection, client)), LOG_S("method", request->method),
              LOG_S("path", request->path), LOG_N("status", request->status),
              LOG_N("ms", now_ms() - request->started_ms),
              LOG_N("complete", code == MHD_REQUEST_TERMINATED_COMPLETED_OK));
    upload_close(request->upload);
    free(request->body);
    atomic_fetch_sub(&request->server->active, 1);
    free(request);
}

static void on_library_message(void *ctx, const char *format, va_list values)
{
    char text[512];
    (void)ctx;
    vsnprintf(text, sizeof text, format, values);
    text[strcspn(text, "\n")] = '\0';
    LOG_EVENT(LEVEL_DEBUG, "http_library", LOG_S("text", text));
}

/* Reads a small PEM file into memory. The caller frees. */
static char *read_pem(const char *path)
{
    enum { PEM_MAX = 65536 };
    FILE *file = fopen(path, "r");
    char *text = file != NULL ? calloc(1, PEM_MAX) : NULL;
    if (text != NULL && fread(text, 1, PEM_MAX - 1, file) == 0) {
        free(text);
        text = NULL;
    }
    if (text == NULL) {
        LOG_EVENT(LEVEL_ERROR, "tls_file_unreadable", LOG_S("file", path));
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

/* Fills a socket address of either family. The configuration has checked the text. */
static unsigned listen_address(const struct server_config *config, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, config->listen_address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(config->listen_port);
        return 0;
    }
    inet_pton(AF_INET6, config->listen_address, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(config->listen_port);
    return MHD_USE_IPv6;
}

static struct MHD_Daemon *start_daemon(struct server *server, char *cert, char *key)
{
    const struct server_config *config = &server->config;
    struct sockaddr_storage address;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    flags |= listen_address(config, &address);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    if (cert == NULL) {
        tls[0].option = MHD_OPTION_END;
    } else {
        flags |= MHD_USE_TLS;
    }
    return MHD_start_daemon(
        flags, config->listen_port, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_message, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)config->max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

bool http_start(struct server *server, const struct http_route *routes, size_t route_count)
{
    const struct server_config *config = &server->config;
    char *cert = NULL;
    char *key = NULL;
    server->routes = routes;
    server->route_count = route_count;
    if (config->tls_cert[0] != '\0') {
        cert = read_pem(config->tls_cert);
        key = read_pem(config->tls_key);
    }
    if (config->tls_cert[0] == '\0' || (cert != NULL && key != NULL)) {
        server->daemon = start_daemon(server, cert, key);
    }
    if (key != NULL) {
        explicit_bzero(key, strlen(key));
    }
    free(cert);
    free(key);
    if (server->daemon == NULL) {
        LOG_EVENT(LEVEL_ERROR, "cannot_listen", LOG_S("address", config->listen_address),
                  LOG_N("port", config->listen_port), LOG_S("cause", strerror(errno)));
    }
    return server->daemon != NULL;
}

uint16_t http_port(const struct server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info != NULL ? info->port : 0;
}

void http_stop(struct server *server)
{
    atomic_store(&server->stopping, true);
    MHD_socket listening = MHD_quiesce_daemon(server->daemon);
    events_stop(server->events);
    int64_t start = now_ms();
    while (atomic_load(&server->active) > 0 && now_ms() - start < STOP_WAIT_MS) {
        nanosleep(&(struct timespec){0, 20 * 1000000L}, NULL);
    }
    if (atomic_load(&server->active) > 0) {
        LOG_EVENT(LEVEL_WARN, "requests_cut", LOG_N("count", atomic_load(&server->active)));
    }
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    if (listening != MHD_INVALID_SOCKET) {
        close(listening);
    }
}
