/*
 * log.h - one JSON object a line on stderr.
 *
 * Callers name the fields; a token, a key or an Authorization header is never one of them.
 * Thread-safe: a line leaves in one write(2). Text longer than the line buffer is cut, the line
 * stays valid JSON.
 */
#ifndef FERRY_SERVER_LOG_H
#define FERRY_SERVER_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

struct log_field {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL is logged as "" */
    long long number;
    bool is_number;
};

#define LOG_S(name, value)                                                                         \
    {                                                                                              \
        (name), (value), 0, false                                                                  \
    }
#define LOG_N(name, value)                                                                         \
    {                                                                                              \
        (name), NULL, (long long)(value), true                                                     \
    }

/* LOG_EVENT(LEVEL_INFO, "listening", LOG_S("address", a), LOG_N("port", p)); one field at least. */
#define LOG_EVENT(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0, false}})

/* Lines above this level are dropped. Default: LEVEL_INFO. Call before threads start. */
void log_set_level(enum log_level level);

/* Reads "error", "warn", "info" or "debug". False if it is none of them. */
bool log_level_parse(const char *text, enum log_level *level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/*
 * Writes `text` as a quoted JSON string into out, cutting it to fit; bytes that are not printable
 * ASCII are escaped as \u00XX. Returns the bytes written without the terminator; 0 if size < 3.
 */
size_t log_quote(char *out, size_t size, const char *text);

#endif
