/*
 * ferry/endpoint.h - a receiver on a byte stream: the loop body that bootloader and agent share.
 */
#ifndef FERRY_ENDPOINT_H
#define FERRY_ENDPOINT_H

#include "ferry/port.h"
#include "ferry/receiver.h"

struct ferry_endpoint {
    struct ferry_receiver receiver;
    const struct ferry_stream *stream;
    struct ferry_frame_decoder decoder;
    uint8_t input[64]; /* bytes taken from the stream, not yet decoded */
    uint8_t input_size;
    uint8_t input_used;
    uint16_t output_size; /* encoded answer, bytes */
    uint16_t output_sent;
    uint8_t output[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)];
};

/*
 *   buffer: decoded frames; at least FERRY_OPEN_MAX + 4 bytes, best FERRY_MESSAGE_MAX + 4. Borrowed
 *   for the endpoint's life. DATA payloads up to its size are accepted.
 */
void ferry_endpoint_init(struct ferry_endpoint *endpoint, struct ferry_node *node,
                         const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size);

/* As ferry_receiver_announce, and puts it on the wire. Right after init; the journal is open. */
void ferry_endpoint_announce(struct ferry_endpoint *endpoint);

/*
 * One round: sends what waits, does one slice of work, takes bytes from the stream. Bounded by one
 * slice (see ferry_receiver_step). Returns true while there is more to do at once; false: nothing
 * waits, the caller may sleep until bytes arrive.
 */
bool ferry_endpoint_step(struct ferry_endpoint *endpoint);

/* As ferry_receiver_events. RESET is reported only after the answer has left the wire. */
uint32_t ferry_endpoint_events(struct ferry_endpoint *endpoint);

#endif
