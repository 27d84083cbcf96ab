#include "ferry/node.h"

#include <string.h>

int ferry_node_read_image(const struct ferry_node *node, uint8_t slot, struct ferry_image *image)
{
    struct ferry_image_source source = ferry_image_from_slot(node->flash, node->board, slot);
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];

    int status = ferry_image_read(&source, scratch, image);
    image->slot = slot;
    return status;
}

/* Neighbours in the node or its state that are neighbours in INFO too are copied as one. */
#define INFO_AT(field)  offsetof(struct ferry_info, field)
#define STATE_AT(field) offsetof(struct ferry_state, field)
#define NODE_AT(field)  offsetof(struct ferry_node, field)
enum { STATE_BYTES = 5, STATE_WORDS_SIZE = 8, CHIP_SIZE = 4 + FERRY_UID_SIZE };
_Static_assert(INFO_AT(outcome) - INFO_AT(confirmed) == STATE_BYTES - 1 &&
                   STATE_AT(outcome) - STATE_AT(confirmed) == STATE_BYTES - 1 &&
                   INFO_AT(durable) - INFO_AT(security_counter) == 4 &&
                   STATE_AT(durable) - STATE_AT(security_counter) == 4 &&
                   INFO_AT(uid) - INFO_AT(write_protected) == 4 &&
                   NODE_AT(uid) - NODE_AT(write_protected) == 4,
               "the fields stand in the same order");

static void slot_info(const struct ferry_node *node, uint8_t slot, struct ferry_slot_info *info)
{
    struct ferry_image image;

    info->range = node->board->slots[slot];
    int status = ferry_node_read_image(node, slot, &image);
    if (status == FERRY_OK) {
        info->content = node->content[slot];
        info->version = image.header.version;
        ferry_hash_copy(info->hash, image.hash);
    } else {
        info->content = status == FERRY_IMAGE_MAGIC ? FERRY_CONTENT_EMPTY : FERRY_CONTENT_BAD;
    }
}

static void state_info(const struct ferry_state *state, struct ferry_info *info)
{
    memcpy((uint8_t *)info + INFO_AT(confirmed), (const uint8_t *)state + STATE_AT(confirmed),
           STATE_BYTES);
    memcpy((uint8_t *)info + INFO_AT(security_counter),
           (const uint8_t *)state + STATE_AT(security_counter), STATE_WORDS_SIZE);
    ferry_hash_copy(info->candidate_hash, state->hash);
}

static uint8_t node_flags(const struct ferry_node *node)
{
    return (uint8_t)((node->journal->found_nothing ? FERRY_INFO_JOURNAL_LOST : 0) |
                     (node->options_known ? FERRY_INFO_OPTIONS : 0) |
                     (node->no_crystal ? FERRY_INFO_NO_CRYSTAL : 0));
}

/* What the boot block tells. Its key hashes go to `end`; returns the end of them. */
static uint8_t *block_info(const struct ferry_boot_block *block, struct ferry_info *info,
                           uint8_t *end)
{
    struct ferry_keys keys = ferry_boot_block_keys(block);

    info->key_count = (uint8_t)keys.count;
    for (size_t i = 0; i < keys.count; i++, end += FERRY_HASH_SIZE) {
        ferry_hash_copy(end, keys.list[i].hash);
    }
    if (keys.count > 0) {
        info->bootloader_version = block->version;
        info->flags |= block->flags & FERRY_BOOT_BLOCK_DEV_KEY ? FERRY_INFO_DEV_KEY : 0;
    }
    return end;
}

size_t ferry_node_info(const struct ferry_node *node, struct ferry_info *info)
{
    const struct ferry_board *board = node->board;
    uint8_t *end = (uint8_t *)&info->slots[board->slot_count];
    size_t name_size = strlen(board->name);

    memset(info, 0, sizeof(*info));
    info->protocol = FERRY_PROTOCOL_VERSION;
    info->running = node->running;
    info->slot_count = board->slot_count;
    info->reset_cause = node->reset_cause;
    info->rdp_level = node->rdp_level;
    info->bor_level = node->bor_level;
    info->flags = node_flags(node);
    memcpy((uint8_t *)info + INFO_AT(write_protected),
           (const uint8_t *)node + NODE_AT(write_protected), CHIP_SIZE);
    state_info(&node->journal->state, info);
    for (uint8_t slot = 0; slot < board->slot_count; slot++) {
        slot_info(node, slot, &info->slots[slot]);
    }
    end = block_info(node->block, info, end);
    *end++ = (uint8_t)name_size;
    memcpy(end, board->name, name_size);
    return (size_t)(end - (uint8_t *)info) + name_size;
}
