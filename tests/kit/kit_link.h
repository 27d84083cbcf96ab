/*
 * kit_link.h - a gateway in the hands of a test: one request at a time to a receiver on emulated
 * flash, without bytes or time in between.
 */
#ifndef KIT_LINK_H
#define KIT_LINK_H

#include "ferry/receiver.h"

#include "kit_flash.h"

enum { KIT_LINK_DATA_MAX = 1024, KIT_LINK_NO_ANSWER = 100 };

struct kit_link {
    struct kit_flash *flash;
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_receiver receiver;
    uint16_t tag;         /* of the last OPEN */
    uint32_t durable;     /* as the last ACK or NAK told */
    uint32_t next;        /* likewise */
    uint32_t answered_at; /* flash operations before the last answer */
    size_t answer_size;   /* 0: the last message got none */
    uint8_t answer[FERRY_REPLY_MAX];
};

/* A node that has just started: everything in RAM is new, flash stays.
 *   running: a slot, or FERRY_SLOT_NONE for the bootloader. */
void kit_link_start(struct kit_link *link, struct kit_flash *flash, uint8_t running);

/* Gives a message and lets the node work until it has nothing left to do; `answer` holds the last
 * thing it said. */
void kit_link_ask(struct kit_link *link, const uint8_t *message, size_t size);

/* The claims of an image file, as a gateway reads them; borrows from `file`. */
struct ferry_open kit_link_claims(const uint8_t *file, size_t size);

/*
 * Requests. Each returns the node's verdict; KIT_LINK_NO_ANSWER where it kept silent. `opened` may
 * be NULL.
 */
int kit_link_open(struct kit_link *link, const struct ferry_open *open,
                  struct ferry_opened *opened);
int kit_link_open_file(struct kit_link *link, const uint8_t *file, size_t size);
int kit_link_data(struct kit_link *link, uint32_t offset, const uint8_t *bytes, size_t size);
int kit_link_close(struct kit_link *link, const uint8_t *file, size_t size);
int kit_link_hash(struct kit_link *link, uint8_t type, const uint8_t hash[FERRY_HASH_SIZE]);
int kit_link_plain(struct kit_link *link, uint8_t type); /* ABORT, RESET */

/* DATA from link->next to the end of the file, going back where the node asks for it. Returns OK,
 * or the reason why it does not get on. */
int kit_link_send(struct kit_link *link, const uint8_t *file, size_t size);

/* OPEN, DATA, CLOSE. */
int kit_link_install(struct kit_link *link, const uint8_t *file, size_t size);

/* Value of the SHA256 TLV of a file that kit_image_build made. */
const uint8_t *kit_link_file_hash(const uint8_t *file, size_t size);

#endif
