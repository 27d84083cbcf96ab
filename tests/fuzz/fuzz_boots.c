/*
 * Fuzzes what the server reads of a node's start: the value of an attribute ferry.boot.N. Whatever
 * is taken is within its bounds and harmless as text. And what a gateway makes of any entry of a
 * boot log is taken, with the same number.
 *
 * Input: a byte, then (even) the value of the attribute, or (odd) the entry as it lies in memory.
 */
#include "boot_text.h"
#include "boots.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good) {
        abort();
    }
}

static void expect_word(const char word[BOOT_WORD_SIZE])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    expect(memchr(word, '\0', BOOT_WORD_SIZE) != NULL);
    expect(word[0] != '\0' && strspn(word, allowed) == strlen(word));
}

static void expect_boot(const struct boot *boot)
{
    struct ferry_version version;
    expect(boot->number >= 0 && boot->number <= UINT32_MAX);
    expect(boot->attempts >= 0 && boot->attempts <= UINT8_MAX);
    expect_word(boot->reset);
    expect_word(boot->action);
    expect_word(boot->error);
    expect(boot->slot[0] == '\0' || boot->slot[0] == 'a' || boot->slot[0] == 'b');
    expect(boot->slot[1] == '\0');
    expect(boot->version[0] == '\0' || ferry_version_parse(boot->version, &version));
}

static void read_value(const uint8_t *data, size_t size)
{
    struct boot boot;
    char *value = malloc(size + 1); /* of its own size: the sanitizer sees a byte too far */
    expect(value != NULL);
    memcpy(value, data, size);
    value[size] = '\0';
    if (boots_parse(value, &boot)) {
        expect_boot(&boot);
    }
    free(value);
}

static void print_entry(const uint8_t *data, size_t size)
{
    struct ferry_boot_log entry;
    struct boot boot;
    char text[FERRY_BOOT_TEXT_SIZE];
    memset(&entry, 0, sizeof entry);
    memcpy(&entry, data, size < sizeof entry ? size : sizeof entry);
    ferry_boot_print(&entry, text);
    expect(boots_parse(text, &boot));
    expect_boot(&boot);
    expect(boot.number == entry.boot && boot.attempts == entry.attempts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        read_value(data + 1, size - 1);
    } else {
        print_entry(data + 1, size - 1);
    }
    return 0;
}
