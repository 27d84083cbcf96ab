/*
 * The functions of <string.h> that Ferry uses, by bytes: 120 bytes of code instead of the C
 * library's 800. Compiled without LTO, which would find calls to them only after it dropped them.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t __attribute__((aligned(1), may_alias)) unaligned_word;

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    char *out = to;
    const char *in = from;
    size_t at = 0;
    /* Words while four bytes are left: a Cortex-M4 loads and stores them unaligned. */
    for (; size - at >= sizeof(unaligned_word); at += sizeof(unaligned_word)) {
        *(unaligned_word *)(out + at) = *(const unaligned_word *)(in + at);
    }
    for (; at < size; at++) {
        out[at] = in[at];
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    for (char *out = to; size > 0; size--) {
        *out++ = (char)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (; size > 0; size--, left++, right++) {
        if (*left != *right) {
            return *left - *right;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != '\0') {
        end++;
    }
    return (size_t)(end - text);
}
