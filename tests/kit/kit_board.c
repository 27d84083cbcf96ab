#include "kit_board.h"

#include "ferry/image.h"
#include "kit_image.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t sectors[] = {0x08000000, 0x08001000, 0x08002000, 0x08004000,
                                   0x08006000, 0x08008000, 0x0800A000, 0x0800C000};

const struct ferry_board kit_board = {
    .name = "kit_board",
    .sectors = sectors,
    .sector_count = 7,
    .slot_count = 2,
    .slots = {{0x08004000, 0x4000}, {0x08008000, 0x4000}},
    .journal_sectors = {1, 2},
    .bootloader = {0x08000000, 0x1000},
    .ram = {{0x20000000, 0x20000}, {0x10000000, 0x10000}},
};

const struct ferry_board kit_board_single = {
    .name = "kit_board_single",
    .sectors = sectors,
    .sector_count = 7,
    .slot_count = 1,
    .slots = {{0x08004000, 0x4000}},
    .journal_sectors = {1, 2},
    .bootloader = {0x08000000, 0x1000},
    .ram = {{0x20000000, 0x20000}, {0x10000000, 0x10000}},
};

static const uint32_t tiny_sectors[] = {0x08000000, 0x08000400, 0x08000C00, 0x08001400,
                                        0x08001600, 0x08001A00, 0x08001C00, 0x08002000};

const struct ferry_board kit_board_tiny = {
    .name = "kit_board",
    .sectors = tiny_sectors,
    .sector_count = 7,
    .slot_count = 2,
    .slots = {{0x08001400, 0x600}, {0x08001A00, 0x600}},
    .journal_sectors = {1, 2},
    .bootloader = {0x08000000, 0x400},
    .ram = {{0x20000000, 0x20000}},
};

const struct ferry_board kit_board_tiny_single = {
    .name = "kit_board",
    .sectors = tiny_sectors,
    .sector_count = 5,
    .slot_count = 1,
    .slots = {{0x08001400, 0x600}},
    .journal_sectors = {1, 2},
    .bootloader = {0x08000000, 0x400},
    .ram = {{0x20000000, 0x20000}},
};

void kit_node_init(struct ferry_node *node, struct ferry_journal *journal, struct kit_flash *flash,
                   uint8_t running)
{
    memset(node, 0, sizeof(*node));
    if (ferry_journal_open(journal, &flash->port, flash->board) != FERRY_OK) {
        abort();
    }
    node->flash = &flash->port;
    node->board = flash->board;
    node->block = kit_boot_block(flash->board);
    node->journal = journal;
    node->running = running;
}

void kit_provision(struct kit_flash *flash, uint8_t slot, const uint8_t *image, size_t size)
{
    const struct ferry_board *board = flash->board;
    uint8_t record[FERRY_RECORD_SIZE], scratch[FERRY_IMAGE_TLV_MAX];
    struct ferry_image parsed;

    kit_flash_load(flash, board->slots[slot].start, image, size);
    struct ferry_image_source source = ferry_image_from_slot(&flash->port, board, slot);
    if (ferry_image_read(&source, scratch, &parsed) != FERRY_OK) {
        abort();
    }
    ferry_journal_format(record, slot, parsed.security_counter, parsed.hash);
    kit_flash_load(flash, board->sectors[board->journal_sectors[0]], record, sizeof(record));
}
