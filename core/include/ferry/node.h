/*
 * ferry/node.h - one node as its own code sees it: where it runs, what it accepts, what it boots.
 *
 * The bootloader and the agent of an application each fill one `struct ferry_node` at start; the
 * receiver works on it.
 */
#ifndef FERRY_NODE_H
#define FERRY_NODE_H

#include "ferry/boot_block.h"
#include "ferry/journal.h"
#include "ferry/message.h"

struct ferry_node {
    const struct ferry_flash *flash;
    const struct ferry_board *board;
    const struct ferry_boot_block *block; /* of the installed bootloader */
    struct ferry_journal *journal;        /* opened */
    uint8_t running;                      /* slot, or FERRY_SLOT_NONE in the bootloader */
    uint8_t content[FERRY_SLOTS_MAX];     /* enum ferry_slot_content, as far as it is known */
    uint8_t reset_cause;                  /* FERRY_RESET_ bits */
    uint8_t rdp_level, bor_level;         /* option bytes */
    bool options_known;
    bool no_crystal; /* runs on the internal oscillator because the crystal did not start */
    uint32_t write_protected;
    uint8_t uid[FERRY_UID_SIZE];
};

/*
 * Reads and parses the image in a slot: header, vectors, TLV areas. Verifies nothing; image->slot
 * is the slot.
 * Returns as ferry_image_read.
 */
int ferry_node_read_image(const struct ferry_node *node, uint8_t slot, struct ferry_image *image);

/*
 * Fills INFO from a node: parses the headers and hash TLVs in its slots, verifies nothing.
 * Window, data_max and FERRY_INFO_OPEN are the receiver's to add. Key hashes and board name are put
 * where they stand on the wire, right behind the slots that exist.
 * Returns the size of all that.
 */
size_t ferry_node_info(const struct ferry_node *node, struct ferry_info *info);

#endif
