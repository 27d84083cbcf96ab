#include "boots.h"

#include <string.h>

enum { WORDS = 7, DIGITS_MAX = 10, ATTEMPTS_MAX = UINT8_MAX };

bool boots_is_key(const char *key)
{
    static const char prefix[] = "ferry.boot.";
    return strncmp(key, prefix, sizeof prefix - 1) == 0;
}

/* The words, each cut off with a terminator. False unless there are seven of 1 to 32 bytes. */
static bool split(const char *value, char words[WORDS][BOOT_WORD_SIZE])
{
    for (size_t i = 0; i < WORDS; i++) {
        size_t length = strcspn(value, " ");
        bool last = i == WORDS - 1;
        if (length == 0 || length >= BOOT_WORD_SIZE || (value[length] == '\0') != last) {
            return false;
        }
        memcpy(words[i], value, length);
        words[i][length] = '\0';
        value += length + (last ? 0 : 1);
    }
    return true;
}

static bool read_number(const char *text, int64_t max, int64_t *out)
{
    size_t length = strlen(text);
    int64_t number = 0;
    if (length > DIGITS_MAX || strspn(text, "0123456789") != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) { /* ten digits are far below 2^63 */
        number = number * 10 + (text[i] - '0');
    }
    *out = number;
    return number <= max;
}

/* By characters: a later gateway may know words that this server does not. */
static bool read_word(const char *text, char out[BOOT_WORD_SIZE])
{
    size_t length = strlen(text);
    memcpy(out, text, length + 1);
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
           length;
}

static bool read_slot(const char *text, char out[2])
{
    bool none = strcmp(text, "-") == 0;
    out[0] = none ? '\0' : text[0];
    out[1] = '\0';
    return none || strcmp(text, "a") == 0 || strcmp(text, "b") == 0;
}

static bool read_version(const char *text, char out[FERRY_VERSION_TEXT_SIZE])
{
    struct ferry_version version;
    out[0] = '\0';
    if (strcmp(text, "-") == 0) {
        return true;
    }
    if (!ferry_version_parse(text, &version)) {
        return false;
    }
    ferry_version_print(&version, out);
    return true;
}

bool boots_parse(const char *value, struct boot *boot)
{
    char words[WORDS][BOOT_WORD_SIZE];
    memset(boot, 0, sizeof *boot);
    return split(value, words) && read_number(words[0], UINT32_MAX, &boot->number) &&
           read_word(words[1], boot->reset) && read_word(words[2], boot->action) &&
           read_slot(words[3], boot->slot) && read_version(words[4], boot->version) &&
           read_number(words[5], ATTEMPTS_MAX, &boot->attempts) && read_word(words[6], boot->error);
}
