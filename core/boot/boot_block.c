#include "ferry/boot_block.h"

struct ferry_keys ferry_boot_block_keys(const struct ferry_boot_block *block)
{
    struct ferry_keys keys = {.list = block->keys, .count = 0};

    if (block->magic == FERRY_BOOT_BLOCK_MAGIC && block->size == sizeof(*block) &&
        block->key_count <= FERRY_BOOT_BLOCK_KEYS) {
        keys.count = block->key_count;
    }
    return keys;
}
