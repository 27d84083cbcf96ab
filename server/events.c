#include "events.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

enum { PING_EVERY_TICKS = 15, BLOCK_SIZE = 4096 };

struct reader {
    struct events *events;
    struct MHD_Connection *connection;
    uint64_t next; /* number of the event to send next */
    uint64_t ping; /* number of the ping sent last */
    char text[EVENTS_TEXT_MAX];
    size_t length, sent; /* of text */
    bool waiting;        /* its connection is suspended */
    struct reader *link;
};

struct events {
    pthread_mutex_t lock;
    struct reader *readers;
    unsigned reader_count;
    uint64_t count; /* events published so far; number n is at ring[n % EVENTS_RING] */
    uint64_t pings;
    unsigned ticks;
    bool stopped;
    char ring[EVENTS_RING][EVENTS_TEXT_MAX];
};

struct events *events_create(void)
{
    struct events *events = calloc(1, sizeof *events);
    if (events != NULL) {
        pthread_mutex_init(&events->lock, NULL);
    }
    return events;
}

void events_destroy(struct events *events)
{
    if (events == NULL) {
        return;
    }
    pthread_mutex_destroy(&events->lock);
    free(events);
}

/* With the lock held. */
static void wake_all(struct events *events)
{
    for (struct reader *reader = events->readers; reader != NULL; reader = reader->link) {
        if (reader->waiting) {
            reader->waiting = false;
            MHD_resume_connection(reader->connection);
        }
    }
}

void events_publish(struct events *events, const char *name, const char *json)
{
    char text[EVENTS_TEXT_MAX];
    int length = snprintf(text, sizeof text, "event: %s\ndata: %s\n\n", name, json);
    if (length < 0 || length >= EVENTS_TEXT_MAX) {
        return;
    }
    pthread_mutex_lock(&events->lock);
    memcpy(events->ring[events->count++ % EVENTS_RING], text, (size_t)length + 1);
    wake_all(events);
    pthread_mutex_unlock(&events->lock);
}

void events_tick(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    if (++events->ticks % PING_EVERY_TICKS == 0) {
        events->pings++;
        wake_all(events);
    }
    pthread_mutex_unlock(&events->lock);
}

void events_stop(struct events *events)
{
    pthread_mutex_lock(&events->lock);
    events->stopped = true;
    wake_all(events);
    pthread_mutex_unlock(&events->lock);
}

/* Puts what is to be sent next into reader->text. False: nothing. With the lock held. */
static bool load_next(struct events *events, struct reader *reader)
{
    const char *text = NULL;
    if (events->count - reader->next > EVENTS_RING) {
        text = "event: lost\ndata: {}\n\n";
        reader->next = events->count;
    } else if (reader->next < events->count) {
        text = events->ring[reader->next++ % EVENTS_RING];
    } else if (reader->ping < events->pings) {
        text = ": ping\n\n";
        reader->ping = events->pings;
    }
    if (text == NULL) {
        return false;
    }
    reader->length = strlen(text);
    reader->sent = 0;
    memcpy(reader->text, text, reader->length + 1);
    return true;
}

/* libmicrohttpd asks for bytes; without any the connection sleeps until wake_all. */
static ssize_t read_events(void *ctx, uint64_t position, char *out, size_t max)
{
    (void)position;
    struct reader *reader = ctx;
    struct events *events = reader->events;
    ssize_t result = 0;
    pthread_mutex_lock(&events->lock);
    if (events->stopped) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (reader->sent < reader->length || load_next(events, reader)) {
        size_t count = reader->length - reader->sent;
        if (count > max) {
            count = max;
        }
        memcpy(out, reader->text + reader->sent, count);
        reader->sent += count;
        result = (ssize_t)count;
    } else {
        reader->waiting = true;
        MHD_suspend_connection(reader->connection);
    }
    pthread_mutex_unlock(&events->lock);
    return result;
}

static void free_reader(void *ctx)
{
    struct reader *reader = ctx;
    struct events *events = reader->events;
    pthread_mutex_lock(&events->lock);
    for (struct reader **at = &events->readers; *at != NULL; at = &(*at)->link) {
        if (*at == reader) {
            *at = reader->link;
            events->reader_count--;
            break;
        }
    }
    pthread_mutex_unlock(&events->lock);
    free(reader);
}

/* NULL when there are too many. */
static struct reader *add_reader(struct events *events, struct MHD_Connection *connection)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&events->lock);
    bool room = events->reader_count < EVENTS_READERS_MAX && !events->stopped;
    if (room) {
        reader->events = events;
        reader->connection = connection;
        reader->next = events->count;
        reader->ping = events->pings;
        reader->length = (size_t)snprintf(reader->text, sizeof reader->text, "retry: 2000\n\n");
        reader->link = events->readers;
        events->readers = reader;
        events->reader_count++;
    }
    pthread_mutex_unlock(&events->lock);
    if (!room) {
        free(reader);
        reader = NULL;
    }
    return reader;
}

enum MHD_Result events_handle(struct request *request)
{
    struct reader *reader = add_reader(request->server->events, request->connection);
    if (reader == NULL) {
        return http_reply_problem(request, PROBLEM_TOO_MANY);
    }
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_events, reader, free_reader);
    if (response == NULL) {
        free_reader(reader);
    } else {
        MHD_add_response_header(response, "Content-Type", "text/event-stream");
    }
    return http_reply(request, MHD_HTTP_OK, response);
}
