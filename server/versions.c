#include "versions.h"

#include <string.h>

bool version_text_equal(const char *a, const char *b)
{
    struct ferry_version left, right;
    if (!ferry_version_parse(a, &left) || !ferry_version_parse(b, &right)) {
        return strcmp(a, b) == 0;
    }
    return ferry_version_compare(&left, &right) == 0;
}

uint32_t version_number(const struct ferry_version *version)
{
    return (uint32_t)version->major << 24 | (uint32_t)version->minor << 16 | version->revision;
}
