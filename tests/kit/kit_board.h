/*
 * kit_board.h - a small board for exhaustive tests: two slots of two 8 KB sectors, and a node on
 * it.
 */
#ifndef KIT_BOARD_H
#define KIT_BOARD_H

#include "ferry/board.h"
#include "ferry/node.h"

#include "kit_flash.h"

extern const struct ferry_board kit_board;        /* two slots */
extern const struct ferry_board kit_board_single; /* one */

/* The smallest boards where an image of 0.7 KB crosses a sector and the journal takes an update, 23
 * or 21 of its 32 places in reserve. Every start reads all of the journal. */
extern const struct ferry_board kit_board_tiny;
extern const struct ferry_board kit_board_tiny_single;

/* A node as the bootloader (running = FERRY_SLOT_NONE) or an application would set it up. Opens the
 * journal; a lost one is formatted with `confirmed` first. */
void kit_node_init(struct ferry_node *node, struct ferry_journal *journal, struct kit_flash *flash,
                   uint8_t running);

/* Loads an image into its slot and makes it the confirmed one, as provisioning does. */
void kit_provision(struct kit_flash *flash, uint8_t slot, const uint8_t *image, size_t size);

#endif
