/* What core takes for granted of a board's description, asked of every board there is. */
#include "ferry/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { ERASED_BITS = 32 }; /* of ferry_state.erased */

static void sectors_ascend(const struct ferry_board *board)
{
    assert_true(board->sector_count > 0);
    for (uint8_t i = 0; i < board->sector_count; i++) {
        assert_true(board->sectors[i] < board->sectors[i + 1]);
    }
}

static void is_whole_sectors(const struct ferry_board *board, const struct ferry_range *range)
{
    uint32_t first = ferry_board_sector_at(board, range->start);
    uint32_t last = ferry_board_sector_at(board, range->start + range->size - 1);
    assert_true(last < board->sector_count && last - first < ERASED_BITS);
    assert_int_equal(board->sectors[first], range->start);
    assert_int_equal(board->sectors[last + 1], range->start + range->size);
    for (uint32_t i = first; i <= last; i++) { /* a slice never crosses a sector */
        assert_int_equal(ferry_board_sector(board, i).size % FERRY_JOURNAL_GRAIN, 0);
    }
}

static bool overlap(const struct ferry_range *a, const struct ferry_range *b)
{
    return a->start < b->start + b->size && b->start < a->start + a->size;
}

static void regions_are_apart(const struct ferry_board *board)
{
    struct ferry_range regions[5] = {board->bootloader,
                                     ferry_board_sector(board, board->journal_sectors[0]),
                                     ferry_board_sector(board, board->journal_sectors[1])};
    size_t count = 3;
    for (uint8_t slot = 0; slot < board->slot_count; slot++) {
        regions[count++] = board->slots[slot];
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(regions[i].start >= board->sectors[0]);
        assert_true(regions[i].start + regions[i].size <= board->sectors[board->sector_count]);
        for (size_t k = 0; k < i; k++) {
            assert_false(overlap(&regions[i], &regions[k]));
        }
    }
}

/* An update's records, and a place to write them to; a bit for each sector in INFO. */
static void journal_fits(const struct ferry_board *board)
{
    assert_true(board->sector_count < 32);
    for (int i = 0; i < 2; i++) {
        assert_true(ferry_board_sector(board, board->journal_sectors[i]).size / FERRY_RECORD_SIZE >
                    ferry_journal_reserve(board) + 8);
    }
}

/* Nothing of Ferry's in flash but one payload, from where the core starts. */
static void is_all_payload(const struct ferry_board *board)
{
    assert_int_equal(board->slot_count, 1);
    assert_int_equal(board->slots[0].start, board->sectors[0]);
    assert_int_equal(board->slots[0].size, board->sectors[board->sector_count] - board->sectors[0]);
    assert_true(board->journal_sectors[0] >= board->sector_count);
    assert_true(board->journal_sectors[1] >= board->sector_count);
}

static void every_board_keeps_what_core_needs(void **state)
{
    const struct ferry_board *board;
    size_t count = 0;
    (void)state;
    for (; (board = ferry_board_list(count)) != NULL; count++) {
        assert_true(strlen(board->name) > 0 && strlen(board->name) <= FERRY_BOARD_NAME_MAX);
        assert_ptr_equal(ferry_board_find(board->name), board);
        assert_true(board->slot_count == 1 || board->slot_count == 2);
        sectors_ascend(board);
        if (!ferry_board_has_bootloader(board)) {
            is_all_payload(board);
            continue;
        }
        regions_are_apart(board);
        journal_fits(board);
        for (uint8_t slot = 0; slot < board->slot_count; slot++) {
            is_whole_sectors(board, &board->slots[slot]);
        }
    }
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_board_keeps_what_core_needs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
