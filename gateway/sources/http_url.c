#include "http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Scheme, host and port of a URL; each freed with curl_free. */
struct origin {
    char *scheme, *host, *port;
};

static void origin_free(struct origin *origin)
{
    curl_free(origin->scheme);
    curl_free(origin->host);
    curl_free(origin->port);
}

static bool origin_of(const char *url, struct origin *origin)
{
    CURLU *parts = curl_url();
    *origin = (struct origin){NULL, NULL, NULL};
    bool ok = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_SCHEME, &origin->scheme, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &origin->host, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_PORT, &origin->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    curl_url_cleanup(parts);
    if (!ok) {
        origin_free(origin);
    }
    return ok;
}

static bool is_this_machine(const char *host)
{
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1) {
        return ntohl(address.s_addr) >> 24 == 127;
    }
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

bool http_url_is_safe(const char *url)
{
    struct origin origin;
    if (!origin_of(url, &origin)) {
        return false;
    }
    bool safe = strcasecmp(origin.scheme, "https") == 0 ||
                (strcasecmp(origin.scheme, "http") == 0 && is_this_machine(origin.host));
    origin_free(&origin);
    return safe;
}

bool http_url_same_server(const char *a, const char *b)
{
    struct origin first, second;
    if (!origin_of(a, &first)) {
        return false;
    }
    if (!origin_of(b, &second)) {
        origin_free(&first);
        return false;
    }
    bool same = strcasecmp(first.scheme, second.scheme) == 0 &&
                strcasecmp(first.host, second.host) == 0 && strcmp(first.port, second.port) == 0;
    origin_free(&first);
    origin_free(&second);
    return same;
}
