/*
 * server_client.h - requests to ferry-server for the commands publish and releases.
 *
 * One connection, kept between requests; certificates are always verified, redirects are not
 * followed (they would carry the token elsewhere). Blocks.
 */
#ifndef FERRY_CLI_SERVER_CLIENT_H
#define FERRY_CLI_SERVER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

struct server_options {
    const char *url;   /* http(s)://host[:port], or NULL: the environment's FERRY_SERVER */
    const char *token; /* or NULL: the environment's FERRY_TOKEN, which no process list shows */
    const char *ca;    /* PEM file of the certificate authority; NULL: the system's */
};

struct server_client; /* one connection */

/* Called while a body goes out: bytes sent of all. */
typedef void server_progress(void *ctx, size_t sent, size_t total);

struct server_upload {
    const char *type; /* Content-Type */
    const void *bytes;
    size_t size;
    server_progress *progress; /* may be NULL */
    void (*end)(void *ctx);    /* the body is out, or failed; before any message. May be NULL */
    void *ctx;
};

/* Completes the options from the environment. False after a message: url or token is missing. */
bool server_options_complete(struct server_options *options);

/* Returns NULL after a message. The options must outlive the client. */
struct server_client *server_client_open(const struct server_options *options);
void server_client_close(struct server_client *client);

/* True when the last answer was 201: what was sent is new to the server. */
bool server_client_created(const struct server_client *client);

/*
 * GET (upload NULL) or POST to a path such as "/api/v1/releases".
 * Returns the answer's JSON object, owned by the caller; NULL after a message, for any status
 * but 2xx with the server's own sentence.
 */
cJSON *server_client_ask(struct server_client *client, const char *path,
                         const struct server_upload *upload);

#endif
