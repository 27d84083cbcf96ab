#include "range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Reads digits; false if there is none or the number does not fit. */
static bool read_number(const char **at, uint64_t *out)
{
    const char *start = *at;
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return *at != start;
}

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

static struct range part(uint64_t first, uint64_t last, uint64_t size)
{
    if (first >= size) {
        return (struct range){RANGE_UNSATISFIABLE, 0, 0};
    }
    if (last > size - 1) { /* size > first >= 0 */
        last = size - 1;
    }
    return (struct range){RANGE_PART, first, last - first + 1};
}

static struct range suffix(uint64_t count, uint64_t size)
{
    if (count == 0 || size == 0) {
        return (struct range){RANGE_UNSATISFIABLE, 0, 0};
    }
    return part(count < size ? size - count : 0, size - 1, size);
}

struct range range_parse(const char *header, uint64_t size)
{
    const struct range whole = {RANGE_WHOLE, 0, size};
    static const char unit[] = "bytes=";
    if (header == NULL || strncasecmp(header, unit, sizeof unit - 1) != 0) {
        return whole;
    }
    const char *at = header + sizeof unit - 1;
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    skip_blanks(&at);
    bool has_first = read_number(&at, &first);
    if (*at++ != '-') {
        return whole;
    }
    bool has_last = read_number(&at, &last);
    skip_blanks(&at);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first)) {
        return whole;
    }
    if (!has_first) {
        return suffix(last, size);
    }
    return part(first, has_last ? last : UINT64_MAX, size);
}

bool range_etag_listed(const char *header, const char *etag)
{
    if (header == NULL) {
        return false;
    }
    size_t length = strlen(etag);
    for (const char *at = header; *at != '\0';) {
        at += strspn(at, " \t,");
        if (at[0] == '*') {
            return true;
        }
        if (strncmp(at, "W/", 2) == 0) {
            at += 2;
        }
        if (strncmp(at, etag, length) == 0 && strchr(" \t,", at[length]) != NULL) {
            return true; /* strchr also finds the terminator */
        }
        at += strcspn(at, ",");
    }
    return false;
}

bool range_allowed(const char *if_range, const char *etag)
{
    return if_range == NULL || strcmp(if_range, etag) == 0;
}
