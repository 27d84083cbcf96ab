/*
 * kit_start.h - a node that starts: the bootloader's flow on emulated flash, from reset to jump,
 * and what a factory or an update left in flash before. What cannot be prepared aborts the test.
 */
#ifndef KIT_START_H
#define KIT_START_H

#include "ferry/install.h"
#include "ferry/supervisor.h"
#include "kit_flash.h"

enum { KIT_NOT_STARTED = 0xEE };

struct kit_start {
    struct kit_flash flash;
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_supervisor supervisor;
    struct ferry_departure departure;
    const struct ferry_boot_block *block;
};

/* Blank flash of a board; the caller frees it by kit_flash_free(&bench->flash). */
void kit_start_init(struct kit_start *bench, const struct ferry_board *board);

/* A reset, of no known or of this cause (FERRY_RESET_ bits), up to where the bootloader decides. */
void kit_start_wake(struct kit_start *bench);
void kit_start_wake_from(struct kit_start *bench, uint8_t reset_cause);

/*
 * One start to the jump, or to listening for ever. Returns the action; departure.slot is
 * KIT_NOT_STARTED if there was no jump.
 */
enum ferry_action kit_start(struct kit_start *bench);

/* An image MAJOR.0.0 for a slot, 1 KB of payload. The caller frees it. */
uint8_t *kit_start_build(const struct kit_start *bench, uint8_t slot, uint8_t major, size_t *size);

/* Puts such an image into a slot: alone; as a factory does; as an accepted update leaves it. */
void kit_start_load(struct kit_start *bench, uint8_t slot, uint8_t major);
void kit_start_provision(struct kit_start *bench, uint8_t slot, uint8_t major);
void kit_start_install(struct kit_start *bench, uint8_t slot, uint8_t major);

/* Changes a byte of the image in a slot; fills both journal sectors with what is no record. */
void kit_start_corrupt(struct kit_start *bench, uint8_t slot);
void kit_start_lose_journal(struct kit_start *bench);

/* The state that the journal in flash holds. */
const struct ferry_state *kit_start_recorded(struct kit_start *bench);

#endif
