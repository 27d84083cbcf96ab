/* The answer to LOG, in a file of its own: see core/boot/journal_log.c. */
#include "ferry/receiver.h"

/* One way back through the journal: an old one has 2,000 places to read. */
size_t ferry_receiver_log(const struct ferry_node *node, uint32_t first, uint16_t tag, uint8_t *out)
{
    struct ferry_log_answer answer = {0};
    struct ferry_boot_log entry;
    uint32_t place = node->journal->cursor;

    while (answer.count < FERRY_LOG_ENTRIES_MAX &&
           ferry_journal_log_before(node->journal, &place, &entry) == FERRY_OK) {
        if (first > 0) {
            first--;
        } else {
            answer.entries[answer.count++] = entry;
        }
    }
    return ferry_message_write_logged(out, tag, &answer);
}
