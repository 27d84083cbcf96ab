/*
 * ferry/endpoint.h - a receiver on one or several byte streams: the loop body that bootloader and
 * agent share. An answer goes to the stream that the request came from.
 */
#ifndef FERRY_ENDPOINT_H
#define FERRY_ENDPOINT_H

#include "ferry/port.h"
#include "ferry/receiver.h"

/* One stream and what came in on it. */
struct ferry_line {
    const struct ferry_stream *stream;
    struct ferry_line *next;
    struct ferry_frame_decoder decoder;
    uint8_t input_size;
    uint8_t input_used;
    uint8_t input[64]; /* bytes taken from the stream, not yet decoded */
};

struct ferry_endpoint {
    struct ferry_receiver receiver;
    struct ferry_line *asker;     /* sent the last message: gets the answer */
    struct ferry_line *addressee; /* of `output` */
    uint16_t output_size;         /* encoded answer, bytes */
    uint16_t output_sent;
    struct ferry_line line; /* the first; the others are the caller's */
    uint8_t output[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)];
};

/*
 *   buffer: decoded frames; at least FERRY_OPEN_MAX + 4 bytes, best FERRY_MESSAGE_MAX + 4. Borrowed
 *   for the endpoint's life. DATA payloads up to its size are accepted.
 */
void ferry_endpoint_init(struct ferry_endpoint *endpoint, struct ferry_node *node,
                         const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size);

/*
 * Listens on one more stream. `line` and `buffer` are borrowed for the endpoint's life; the
 * buffer is as large as the first one's.
 */
void ferry_endpoint_add(struct ferry_endpoint *endpoint, struct ferry_line *line,
                        const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size);

/* As ferry_receiver_announce, and puts it on every wire. Right after init; the journal is open. */
void ferry_endpoint_announce(struct ferry_endpoint *endpoint);

/*
 * One round: sends what waits, does one slice of work, takes bytes from the streams. Bounded by one
 * slice (see ferry_receiver_step). Returns true while there is more to do at once; false: nothing
 * waits, the caller may sleep until bytes arrive.
 */
bool ferry_endpoint_step(struct ferry_endpoint *endpoint);

/* As ferry_receiver_events. RESET is reported only after the answer has left the wire. */
uint32_t ferry_endpoint_events(struct ferry_endpoint *endpoint);

#endif
