/*
 * A journal that is broken on purpose: compaction erases the sector in use before it writes the
 * other one, so that a cut in between loses everything. The sweep must find it (CMakeLists.txt
 * links this in front of core's journal, whose functions are called sound_... there).
 */
#include "broken_journal.h"

int ferry_journal_commit(struct ferry_journal *journal, const struct ferry_state *state)
{
    return sound_journal_commit(journal, state);
}

int ferry_journal_compact(struct ferry_journal *journal, const struct ferry_state *state)
{
    struct ferry_state kept = *state; /* may be the journal's own */
    uint8_t sector = journal->board->journal_sectors[journal->active];

    int status = journal->flash->erase(journal->flash->ctx, sector);
    return status == FERRY_OK ? sound_journal_compact(journal, &kept) : status;
}
