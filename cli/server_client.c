#include "server_client.h"

#include "cli.h"
#include "http_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MAX = 4 * 1024 * 1024, /* bytes of an answer that are taken */
    URL_MAX_SIZE = SERVER_URL_SIZE + 256,
    CONNECT_TIMEOUT_S = 10,
    SILENCE_TIMEOUT_S = 60 /* without a byte in either direction */
};

struct server_client {
    CURL *curl;
    const struct server_options *options;
    char error[CURL_ERROR_SIZE];
    char *body;
    size_t body_size;
    const struct server_upload *upload;
    long status; /* of the last answer */
};

static const char *or_environment(const char *value, const char *name)
{
    const char *found = value != NULL ? value : getenv(name);
    return found != NULL && found[0] != '\0' ? found : NULL;
}

/* Without a scheme it is https. False if it is too long. */
static bool complete_url(struct server_options *options)
{
    if (strstr(options->url, "://") != NULL) {
        return strlen(options->url) < SERVER_URL_SIZE;
    }
    int length =
        snprintf(options->completed, sizeof options->completed, "https://%s", options->url);
    options->url = options->completed;
    return length > 0 && (size_t)length < sizeof options->completed;
}

bool server_options_complete(struct server_options *options)
{
    options->url = or_environment(options->url, "FERRY_SERVER");
    options->token = or_environment(options->token, "FERRY_TOKEN");
    if (options->url == NULL) {
        cli_fail("no server: give --server URL or set FERRY_SERVER");
    } else if (options->token == NULL) {
        cli_fail("no token: give --token T or set FERRY_TOKEN");
    }
    if (options->url == NULL || options->token == NULL) {
        return false;
    }
    if (!complete_url(options)) {
        cli_fail("the server's URL is too long");
        return false;
    }
    if (!options->insecure_http && !http_url_is_safe(options->url)) {
        cli_fail("%s: the server's URL must be https (http only to this machine, or with "
                 "--insecure-http)",
                 options->url);
        return false;
    }
    return true;
}

bool server_client_created(const struct server_client *client)
{
    return client->status == 201;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *ctx)
{
    struct server_client *client = ctx;
    (void)one;                                   /* always 1 */
    if (size > ANSWER_MAX - client->body_size) { /* body_size <= ANSWER_MAX always */
        return 0;                                /* ends the transfer */
    }
    char *grown = realloc(client->body, client->body_size + size + 1);
    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + client->body_size, bytes, size);
    client->body = grown;
    client->body_size += size;
    grown[client->body_size] = '\0';
    return size;
}

static int tell_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                         curl_off_t up)
{
    const struct server_client *client = ctx;
    (void)down_total;
    (void)down;
    if (client->upload != NULL && client->upload->progress != NULL && up_total > 0) {
        client->upload->progress(client->upload->ctx, (size_t)up, (size_t)up_total);
    }
    return 0;
}

static void set_options(struct server_client *client)
{
    CURL *curl = client->curl;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "ferry/" FERRY_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tell_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (client->options->ca != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->options->ca);
    }
}

struct server_client *server_client_open(const struct server_options *options)
{
    struct server_client *client = calloc(1, sizeof *client);
    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        cli_fail("out of memory");
        free(client);
        return NULL;
    }
    client->options = options;
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        cli_fail("out of memory");
        server_client_close(client);
        return NULL;
    }
    set_options(client);
    return client;
}

void server_client_close(struct server_client *client)
{
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
    free(client->body);
    free(client);
}

/* The headers of one request. NULL when out of memory; the caller frees. */
static struct curl_slist *make_headers(const struct server_client *client,
                                       const struct server_upload *upload)
{
    char line[512];
    snprintf(line, sizeof line, "Authorization: Bearer %.256s", client->options->token);
    struct curl_slist *headers = curl_slist_append(NULL, line);
    memset(line, 0, sizeof line);
    if (headers != NULL && upload != NULL) {
        snprintf(line, sizeof line, "Content-Type: %.64s", upload->type);
        curl_slist_append(headers, line);
    }
    return headers;
}

static void show_failure(const struct server_client *client, CURLcode code)
{
    const char *url = client->options->url;
    const char *hint = code == CURLE_SSL_CONNECT_ERROR ? "; is it http?" : "";
    cli_fail("%s: %s%s", url, client->error[0] != '\0' ? client->error : curl_easy_strerror(code),
             hint);
}

/* One exchange; the answer is in client->body. Returns the HTTP status, 0 after a message. */
static long exchange(struct server_client *client, const char *path,
                     const struct server_upload *upload)
{
    char url[URL_MAX_SIZE];
    size_t length = strlen(client->options->url);
    while (length > 0 && client->options->url[length - 1] == '/') {
        length--;
    }
    int size = snprintf(url, sizeof url, "%.*s%s", (int)length, client->options->url, path);
    struct curl_slist *headers = make_headers(client, upload);
    if (size >= (int)sizeof url || headers == NULL) {
        curl_slist_free_all(headers);
        cli_fail("the server's URL is too long");
        return 0;
    }
    client->upload = upload;
    client->body_size = 0;
    client->error[0] = '\0';
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
    if (upload != NULL) {
        curl_easy_setopt(client->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)upload->size);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, upload->bytes);
    }
    CURLcode code = curl_easy_perform(client->curl);
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (upload != NULL && upload->end != NULL) {
        upload->end(upload->ctx);
    }
    if (code == CURLE_OK) {
        return status;
    }
    show_failure(client, code);
    return 0;
}

static void show_refusal(const struct server_client *client, long status, const cJSON *answer)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "message"));
    if (name != NULL && message != NULL) {
        cli_fail("the server refused: %s (%s)", message, name);
    } else {
        cli_fail("%s answered %ld and is perhaps no ferry-server", client->options->url, status);
    }
}

/* What a server sends may be shown on a terminal: no control characters in any text. */
static void clean_texts(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        for (char *at = cJSON_GetStringValue(item); at != NULL && *at != '\0'; at++) {
            if ((unsigned char)*at < 0x20 || *at == 0x7f) {
                *at = '?';
            }
        }
        clean_texts(item->child); /* cJSON nests at most 1000 deep */
    }
}

cJSON *server_client_ask(struct server_client *client, const char *path,
                         const struct server_upload *upload)
{
    long status = exchange(client, path, upload);
    client->status = status;
    if (status == 0) {
        return NULL;
    }
    cJSON *answer = cJSON_ParseWithLength(client->body, client->body_size);
    clean_texts(answer);
    if (cJSON_IsObject(answer) && status >= 200 && status < 300) {
        return answer;
    }
    show_refusal(client, status, answer);
    cJSON_Delete(answer);
    return NULL;
}
