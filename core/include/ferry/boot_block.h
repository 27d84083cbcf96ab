/*
 * ferry/boot_block.h - what a bootloader says about itself at a fixed place in its binary.
 *
 * It stands FERRY_BOOT_BLOCK_OFFSET bytes after the bootloader's vector table (which therefore has
 * only the 16 system entries: the bootloader polls). `ferry provision` writes the keys into it; the
 * bootloader and the agent of a running application read it. Little-endian, no padding.
 */
#ifndef FERRY_BOOT_BLOCK_H
#define FERRY_BOOT_BLOCK_H

#include "ferry/board.h"
#include "ferry/crypto.h"

#define FERRY_BOOT_BLOCK_OFFSET  0x40U
#define FERRY_BOOT_BLOCK_MAGIC   0x4B4C4246U /* "FBLK" */
#define FERRY_BOOT_BLOCK_DEV_KEY 0x1U        /* flags: made with a throw-away key */

enum { FERRY_BOOT_BLOCK_KEYS = 2 };

struct ferry_boot_block {
    uint32_t magic;
    uint16_t size;      /* sizeof this struct */
    uint16_t key_count; /* keys in use, 0..2: a bootloader without keys boots nothing */
    uint32_t version;   /* of the bootloader: major << 24 | minor << 16 | revision */
    uint32_t flags;     /* FERRY_BOOT_BLOCK_DEV_KEY */
    char board[FERRY_BOARD_NAME_MAX]; /* zero-padded */
    struct ferry_pubkey keys[FERRY_BOOT_BLOCK_KEYS];
};

_Static_assert(sizeof(struct ferry_boot_block) == 16 + 32 + 2 * 96,
               "the layout is part of SPEC.md");

/*
 * The accepted keys of a block; empty if the block is not one (magic, size, count).
 * The result borrows from `block`.
 */
struct ferry_keys ferry_boot_block_keys(const struct ferry_boot_block *block);

#endif
