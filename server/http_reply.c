/* Answers, and what handlers ask about a request. */
#include "http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "log.h"
#include "range.h"

static const struct {
    unsigned status;
    const char *name;
    const char *message;
} problems[] = {[PROBLEM_NONE] = {500, "internal", ""},
#define HTTP_PROBLEM_ROW(symbol, status, name, message)                                            \
    [PROBLEM_##symbol] = {status, name, message},
                HTTP_PROBLEMS(HTTP_PROBLEM_ROW)
#undef HTTP_PROBLEM_ROW
};

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_get_response_header(response, name) == NULL) {
        MHD_add_response_header(response, name, value);
    }
}

enum MHD_Result http_reply(struct request *request, unsigned status, struct MHD_Response *response)
{
    if (response == NULL) {
        LOG_EVENT(LEVEL_ERROR, "out_of_memory", LOG_S("path", request->path));
        return MHD_NO; /* closes the connection */
    }
    /* A page may bring its own values for the first two. */
    add_header(response, "Cache-Control", "no-store");
    add_header(response, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Referrer-Policy", "no-referrer");
    if (atomic_load(&request->server->stopping)) {
        add_header(response, "Connection", "close");
    }
    request->status = status;
    upload_close(
        request->upload); /* before the client hears, so that it never sees the temp file */
    request->upload = NULL;
    enum MHD_Result result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result http_reply_text(struct request *request, unsigned status, const char *type,
                                const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (response != NULL) {
        add_header(response, "Content-Type", type);
    }
    return http_reply(request, status, response);
}

static struct MHD_Response *json_response(cJSON *json)
{
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (text == NULL) {
        return NULL;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
    } else {
        add_header(response, "Content-Type", "application/json");
    }
    return response;
}

enum MHD_Result http_reply_json(struct request *request, unsigned status, cJSON *json)
{
    return http_reply(request, status, json_response(json));
}

/* "GET, HEAD, POST" from the bits that find_route collected. */
static void add_allow(struct MHD_Response *response, unsigned allowed)
{
    static const char *const names[] = {"GET, HEAD", "POST", "PUT", "DELETE"};
    char text[64] = ""; /* longer than all of them together */
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((allowed >> i & 1) != 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? ", " : "",
                                     names[i]);
        }
    }
    add_header(response, "Allow", text);
}

static struct MHD_Response *problem_response(const struct request *request, enum problem problem,
                                             const char *message)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "error", problems[problem].name);
    cJSON_AddStringToObject(json, "message", message);
    struct MHD_Response *response = json_response(json);
    if (response == NULL) {
        return NULL;
    }
    if (problems[problem].status == MHD_HTTP_UNAUTHORIZED) {
        add_header(response, "WWW-Authenticate", "Bearer realm=\"ferry\"");
    }
    if (problems[problem].status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        add_allow(response, request->allowed);
    }
    return response;
}

enum MHD_Result http_reply_problem_text(struct request *request, enum problem problem,
                                        const char *message)
{
    return http_reply(request, problems[problem].status,
                      problem_response(request, problem, message));
}

enum MHD_Result http_reply_problem(struct request *request, enum problem problem)
{
    return http_reply_problem_text(request, problem, problems[problem].message);
}

static enum MHD_Result reply_unsatisfiable(struct request *request, uint64_t size)
{
    char content_range[48];
    struct MHD_Response *response =
        problem_response(request, PROBLEM_RANGE, problems[PROBLEM_RANGE].message);
    snprintf(content_range, sizeof content_range, "bytes */%llu", (unsigned long long)size);
    if (response != NULL) {
        add_header(response, "Content-Range", content_range);
    }
    return http_reply(request, problems[PROBLEM_RANGE].status, response);
}

static struct MHD_Response *file_response(int fd, const struct range *range, uint64_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(range->length, fd, range->first);
    if (response == NULL) {
        close(fd);
        return NULL;
    }
    if (range->kind == RANGE_PART) {
        char text[80];
        snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)range->first,
                 (unsigned long long)(range->first + range->length - 1), (unsigned long long)size);
        add_header(response, "Content-Range", text);
    }
    add_header(response, "Content-Type", "application/octet-stream");
    return response;
}

/* What a cache and a resuming client need; the content of an artifact never changes. */
static void add_validators(struct MHD_Response *response, const char *etag)
{
    add_header(response, "ETag", etag);
    add_header(response, "Accept-Ranges", "bytes");
    add_header(response, "Cache-Control", "private, max-age=31536000, immutable");
}

