/*
 * sweep_journal.h - the journal of a virtual board, read and written from outside, with core's own
 * journal over a copy of its flash. The board must not be in the middle of an operation.
 */
#ifndef SWEEP_JOURNAL_H
#define SWEEP_JOURNAL_H

#include "ferry_sim.h"

#include "ferry/board.h"
#include "ferry/journal.h"

/*
 * Gives a board that was never switched on a journal with a past: full, compacted, and filled again
 * up to `room` records. Its state stays.
 */
void sweep_journal_age(struct ferry_sim *sim, const struct ferry_board *board, uint32_t room);

/* What the journal says. Unstable bits count as their cells. False: it holds no valid record. */
bool sweep_journal_read(const struct ferry_sim *sim, const struct ferry_board *board,
                        struct ferry_state *state);

/* Do both mean the same? What only a transfer under way needs is left out. */
bool sweep_journal_equal(const struct ferry_state *a, const struct ferry_state *b);

#endif
