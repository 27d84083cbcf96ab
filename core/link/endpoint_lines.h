/*
 * endpoint_lines.h - what an endpoint on several lines does and one on a single line need not:
 * endpoint_lines.c, or device/bootloader/one_line.c in its place. For these and endpoint.c only.
 */
#ifndef FERRY_ENDPOINT_LINES_H
#define FERRY_ENDPOINT_LINES_H

#include "ferry/endpoint.h"

/* The first line alone, and it has the word. */
void ferry_lines_init(struct ferry_endpoint *endpoint);

/* A whole message came in on this line: from now on it has the word. */
void ferry_lines_heard(struct ferry_endpoint *endpoint, struct ferry_line *line);

/* An OPEN came in on this line and will be answered. */
void ferry_lines_opened(const struct ferry_line *line);

/* Has this line the word? */
bool ferry_lines_is_asker(const struct ferry_endpoint *endpoint, const struct ferry_line *line);

/* The answer being encoded goes to who has the word. */
void ferry_lines_address(struct ferry_endpoint *endpoint);

/* The stream that `output` goes to. */
const struct ferry_stream *ferry_lines_output(const struct ferry_endpoint *endpoint);

/* Takes bytes in from the lines while the receiver takes messages. Returns true if any came. */
bool ferry_lines_receive(struct ferry_endpoint *endpoint);

/* In endpoint.c: encodes the next answer if the last one is sent, then sends. Returns true if
 * anything was sent. */
bool ferry_endpoint_send(struct ferry_endpoint *endpoint);

/* In endpoint.c: takes bytes in from one line until there is a message. Returns true if any came.
 */
bool ferry_endpoint_receive(struct ferry_endpoint *endpoint, struct ferry_line *line);
void ferry_line_start(struct ferry_line *line, const struct ferry_stream *stream, uint8_t *buffer,
                      size_t buffer_size);

#endif