enum MHD_Result http_reply_artifact(struct request *request, const char *sha256, uint64_t size)
{
    char etag[SHA256_TEXT_SIZE + 2];
    snprintf(etag, sizeof etag, "\"%s\"", sha256);
    if (range_etag_listed(http_header(request, "If-None-Match"), etag)) {
        struct MHD_Response *empty = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
        if (empty != NULL) {
            add_validators(empty, etag);
        }
        return http_reply(request, MHD_HTTP_NOT_MODIFIED, empty);
    }
    const char *header = http_header(request, "Range");
    if (!range_allowed(http_header(request, "If-Range"), etag)) {
        header = NULL;
    }
    struct range range = range_parse(header, size);
    if (range.kind == RANGE_UNSATISFIABLE) {
        return reply_unsatisfiable(request, size);
    }
    int fd = artifacts_open(request->server->config.data, sha256);
    if (fd < 0) {
        LOG_EVENT(LEVEL_ERROR, "artifact_lost", LOG_S("sha256", sha256));
        return http_reply_problem(request, PROBLEM_INTERNAL);
    }
    struct MHD_Response *response = file_response(fd, &range, size);
    if (response != NULL) {
        add_validators(response, etag);
    }
    return http_reply(request, range.kind == RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK,
                      response);
}

/* Length of the UTF-8 sequence at `text` (RFC 3629), 0 if it is none. */
static size_t utf8_sequence(const unsigned char *text, size_t left)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high, length;
    } rows[] = {
        {0x00, 0x7f, 0x80, 0xbf, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (text[0] < rows[i].first_low || text[0] > rows[i].first_high) {
            continue;
        }
        if (rows[i].length > left) {
            return 0;
        }
        if (rows[i].length > 1 && (text[1] < rows[i].second_low || text[1] > rows[i].second_high)) {
            return 0;
        }
        for (size_t k = 2; k < rows[i].length; k++) {
            if (text[k] < 0x80 || text[k] > 0xbf) {
                return 0;
            }
        }
        return rows[i].length;
    }
    return 0;
}

/* Text without NUL, so that it is the same to C and to JSON. */
static bool is_text(const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = utf8_sequence((const unsigned char *)bytes + at, size - at);
        if (length == 0 || bytes[at] == '\0') {
            return false;
        }
        at += length;
    }
    return true;
}

cJSON *http_json(const struct request *request)
{
    if (request->body == NULL || !is_text(request->body, request->body_size)) {
        return NULL;
    }
    /* +1: the terminator, which cJSON then requires right after the value. */
    cJSON *json = cJSON_ParseWithLengthOpts(request->body, request->body_size + 1, NULL, 1);
    if (cJSON_IsObject(json)) {
        return json;
    }
    cJSON_Delete(json);
    return NULL;
}

const char *http_json_text(const cJSON *object, const char *name, size_t max)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL && strlen(text) <= max ? text : NULL;
}

const char *http_header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool http_query_number(const struct request *request, const char *name, int64_t fallback,
                       int64_t max, int64_t *out)
{
    const char *text = http_query(request, name);
    int64_t value = 0;
    if (text == NULL) {
        *out = fallback;
        return true;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || value > (max - (*at - '0')) / 10) {
            return false;
        }
        value = value * 10 + (*at - '0');
    }
    *out = value;
    return *text != '\0';
}

const char *http_token(const struct request *request, const char *scheme)
{
    const char *value = http_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    size_t length = strlen(scheme);
    if (value == NULL || strncasecmp(value, scheme, length) != 0 || value[length] != ' ') {
        return NULL;
    }
    value += length;
    value += strspn(value, " ");
    return *value != '\0' && strlen(value) <= HTTP_TOKEN_MAX ? value : NULL;
}

/* A Host header is the client's own claim: it is only given back to that client, and only if it
 * looks like one. */
static bool is_host(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length < 200 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]") ==
               length;
}

void http_base_url(const struct request *request, char *out, size_t size)
{
    const struct server_config *config = &request->server->config;
    const char *scheme = config->tls_cert[0] != '\0' ? "https" : "http";
    const char *host = http_header(request, MHD_HTTP_HEADER_HOST);
    bool is_v6 = strchr(config->listen_address, ':') != NULL;
    if (config->public_url[0] != '\0') {
        snprintf(out, size, "%s", config->public_url);
    } else if (host != NULL && is_host(host)) {
        snprintf(out, size, "%s://%s", scheme, host);
    } else {
        snprintf(out, size, is_v6 ? "%s://[%s]:%u" : "%s://%s:%u", scheme, config->listen_address,
                 http_port(request->server));
    }
}

bool http_is_name(const char *text)
{
    size_t length = strlen(text);
    return length >= 1 && length <= 64 && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               length;
}
