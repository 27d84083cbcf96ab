#include "sweep_journal.h"

#include <stdlib.h>
#include <string.h>

/* Flash in host memory. */
struct desk {
    uint8_t *memory;
    uint32_t base;
    const struct ferry_board *board;
    struct ferry_flash flash;
};

static int desk_read(void *ctx, uint32_t address, void *out, size_t size)
{
    const struct desk *desk = ctx;
    memcpy(out, desk->memory + (address - desk->base), size);
    return FERRY_OK;
}

static int desk_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    const struct desk *desk = ctx;
    memcpy(desk->memory + (address - desk->base), data, size);
    return FERRY_OK;
}

static int desk_erase(void *ctx, uint32_t sector)
{
    const struct desk *desk = ctx;
    struct ferry_range range = ferry_board_sector(desk->board, sector);
    memset(desk->memory + (range.start - desk->base), 0xFF, range.size);
    return FERRY_OK;
}

static bool desk_init(struct desk *desk, const struct ferry_sim *sim,
                      const struct ferry_board *board)
{
    size_t size;
    const uint8_t *cells = ferry_sim_flash(sim, &size);

    desk->memory = malloc(size);
    desk->base = ferry_sim_flash_base(sim);
    desk->board = board;
    desk->flash = (struct ferry_flash){
        .ctx = desk, .read = desk_read, .program = desk_program, .erase = desk_erase};
    if (desk->memory != NULL) {
        memcpy(desk->memory, cells, size);
    }
    return desk->memory != NULL;
}

void sweep_journal_age(struct ferry_sim *sim, const struct ferry_board *board, uint32_t room)
{
    struct ferry_journal journal;
    struct desk desk;

    if (!desk_init(&desk, sim, board)) {
        return;
    }
    int status = ferry_journal_open(&journal, &desk.flash, board);
    while (status == FERRY_OK && ferry_journal_room(&journal) > 0) {
        status = ferry_journal_commit(&journal, &journal.state);
    }
    status = ferry_journal_compact(&journal, &journal.state);
    while (status == FERRY_OK && ferry_journal_room(&journal) > room) {
        status = ferry_journal_commit(&journal, &journal.state);
    }
    for (size_t i = 0; i < 2; i++) {
        struct ferry_range sector = ferry_board_sector(board, board->journal_sectors[i]);
        ferry_sim_load(sim, sector.start, desk.memory + (sector.start - desk.base), sector.size);
    }
    free(desk.memory);
}

bool sweep_journal_read(const struct ferry_sim *sim, const struct ferry_board *board,
                        struct ferry_state *state)
{
    struct ferry_journal journal;
    struct desk desk;

    if (!desk_init(&desk, sim, board)) {
        return false;
    }
    bool found = ferry_journal_open(&journal, &desk.flash, board) == FERRY_OK && !journal.lost;
    *state = journal.state;
    free(desk.memory);
    return found;
}

bool sweep_journal_equal(const struct ferry_state *a, const struct ferry_state *b)
{
    return a->confirmed == b->confirmed && a->phase == b->phase && a->candidate == b->candidate &&
           a->outcome == b->outcome && a->security_counter == b->security_counter &&
           memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}
