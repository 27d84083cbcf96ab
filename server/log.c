#include "log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level highest = LEVEL_INFO;

struct line {
    char text[2048];
    size_t used;
};

void log_set_level(enum log_level level)
{
    highest = level;
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* The JSON form of one byte. Returns its length, 1..6. */
static size_t quote_byte(unsigned char byte, char out[8])
{
    if (byte == '"' || byte == '\\') {
        out[0] = '\\';
        out[1] = (char)byte;
        return 2;
    }
    if (byte < 0x20 || byte >= 0x7f) {
        return (size_t)snprintf(out, 8, "\\u%04x", byte);
    }
    out[0] = (char)byte;
    return 1;
}

size_t log_quote(char *out, size_t size, const char *text)
{
    if (size < 3) {
        return 0;
    }
    size_t used = 0;
    out[used++] = '"';
    for (; *text != '\0'; text++) {
        char piece[8];
        size_t length = quote_byte((unsigned char)*text, piece);
        if (length > size - used - 2) { /* used <= size - 2 always: room for quote and terminator */
            break;
        }
        memcpy(out + used, piece, length);
        used += length;
    }
    out[used++] = '"';
    out[used] = '\0';
    return used;
}

/* Room is kept for the closing brace and newline. */
enum { LINE_TAIL = 3, FIELD_KEY_MAX = 40 };

static void add_field(struct line *line, const struct log_field *field)
{
    size_t room = sizeof line->text - LINE_TAIL - line->used;
    if (room < FIELD_KEY_MAX + 32) {
        return;
    }
    line->used +=
        (size_t)snprintf(line->text + line->used, room, ",\"%.*s\":", FIELD_KEY_MAX, field->key);
    room = sizeof line->text - LINE_TAIL - line->used;
    if (field->is_number) {
        line->used += (size_t)snprintf(line->text + line->used, room, "%lld", field->number);
    } else {
        const char *text = field->text != NULL ? field->text : "";
        line->used += log_quote(line->text + line->used, room, text);
    }
}

static void begin_line(struct line *line, enum log_level level, const char *event)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    line->used = strftime(line->text, sizeof line->text, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &utc);
    line->used += (size_t)snprintf(line->text + line->used, sizeof line->text - line->used,
                                   ".%03ldZ\",\"level\":\"%s\",\"event\":\"%.64s\"",
                                   now.tv_nsec / 1000000, level_names[level], event);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level > highest) {
        return;
    }
    struct line line;
    begin_line(&line, level, event);
    for (; fields->key != NULL; fields++) {
        add_field(&line, fields);
    }
    line.text[line.used++] = '}';
    line.text[line.used++] = '\n';
    /* Nothing sensible can be done when stderr is gone. */
    ssize_t written = write(STDERR_FILENO, line.text, line.used);
    (void)written;
}
