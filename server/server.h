/*
 * server.h - what one running server owns. Handlers get it with each request.
 */
#ifndef FERRY_SERVER_SERVER_H
#define FERRY_SERVER_SERVER_H

#include <stdatomic.h>
#include <stddef.h>

#include "config.h"
#include "events.h"
#include "image_check.h"
#include "store.h"

struct MHD_Daemon;
struct http_route;

struct server {
    struct server_config config;
    struct image_keys keys;
    struct store *store;
    struct events *events;
    const struct http_route *routes; /* tried in this order */
    size_t route_count;
    struct MHD_Daemon *daemon;
    atomic_int active;    /* requests between their headers and their last byte */
    atomic_bool stopping; /* finish what runs, take no new connections */
};

#endif
