/*
 * journal_record.h - records and places of the journal, for journal.c and journal_log.c only.
 */
#ifndef FERRY_JOURNAL_RECORD_H
#define FERRY_JOURNAL_RECORD_H

#include "ferry/journal.h"

/* A record (SPEC.md, "Journal"). The first word is the same in all of them: see ferry/journal.h. */
#define RECORD_MAGIC 0x314A4546U /* "FEJ1" */
enum { KIND_STATE = 1, KIND_LOG = 2 };
enum {
    AT_MAGIC = 0,
    AT_SEQUENCE = 4,
    AT_KIND = 8,
    AT_STATE = AT_KIND, /* struct ferry_state */
    AT_LOG = 9,         /* of struct ferry_boot_log: reset_cause to error */
    AT_LOG_BOOT = 16,
    AT_LOG_VERSION = 20,
    AT_CRC = 60
};

/* Is this an undamaged record of this kind? */
bool ferry_record_is_valid(const uint8_t *record, uint8_t kind);

/* Reads one place of journal sector `which` (0 or 1). Returns OK or FLASH. */
int ferry_journal_read(const struct ferry_journal *journal, uint8_t which, uint32_t place,
                       uint8_t *record);

/*
 * Adds magic number, sequence and CRC to a record and programs it at the cursor, goes on to the
 * next place while the read-back differs. On OK it stands before the cursor. Returns as
 * ferry_journal_commit.
 */
int ferry_journal_append(struct ferry_journal *journal, uint8_t *record);

/* Copies the newest boot logs of the journal as it was `before` a compaction. */
void ferry_journal_keep_logs(struct ferry_journal *journal, const struct ferry_journal *before);

#endif
