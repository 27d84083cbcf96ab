#include "ferry/journal.h"

#include <string.h>

/* A record (SPEC.md, "Journal"). The first word is the same in all of them: see the header. */
#define RECORD_MAGIC 0x314A4546U /* "FEJ1" */
enum { KIND_STATE = 1, KIND_LOG = 2 };
enum {
    AT_MAGIC = 0,
    AT_SEQUENCE = 4,
    AT_KIND = 8,
    AT_STATE = AT_KIND, /* struct ferry_state */
    AT_LOG = 9,         /* of struct ferry_boot_log: reset_cause to error */
    AT_LOG_ERROR = 13,
    AT_LOG_BOOT = 16,
    AT_LOG_VERSION = 20,
    AT_CRC = 60
};

/* The structs are copied whole into a record and out of it. */
enum { LOG_FROM = offsetof(struct ferry_boot_log, reset_cause), LOG_BYTES = 5, VERSION_BYTES = 8 };
_Static_assert(offsetof(struct ferry_state, hash) == 28 - AT_STATE &&
                   sizeof(struct ferry_state) == AT_CRC - AT_STATE,
               "the state has the layout of a record");
_Static_assert(offsetof(struct ferry_boot_log, error) == LOG_FROM + LOG_BYTES - 1 &&
                   sizeof(struct ferry_version) == VERSION_BYTES,
               "so has the log, in three parts");

enum { LOGS_KEPT = 8, SPARE_RECORDS = 16 };

/* ---- bytes of a record --------------------------------------------------------------------- */

static void seal(uint8_t *record, uint32_t sequence)
{
    ferry_put_u32(record + AT_MAGIC, RECORD_MAGIC);
    ferry_put_u32(record + AT_SEQUENCE, sequence);
    ferry_put_u32(record + AT_CRC, ferry_crc32(0, record, AT_CRC));
}

static bool is_valid(const uint8_t *record, uint8_t kind)
{
    return ferry_get_u32(record + AT_MAGIC) == RECORD_MAGIC && record[AT_KIND] == kind &&
           ferry_get_u32(record + AT_CRC) == ferry_crc32(0, record, AT_CRC);
}

/* Between the byte order of the machine and of a record, either way. */
static void order_state(uint8_t *bytes)
{
    ferry_order_u32(bytes + offsetof(struct ferry_state, security_counter));
    ferry_order_u32(bytes + offsetof(struct ferry_state, durable));
    ferry_order_u32(bytes + offsetof(struct ferry_state, erased));
}

static void order_log(uint8_t *record)
{
    record[AT_LOG_ERROR] = (uint8_t)-record[AT_LOG_ERROR]; /* no sign in flash */
    ferry_order_u16(record + AT_LOG_VERSION + offsetof(struct ferry_version, revision));
    ferry_order_u32(record + AT_LOG_VERSION + offsetof(struct ferry_version, build));
}

static void put_state(uint8_t *record, const struct ferry_state *state)
{
    memcpy(record + AT_STATE, state, sizeof(*state));
    record[AT_KIND] = KIND_STATE;
    order_state(record + AT_STATE);
}

static void get_state(const uint8_t *record, struct ferry_state *state)
{
    memcpy(state, record + AT_STATE, sizeof(*state));
    order_state((uint8_t *)state);
    state->kind = 0;
}

