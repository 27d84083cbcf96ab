/* Takes the place of core/boot/journal_log.c, core/boot/supervisor_log.c and
 * core/link/receiver_log.c in the smallest bootloader: it keeps no boot log and answers LOG with an
 * empty one. */
#include "ferry/receiver.h"
#include "ferry/supervisor.h"
#include "journal_record.h"

void ferry_supervisor_log(struct ferry_supervisor *supervisor, enum ferry_action action,
                          uint8_t slot)
{
    (void)supervisor;
    (void)action;
    (void)slot;
}

void ferry_journal_keep_logs(struct ferry_journal *journal, const struct ferry_journal *before)
{
    (void)journal;
    (void)before;
}

size_t ferry_receiver_log(const struct ferry_node *node, uint32_t first, uint16_t tag, uint8_t *out)
{
    static const struct ferry_log_answer nothing;
    (void)node;
    (void)first;
    return ferry_message_write_logged(out, tag, &nothing);
}
