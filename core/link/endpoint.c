#include "ferry/endpoint.h"

#include <string.h>

enum { DATA_OVERHEAD = 8 + FERRY_FRAME_CRC_SIZE };

static void start_line(struct ferry_line *line, const struct ferry_stream *stream, uint8_t *buffer,
                       size_t buffer_size)
{
    memset(line, 0, sizeof(*line));
    line->stream = stream;
    ferry_frame_decoder_init(&line->decoder, buffer, buffer_size);
}

void ferry_endpoint_init(struct ferry_endpoint *endpoint, struct ferry_node *node,
                         const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size)
{
    size_t data_max = (buffer_size - DATA_OVERHEAD) & ~(size_t)3;

    memset(endpoint, 0, sizeof(*endpoint));
    start_line(&endpoint->line, stream, buffer, buffer_size);
    endpoint->asker = &endpoint->line;
    ferry_receiver_init(&endpoint->receiver, node, stream->rx_capacity_bytes,
                        (uint16_t)(data_max < FERRY_DATA_MAX ? data_max : FERRY_DATA_MAX));
}

void ferry_endpoint_add(struct ferry_endpoint *endpoint, struct ferry_line *line,
                        const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size)
{
    start_line(line, stream, buffer, buffer_size);
    line->next = endpoint->line.next;
    endpoint->line.next = line;
}

/* Sends what is encoded, then encodes the next answer. Returns true if anything moved. */
static bool send(struct ferry_endpoint *endpoint)
{
    if (endpoint->output_sent < endpoint->output_size) {
        const struct ferry_stream *stream = endpoint->addressee->stream;
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
    endpoint->addressee = endpoint->asker;
    ferry_receiver_answered(&endpoint->receiver);
    return true;
}

void ferry_endpoint_announce(struct ferry_endpoint *endpoint)
{
    size_t size;

    ferry_receiver_announce(&endpoint->receiver);
    const uint8_t *message = ferry_receiver_answer(&endpoint->receiver, &size);
    size = ferry_frame_encode(message, size, endpoint->output);
    ferry_receiver_answered(&endpoint->receiver);
    for (struct ferry_line *line = &endpoint->line; line != NULL; line = line->next) {
        /* A stream that was just started has room. */
        (void)line->stream->write(line->stream->ctx, endpoint->output, size);
    }
}

/* A whole message came in on this line: from now on it has the word. */
static void accept(struct ferry_endpoint *endpoint, struct ferry_line *line, size_t size)
{
    const struct ferry_stream *stream = line->stream;

    if (line != endpoint->asker) {
        endpoint->asker = line;
        ferry_receiver_set_capacity(&endpoint->receiver, stream->rx_capacity_bytes);
    }
    ferry_receiver_accept(&endpoint->receiver, line->decoder.buffer, size);
    if (endpoint->receiver.install.stage == FERRY_INSTALL_SIGNATURE && stream->claim != NULL) {
        stream->claim(stream->ctx); /* an OPEN that will be answered */
    }
}

/* Takes bytes in until the receiver has a message to work on. Returns true if any came. */
static bool receive(struct ferry_endpoint *endpoint, struct ferry_line *line)
{
    size_t used, size;

    if (line->input_used == line->input_size) {
        line->input_used = 0;
        line->input_size =
            (uint8_t)line->stream->read(line->stream->ctx, line->input, sizeof(line->input));
    }
    if (line->input_size == 0) {
        return false;
    }
    int status = ferry_frame_feed(&line->decoder, line->input + line->input_used,
                                  (size_t)(line->input_size - line->input_used), &used, &size);
    line->input_used = (uint8_t)(line->input_used + used);
    if (status == FERRY_OK) {
        accept(endpoint, line, size);
    } else if (status == FERRY_BAD_FRAME && line == endpoint->asker) { /* noise elsewhere is none */
        ferry_receiver_damaged(&endpoint->receiver);
    }
    return true;
}

/* The lines in turn, while the receiver takes messages. A CLOSE under way is answered to who sent
 * it: meanwhile only that line has the word. */
static bool receive_all(struct ferry_endpoint *endpoint)
{
    bool closing = endpoint->receiver.install.stage >= FERRY_INSTALL_HASHING;
    bool received = false;

    for (struct ferry_line *line = &endpoint->line; line != NULL; line = line->next) {
        if ((!closing || line == endpoint->asker) && ferry_receiver_ready(&endpoint->receiver)) {
            received = receive(endpoint, line) || received;
        }
    }
    return received;
}

bool ferry_endpoint_step(struct ferry_endpoint *endpoint)
{
    bool sent = send(endpoint);
    bool worked = ferry_receiver_step(&endpoint->receiver);
    bool received = receive_all(endpoint);

    return sent || worked || received;
}

static bool all_sent(struct ferry_endpoint *endpoint)
{
    const struct ferry_line *line = endpoint->addressee;
    size_t size;

    return endpoint->output_sent == endpoint->output_size &&
           ferry_receiver_answer(&endpoint->receiver, &size) == NULL &&
           (line == NULL || line->stream->idle(line->stream->ctx));
}

uint32_t ferry_endpoint_events(struct ferry_endpoint *endpoint)
{
    uint32_t events = ferry_receiver_events(&endpoint->receiver);

    uint32_t later = events & (FERRY_EVENT_RESET | FERRY_EVENT_UPDATE);

    if (later != 0 && !all_sent(endpoint)) {
        endpoint->receiver.events |= later;
        events -= later;
    }
    return events;
}
