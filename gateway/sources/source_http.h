/*
 * source_http.h - images at plain URLs, or behind the two simple endpoints of a Ferry server:
 * <base>/version (a decimal number: major << 24 | minor << 16 | revision) and
 * <base>/firmware?current_bank=0|1 (the image for the other slot).
 */
#ifndef GATEWAY_SOURCES_SOURCE_HTTP_H
#define GATEWAY_SOURCES_SOURCE_HTTP_H

#include "http_client.h"

enum { SOURCE_HTTP_IMAGES_MAX = 8 };

struct source_http {
    struct http_client *client;               /* borrowed */
    const char *urls[SOURCE_HTTP_IMAGES_MAX]; /* borrowed; one that ends in /firmware: see above */
    uint8_t count;
    bool simple; /* the two endpoints */
    char version_url[HTTP_URL_SIZE];
    char firmware_url[HTTP_URL_SIZE];
};

/*
 *   urls: 1..SOURCE_HTTP_IMAGES_MAX strings, borrowed: one image for each slot.
 * Returns false if a URL is too long.
 */
bool source_http_init(struct source_http *source, struct http_client *client,
                      const char *const *urls, size_t count);

struct gateway_source source_http_source(struct source_http *source);

#endif
