/*
 * ihex.h - memory contents as Intel HEX text, which every flash programmer reads.
 */
#ifndef FERRY_CLI_IHEX_H
#define FERRY_CLI_IHEX_H

#include <stddef.h>
#include <stdint.h>

struct ihex_chunk {
    uint32_t address;     /* absolute; address + size does not wrap */
    const uint8_t *bytes; /* borrowed */
    size_t size;
};

/*
 * Returns the text and its size, or NULL when there is no memory. Freed by the caller.
 */
char *ihex_write(const struct ihex_chunk *chunks, size_t count, size_t *size);

#endif
