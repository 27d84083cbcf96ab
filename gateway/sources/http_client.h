/*
 * http_client.h - HTTP for gateway sources: small JSON exchanges and a file read by ranges.
 *
 * Rules kept here: certificates are always verified; plain http only to this machine unless
 * allowed; the token goes to the configured server only, also after a redirect; at most five
 * redirects, each held to the same rules; every answer is bounded in size and time. One thread a
 * client.
 */
#ifndef GATEWAY_SOURCES_HTTP_CLIENT_H
#define GATEWAY_SOURCES_HTTP_CLIENT_H

#include "../engine.h"

#include <curl/curl.h>
#include <stdatomic.h>

enum {
    HTTP_URL_SIZE = 1024,
    HTTP_TEXT_SIZE = 256,
    HTTP_ANSWER_MAX = 64 * 1024,   /* bytes of a JSON answer */
    HTTP_WINDOW_SIZE = 256 * 1024, /* bytes of a file kept around the reading position */
    HTTP_EXCHANGE_S = 20,          /* a whole JSON exchange */
    HTTP_STALL_S = 30,             /* a download without a byte */
    HTTP_REDIRECTS_MAX = 5,
    HTTP_PAUSE_MS = 20 /* longest wait of one read */
};

/* Borrowed strings; NULL or "" where there is none. */
struct http_options {
    const char *server;        /* URL of the configured server: gets the token */
    const char *authorization; /* "TargetToken x", "Bearer x"; never logged */
    const char *ca_file;
    bool insecure_http;
};

struct http_client;

/* Returns NULL when out of memory. Call curl_global_init once before. */
struct http_client *http_client_new(const struct http_options *options);
void http_client_free(struct http_client *client);

/* A sentence on the last failure. */
const char *http_client_error(const struct http_client *client);

/* Sets that sentence for a failure that the caller found in an answer. Returns `answer`. */
__attribute__((format(printf, 3, 4))) enum gateway_answer http_fail(struct http_client *client,
                                                                    enum gateway_answer answer,
                                                                    const char *format, ...);

/* Stops waiting exchanges soon after *stop becomes true. Borrowed. */
void http_client_set_stop(struct http_client *client, const atomic_bool *stop);

/*
 * One exchange, waited for.
 *   method: "GET", "PUT", "POST"; body: JSON or NULL.
 *   answer: HTTP_ANSWER_MAX + 1 bytes for the body, terminated; NULL if nobody wants it.
 *   code: HTTP status, 0 where none came. May be NULL.
 * Returns OK for 2xx; RETRY: network, time-out, 408, 429, 5xx; DENIED: 401, 403, certificate,
 * plain http; REFUSED: everything else.
 */
enum gateway_answer http_exchange(struct http_client *client, const char *method, const char *url,
                                  const char *body, char *answer, long *code);

/*
 * Sends JSON in the background, driven by http_read and http_work. Skipped (false) while one is
 * under way, dropped by the next exchange; its answer is not looked at: for what will be said again
 * anyway.
 */
bool http_post_later(struct http_client *client, const char *url, const char *body);

/* Lets background work go on. Returns true while there is some: call again within 50 ms. */
bool http_work(struct http_client *client);

/*
 * Reads at `offset` of the file at `url`; blocks at most HTTP_PAUSE_MS.
 * A download that is under way goes on as long as offsets rise; else a new one starts with Range
 * and If-Range. A server that does not know ranges is read from the start, discarding.
 * RETRY also when the file changed meanwhile, or broke off.
 */
enum gateway_answer http_read(struct http_client *client, const char *url, uint32_t offset,
                              uint8_t *out, uint32_t size, uint32_t *got);

/* Forgets the download and the file's validator: the next read may see another file. */
void http_forget(struct http_client *client);

#endif
