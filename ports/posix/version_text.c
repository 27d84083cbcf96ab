#include "version_text.h"

#include <inttypes.h>
#include <stdio.h>

void ferry_version_print(const struct ferry_version *version, char text[FERRY_VERSION_TEXT_SIZE])
{
    int used = snprintf(text, FERRY_VERSION_TEXT_SIZE, "%u.%u.%u", version->major, version->minor,
                        version->revision);
    if (version->build != 0) {
        snprintf(text + used, FERRY_VERSION_TEXT_SIZE - (size_t)used, "+%" PRIu32, version->build);
    }
}

/* A decimal number of at most `max`; moves `*at` behind it. */
static bool take_number(const char **at, uint32_t max, uint32_t *out)
{
    const char *start = *at;
    uint64_t value = 0;
    while (**at >= '0' && **at <= '9') {
        value = value * 10 + (uint64_t)(**at - '0');
        if (value > max) {
            return false;
        }
        (*at)++;
    }
    *out = (uint32_t)value;
    return *at != start;
}

static bool take(const char **at, char expected)
{
    if (**at != expected) {
        return false;
    }
    (*at)++;
    return true;
}

bool ferry_version_parse(const char *text, struct ferry_version *version)
{
    uint32_t major = 0;
    uint32_t minor = 0;
    uint32_t revision = 0;
    uint32_t build = 0;
    if (!take_number(&text, UINT8_MAX, &major) || !take(&text, '.') ||
        !take_number(&text, UINT8_MAX, &minor) || !take(&text, '.') ||
        !take_number(&text, UINT16_MAX, &revision)) {
        return false;
    }
    if (take(&text, '+') && !take_number(&text, UINT32_MAX, &build)) {
        return false;
    }
    if (*text != '\0') {
        return false;
    }
    *version = (struct ferry_version){(uint8_t)major, (uint8_t)minor, (uint16_t)revision, build};
    return true;
}
