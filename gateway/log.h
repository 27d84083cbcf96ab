/*
 * log.h - log lines of the Linux gateway on stderr: text, or one JSON object a line. Thread-safe;
 * may block on stderr. Callers never pass tokens.
 */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Before the first thread starts. Default: LOG_INFO as text. */
void log_setup(enum log_level level, bool as_json);

/* "error", "warn", "info", "debug". */
bool log_parse_level(const char *text, enum log_level *level);

/*
 *   node: name of the node, or NULL.
 *   event: a word for programs; the rest a sentence for people.
 */
__attribute__((format(printf, 4, 5))) void log_line(enum log_level level, const char *node,
                                                    const char *event, const char *format, ...);

#endif
