/*
 * polling.h - what SPI and I2C have in common: the node cannot speak unasked, so the master has to
 * look for answers; what it reads is the stream, padded with 0x00.
 *
 * When to look: after a sixteenth of the time that an answer is outstanding, at least 1 ms and at
 * most 50 ms. An answer is seen at most 6 % late, and a deaf node costs few bytes: on SPI each one
 * fills its ring. 8 bytes a look are 0.6 KB in the first 0.8 s and 160 bytes a second then.
 */
#ifndef GATEWAY_SINKS_POLLING_H
#define GATEWAY_SINKS_POLLING_H

#include "link.h"

enum { GATEWAY_POLLING_SIZE = 4096 };

struct gateway_polling {
    uint8_t bytes[GATEWAY_POLLING_SIZE]; /* read from the node, without padding */
    size_t first, count;
    bool in_answer;   /* the last byte was not 0x00: more of a frame is to come */
    bool waiting;     /* something was sent and nothing came back since: */
    bool heard;       /* anything since the port was opened */
    uint32_t run;     /* bytes since the last 0x00 */
    uint32_t base_ms; /* when the outstanding answer was asked for, or the last one came */
    uint32_t next_ms; /* do not look before that */
};

void gateway_polling_start(struct gateway_polling *polling, uint32_t now_ms);

/* Room for that many bytes of one transfer. */
size_t gateway_polling_room(const struct gateway_polling *polling);

/* Bytes from the bus, padding included; at most gateway_polling_room. */
void gateway_polling_collect(struct gateway_polling *polling, const uint8_t *bytes, size_t size,
                             uint32_t now_ms);

/* Something was sent. */
void gateway_polling_sent(struct gateway_polling *polling, uint32_t now_ms);

/* Is it time to look? Then the next look is planned, `least_ms` later or more. */
bool gateway_polling_due(struct gateway_polling *polling, uint32_t least_ms, uint32_t now_ms);

/* Milliseconds until the next look, 0 = now. */
uint32_t gateway_polling_wait_ms(const struct gateway_polling *polling, uint32_t now_ms);

/* Hands out what was collected. Returns the number of bytes. */
size_t gateway_polling_take(struct gateway_polling *polling, uint8_t *out, size_t max);

#endif
