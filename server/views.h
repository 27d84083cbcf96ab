/*
 * views.h - records as JSON, for answers of the API and for events.
 *
 * The caller owns what is returned; NULL when out of memory.
 */
#ifndef FERRY_SERVER_VIEWS_H
#define FERRY_SERVER_VIEWS_H

#include <cjson/cJSON.h>

#include "server.h"

cJSON *view_artifact(const struct artifact *artifact);

/* With all its artifacts. */
cJSON *view_release(struct store *store, const struct release *release);

/* With its newest action. */
cJSON *view_target(struct store *store, const struct target *target);

/* Also with its last starts, the newest first. */
cJSON *view_target_whole(struct store *store, const struct target *target);

/* Tells the watching pages that a target or the releases changed. */
void view_tell_target(struct server *server, const char *controller);
void view_tell_release(struct server *server, const struct release *release);

#endif
