/*
 * ferry/sender.h - the gateway's end of the link: requests and image bytes out, answers in.
 *
 * A state machine without I/O. The owner moves the bytes and tells the time:
 *
 *   start one request (query, open, data, close, ...), then until ferry_sender_step is not MORE:
 *     write what ferry_sender_output offers to the transport, report with ferry_sender_sent;
 *     when ferry_sender_wants asks for image bytes, read them from the source and
 * ferry_sender_supply; give received bytes to ferry_sender_input; sleep at most
 * ferry_sender_wait_ms.
 *
 * DATA keeps the wire busy up to the node's window; answers are cumulative. After a loss the sender
 * goes back to the offset that the node names and asks for those bytes again: one payload is held
 * in memory, no image. It never sends more than the window allows, so a node that is stalled in an
 * erase loses nothing. No heap, no globals; not for interrupts.
 *
 * Time-outs, and why (a request is repeated unchanged, so a repeat does no harm):
 *   answer   QUERY 0.5 s, others 1.5 s: OPEN checks a signature (0.3 s on a Cortex-M4 at 100 MHz).
 *   request  6 s: a running application that erases a sector is deaf for 1-2 s, 4 s at worst
 *            (128 KB by bytes: DS10314, table 45). CLOSE 30 s: a large slot is hashed meanwhile.
 *   DATA     silence of 0.6 s brings a QUERY as a probe: bytes arrive in order, so its answer
 * proves that what was not acknowledged before it is lost, or that the node restarted. Five seconds
 * without any answer: go back. Three times in vain: TIMEOUT.
 */
#ifndef FERRY_SENDER_H
#define FERRY_SENDER_H

#include "ferry/message.h"

enum {
    FERRY_SENDER_QUERY_REPEAT_MS = 500,
    FERRY_SENDER_REPEAT_MS = 1500,
    FERRY_SENDER_REQUEST_MS = 6000,
    FERRY_SENDER_CLOSE_MS = 30000,
    FERRY_SENDER_BUSY_MS = 200, /* pause after BUSY, and after an answer that means "not yet" */
    FERRY_SENDER_PROBE_MS = 600,
    FERRY_SENDER_PROBES = 8,  /* 4.8 s without an answer: longer than the worst erase */
    FERRY_SENDER_ROUNDS = 3,  /* go-backs in vain before DATA ends with TIMEOUT */
    FERRY_SENDER_REPAIRS = 64 /* NAKs without progress before DATA ends with the NAK's reason */
};

enum ferry_sender_stage { FERRY_SENDER_IDLE, FERRY_SENDER_REQUEST, FERRY_SENDER_DATA };

/* For people and the bench; never reset by the sender. */
struct ferry_sender_counts {
    uint32_t wire_bytes;  /* written to the transport */
    uint32_t image_bytes; /* payload of DATA, repeats included */
    uint32_t naks;
    uint32_t repeats; /* requests sent again, and go-backs */
};

struct ferry_sender {
    uint8_t stage;   /* enum ferry_sender_stage */
    uint8_t request; /* enum ferry_message_type in hand */
    uint8_t answer;  /* type that ends it */
    int status;      /* how the last request ended */
    uint16_t tag;    /* of the request in hand */
    uint16_t next_tag;
    uint16_t transfer_tag; /* of the last OPEN */
    uint16_t probe_tag;
    bool probing;         /* a probe is under way and no DATA was sent after it */
    bool went_back;       /* after a NAK, and no progress since */
    uint8_t probes;       /* sent since the last sign of life */
    uint8_t rounds;       /* go-backs since the last progress */
    uint8_t repairs;      /* NAKs since the last progress */
    uint32_t heard_ms;    /* DATA: last sign of life, or last byte sent */
    uint32_t repeat_ms;   /* pause before a repeat */
    uint32_t repeated_ms; /* when the request was last sent */
    uint32_t started_ms, total_ms;
    uint32_t total;    /* bytes of the image, from OPEN */
    uint32_t sent;     /* offset of the next DATA */
    uint32_t highest;  /* largest offset ever sent up to: a valid `next` lies not beyond it */
    uint32_t acked;    /* all before it was received */
    uint32_t durable;  /* all before it survives a power cut of the node */
    uint32_t limit;    /* DATA may be sent up to here */
    uint32_t claims;   /* CRC-32 of the OPEN: which image `crc32` belongs to */
    uint32_t crc32;    /* over the image from crc_from up to crc_offset, for CLOSE */
    uint32_t crc_from; /* 0, or the offset of the first resume */
    uint32_t crc_offset;
    uint16_t data_max;
    uint16_t filled; /* payload bytes supplied so far */
    uint16_t output_size, output_used;
    struct ferry_sender_counts counts;
    union { /* the last answer: valid after step returned OK for that request */
        struct ferry_info info;
        struct ferry_opened opened;
        struct ferry_log_answer log;
    } result;
    struct ferry_frame_decoder decoder;
    uint8_t input[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
    uint8_t message[FERRY_MESSAGE_MAX];
    uint8_t output[1 + FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)];
};

