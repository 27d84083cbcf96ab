/*
 * events.h - server-sent events: what changes is told to every page that watches.
 *
 * The newest events stay in a ring; each reader has a place in it. A reader that fell behind the
 * ring gets "event: lost" and reads the lists again. Thread-safe; publishing never waits for a
 * reader.
 */
#ifndef FERRY_SERVER_EVENTS_H
#define FERRY_SERVER_EVENTS_H

#include <stdbool.h>

struct events;

enum {
    EVENTS_RING = 128,
    EVENTS_TEXT_MAX = 3072, /* bytes of one event on the wire; longer ones are dropped */
    EVENTS_READERS_MAX = 32
};

struct events *events_create(void);
void events_destroy(struct events *events);

/* `name` of the event and one line of JSON. */
void events_publish(struct events *events, const char *name, const char *json);

/* Call once a second: sends a comment to silent readers, so that dead connections are noticed. */
void events_tick(struct events *events);

/* Ends all readers, now and later. */
void events_stop(struct events *events);

#endif
