#include "ferry/endpoint.h"

#include <string.h>

enum { DATA_OVERHEAD = 8 + FERRY_FRAME_CRC_SIZE };

void ferry_endpoint_init(struct ferry_endpoint *endpoint, struct ferry_node *node,
                         const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size)
{
    size_t data_max = (buffer_size - DATA_OVERHEAD) & ~(size_t)3;

    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->stream = stream;
    ferry_frame_decoder_init(&endpoint->decoder, buffer, buffer_size);
    ferry_receiver_init(&endpoint->receiver, node, stream->rx_capacity_bytes,
                        (uint16_t)(data_max < FERRY_DATA_MAX ? data_max : FERRY_DATA_MAX));
}

/* Sends what is encoded, then encodes the next answer. Returns true if anything moved. */
static bool send(struct ferry_endpoint *endpoint)
{
    const struct ferry_stream *stream = endpoint->stream;

    if (endpoint->output_sent < endpoint->output_size) {
        size_t sent = stream->write(stream->ctx, endpoint->output + endpoint->output_sent,
                                    (size_t)(endpoint->output_size - endpoint->output_sent));
        endpoint->output_sent = (uint16_t)(endpoint->output_sent + sent);
        return sent > 0;
    }
    size_t size;
    const uint8_t *answer = ferry_receiver_answer(&endpoint->receiver, &size);
    if (answer == NULL) {
        return false;
    }
    endpoint->output_size = (uint16_t)ferry_frame_encode(answer, size, endpoint->output);
    endpoint->output_sent = 0;
    ferry_receiver_answered(&endpoint->receiver);
    return true;
}

void ferry_endpoint_announce(struct ferry_endpoint *endpoint)
{
    ferry_receiver_announce(&endpoint->receiver);
    (void)send(endpoint); /* encodes it */
    (void)send(endpoint); /* queues it: a stream that was just started has room */
}

/* Takes bytes in until the receiver has a message to work on. Returns true if any came. */
static bool receive(struct ferry_endpoint *endpoint)
{
    const struct ferry_stream *stream = endpoint->stream;
    size_t used, size;

    if (endpoint->input_used == endpoint->input_size) {
        endpoint->input_used = 0;
        endpoint->input_size =
            (uint8_t)stream->read(stream->ctx, endpoint->input, sizeof(endpoint->input));
    }
    if (endpoint->input_size == 0) {
        return false;
    }
    int status =
        ferry_frame_feed(&endpoint->decoder, endpoint->input + endpoint->input_used,
                         (size_t)(endpoint->input_size - endpoint->input_used), &used, &size);
    endpoint->input_used = (uint8_t)(endpoint->input_used + used);
    if (status == FERRY_OK) {
        ferry_receiver_accept(&endpoint->receiver, endpoint->decoder.buffer, size);
    } else if (status == FERRY_BAD_FRAME) {
        ferry_receiver_damaged(&endpoint->receiver);
    }
    return true;
}

bool ferry_endpoint_step(struct ferry_endpoint *endpoint)
{
    bool sent = send(endpoint);
    bool worked = ferry_receiver_step(&endpoint->receiver);
    bool received = ferry_receiver_ready(&endpoint->receiver) && receive(endpoint);

    return sent || worked || received;
}

static bool all_sent(struct ferry_endpoint *endpoint)
{
    size_t size;

    return endpoint->output_sent == endpoint->output_size &&
           ferry_receiver_answer(&endpoint->receiver, &size) == NULL &&
           endpoint->stream->idle(endpoint->stream->ctx);
}

uint32_t ferry_endpoint_events(struct ferry_endpoint *endpoint)
{
    uint32_t events = ferry_receiver_events(&endpoint->receiver);

    if ((events & FERRY_EVENT_RESET) != 0 && !all_sent(endpoint)) {
        events &= ~(uint32_t)FERRY_EVENT_RESET;
        endpoint->receiver.events |= FERRY_EVENT_RESET;
    }
    return events;
}
