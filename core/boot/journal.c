#include "journal_record.h"

#include <string.h>

_Static_assert(offsetof(struct ferry_state, hash) == 28 - AT_STATE &&
                   sizeof(struct ferry_state) == AT_CRC - AT_STATE,
               "the state has the layout of a record: it is copied whole");

enum { SPARE_RECORDS = 16 };

/* ---- bytes of a record --------------------------------------------------------------------- */

static void seal(uint8_t *record, uint32_t sequence)
{
    ferry_put_u32(record + AT_MAGIC, RECORD_MAGIC);
    ferry_put_u32(record + AT_SEQUENCE, sequence);
    ferry_put_u32(record + AT_CRC, ferry_crc32(0, record, AT_CRC));
}

bool ferry_record_is_valid(const uint8_t *record, uint8_t kind)
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

/* ---- places in a sector --------------------------------------------------------------------- */

static struct ferry_range sector_of(const struct ferry_journal *journal, uint8_t which)
{
    return ferry_board_sector(journal->board, journal->board->journal_sectors[which]);
}

static uint32_t place_count(const struct ferry_journal *journal, uint8_t which)
{
    return sector_of(journal, which).size / FERRY_RECORD_SIZE;
}

int ferry_journal_read(const struct ferry_journal *journal, uint8_t which, uint32_t place,
                       uint8_t *record)
{
    uint32_t address = sector_of(journal, which).start + place * FERRY_RECORD_SIZE;
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

/* Takes a sector's last valid state over if it is newer than what we have. `end`: the place behind
 * the last one that was ever written to. */
static void take_state(struct ferry_journal *journal, uint8_t which, uint32_t place, uint32_t end,
                       const uint8_t *record)
{
    uint32_t sequence = ferry_get_u32(record + AT_SEQUENCE);

    if (journal->lost || (int32_t)(sequence - journal->sequence) > 0) {
        journal->lost = false;
        journal->sequence = sequence;
        journal->place = place;
        journal->cursor = end;
        journal->active = which;
        get_state(record, &journal->state);
    }
}

/* From the last place backwards: first the one that was written to last, then a valid state. */
static int scan_sector(struct ferry_journal *journal, uint8_t which)
{
    uint8_t record[FERRY_RECORD_SIZE];
    uint32_t end = 0;

    for (uint32_t place = place_count(journal, which); place-- > 0;) {
        int status = ferry_journal_read(journal, which, place, record);
        if (status != FERRY_OK) {
            return status;
        }
        if (end == 0 && !is_blank(record)) {
            end = place + 1;
        }
        if (ferry_record_is_valid(record, KIND_STATE)) {
            take_state(journal, which, place, end, record);
            break;
        }
    }
    return FERRY_OK;
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

int ferry_journal_append(struct ferry_journal *journal, uint8_t *record)
{
    const struct ferry_flash *flash = journal->flash;
    uint8_t check[FERRY_RECORD_SIZE];

    while (ferry_journal_room(journal) > 0) {
        uint32_t place = journal->cursor++;
        seal(record, journal->sequence + (place - journal->place));
        uint32_t address = sector_of(journal, journal->active).start + place * FERRY_RECORD_SIZE;
        int status = flash->program(flash->ctx, address, record, FERRY_RECORD_SIZE);
        if (status == FERRY_OK) {
            status = ferry_journal_read(journal, journal->active, place, check);
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

    put_state(record, state);
    int status = ferry_journal_append(journal, record);
    if (status == FERRY_OK) {
        uint32_t place = journal->cursor - 1;
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
    ferry_hash_copy(state->hash, image->hash);
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
    state->outcome = (uint8_t)outcome;
}

int ferry_journal_compact(struct ferry_journal *journal, const struct ferry_state *state)
{
    const struct ferry_journal before = *journal;
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
    ferry_journal_keep_logs(journal, &before);
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

void ferry_journal_format(uint8_t record[FERRY_RECORD_SIZE], uint8_t confirmed,
                          uint32_t security_counter, const uint8_t hash[FERRY_HASH_SIZE])
{
    struct ferry_state state = {.confirmed = confirmed,
                                .phase = FERRY_PHASE_NONE,
                                .candidate = confirmed,
                                .security_counter = security_counter};

    ferry_hash_copy(state.hash, hash);
    put_state(record, &state);
    seal(record, 1);
}
