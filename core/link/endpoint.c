#include "endpoint_lines.h"

#include <string.h>

enum { DATA_OVERHEAD = 8 + FERRY_FRAME_CRC_SIZE };

void ferry_line_start(struct ferry_line *line, const struct ferry_stream *stream, uint8_t *buffer,
                      size_t buffer_size)
{
    line->stream = stream;
    line->input_size = line->input_used = 0;
    ferry_frame_decoder_init(&line->decoder, buffer, buffer_size);
}

void ferry_endpoint_init(struct ferry_endpoint *endpoint, struct ferry_node *node,
                         const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size)
{
    size_t data_max = (buffer_size - DATA_OVERHEAD) & ~(size_t)3;

    ferry_line_start(&endpoint->line, stream, buffer, buffer_size);
    ferry_lines_init(endpoint);
    endpoint->output_size = endpoint->output_sent = 0;
    ferry_receiver_init(&endpoint->receiver, node, stream->rx_capacity_bytes,
                        (uint16_t)(data_max < FERRY_DATA_MAX ? data_max : FERRY_DATA_MAX));
}

/* Encodes the next answer if there is one. */
static bool encode_answer(struct ferry_endpoint *endpoint)
{
    size_t size;
    const uint8_t *answer = ferry_receiver_answer(&endpoint->receiver, &size);

    if (size == 0) {
        return false;
    }
    endpoint->output_size = (uint16_t)ferry_frame_encode(answer, size, endpoint->output);
    endpoint->output_sent = 0;
    ferry_lines_address(endpoint);
    ferry_receiver_answered(&endpoint->receiver);
    return true;
}

bool ferry_endpoint_send(struct ferry_endpoint *endpoint)
{
    if (endpoint->output_sent == endpoint->output_size && !encode_answer(endpoint)) {
        return false;
    }
    const struct ferry_stream *stream = ferry_lines_output(endpoint);
    size_t sent = stream->write(stream->ctx, endpoint->output + endpoint->output_sent,
                                (size_t)(endpoint->output_size - endpoint->output_sent));
    endpoint->output_sent = (uint16_t)(endpoint->output_sent + sent);
    return sent > 0;
}

bool ferry_endpoint_receive(struct ferry_endpoint *endpoint, struct ferry_line *line)
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
        ferry_lines_heard(endpoint, line);
        ferry_receiver_accept(&endpoint->receiver, line->decoder.buffer, size);
        if (endpoint->receiver.install.stage == FERRY_INSTALL_SIGNATURE) {
            ferry_lines_opened(line);
        }
    } else if (status == FERRY_BAD_FRAME &&
               ferry_lines_is_asker(endpoint, line)) { /* noise elsewhere is none */
        ferry_receiver_damaged(&endpoint->receiver);
    }
    return true;
}

bool ferry_endpoint_step(struct ferry_endpoint *endpoint)
{
    bool sent = ferry_endpoint_send(endpoint);
    bool worked = ferry_receiver_step(&endpoint->receiver);
    bool received = ferry_lines_receive(endpoint);

    return sent || worked || received;
}

static bool all_sent(struct ferry_endpoint *endpoint)
{
    const struct ferry_stream *stream = ferry_lines_output(endpoint);
    size_t size;

    return endpoint->output_sent == endpoint->output_size &&
           ferry_receiver_answer(&endpoint->receiver, &size) == NULL && stream->idle(stream->ctx);
}

uint32_t ferry_endpoint_events(struct ferry_endpoint *endpoint)
{
    uint32_t events = ferry_receiver_events(&endpoint->receiver);

    uint32_t later = events & (FERRY_EVENT_RESET | FERRY_EVENT_UPDATE);

    if (later != 0 && !all_sent(endpoint)) {
        endpoint->receiver.events = (uint8_t)later;
        events -= later;
    }
    return events;
}
