/*
 * A journal that is broken on purpose: a sequence number is its predecessor's plus one, whatever
 * was torn in between. A torn record that reads as valid one day and not the next has the same
 * number as the one that came after it, and compaction cannot outrank it.
 */
#include "broken_journal.h"

int ferry_journal_commit(struct ferry_journal *journal, const struct ferry_state *state)
{
    journal->place = journal->cursor - 1U;
    return sound_journal_commit(journal, state);
}

int ferry_journal_compact(struct ferry_journal *journal, const struct ferry_state *state)
{
    journal->cursor = journal->place; /* the distance that compaction adds is then 1 */
    return sound_journal_compact(journal, state);
}
