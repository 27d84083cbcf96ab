/* The boot block of this build: no keys, so it boots nothing until `ferry provision` wrote some. */
#include "ferry/boot_block.h"
#include "board.h"

extern const struct ferry_boot_block link_boot_block;

/* Read through its address only (main.c): what stands here at build time is not what it will hold.
 */
__attribute__((section(".boot_block"), used)) const struct ferry_boot_block link_boot_block = {
    .magic = FERRY_BOOT_BLOCK_MAGIC,
    .size = sizeof(struct ferry_boot_block),
    .key_count = 0,
    .version = BOOTLOADER_VERSION,
    .board = BOARD_NAME,
};
