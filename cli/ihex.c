#include "ihex.h"

#include <stdio.h>
#include <stdlib.h>

enum { DATA_PER_RECORD = 16 };
enum { RECORD_DATA = 0, RECORD_END = 1, RECORD_UPPER_ADDRESS = 4 };

/* ":" count, address, type, data, checksum: the bytes of a record add up to 0. */
static void put_record(FILE *out, uint8_t type, uint16_t address, const uint8_t *data, size_t size)
{
    unsigned sum = (unsigned)size + (address >> 8) + (address & 0xFFU) + type;
    fprintf(out, ":%02zX%04X%02X", size, (unsigned)address, (unsigned)type);
    for (size_t i = 0; i < size; i++) {
        fprintf(out, "%02X", data[i]);
        sum += data[i];
    }
    fprintf(out, "%02X\n", (0U - sum) & 0xFFU);
}

static void put_upper(FILE *out, uint32_t address)
{
    const uint8_t upper[2] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16)};
    put_record(out, RECORD_UPPER_ADDRESS, 0, upper, sizeof upper);
}

/* A record names the lower half of its address and must not cross into the next upper half. */
static void put_chunk(FILE *out, const struct ihex_chunk *chunk)
{
    for (size_t done = 0; done < chunk->size;) {
        uint32_t address = chunk->address + (uint32_t)done;
        size_t size = DATA_PER_RECORD - address % DATA_PER_RECORD;
        if (size > chunk->size - done) {
            size = chunk->size - done;
        }
        if (done == 0 || (address & 0xFFFFU) == 0) {
            put_upper(out, address);
        }
        put_record(out, RECORD_DATA, (uint16_t)address, chunk->bytes + done, size);
        done += size;
    }
}

char *ihex_write(const struct ihex_chunk *chunks, size_t count, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        put_chunk(out, &chunks[i]);
    }
    put_record(out, RECORD_END, 0, NULL, 0);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
