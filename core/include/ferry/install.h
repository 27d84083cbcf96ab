/*
 * ferry/install.h - writes an image into its slot, journalled, and judges it.
 *
 *   open -> write ... write -> close -> (reset: trial) -> confirm | revert
 *
 * Rules kept here: nothing is erased before everything refusable was refused; the running and the
 * confirmed slot are never written; a sector counts as erased only with a record written after its
 * erase; an image is PENDING only after it was verified in flash.
 */
#ifndef FERRY_INSTALL_H
#define FERRY_INSTALL_H

#include "ferry/node.h"

enum { FERRY_SLICE_SIZE = 256 }; /* bytes programmed or read between two steps */

enum ferry_install_stage {
    FERRY_INSTALL_IDLE,
    FERRY_INSTALL_SIGNATURE, /* OPEN: place is checked, signature is next */
    FERRY_INSTALL_WRITING,   /* ready for bytes */
    FERRY_INSTALL_HASHING,   /* CLOSE: hashing the rest of what is in flash */
    FERRY_INSTALL_DECIDING   /* CLOSE: claims, signature, PENDING record */
};

struct ferry_install {
    struct ferry_node *node;
    uint8_t stage;            /* enum ferry_install_stage */
    uint8_t restarts;         /* sectors that had to be erased again in this transfer */
    bool repeated;            /* CLOSE asks about an image that was judged before */
    uint32_t next;            /* offset of the next byte wanted */
    uint32_t crc32;           /* over what is in flash: up to hasher.offset, then as CLOSE says */
    uint32_t crc32_claimed;   /* by CLOSE */
    uint32_t crc32_at;        /* offset of the next byte for it */
    struct ferry_image image; /* the claims of OPEN */
    struct ferry_image_hasher hasher; /* over what is in flash, from OPEN on */
};

void ferry_install_init(struct ferry_install *install, struct ferry_node *node);

/*
 * Judges the claims of an OPEN without touching flash, all but key and signature (that is the next
 * ferry_install_open_step, as it takes long). Returns OK, an IMAGE_ error, BUSY_TRIAL,
 * SLOT_RUNNING or SLOT_CONFIRMED (also for the last image that boots, where the confirmed one does
 * not).
 */
int ferry_install_open(struct ferry_install *install, const struct ferry_open *open);

/*
 * Checks the signature, then makes the candidate known to the journal or finds it there.
 * On OK install->next is the offset to go on from, and bytes may be written. Power: the old state
 * or FILLING is recorded. Returns OK, IMAGE_KEY, IMAGE_SIGNATURE, JOURNAL_FULL or FLASH.
 */
int ferry_install_open_step(struct ferry_install *install);

/*
 * Writes up to FERRY_SLICE_SIZE of the bytes at install->next, or erases the sector they go to.
 *   used: bytes taken, 0 after an erase.
 * Returns OK, or FLASH (the sector is marked for a new erase and install->next moved back to its
 * start: ask for the bytes again), BAD_LENGTH (past the image's end), JOURNAL_FULL.
 */
int ferry_install_write(struct ferry_install *install, const uint8_t *bytes, uint32_t size,
                        uint32_t *used);

/* Bytes that survive a power cut now. */
uint32_t ferry_install_durable(const struct ferry_install *install);

/*
 * Starts the check of what was written; without an open transfer, of what was accepted before (the
 * answer may have been lost). Returns OK, NOT_OPEN, BAD_LENGTH (not all was sent), or why the last
 * candidate was given up.
 */
int ferry_install_close(struct ferry_install *install, const struct ferry_close *close);

/*
 * One slice of the check; the last one writes PENDING. Returns MORE, OK (accepted: the next start
 * tries it), CRC, IMAGE_HASH, IMAGE_CLAIMS, IMAGE_SIGNATURE (refused: the candidate is given up),
 * FLASH or JOURNAL_FULL.
 */
int ferry_install_close_step(struct ferry_install *install);

/* Gives up an open transfer; what is in flash stays and can be resumed. */
void ferry_install_abort(struct ferry_install *install);

/*
 * Confirms the running trial: its slot becomes the confirmed one and the security counter rises, in
 * one record. Idempotent. Returns OK, NOT_TRIAL, WRONG_IMAGE, JOURNAL_FULL, FLASH.
 */
int ferry_install_confirm(struct ferry_install *install, const uint8_t hash[FERRY_HASH_SIZE]);

/* Gives the running trial (or a PENDING candidate) up; the next start boots the confirmed slot. */
int ferry_install_revert(struct ferry_install *install, const uint8_t hash[FERRY_HASH_SIZE]);

#endif
