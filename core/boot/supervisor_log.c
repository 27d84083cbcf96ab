/* A start's entry in the boot log, in a file of its own: see core/boot/journal_log.c. */
#include "ferry/supervisor.h"

void ferry_supervisor_log(struct ferry_supervisor *supervisor, enum ferry_action action,
                          uint8_t slot)
{
    struct ferry_journal *journal = supervisor->node->journal;
    struct ferry_boot_log log = {.reset_cause = supervisor->node->reset_cause,
                                 .action = (uint8_t)action,
                                 .slot = slot,
                                 .attempts = journal->state.attempts,
                                 .error = supervisor->error};

    if (slot != FERRY_SLOT_NONE) { /* else the last image read is perhaps one that did not verify */
        log.version = supervisor->image.header.version;
    }
    (void)ferry_journal_log(journal, &log); /* for people only */
}
