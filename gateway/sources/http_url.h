/*
 * http_url.h - which server may be talked to, and who gets the token. For the gateway's sources and
 * for `ferry`. Parses with libcurl, so that what is judged is what will be asked. May be called
 * from any thread.
 */
#ifndef GATEWAY_SOURCES_HTTP_URL_H
#define GATEWAY_SOURCES_HTTP_URL_H

#include <stdbool.h>

/* True for https, and for http to this machine (127.x.x.x, ::1, localhost). A URL without a scheme
 * is none. */
bool http_url_is_safe(const char *url);

/* True when scheme, host and port are the same. */
bool http_url_same_server(const char *a, const char *b);

#endif
