#include "kit_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 1 << 23, PROBES = 64 };

static uint64_t known[PLACES]; /* 0: free */

uint32_t kit_sweep_number(const char *name, uint32_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

bool kit_sweep_mine(uint32_t n)
{
    const char *text = getenv("FERRY_TORTURE_PART");
    char *slash = NULL;

    if (text == NULL) {
        return true;
    }
    unsigned long part = strtoul(text, &slash, 10);
    unsigned long parts = *slash == '/' ? strtoul(slash + 1, NULL, 10) : 0;
    if (part >= parts) {
        fprintf(stderr, "FERRY_TORTURE_PART=%s: not I/N with I < N\n", text);
        abort();
    }
    return n % parts == part;
}

uint64_t kit_sweep_hash(uint64_t hash, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;

    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, from + i, size - i < 8 ? size - i : 8);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 32;
    }
    return hash + (hash == 0);
}

uint64_t kit_sweep_flash(uint64_t hash, const struct kit_flash *flash)
{
    return kit_flash_is_stable(flash) ? kit_sweep_hash(hash, flash->memory, flash->size) : 0;
}

uint64_t kit_sweep_operation(uint64_t hash, const struct kit_operation *next)
{
    if (hash == 0) {
        return 0;
    }
    hash = kit_sweep_hash(hash + next->erase, &next->where, sizeof(next->where));
    return next->erase ? hash : kit_sweep_hash(hash, next->word, 4);
}

/* The place of a hash, or the free one where it belongs; NULL where there is none. */
static uint64_t *place_of(uint64_t hash)
{
    for (uint64_t i = 0; i < PROBES; i++) {
        uint64_t *place = &known[(hash + i) % PLACES];
        if (*place == 0 || *place == hash) {
            return place;
        }
    }
    return NULL;
}

bool kit_sweep_knows(uint64_t hash)
{
    const uint64_t *place = place_of(hash);
    return hash != 0 && place != NULL && *place == hash;
}

void kit_sweep_learn(uint64_t hash)
{
    uint64_t *place = place_of(hash);
    if (hash != 0 && place != NULL) {
        *place = hash;
    }
}

void kit_sweep_forget(void)
{
    memset(known, 0, sizeof(known));
}