static void put_log(uint8_t *record, const struct ferry_boot_log *log)
{
    memset(record, 0, FERRY_RECORD_SIZE);
    record[AT_KIND] = KIND_LOG;
    memcpy(record + AT_LOG, (const uint8_t *)log + LOG_FROM, LOG_BYTES);
    ferry_put_u32(record + AT_LOG_BOOT, log->boot);
    memcpy(record + AT_LOG_VERSION, &log->version, VERSION_BYTES);
    order_log(record);
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

/* ---- places in a sector --------------------------------------------------------------------- */

static const struct ferry_range *sector_of(const struct ferry_journal *journal, uint8_t which)
{
    return &journal->board->sectors[journal->board->journal_sectors[which]];
}

static uint32_t place_count(const struct ferry_journal *journal, uint8_t which)
{
    return sector_of(journal, which)->size / FERRY_RECORD_SIZE;
}

static int read_place(const struct ferry_journal *journal, uint8_t which, uint32_t place,
                      uint8_t *record)
{
    uint32_t address = sector_of(journal, which)->start + place * FERRY_RECORD_SIZE;
    return journal->flash->read(journal->flash->ctx, address, record, FERRY_RECORD_SIZE);
}

static bool is_blank(const uint8_t *record)
{
    for (size_t i = 0; i < FERRY_RECORD_SIZE; i++) {
        if (record[i] != 0xFF) {
            return false;
        }
    }
    return true;
}

/* The place behind the last one that was ever written to. */
static int find_end(const struct ferry_journal *journal, uint8_t which, uint32_t *end)
{
    uint8_t record[FERRY_RECORD_SIZE];

    for (*end = place_count(journal, which); *end > 0; (*end)--) {
        int status = read_place(journal, which, *end - 1, record);
        if (status != FERRY_OK) {
            return status;
        }
        if (!is_blank(record)) {
            break;
        }
    }
    return FERRY_OK;
}

/* Takes the last valid state of one sector over if it is newer than what we have. */
static int scan_sector(struct ferry_journal *journal, uint8_t which)
{
    uint8_t record[FERRY_RECORD_SIZE];
    uint32_t end;
    int status = find_end(journal, which, &end);

    for (uint32_t place = end; status == FERRY_OK && place > 0; place--) {
        status = read_place(journal, which, place - 1, record);
        if (status != FERRY_OK || !is_valid(record, KIND_STATE)) {
            continue;
        }
        uint32_t sequence = ferry_get_u32(record + AT_SEQUENCE);
        if (journal->lost || (int32_t)(sequence - journal->sequence) > 0) {
            journal->lost = false;
            journal->sequence = sequence;
            journal->place = place - 1;
            journal->cursor = end;
            journal->active = which;
            get_state(record, &journal->state);
        }
        return FERRY_OK;
    }
    return status;
}

int ferry_journal_open(struct ferry_journal *journal, const struct ferry_flash *flash,
                       const struct ferry_board *board)
{
    memset(journal, 0, sizeof(*journal));
    journal->flash = flash;
    journal->board = board;
    journal->lost = true;
    journal->active = 1; /* if nothing is found, the first compaction goes to sector 0 */
    journal->state.confirmed = FERRY_SLOT_NONE;
    journal->state.candidate = FERRY_SLOT_NONE;

    int status = scan_sector(journal, 0);
    if (status == FERRY_OK) {
        status = scan_sector(journal, 1);
    }
    journal->found_nothing = journal->lost;
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Programs a record at the cursor, goes on to the next place while the read-back differs. */
static int append(struct ferry_journal *journal, uint8_t *record, uint32_t *place)
{
    const struct ferry_flash *flash = journal->flash;
    uint8_t check[FERRY_RECORD_SIZE];

    while (ferry_journal_room(journal) > 0) {
        *place = journal->cursor++;
        seal(record, journal->sequence + (*place - journal->place));
        uint32_t address = sector_of(journal, journal->active)->start + *place * FERRY_RECORD_SIZE;
        int status = flash->program(flash->ctx, address, record, FERRY_RECORD_SIZE);
        if (status == FERRY_OK) {
            status = read_place(journal, journal->active, *place, check);
        }
        if (status != FERRY_OK) {
            return status;
        }
        if (memcmp(record, check, sizeof(check)) == 0) {
            return FERRY_OK;
        }
    }
    return FERRY_JOURNAL_FULL;
}

int ferry_journal_commit(struct ferry_journal *journal, const struct ferry_state *state)
{
    uint8_t record[FERRY_RECORD_SIZE];
    uint32_t place;

    put_state(record, state);
    int status = append(journal, record, &place);
    if (status == FERRY_OK) {
        journal->sequence += place - journal->place;
        journal->place = place;
        if (state != &journal->state) {
            memcpy(&journal->state, state, sizeof(*state));
        }
    }
    return status;
}

struct ferry_state *ferry_journal_edit(struct ferry_journal *journal)
{
    memcpy(&journal->edited, &journal->state, sizeof(journal->edited)); /* smaller than "=" */
    return &journal->edited;
}

void ferry_state_set_candidate(struct ferry_state *state, enum ferry_phase phase, uint8_t slot,
                               const struct ferry_image *image)
{
    bool whole = phase == FERRY_PHASE_PENDING;

    state->phase = (uint8_t)phase;
    state->candidate = slot;
    memcpy(state->hash, image->hash, FERRY_HASH_SIZE);
    state->attempts = whole ? FERRY_TRIAL_ATTEMPTS_DEFAULT : 0;
    state->durable = whole ? image->total_size : 0;
    state->outcome = 0;
    state->erased = 0;
}

void ferry_state_end_candidate(struct ferry_state *state, int outcome)
{
    state->phase = FERRY_PHASE_NONE;
    state->attempts = 0;
    state->durable = 0;
    state->erased = 0;
    state->outcome = (uint8_t)-outcome;
}

/* Reads the logs that compaction keeps, newest first. */
static uint32_t keep_logs(const struct ferry_journal *journal, struct ferry_boot_log *logs)
{
    uint32_t count = 0;
    while (count < LOGS_KEPT && ferry_journal_log_read(journal, count, &logs[count]) == FERRY_OK) {
        count++;
    }
    return count;
}

int ferry_journal_compact(struct ferry_journal *journal, const struct ferry_state *state)
{
    struct ferry_boot_log logs[LOGS_KEPT];
    const struct ferry_journal before = *journal;
    uint8_t record[FERRY_RECORD_SIZE];
    uint32_t place, count = keep_logs(journal, logs);
    uint8_t other = (uint8_t)(1 - journal->active);

    int status = journal->flash->erase(journal->flash->ctx, journal->board->journal_sectors[other]);
    if (status != FERRY_OK) {
        return status;
    }
    /* Higher than any record, torn ones included, that the old sector can hold. */
    journal->sequence += journal->cursor - journal->place + 1;
    journal->place = 0;
    journal->cursor = 0;
    journal->active = other;
    journal->lost = false;
    status = ferry_journal_commit(journal, state);
    if (status != FERRY_OK) {
        *journal = before; /* the old sector is still the good one */
        return status;
    }
    while (count > 0 && status == FERRY_OK) { /* for people: a failure costs nothing else */
        put_log(record, &logs[--count]);
        status = append(journal, record, &place);
    }
    return FERRY_OK;
}

uint32_t ferry_journal_room(const struct ferry_journal *journal)
{
    uint32_t places = place_count(journal, journal->active);
    return journal->lost || journal->cursor >= places ? 0 : places - journal->cursor;
}

uint32_t ferry_journal_reserve(const struct ferry_board *board)
{
    uint32_t largest = 0;
    for (uint8_t slot = 0; slot < board->slot_count; slot++) {
        largest = board->slots[slot].size > largest ? board->slots[slot].size : largest;
    }
    return largest / FERRY_JOURNAL_GRAIN + board->sector_count + SPARE_RECORDS;
}

/* ---- boot log ---------------------------------------------------------------------------------
 */

/* An application that crashes at once and for ever must not wear the journal out. */
static bool is_repetition(const struct ferry_boot_log *log, const struct ferry_boot_log *last)
{
    return log->reset_cause == last->reset_cause && log->action == last->action &&
           log->slot == last->slot && log->attempts == last->attempts &&
           log->error == last->error && ferry_version_compare(&log->version, &last->version) == 0;
}

int ferry_journal_log(struct ferry_journal *journal, struct ferry_boot_log *log)
{
    struct ferry_boot_log last;
    uint8_t record[FERRY_RECORD_SIZE];
    uint32_t place;

    bool first = ferry_journal_log_read(journal, 0, &last) != FERRY_OK;
    log->boot = first ? 1 : last.boot + 1;
    if ((!first && is_repetition(log, &last)) ||
        ferry_journal_room(journal) <= ferry_journal_reserve(journal->board)) {
        return FERRY_OK;
    }
    put_log(record, log);
    return append(journal, record, &place);
}

int ferry_journal_log_read(const struct ferry_journal *journal, uint32_t index,
                           struct ferry_boot_log *log)
{
    uint8_t record[FERRY_RECORD_SIZE];

    for (uint32_t place = journal->cursor; place > 0 && !journal->lost; place--) {
        if (read_place(journal, journal->active, place - 1, record) != FERRY_OK) {
            break;
        }
        if (is_valid(record, KIND_LOG) && index-- == 0) {
            get_log(record, log);
            return FERRY_OK;
        }
    }
    return FERRY_ARGUMENT;
}

void ferry_journal_format(uint8_t record[FERRY_RECORD_SIZE], uint8_t confirmed,
                          uint32_t security_counter, const uint8_t hash[FERRY_HASH_SIZE])
{
    struct ferry_state state = {.confirmed = confirmed,
                                .phase = FERRY_PHASE_NONE,
                                .candidate = confirmed,
                                .security_counter = security_counter};

    memcpy(state.hash, hash, FERRY_HASH_SIZE);
    put_state(record, &state);
    seal(record, 1);
}
