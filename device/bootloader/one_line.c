/* Takes the place of core/link/endpoint_lines.c in a bootloader with one transport. */
#include "endpoint_lines.h"

void ferry_endpoint_add(struct ferry_endpoint *endpoint, struct ferry_line *line,
                        const struct ferry_stream *stream, uint8_t *buffer, size_t buffer_size)
{
    (void)endpoint; /* never called: there is no second stream */
    (void)line;
    (void)stream;
    (void)buffer;
    (void)buffer_size;
}

void ferry_lines_init(struct ferry_endpoint *endpoint)
{
    (void)endpoint;
}

void ferry_endpoint_announce(struct ferry_endpoint *endpoint)
{
    ferry_receiver_announce(&endpoint->receiver);
    /* At once, not by the first step: slots are verified before that. */
    (void)ferry_endpoint_send(endpoint);
}

void ferry_lines_heard(struct ferry_endpoint *endpoint, struct ferry_line *line)
{
    (void)endpoint;
    (void)line;
}

void ferry_lines_opened(const struct ferry_line *line)
{
    (void)line; /* the stream's ring is shared with nobody */
}

bool ferry_lines_is_asker(const struct ferry_endpoint *endpoint, const struct ferry_line *line)
{
    (void)endpoint;
    (void)line;
    return true;
}

void ferry_lines_address(struct ferry_endpoint *endpoint)
{
    (void)endpoint;
}

const struct ferry_stream *ferry_lines_output(const struct ferry_endpoint *endpoint)
{
    return endpoint->line.stream;
}

bool ferry_lines_receive(struct ferry_endpoint *endpoint)
{
    return ferry_receiver_ready(&endpoint->receiver) &&
           ferry_endpoint_receive(endpoint, &endpoint->line);
}
