#include "log.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level highest = LOG_INFO;
static bool json;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void log_setup(enum log_level level, bool as_json)
{
    highest = level;
    json = as_json;
}

bool log_parse_level(const char *text, enum log_level *level)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void print_json(const char *when, enum log_level level, const char *node, const char *event,
                       const char *message)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "time", when);
    cJSON_AddStringToObject(object, "level", level_names[level]);
    cJSON_AddStringToObject(object, "event", event);
    if (node != NULL) {
        cJSON_AddStringToObject(object, "node", node);
    }
    cJSON_AddStringToObject(object, "message", message);
    char *text = cJSON_PrintUnformatted(object);
    if (text != NULL) {
        fprintf(stderr, "%s\n", text);
    }
    cJSON_free(text);
    cJSON_Delete(object);
}

/* A message may quote what a server sent: nothing of it shall look like another line. */
static void blank_controls(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            *text = ' ';
        }
    }
}

void log_line(enum log_level level, const char *node, const char *event, const char *format, ...)
{
    char message[512];
    char when[32];
    struct tm utc;
    time_t now = time(NULL);
    if (level > highest) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    blank_controls(message);
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    pthread_mutex_lock(&lock);
    if (json) {
        print_json(when, level, node, event, message);
    } else {
        fprintf(stderr, "%s %s %s: %s\n", when, level_names[level],
                node != NULL ? node : "ferry-gateway", message);
    }
    pthread_mutex_unlock(&lock);
}
