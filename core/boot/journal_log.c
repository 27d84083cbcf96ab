/* The boot log, in places of the journal that nothing else needs. In a file of its own: the
 * smallest bootloader links another one and keeps none. */
#include "journal_record.h"

#include <string.h>

/* Two parts of struct ferry_boot_log are copied as they are. */
enum { LOG_FROM = offsetof(struct ferry_boot_log, reset_cause), LOG_BYTES = 5, VERSION_BYTES = 8 };
_Static_assert(offsetof(struct ferry_boot_log, error) == LOG_FROM + LOG_BYTES - 1 &&
                   sizeof(struct ferry_version) == VERSION_BYTES,
               "the log has the layout of a record, in three parts");

enum { LOGS_KEPT = 8 };

/* Between the byte order of the machine and of a record, either way. */
static void order_log(uint8_t *record)
{
    ferry_order_u16(record + AT_LOG_VERSION + offsetof(struct ferry_version, revision));
    ferry_order_u32(record + AT_LOG_VERSION + offsetof(struct ferry_version, build));
}

static int append_log(struct ferry_journal *journal, const struct ferry_boot_log *log)
{
    uint8_t record[FERRY_RECORD_SIZE] = {[AT_KIND] = KIND_LOG};

    memcpy(record + AT_LOG, (const uint8_t *)log + LOG_FROM, LOG_BYTES);
    ferry_put_u32(record + AT_LOG_BOOT, log->boot);
    memcpy(record + AT_LOG_VERSION, &log->version, VERSION_BYTES);
    order_log(record);
    return ferry_journal_append(journal, record);
}

/* Changes `record`. */
static void get_log(uint8_t *record, struct ferry_boot_log *log)
{
    order_log(record);
    memset(log, 0, sizeof(*log));
    log->boot = ferry_get_u32(record + AT_LOG_BOOT);
    memcpy((uint8_t *)log + LOG_FROM, record + AT_LOG, LOG_BYTES);
    memcpy(&log->version, record + AT_LOG_VERSION, VERSION_BYTES);
}

/* An application that crashes at once and for ever must not wear the journal out. */
static bool is_repetition(const struct ferry_boot_log *log, const struct ferry_boot_log *last)
{
    return memcmp(&log->reset_cause, &last->reset_cause, LOG_BYTES) == 0 &&
           memcmp(&log->version, &last->version, VERSION_BYTES) == 0;
}

int ferry_journal_log(struct ferry_journal *journal, struct ferry_boot_log *log)
{
    struct ferry_boot_log last;

    bool first = ferry_journal_log_read(journal, 0, &last) != FERRY_OK;
    log->boot = first ? 1 : last.boot + 1;
    if ((!first && is_repetition(log, &last)) ||
        ferry_journal_room(journal) <= ferry_journal_reserve(journal->board)) {
        return FERRY_OK;
    }
    return append_log(journal, log);
}

int ferry_journal_log_before(const struct ferry_journal *journal, uint32_t *place,
                             struct ferry_boot_log *log)
{
    uint8_t record[FERRY_RECORD_SIZE];

    while (*place > 0 && !journal->lost) {
        --*place;
        if (ferry_journal_read(journal, journal->active, *place, record) != FERRY_OK) {
            break;
        }
        if (ferry_record_is_valid(record, KIND_LOG)) {
            get_log(record, log);
            return FERRY_OK;
        }
    }
    return FERRY_ARGUMENT;
}

int ferry_journal_log_read(const struct ferry_journal *journal, uint32_t index,
                           struct ferry_boot_log *log)
{
    uint32_t place = journal->cursor;
    int status;

    do {
        status = ferry_journal_log_before(journal, &place, log);
    } while (status == FERRY_OK && index-- > 0);
    return status;
}

/* For people: a failure costs nothing else. */
void ferry_journal_keep_logs(struct ferry_journal *journal, const struct ferry_journal *before)
{
    struct ferry_boot_log log;

    for (uint32_t index = LOGS_KEPT; index-- > 0;) { /* the oldest first */
        if (ferry_journal_log_read(before, index, &log) == FERRY_OK) {
            (void)append_log(journal, &log);
        }
    }
}
