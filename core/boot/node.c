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

static void block_info(const struct ferry_boot_block *block, struct ferry_info *info)
{
    struct ferry_keys keys = ferry_boot_block_keys(block);

    info->key_count = (uint8_t)keys.count;
    for (size_t i = 0; i < keys.count; i++) {
        ferry_hash_copy(info->key_hash[i], keys.list[i].hash);
    }
    if (keys.count > 0) {
        info->bootloader_version = block->version;
        info->flags |= block->flags & FERRY_BOOT_BLOCK_DEV_KEY ? FERRY_INFO_DEV_KEY : 0;
    }
}

static void state_info(const struct ferry_journal *journal, struct ferry_info *info)
{
    const struct ferry_state *state = &journal->state;

    info->confirmed = state->confirmed;
    info->phase = state->phase;
    info->candidate = state->candidate;
    info->attempts = state->attempts;
    info->outcome = state->outcome;
    info->security_counter = state->security_counter;
    info->durable = state->durable;
    ferry_hash_copy(info->candidate_hash, state->hash);
    info->flags |= journal->found_nothing ? FERRY_INFO_JOURNAL_LOST : 0;
}

void ferry_node_info(const struct ferry_node *node, struct ferry_info *info)
{
    memset(info, 0, sizeof(*info));
    info->protocol = FERRY_PROTOCOL_VERSION;
    info->running = node->running;
    info->slot_count = node->board->slot_count;
    info->reset_cause = node->reset_cause;
    info->rdp_level = node->rdp_level;
    info->bor_level = node->bor_level;
    info->write_protected = node->write_protected;
    info->flags = node->options_known ? FERRY_INFO_OPTIONS : 0;
    info->flags |= node->no_crystal ? FERRY_INFO_NO_CRYSTAL : 0;
    memcpy(info->uid, node->uid, FERRY_UID_SIZE);
    memcpy(info->board, node->board->name, strlen(node->board->name)); /* FERRY_BOARD_NAME_MAX */
    state_info(node->journal, info);
    block_info(node->block, info);
    for (uint8_t slot = 0; slot < info->slot_count; slot++) {
        slot_info(node, slot, &info->slots[slot]);
    }
}
