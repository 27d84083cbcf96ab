/*
 * http.h - requests and answers over libmicrohttpd: routing, bodies with limits, errors as JSON.
 *
 * Flow of a request: route (method, path) -> the route's guard (token), both before any byte of a
 * body is taken -> body, streamed to a file or kept up to HTTP_JSON_MAX -> handler -> answer.
 * Handlers run on the threads of libmicrohttpd and must not wait for other requests.
 */
#ifndef FERRY_SERVER_HTTP_H
#define FERRY_SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <microhttpd.h>

#include "problems.h"
#include "server.h"

enum {
    HTTP_PARAMS_MAX = 5,
    HTTP_SEGMENT_SIZE = 192, /* longest captured path segment with its terminator */
    HTTP_JSON_MAX = 65536,   /* bytes of a JSON body */
    HTTP_TOKEN_MAX = 256     /* characters of a token */
};

struct request;

/* Answers a request (by one of the http_reply functions, whose result it returns). */
typedef enum MHD_Result http_handler(struct request *request);

/* Decides by headers and path whether a request may go on. PROBLEM_NONE: yes. */
typedef enum problem http_guard(struct request *request);

enum http_body { BODY_NONE, BODY_JSON, BODY_FILE };

struct http_route {
    const char *method;  /* "GET" also serves HEAD */
    const char *pattern; /* "/api/v1/releases"; a segment "*" is captured */
    enum http_body body;
    http_guard *guard; /* NULL: open to everyone */
    http_handler *handle;
};

struct request {
    struct server *server;
    struct MHD_Connection *connection;
    const struct http_route *route;
    const char *method;                              /* borrowed from libmicrohttpd */
    char path[256];                                  /* for the log, cut */
    char params[HTTP_PARAMS_MAX][HTTP_SEGMENT_SIZE]; /* captured segments, decoded */
    struct target target;                            /* set by the guard of device routes */
    char *body;                                      /* JSON text so far */
    size_t body_size;
    uint64_t body_seen; /* bytes received, also those that were dropped */
    struct upload *upload;
    enum problem problem; /* found before or during the body */
    unsigned allowed;     /* methods of this path, for Allow; see http.c */
    unsigned status;      /* answered; 0: not yet */
    int64_t started_ms;
};

/* Starts listening. False: logged. Stop with http_stop: waits for running requests, then frees. */
bool http_start(struct server *server, const struct http_route *routes, size_t route_count);
void http_stop(struct server *server);

/* The port that is listened on (useful after port 0). */
uint16_t http_port(const struct server *server);

/* --- for handlers --- */

/* Takes over `json` (also on failure). */
enum MHD_Result http_reply_json(struct request *request, unsigned status, cJSON *json);
enum MHD_Result http_reply_problem(struct request *request, enum problem problem);
/* The same with a sentence that says more than the standard one. */
enum MHD_Result http_reply_problem_text(struct request *request, enum problem problem,
                                        const char *message);
/* Text is copied. */
enum MHD_Result http_reply_text(struct request *request, unsigned status, const char *type,
                                const char *text);
/* Answers with a response made by the handler, adds the common headers, and releases it. */
enum MHD_Result http_reply(struct request *request, unsigned status, struct MHD_Response *response);

/* Sends a stored artifact: Range, If-Range, ETag, If-None-Match. */
enum MHD_Result http_reply_artifact(struct request *request, const char *sha256, uint64_t size);

/* The body as a JSON object, or NULL (answer PROBLEM_BAD_JSON). Owned by the caller. */
cJSON *http_json(const struct request *request);

/* A string member of at most `max` bytes, or NULL. Borrowed from the object. */
const char *http_json_text(const cJSON *object, const char *name, size_t max);

/* Header and query values; NULL if absent. Borrowed until the request ends. */
const char *http_header(const struct request *request, const char *name);
const char *http_query(const struct request *request, const char *name);

/* A query value as a number 0..max; `fallback` when absent; false when malformed. */
bool http_query_number(const struct request *request, const char *name, int64_t fallback,
                       int64_t max, int64_t *out);

/* The token after one of the schemes ("Bearer"), compared without case; NULL if there is none. */
const char *http_token(const struct request *request, const char *scheme);

/* http://host:port of this server as the client sees it, without a / at the end. */
void http_base_url(const struct request *request, char *out, size_t size);

/* 1 to 64 characters of A-Z a-z 0-9 . _ - and not "." or "..". */
bool http_is_name(const char *text);

#endif
