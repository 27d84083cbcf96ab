/* An endpoint on several lines: who has the word, and where the answer goes. */
#include "endpoint_lines.h"

void ferry_lines_init(struct ferry_endpoint *endpoint)
{
    endpoint->line.next = NULL;
    endpoint->asker = endpoint->addressee = &endpoint->line;
}

void ferry_endpoint_add(struct ferry_endpoint *endpoint, struct ferry_line *line,
                        const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size)
{
    ferry_line_start(line, stream, buffer, buffer_size);
    line->next = endpoint->line.next;
    endpoint->line.next = line;
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

void ferry_lines_heard(struct ferry_endpoint *endpoint, struct ferry_line *line)
{
    if (line != endpoint->asker) {
        endpoint->asker = line;
        ferry_receiver_set_capacity(&endpoint->receiver, line->stream->rx_capacity_bytes);
    }
}

void ferry_lines_opened(const struct ferry_line *line)
{
    if (line->stream->claim != NULL) {
        line->stream->claim(line->stream->ctx);
    }
}

bool ferry_lines_is_asker(const struct ferry_endpoint *endpoint, const struct ferry_line *line)
{
    return line == endpoint->asker;
}

void ferry_lines_address(struct ferry_endpoint *endpoint)
{
    endpoint->addressee = endpoint->asker;
}

const struct ferry_stream *ferry_lines_output(const struct ferry_endpoint *endpoint)
{
    return endpoint->addressee->stream;
}

/* The lines in turn. A CLOSE under way is answered to who sent it: meanwhile only that line has the
 * word. */
bool ferry_lines_receive(struct ferry_endpoint *endpoint)
{
    bool received = false;

    for (struct ferry_line *line = &endpoint->line; line != NULL; line = line->next) {
        bool closing = endpoint->receiver.install.stage >= FERRY_INSTALL_HASHING;
        if ((!closing || line == endpoint->asker) && ferry_receiver_ready(&endpoint->receiver)) {
            received = ferry_endpoint_receive(endpoint, line) || received;
        }
    }
    return received;
}
