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

enum { SERVER_URL_SIZE = 1024 };

/* How to reach the server; for the usage of a command. */
#define SERVER_USAGE                                                                               \
    "  --server URL   https://host[:port] (or FERRY_SERVER in the environment); plain http to\n"   \
    "                 this machine only\n"                                                         \
    "  --token T      a publish token (better: FERRY_TOKEN in the environment, which no\n"         \
    "                 process list shows)\n"                                                       \
    "  --ca FILE      certificate authority of the server, PEM (default: the system's)\n"          \
    "  --insecure-http  plain http to any machine: everyone on the way sees the token\n"

struct server_options {
    const char *url;    /* [https://]host[:port], or NULL: the environment's FERRY_SERVER */
    const char *token;  /* or NULL: the environment's FERRY_TOKEN, which no process list shows */
    const char *ca;     /* PEM file of the certificate authority; NULL: the system's */
    bool insecure_http; /* plain http also to other machines: the token goes in the clear */
    char completed[SERVER_URL_SIZE]; /* `url` with its scheme, when it had none */
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

/*
 * Completes the options from the environment, and the URL by https. False after a message: url or
 * token is missing, or the token would go in the clear to another machine.
 */
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