/* `first_tag`: any number, best another one at each start of the program, so that answers to a
 * predecessor are not taken for ours. */
void ferry_sender_init(struct ferry_sender *sender, uint16_t first_tag);

/* Forgets half-received and half-sent bytes and the request in hand: the transport was reopened. */
void ferry_sender_restart(struct ferry_sender *sender);

/*
 * Requests. Each replaces the one in hand (a frame that is half on the wire is cut off; the node
 * drops it). `now_ms` wraps.
 *
 * QUERY -> result.info.   repeat_ms: pause between repeats; total_ms: when to give up.
 *   A short repeat_ms (20) catches a bootloader in its first 50 ms.
 * OPEN -> result.opened; ends with the node's verdict. `open` is copied.
 * DATA: to be started after an OPEN that was OK; ends when every byte is acknowledged. Ends early
 *   with NOT_OPEN or BAD_SESSION when the node restarted (OPEN again: it resumes), TIMEOUT, or the
 *   node's reason.
 * CLOSE: ends with the node's verdict; BUSY is polled. Only after DATA was OK.
 * CONFIRM, REVERT: `hash` of the image on trial. ABORT, RESET: no further conditions.
 * update_mode: RESET, after which the bootloader listens for FERRY_LISTEN_PATIENCE_MS.
 * LOG -> result.log, entries from the `first` newest (0).
 */
void ferry_sender_query(struct ferry_sender *sender, uint32_t repeat_ms, uint32_t total_ms,
                        uint32_t now_ms);
void ferry_sender_open(struct ferry_sender *sender, const struct ferry_open *open, uint32_t now_ms);
void ferry_sender_data(struct ferry_sender *sender, uint32_t now_ms);
void ferry_sender_close(struct ferry_sender *sender, uint32_t now_ms);
void ferry_sender_confirm(struct ferry_sender *sender, const uint8_t hash[FERRY_HASH_SIZE],
                          uint32_t now_ms);
void ferry_sender_revert(struct ferry_sender *sender, const uint8_t hash[FERRY_HASH_SIZE],
                         uint32_t now_ms);
void ferry_sender_abort(struct ferry_sender *sender, uint32_t now_ms);
void ferry_sender_reset(struct ferry_sender *sender, uint32_t now_ms);
void ferry_sender_update_mode(struct ferry_sender *sender, uint32_t now_ms);
void ferry_sender_log(struct ferry_sender *sender, uint16_t first, uint32_t now_ms);

/*
 * Lets time pass. Returns MORE while the request is in hand, then its end: OK, the node's verdict,
 * TIMEOUT, or BAD_LENGTH (an answer that contradicts itself).
 */
int ferry_sender_step(struct ferry_sender *sender, uint32_t now_ms);

/* Bytes for the transport, or NULL. Valid until the next call of anything but this. */
const uint8_t *ferry_sender_output(const struct ferry_sender *sender, size_t *size);

/* The transport took the first `size` of them. */
void ferry_sender_sent(struct ferry_sender *sender, size_t size, uint32_t now_ms);

/* Bytes from the transport, in any portions. */
void ferry_sender_input(struct ferry_sender *sender, const uint8_t *bytes, size_t size,
                        uint32_t now_ms);

/* Image bytes that the sender asks for. */
struct ferry_sender_want {
    uint32_t offset; /* in the image */
    uint32_t size;   /* bytes, > 0 */
    uint8_t *buffer; /* where to put them */
};

/*
 * True when the sender could go on with these bytes.
 */
bool ferry_sender_wants(struct ferry_sender *sender, struct ferry_sender_want *want);

/* `size` (<= want.size) bytes were put into want.buffer, nothing else was called in between. */
void ferry_sender_supply(struct ferry_sender *sender, uint32_t size, uint32_t now_ms);

/* Milliseconds that the owner may sleep when no bytes arrive; 0: act at once. */
uint32_t ferry_sender_wait_ms(const struct ferry_sender *sender, uint32_t now_ms);

#endif
