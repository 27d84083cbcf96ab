/*
 * kit_image.h - signed images for tests, made in memory with a key made for this run.
 */
#ifndef KIT_IMAGE_H
#define KIT_IMAGE_H

#include "ferry/boot_block.h"
#include "ferry/image.h"

/* What the image says; start from kit_image_defaults and change what the test is about. */
struct kit_image {
    const struct ferry_board *board;
    uint8_t slot;
    struct ferry_version version;
    uint32_t security_counter;
    uint32_t payload_size; /* bytes, vectors included, >= 16 */
    uint32_t seed;         /* of the payload's pseudo-random content */
    uint32_t flags;
    int key;                /* 0: accepted by kit_boot_block, 1: another one */
    const char *board_name; /* in the BOARD TLV */
};

struct kit_image kit_image_defaults(const struct ferry_board *board, uint8_t slot, uint8_t major,
                                    uint32_t payload_size);

/* Builds and signs. The caller frees. *size: bytes of the file. */
uint8_t *kit_image_build(const struct kit_image *image, size_t *size);

/* The two keys of this run, and a boot block that accepts key 0. */
const struct ferry_pubkey *kit_pubkey(int key);
const struct ferry_boot_block *kit_boot_block(const struct ferry_board *board);

#endif
