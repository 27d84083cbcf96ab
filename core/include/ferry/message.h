/*
 * ferry/message.h - what gateway and node say to each other (SPEC.md, "Messages").
 *
 * Every message starts with four bytes: type, 0, tag (u16 LE). An answer carries the tag of its
 * request; the tag of OPEN names the transfer in DATA, ACK, NAK, CLOSE and CLOSED. All numbers are
 * little-endian. The readers check every length; the writers need a buffer of FERRY_REPLY_MAX bytes
 * unless told otherwise and return the size of the message.
 */
#ifndef FERRY_MESSAGE_H
#define FERRY_MESSAGE_H

#include "ferry/board.h"
#include "ferry/boot_block.h"
#include "ferry/frame.h"
#include "ferry/image.h"
#include "ferry/journal.h"

enum { FERRY_PROTOCOL_VERSION = 1, FERRY_MESSAGE_HEADER_SIZE = 4, FERRY_UID_SIZE = 12 };

/* Tag of what a node says unasked; no request has it. */
enum { FERRY_TAG_NODE = 0 };

/* Largest OPEN: fixed part, header, vectors, TLV areas. */
enum {
    FERRY_OPEN_FIXED_SIZE = 4 + 12,
    FERRY_OPEN_MAX = FERRY_OPEN_FIXED_SIZE + FERRY_IMAGE_HEADER_SIZE + FERRY_IMAGE_VECTORS_SIZE +
                     FERRY_IMAGE_TLV_MAX,
    FERRY_LOG_ENTRY_SIZE = 20,
    FERRY_LOG_ENTRIES_MAX = 8, /* entries in one LOG answer */
    FERRY_REPLY_MAX = 320      /* largest answer: INFO */
};

enum ferry_message_type {
    FERRY_QUERY = 0x01,
    FERRY_OPEN = 0x02,
    FERRY_DATA = 0x03,
    FERRY_CLOSE = 0x04,
    FERRY_CONFIRM = 0x05,
    FERRY_REVERT = 0x06,
    FERRY_ABORT = 0x07,
    FERRY_RESET = 0x08,
    FERRY_LOG = 0x09,

    FERRY_INFO = 0x81,
    FERRY_OPENED = 0x82,
    FERRY_ACK = 0x83,
    FERRY_CLOSED = 0x84,
    FERRY_RESULT = 0x85, /* answer to CONFIRM, REVERT, ABORT, RESET */
    FERRY_LOGGED = 0x89,
    FERRY_NAK = 0xFF
};

/* Bits in byte 4 of RESET. */
enum { FERRY_RESTART_UPDATE = 1 /* update mode: the bootloader listens for a while */ };

/* Type and tag of a message of at least FERRY_MESSAGE_HEADER_SIZE bytes. */
static inline uint8_t ferry_message_type(const uint8_t *message)
{
    return message[0];
}
static inline uint16_t ferry_message_tag(const uint8_t *message)
{
    return ferry_get_u16(message + 2);
}

/* What is known about the content of a slot. */
enum ferry_slot_content {
    FERRY_CONTENT_UNKNOWN = 0, /* has an image header, not verified since the last reset */
    FERRY_CONTENT_VERIFIED = 1,
    FERRY_CONTENT_BAD = 2,  /* has an image header, does not verify */
    FERRY_CONTENT_EMPTY = 3 /* no image header */
};

/* In the layout of the wire (SPEC.md, "INFO"). */
struct ferry_slot_info {
    struct ferry_range range;
    uint8_t content; /* enum ferry_slot_content */
    uint8_t reserved[3];
    struct ferry_version version;
    uint8_t hash[FERRY_HASH_SIZE]; /* as the image claims; zero when empty */
};

/* Bits of ferry_info.flags. */
enum {
    FERRY_INFO_DEV_KEY = 1,      /* the bootloader accepts a throw-away key */
    FERRY_INFO_JOURNAL_LOST = 2, /* no journal record was found at the last start */
    FERRY_INFO_OPEN = 4,         /* a transfer is open */
    FERRY_INFO_OPTIONS = 8,      /* the option-byte fields are valid */
    FERRY_INFO_NO_CRYSTAL = 16   /* the crystal did not start: runs on the internal oscillator */
};

/* Everything a node says about itself. Up to `candidate_hash` in the layout of the wire (SPEC.md,
 * "INFO"). */
struct ferry_info {
    uint16_t protocol;
    uint16_t capabilities; /* none defined yet: 0 */
    uint8_t running;       /* slot, or FERRY_SLOT_NONE = the bootloader answers */
    uint8_t slot_count;
    uint8_t confirmed, phase, candidate, attempts, outcome; /* as in struct ferry_state */
    uint8_t flags;
    uint8_t reset_cause; /* FERRY_RESET_ bits of the last start */
    uint8_t rdp_level;   /* read-out protection: 0, 1, 2 */
    uint8_t bor_level;   /* 0 = off .. 3 */
    uint8_t key_count;
    uint16_t data_max; /* largest DATA payload, bytes */
    uint16_t reserved;
    uint32_t window; /* image bytes that may be on their way */
    uint32_t security_counter;
    uint32_t durable; /* FILLING: bytes of the candidate that are in flash */
    uint32_t bootloader_version;
    uint32_t write_protected; /* bit n = sector n */
    uint8_t uid[FERRY_UID_SIZE];
    uint8_t candidate_hash[FERRY_HASH_SIZE]; /* of the candidate, or the last one */
    struct ferry_slot_info slots[FERRY_SLOTS_MAX];
    uint8_t key_hash[FERRY_BOOT_BLOCK_KEYS][FERRY_HASH_SIZE];
    char board[FERRY_BOARD_NAME_MAX + 1]; /* terminated */
};

