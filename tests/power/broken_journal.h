/*
 * broken_journal.h - core's journal under other names, for the variants that break it.
 */
#ifndef BROKEN_JOURNAL_H
#define BROKEN_JOURNAL_H

#include "ferry/journal.h"

int sound_journal_commit(struct ferry_journal *journal, const struct ferry_state *state);
int sound_journal_compact(struct ferry_journal *journal, const struct ferry_state *state);

#endif
