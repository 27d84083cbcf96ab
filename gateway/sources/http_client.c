/* Exchanges: one request, one bounded answer. Downloads: http_file.c. */
#include "http_internal.h"
#include "http_url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_S = 10, SLICE_MS = 200 };

struct http_client *http_client_new(const struct http_options *options)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    client->options = *options;
    client->multi = curl_multi_init();
    if (client->multi == NULL) {
        free(client);
        return NULL;
    }
    return client;
}

static void drop_post(struct http_client *client)
{
    if (client->post.easy != NULL) {
        curl_multi_remove_handle(client->multi, client->post.easy);
        curl_easy_cleanup(client->post.easy);
        curl_slist_free_all(client->post.headers);
        client->post.easy = NULL;
        client->post.headers = NULL;
    }
}

void http_client_free(struct http_client *client)
{
    if (client != NULL) {
        http_forget(client);
        drop_post(client);
        curl_multi_cleanup(client->multi);
        free(client);
    }
}

const char *http_client_error(const struct http_client *client)
{
    return client->error;
}

void http_client_set_stop(struct http_client *client, const atomic_bool *stop)
{
    client->stop = stop;
}

enum gateway_answer http_fail(struct http_client *client, enum gateway_answer answer,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->error, sizeof client->error, format, arguments);
    va_end(arguments);
    return answer;
}

/* --- requests ------------------------------------------------------------------------------ */

static bool add_header(struct curl_slist **headers, const char *name, const char *value)
{
    char line[HTTP_TEXT_SIZE * 3];
    int length = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *more =
        length > 0 && (size_t)length < sizeof line ? curl_slist_append(*headers, line) : NULL;
    if (more == NULL) {
        return false;
    }
    *headers = more;
    return true;
}

static void set_common(struct http_client *client, CURL *easy, const char *url)
{
    bool allow_http = client->options.insecure_http || strncasecmp(url, "http:", 5) == 0;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    /* Plain http only where it was found safe; redirects are followed by us, with the same check.
     */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, allow_http ? "https,http" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* several threads */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "ferry-gateway");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->detail); /* of the last failure */
    if (client->options.ca_file != NULL && client->options.ca_file[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->options.ca_file);
    }
}

CURL *http_prepare(struct http_client *client, const char *url, struct curl_slist **headers,
                   enum gateway_answer *answer)
{
    if (!http_url_is_safe(url) && !client->options.insecure_http) {
        *answer = http_fail(client, GATEWAY_DENIED,
                            "%.150s: plain http to another machine is not allowed "
                            "(insecure_http)",
                            url);
        return NULL;
    }
    const char *token = client->options.authorization;
    CURL *easy = curl_easy_init();
    bool ok = easy != NULL;
    if (ok && token != NULL && token[0] != '\0' &&
        http_url_same_server(url, client->options.server)) {
        ok = add_header(headers, "Authorization", token);
    }
    if (!ok) {
        *answer = http_fail(client, GATEWAY_RETRY, "out of memory");
        curl_easy_cleanup(easy);
        return NULL;
    }
    set_common(client, easy, url);
    return easy;
}

enum gateway_answer http_judge_code(struct http_client *client, long code, const char *url)
{
    if (code == 401 || code == 403) {
        return http_fail(client, GATEWAY_DENIED,
                         "%.150s: HTTP %ld, the server does not accept the token", url, code);
    }
    bool passing = code == 408 || code == 425 || code == 429 || code >= 500;
    return http_fail(client, passing ? GATEWAY_RETRY : GATEWAY_REFUSED, "%.150s: HTTP %ld", url,
                     code);
}

enum gateway_answer http_judge_transfer(struct http_client *client, CURLcode code, const char *url)
{
    const char *why = client->detail[0] != '\0' ? client->detail : curl_easy_strerror(code);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION: /* a wrong certificate authority, or host name */
    case CURLE_SSL_CACERT_BADFILE:
        return http_fail(client, GATEWAY_DENIED, "%.100s: %s", url, why);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return http_fail(client, GATEWAY_REFUSED, "%.100s: %s", url, why);
    default:
        return http_fail(client, GATEWAY_RETRY, "%.100s: %s", url, why);
    }
}

