/*
 * plain.h - Ferry inside an application on a board without Ferry's bootloader: it says over the
 * link what runs, and nothing more. Such a board is updated through the bootloader in the chip's
 * ROM; the gateway resets it afterwards, asks QUERY, and believes in the new version when INFO
 * names it
 * (`confirm = link`). The other messages are answered as a node answers that has nothing to
 * install to: OPEN with SLOT_RUNNING, CLOSE with NOT_OPEN, CONFIRM with NOT_TRIAL, LOG with an
 * empty list; ABORT with OK, RESET with OK and an event.
 *
 *   ferry_plain_init(&plain, &config);      once, after clock and UART run
 *   events = ferry_plain_step(&plain);      in the main loop
 *
 * Flash holds no image header here, so the application brings its version along: the one that it is
 * signed with (`ferry sign --version`); the gateway compares them. Never blocks, touches no flash,
 * no heap. Never call these from an interrupt.
 */
#ifndef FERRY_PLAIN_H
#define FERRY_PLAIN_H

#include "ferry/message.h"
#include "ferry/port.h"
#include "ferry/receiver.h" /* FERRY_EVENT_ */

/* Borrowed for the agent's life. */
struct ferry_plain_config {
    const struct ferry_stream *stream;
    const struct ferry_board *board;
    const uint8_t *uid;           /* FERRY_UID_SIZE bytes */
    struct ferry_version version; /* of this application */
    uint8_t reset_cause;          /* FERRY_RESET_ bits of this start */
};

struct ferry_plain {
    const struct ferry_plain_config *config;
    struct ferry_frame_decoder decoder;
    uint8_t events;
    uint8_t input_size, input_used;
    uint16_t output_size, output_sent;
    uint8_t input[64]; /* taken from the stream, not yet decoded */
    uint8_t message[FERRY_OPEN_MAX + FERRY_FRAME_CRC_SIZE];
    uint8_t output[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)];
};

void ferry_plain_init(struct ferry_plain *plain, const struct ferry_plain_config *config);

/*
 * One round: sends what waits; else takes bytes and answers at most one message.
 * Returns FERRY_EVENT_ bits. FERRY_EVENT_MESSAGE: a valid frame arrived. FERRY_EVENT_RESET: reset
 * now, the answer has left the wire.
 */
uint32_t ferry_plain_step(struct ferry_plain *plain);

#endif
