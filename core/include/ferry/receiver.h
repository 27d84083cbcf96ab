/*
 * ferry/receiver.h - the node's end of the link: messages in, flash and journal written, answers
 * out. The same code serves the bootloader and the agent of a running application.
 *
 * One round of the main loop:
 *   while it is ready, give it a message (ferry_receiver_accept);
 *   let it work (ferry_receiver_step): one slice, so the caller is never held longer than one flash
 *   operation or one hash slice;
 *   send what it wants to say (ferry_receiver_answer).
 * ferry/endpoint.h does this on a byte stream. No I/O, no heap, never called from an interrupt.
 */
#ifndef FERRY_RECEIVER_H
#define FERRY_RECEIVER_H

#include "ferry/install.h"
#include "ferry/message.h"
#include "ferry/node.h"

/* What happened, for the caller: bits, cleared by ferry_receiver_events. */
enum {
    FERRY_EVENT_MESSAGE = 1,    /* a valid message arrived (QUERY included) */
    FERRY_EVENT_TRANSFER = 2,   /* an OPEN or DATA was accepted: an update is going on */
    FERRY_EVENT_CLOSED = 4,     /* an image was accepted: reset when convenient */
    FERRY_EVENT_RESET = 8,      /* reset once the answer has left the wire */
    FERRY_EVENT_CONFIRMED = 16, /* the running trial is now confirmed */
    FERRY_EVENT_ABORTED = 32,   /* the sender gave its transfer up */
    FERRY_EVENT_UPDATE = 64     /* with RESET: into update mode (stm32_reset_marked) */
};

/* The fields that are used most stand first: Thumb code reaches them with short instructions. */
struct ferry_receiver {
    uint32_t window;     /* image bytes in flight that we allow */
    uint16_t data_max;   /* bytes */
    uint16_t tag;        /* of the open transfer */
    uint16_t reply_size; /* of the waiting answer, 0 = none */
    bool nak_sent;       /* since the last accepted DATA */
    uint8_t events;
    const uint8_t *pending;   /* DATA bytes being written, borrowed from the message */
    uint32_t pending_size;    /* bytes of them left */
    union ferry_reply *reply; /* reply_memory */
    struct ferry_install install;
    union ferry_reply reply_memory;
};

/*
 *   node: borrowed for the receiver's life.
 *   rx_capacity_bytes: size of the transport's receive ring; window follows from it.
 *   data_max: largest DATA payload that the caller's frame buffer can hold, multiple of 4.
 */
void ferry_receiver_init(struct ferry_receiver *receiver, struct ferry_node *node,
                         uint32_t rx_capacity_bytes, uint16_t data_max);

/* The next message comes over a transport whose receive ring has this size. */
void ferry_receiver_set_capacity(struct ferry_receiver *receiver, uint32_t rx_capacity_bytes);

/*
 * Says unasked that no transfer is open (NAK NOT_OPEN, FERRY_TAG_NODE): for the bootloader, right
 * after a start. A sender in the middle of DATA stops at once instead of filling its window.
 */
void ferry_receiver_announce(struct ferry_receiver *receiver);

/* True when the last message is worked off and its answer taken: the next may be given. */
bool ferry_receiver_ready(const struct ferry_receiver *receiver);

/*
 * Gives one message (a decoded frame). Only when ready. The bytes must stay until the receiver is
 * ready again. Never fails: a bad message is answered with NAK.
 */
void ferry_receiver_accept(struct ferry_receiver *receiver, const uint8_t *bytes, size_t size);

/* Tells that a frame arrived damaged: answered with NAK while a transfer is open. */
void ferry_receiver_damaged(struct ferry_receiver *receiver);

/*
 * Does one slice of the waiting work: programs at most FERRY_SLICE_SIZE bytes, erases one sector,
 * checks one signature, or hashes one slice. Returns true while more work waits.
 * If power fails here: as in ferry/install.h.
 */
bool ferry_receiver_step(struct ferry_receiver *receiver);

/* The answer to send, or NULL. Valid until ferry_receiver_answered. */
const uint8_t *ferry_receiver_answer(const struct ferry_receiver *receiver, size_t *size);
void ferry_receiver_answered(struct ferry_receiver *receiver);

/* Writes the answer to LOG: the boot logs from the `first` newest one on. Returns its size. */
size_t ferry_receiver_log(const struct ferry_node *node, uint32_t first, uint16_t tag,
                          uint8_t *out);

/* Events since the last call. */
uint32_t ferry_receiver_events(struct ferry_receiver *receiver);

#endif