void http_pump(struct http_client *client, int wait_ms)
{
    int running = 0;
    int queued = 0;
    CURLMsg *message;
    curl_multi_perform(client->multi, &running);
    if (wait_ms > 0 && running > 0) {
        curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
        curl_multi_perform(client->multi, &running);
    }
    while ((message = curl_multi_info_read(client->multi, &queued)) != NULL) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == client->file.easy) {
            http_file_ended(client, message->data.result);
        } else if (message->msg == CURLMSG_DONE && message->easy_handle == client->post.easy) {
            drop_post(client);
        }
    }
}

bool http_work(struct http_client *client)
{
    if (client->post.easy != NULL) {
        http_pump(client, 0);
    }
    return client->post.easy != NULL;
}

/* --- one exchange --------------------------------------------------------------------------- */

struct collector {
    char *bytes; /* NULL: count only */
    size_t used;
    bool overlong;
};

static size_t collect(char *bytes, size_t one, size_t size, void *ctx)
{
    struct collector *collector = ctx;
    (void)one; /* always 1: libcurl's documentation of CURLOPT_WRITEFUNCTION */
    if (size > HTTP_ANSWER_MAX - collector->used) {
        collector->overlong = true;
        return 0;
    }
    if (collector->bytes != NULL) {
        memcpy(collector->bytes + collector->used, bytes, size);
    }
    collector->used += size;
    return size;
}

static void set_body(CURL *easy, const char *method, const char *body)
{
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct http_client *client = ctx;
    (void)a, (void)b, (void)c, (void)d;
    return client->stop != NULL && *client->stop ? 1 : 0;
}

static enum gateway_answer perform(struct http_client *client, CURL *easy, const char *url,
                                   struct collector *collector, long *code)
{
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, collector);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)HTTP_EXCHANGE_S);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, client);
    CURLcode result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, code);
    if (collector->overlong) {
        return http_fail(client, GATEWAY_REFUSED, "%.150s: the answer is too long", url);
    }
    if (result != CURLE_OK) {
        return http_judge_transfer(client, result, url);
    }
    return *code >= 200 && *code < 300 ? GATEWAY_OK : http_judge_code(client, *code, url);
}

enum gateway_answer http_exchange(struct http_client *client, const char *method, const char *url,
                                  const char *body, char *answer, long *code)
{
    struct curl_slist *headers = NULL;
    struct collector collector = {.bytes = answer};
    enum gateway_answer result = GATEWAY_RETRY;
    long seen = 0;
    if (body != NULL && !add_header(&headers, "Content-Type", "application/json")) {
        return http_fail(client, GATEWAY_RETRY, "out of memory");
    }
    drop_post(client); /* or it could arrive after what it came before */
    CURL *easy = http_prepare(client, url, &headers, &result);
    if (easy != NULL) {
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        set_body(easy, method, body);
        result = perform(client, easy, url, &collector, &seen);
        curl_easy_cleanup(easy);
    }
    curl_slist_free_all(headers);
    if (answer != NULL) {
        answer[collector.used] = '\0';
    }
    if (code != NULL) {
        *code = seen;
    }
    return result;
}

static size_t discard(char *bytes, size_t one, size_t size, void *ctx)
{
    (void)bytes, (void)ctx;
    return one * size;
}

bool http_post_later(struct http_client *client, const char *url, const char *body)
{
    struct http_post *post = &client->post;
    enum gateway_answer ignored;
    if (post->easy != NULL || strlen(body) >= sizeof post->body ||
        !add_header(&post->headers, "Content-Type", "application/json")) {
        return false;
    }
    memcpy(post->body, body, strlen(body) + 1);
    post->easy = http_prepare(client, url, &post->headers, &ignored);
    if (post->easy == NULL) {
        curl_slist_free_all(post->headers);
        post->headers = NULL;
        return false;
    }
    curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, post->headers);
    curl_easy_setopt(post->easy, CURLOPT_TIMEOUT, (long)HTTP_EXCHANGE_S);
    curl_easy_setopt(post->easy, CURLOPT_WRITEFUNCTION, discard);
    curl_easy_setopt(post->easy, CURLOPT_ERRORBUFFER, NULL); /* not what anybody waits for */
    set_body(post->easy, "POST", post->body);
    curl_multi_add_handle(client->multi, post->easy);
    return true;
}
