#include "kit_start.h"

#include "kit_board.h"
#include "kit_image.h"

#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_SIZE = 1024 };

static void require(bool true_here)
{
    if (!true_here) {
        abort(); /* the test prepared what it did not mean to */
    }
}

/* ---- what a bootloader does on one start ---------------------------------------------------- */

void kit_start_wake(struct kit_start *bench)
{
    kit_start_wake_from(bench, 0);
}

void kit_start_wake_from(struct kit_start *bench, uint8_t reset_cause)
{
    memset(&bench->node, 0, sizeof(bench->node));
    bench->node.flash = &bench->flash.port;
    bench->node.board = bench->flash.board;
    bench->node.block = bench->block;
    bench->node.journal = &bench->journal;
    bench->node.running = FERRY_SLOT_NONE;
    bench->node.reset_cause = reset_cause;
    ferry_supervisor_begin(&bench->supervisor, &bench->node);
}

enum ferry_action kit_start(struct kit_start *bench)
{
    enum ferry_action action;

    bench->departure.slot = KIT_NOT_STARTED;
    kit_start_wake(bench);
    for (int tries = 0; tries < 3; tries++) {
        action = ferry_supervisor_decide(&bench->supervisor);
        if (action == FERRY_ACTION_LISTEN) {
            ferry_supervisor_log(&bench->supervisor, FERRY_ACTION_LISTEN, FERRY_SLOT_NONE);
            break;
        }
        if (ferry_supervisor_depart(&bench->supervisor, action, &bench->departure) == FERRY_OK) {
            break;
        }
    }
    return action;
}

/* ---- flash contents ------------------------------------------------------------------------- */

uint8_t *kit_start_build(const struct kit_start *bench, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image = kit_image_defaults(bench->flash.board, slot, major, PAYLOAD_SIZE);
    return kit_image_build(&image, size);
}

void kit_start_load(struct kit_start *bench, uint8_t slot, uint8_t major)
{
    size_t size;
    uint8_t *file = kit_start_build(bench, slot, major, &size);
    kit_flash_load(&bench->flash, bench->flash.board->slots[slot].start, file, size);
    free(file);
}

void kit_start_provision(struct kit_start *bench, uint8_t slot, uint8_t major)
{
    size_t size;
    uint8_t *file = kit_start_build(bench, slot, major, &size);
    kit_provision(&bench->flash, slot, file, size);
    free(file);
}

void kit_start_install(struct kit_start *bench, uint8_t slot, uint8_t major)
{
    struct ferry_image image;
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];

    kit_start_load(bench, slot, major);
    struct ferry_image_source source =
        ferry_image_from_slot(&bench->flash.port, bench->flash.board, slot);
    require(ferry_image_read(&source, scratch, &image) == FERRY_OK);
    require(ferry_journal_open(&bench->journal, &bench->flash.port, bench->flash.board) ==
            FERRY_OK);
    struct ferry_state state = bench->journal.state;
    state.phase = FERRY_PHASE_PENDING;
    state.candidate = slot;
    state.attempts = FERRY_TRIAL_ATTEMPTS_DEFAULT;
    state.outcome = 0;
    memcpy(state.hash, image.hash, sizeof(state.hash));
    require(ferry_journal_commit(&bench->journal, &state) == FERRY_OK);
}

void kit_start_corrupt(struct kit_start *bench, uint8_t slot)
{
    uint32_t address = bench->flash.board->slots[slot].start + FERRY_IMAGE_PADDED_SIZE + 100;
    uint8_t *byte = &bench->flash.memory[address - bench->flash.base];
    *byte = (uint8_t) ~*byte;
}

void kit_start_lose_journal(struct kit_start *bench)
{
    for (int i = 0; i < 2; i++) {
        const struct ferry_board *board = bench->flash.board;
        struct ferry_range sector = ferry_board_sector(board, board->journal_sectors[i]);
        memset(&bench->flash.memory[sector.start - bench->flash.base], 0x5A, sector.size);
    }
}

const struct ferry_state *kit_start_recorded(struct kit_start *bench)
{
    require(ferry_journal_open(&bench->journal, &bench->flash.port, bench->flash.board) ==
            FERRY_OK);
    require(!bench->journal.lost);
    return &bench->journal.state;
}

void kit_start_init(struct kit_start *bench, const struct ferry_board *board)
{
    memset(bench, 0, sizeof(*bench));
    kit_flash_init(&bench->flash, board);
    bench->block = kit_boot_block(board);
}