struct ferry_open {
    uint16_t protocol;
    uint16_t capabilities;
    uint32_t total_size; /* bytes of the image file */
    uint16_t tlv_size;
    const uint8_t *header;  /* 32 bytes, borrowed from the message */
    const uint8_t *vectors; /* 8 bytes */
    const uint8_t *tlvs;    /* tlv_size bytes */
};

struct ferry_opened {
    int status; /* OK or why not */
    uint8_t slot;
    uint16_t data_max;
    uint32_t resume_offset;
    uint32_t window;
};

struct ferry_data {
    uint32_t offset;
    const uint8_t *bytes; /* borrowed from the message */
    uint32_t size;
};

struct ferry_ack {
    uint32_t next;    /* offset wanted next: all before it was received */
    uint32_t durable; /* all before it survives a power cut */
    uint32_t window;  /* image bytes that may be sent beyond `next` */
};

struct ferry_nak {
    int status;
    uint8_t type; /* of the refused message, 0 if it could not be read */
    uint32_t next;
    uint32_t durable;
};

struct ferry_close {
    uint32_t total_size;
    uint32_t crc32;    /* over the file from crc_from to its end */
    uint32_t crc_from; /* offset; not 0 after a resume: the hash covers what was sent before */
};

struct ferry_log_answer {
    uint8_t count;
    struct ferry_boot_log entries[FERRY_LOG_ENTRIES_MAX];
};

/* Writers. `out`: FERRY_REPLY_MAX bytes, OPEN: FERRY_OPEN_MAX, DATA: 8 + size. */
size_t ferry_message_write_empty(uint8_t *out, uint8_t type, uint16_t tag); /* QUERY ABORT RESET */
size_t ferry_message_write_info(uint8_t *out, uint16_t tag, const struct ferry_info *info);
size_t ferry_message_write_open(uint8_t *out, uint16_t tag, const struct ferry_open *open);
size_t ferry_message_write_opened(uint8_t *out, uint16_t tag, const struct ferry_opened *opened);
size_t ferry_message_write_data(uint8_t *out, uint16_t tag, uint32_t offset, const void *bytes,
                                size_t size);
size_t ferry_message_write_ack(uint8_t *out, uint16_t tag, const struct ferry_ack *ack);
size_t ferry_message_write_nak(uint8_t *out, uint16_t tag, const struct ferry_nak *nak);
size_t ferry_message_write_close(uint8_t *out, uint16_t tag, const struct ferry_close *close);
size_t ferry_message_write_reset(uint8_t *out, uint16_t tag, uint8_t flags); /* FERRY_RESTART_ */
/* CLOSED, RESULT: a verdict only. */
size_t ferry_message_write_verdict(uint8_t *out, uint8_t type, uint16_t tag, int status);
/* CONFIRM, REVERT: the hash of the image on trial. */
size_t ferry_message_write_hash(uint8_t *out, uint8_t type, uint16_t tag,
                                const uint8_t hash[FERRY_HASH_SIZE]);
size_t ferry_message_write_log(uint8_t *out, uint16_t tag, uint16_t first);
size_t ferry_message_write_logged(uint8_t *out, uint16_t tag, const struct ferry_log_answer *log);

/*
 * Readers of a whole message (type checked by the caller). Pointers in the result borrow from
 * `message`. Return OK or BAD_LENGTH (also for counts that contradict the length).
 */
int ferry_message_read_info(const uint8_t *message, size_t size, struct ferry_info *info);
int ferry_message_read_open(const uint8_t *message, size_t size, struct ferry_open *open);
int ferry_message_read_opened(const uint8_t *message, size_t size, struct ferry_opened *opened);
int ferry_message_read_data(const uint8_t *message, size_t size, struct ferry_data *data);
int ferry_message_read_ack(const uint8_t *message, size_t size, struct ferry_ack *ack);
int ferry_message_read_nak(const uint8_t *message, size_t size, struct ferry_nak *nak);
int ferry_message_read_close(const uint8_t *message, size_t size, struct ferry_close *close);
int ferry_message_read_verdict(const uint8_t *message, size_t size, int *status);
int ferry_message_read_hash(const uint8_t *message, size_t size, const uint8_t **hash);
int ferry_message_read_log(const uint8_t *message, size_t size, uint16_t *first);
int ferry_message_read_logged(const uint8_t *message, size_t size, struct ferry_log_answer *log);

#endif
