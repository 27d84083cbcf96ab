/*
 * Fuzzes the journal: sectors with any content, then open, commit, log, compact, open again. The
 * state last committed must be found; nothing else is promised, but nothing may break.
 *
 * Input: chunks of 66 bytes: sector and kind of repair, place, record. A repaired record has magic,
 * CRC and a small sequence number, so that the fuzzer gets beyond the CRC.
 */
#include "ferry/journal.h"

#include "kit_board.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 2 + FERRY_RECORD_SIZE, SECTOR_BIT = 1, REPAIR_BIT = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void repair(uint8_t *record)
{
    static const uint8_t magic[4] = {'F', 'E', 'J', '1'};
    memcpy(record, magic, sizeof(magic));
    record[6] = record[7] = 0; /* two records are never 2^31 numbers apart */
    ferry_put_u32(record + 60, ferry_crc32(0, record, 60));
}

static void load(struct kit_flash *flash, const uint8_t *data, size_t size)
{
    uint8_t record[FERRY_RECORD_SIZE];

    for (; size >= 2; data += CHUNK, size -= CHUNK) {
        struct ferry_range sector =
            ferry_board_sector(&kit_board, kit_board.journal_sectors[data[0] & SECTOR_BIT]);
        uint32_t place = data[1] % (sector.size / FERRY_RECORD_SIZE);
        size_t length = size - 2 < FERRY_RECORD_SIZE ? size - 2 : FERRY_RECORD_SIZE;

        memset(record, 0xFF, sizeof(record));
        memcpy(record, data + 2, length);
        if ((data[0] & REPAIR_BIT) != 0) {
            repair(record);
        }
        kit_flash_load(flash, sector.start + place * FERRY_RECORD_SIZE, record, sizeof(record));
        if (size < CHUNK) {
            break;
        }
    }
}

static void expect(struct kit_flash *flash, const struct ferry_state *state)
{
    struct ferry_journal journal;
    if (ferry_journal_open(&journal, &flash->port, &kit_board) != FERRY_OK || journal.lost ||
        memcmp(&journal.state, state, sizeof(*state)) != 0) {
        abort();
    }
}

static void use(struct kit_flash *flash)
{
    struct ferry_journal journal;
    struct ferry_boot_log log, back;

    if (ferry_journal_open(&journal, &flash->port, &kit_board) != FERRY_OK) {
        abort();
    }
    struct ferry_state state = journal.state;
    for (int round = 0; round < 3; round++) {
        uint32_t room = ferry_journal_room(&journal);
        state.durable++;
        int status = ferry_journal_commit(&journal, &state);
        if (status == FERRY_OK) {
            expect(flash, &state);
        } else if (status != FERRY_JOURNAL_FULL || room > 1) {
            abort();
        }
        memset(&log, 0, sizeof(log));
        if (ferry_journal_log(&journal, &log) != FERRY_OK ||
            (status == FERRY_OK && room > ferry_journal_reserve(&kit_board) + 1 &&
             (ferry_journal_log_read(&journal, 0, &back) != FERRY_OK || back.boot != log.boot))) {
            abort();
        }
        if (round == 1) {
            state.security_counter++;
            if (ferry_journal_compact(&journal, &state) != FERRY_OK) {
                abort();
            }
            expect(flash, &state);
        }
    }
    if (flash->raised != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kit_flash flash;
    if (flash.memory == NULL) {
        kit_flash_init(&flash, &kit_board);
    }
    memset(flash.memory, 0xFF, flash.size);
    load(&flash, data, size);
    use(&flash);
    return 0;
}
