/* The answer to LOG, in a file of its own: see core/boot/journal_log.c. */
#include "ferry/receiver.h"

size_t ferry_receiver_log(const struct ferry_node *node, uint32_t first, uint16_t tag, uint8_t *out)
{
    struct ferry_log_answer answer = {0};

    while (answer.count < FERRY_LOG_ENTRIES_MAX &&
           ferry_journal_log_read(node->journal, first + answer.count,
                                  &answer.entries[answer.count]) == FERRY_OK) {
        answer.count++;
    }
    return ferry_message_write_logged(out, tag, &answer);
}
