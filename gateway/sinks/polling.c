#include "polling.h"

#include <string.h>

enum {
    SHARE = 16, /* a look after this part of the silence */
    PAUSE_MAX_MS = 50,
    RUN_MAX = FERRY_FRAME_SIZE(FERRY_REPLY_MAX) + 1 /* longer without 0x00 is no frame */
};

void gateway_polling_start(struct gateway_polling *polling, uint32_t now_ms)
{
    memset(polling, 0, sizeof *polling);
    polling->base_ms = now_ms;
    polling->next_ms = now_ms;
}

size_t gateway_polling_room(const struct gateway_polling *polling)
{
    return sizeof polling->bytes - polling->count;
}

/* Padding is dropped, but for the 0x00 that ends a frame; so is the level of a wire nobody drives.
 */
static bool is_content(struct gateway_polling *polling, uint8_t byte)
{
    if (byte == 0) {
        bool ends = polling->run > 0;
        polling->run = 0;
        return ends;
    }
    polling->run += polling->run <= RUN_MAX;
    return polling->run <= RUN_MAX;
}

void gateway_polling_collect(struct gateway_polling *polling, const uint8_t *bytes, size_t size,
                             uint32_t now_ms)
{
    if (polling->count == 0) {
        polling->first = 0;
    }
    memmove(polling->bytes, polling->bytes + polling->first, polling->count);
    polling->first = 0;
    size_t before = polling->count;
    for (size_t i = 0; i < size; i++) {
        if (is_content(polling, bytes[i])) {
            polling->bytes[polling->count++] = bytes[i];
        }
    }
    polling->in_answer = polling->run > 0 && polling->run <= RUN_MAX;
    if (polling->count > before) {
        polling->heard = true;
        polling->waiting = false;
        polling->base_ms = now_ms;
        polling->next_ms = now_ms;
    }
}

void gateway_polling_sent(struct gateway_polling *polling, uint32_t now_ms)
{
    if (!polling->waiting) { /* a repeat does not make the silence any shorter */
        polling->waiting = true;
        polling->base_ms = now_ms;
        polling->next_ms = now_ms;
    }
}

bool gateway_polling_due(struct gateway_polling *polling, uint32_t least_ms, uint32_t now_ms)
{
    if (gateway_polling_wait_ms(polling, now_ms) > 0) {
        return false;
    }
    uint32_t pause = (now_ms - polling->base_ms) / SHARE;
    pause = pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
    polling->next_ms = now_ms + (pause > least_ms ? pause : least_ms);
    return true;
}

uint32_t gateway_polling_wait_ms(const struct gateway_polling *polling, uint32_t now_ms)
{
    uint32_t left = polling->next_ms - now_ms; /* modulo 2^32, as the clock wraps */
    return polling->in_answer || polling->count > 0 || left > INT32_MAX ? 0 : left;
}

size_t gateway_polling_take(struct gateway_polling *polling, uint8_t *out, size_t max)
{
    size_t size = polling->count < max ? polling->count : max;
    memcpy(out, polling->bytes + polling->first, size);
    polling->first += size;
    polling->count -= size;
    return size;
}
