/*
 * ferry/journal.h - the power-safe record of what the node boots and what is being installed.
 *
 * Two sectors hold 64-byte records; each record is the whole state, so the last valid one wins and
 * nothing has to be replayed (SPEC.md, "Journal"). A record's sequence number is its predecessor's
 * plus the distance in record places: a torn record can therefore never win over a later one, even
 * if its bits settle differently at the next read. The first word of every record is the same
 * constant: a place whose first word was torn may still read blank, and is simply written again.
 *
 * Only one copy of this object may be in use at a time: the bootloader's, then the application's.
 */
#ifndef FERRY_JOURNAL_H
#define FERRY_JOURNAL_H

#include "ferry/board.h"
#include "ferry/crypto.h"
#include "ferry/image.h"
#include "ferry/port.h"

enum {
    FERRY_RECORD_SIZE = 64,          /* bytes */
    FERRY_JOURNAL_GRAIN = 4096,      /* bytes of image between two progress records */
    FERRY_TRIAL_ATTEMPTS_DEFAULT = 3 /* starts of a new image before it is given up */
};

/* What is going on with the candidate, the image that is not (yet) confirmed. */
enum ferry_phase {
    FERRY_PHASE_NONE = 0,    /* no candidate */
    FERRY_PHASE_FILLING = 1, /* its slot is being written */
    FERRY_PHASE_PENDING = 2, /* CLOSE accepted it: the next start tries it */
    FERRY_PHASE_TRIAL = 3    /* it was started at least once and has not confirmed itself */
};

/*
 * The whole state of a node. `outcome` tells how the last candidate ended. In the layout of a
 * record (SPEC.md, "Journal").
 */
struct ferry_state {
    uint8_t kind;      /* 0; the journal's, in a record */
    uint8_t confirmed; /* slot, or FERRY_SLOT_NONE */
    uint8_t phase;     /* enum ferry_phase */
    uint8_t candidate; /* slot of the candidate; kept after a revert, to name the failed one */
    uint8_t attempts;  /* starts left, in PENDING and TRIAL */
    uint8_t outcome;   /* 0 = none or confirmed, else the enum ferry_status */
    uint8_t reserved[2];
    uint32_t security_counter; /* images below it do not boot */
    uint32_t durable;          /* FILLING: image bytes that are certainly in flash */
    uint32_t erased;           /* FILLING: bit n = sector n of the slot was erased for this image */
    uint8_t hash[FERRY_HASH_SIZE]; /* of the candidate, or of the last one */
};

/* One start of the node, for people (LOG). Kept only where the journal has room anyway. In the
 * layout of the wire (SPEC.md, "LOG"). */
struct ferry_boot_log {
    uint32_t boot;                /* counts the entries, not the resets: see ferry_journal_log */
    uint8_t reset_cause;          /* FERRY_RESET_ bits */
    uint8_t action;               /* enum ferry_action that was taken */
    uint8_t slot;                 /* started, or FERRY_SLOT_NONE: nothing was bootable */
    uint8_t attempts;             /* starts left at that time */
    uint8_t error;                /* enum ferry_status of what went wrong, or 0 */
    struct ferry_version version; /* of the image started */
};

/* Reset causes as bits; a port maps its register to them. */
enum {
    FERRY_RESET_POWER = 1,
    FERRY_RESET_PIN = 2,
    FERRY_RESET_SOFTWARE = 4,
    FERRY_RESET_WATCHDOG = 8,
    FERRY_RESET_BROWNOUT = 16,
    FERRY_RESET_FAULT = 32, /* with SOFTWARE: the bootloader ran into a fault */
    FERRY_RESET_UPDATE = 64 /* with SOFTWARE: update mode was asked for, see FERRY_RESTART_UPDATE */
};

struct ferry_journal {
    const struct ferry_flash *flash;
    const struct ferry_board *board;
    uint8_t active;            /* 0 or 1: the journal sector in use */
    bool lost;                 /* no valid record in either sector: rebuild from the slots */
    bool found_nothing;        /* as `lost` was after ferry_journal_open, for INFO */
    uint32_t sequence;         /* of the winning record */
    uint32_t place;            /* of the winning record in its sector */
    uint32_t cursor;           /* first free place of that sector */
    struct ferry_state state;  /* of the winning record; read it, change it by _commit */
    struct ferry_state edited; /* see ferry_journal_edit */
};

/*
 * Finds the winning record; writes nothing. The bootloader commits the state it found once more
 * before it acts on it: the record may have been marginal (ferry_supervisor_begin tells when).
 * Returns OK (also when lost), or FLASH.
 */
int ferry_journal_open(struct ferry_journal *journal, const struct ferry_flash *flash,
                       const struct ferry_board *board);

/*
 * Appends `state` as the new winning record and reads it back; goes on to the next place where a
 * place proves bad. If power fails here, the old state or the new one is found, nothing else.
 * Returns OK, JOURNAL_FULL (compact first; only the bootloader may), or FLASH.
 */
int ferry_journal_commit(struct ferry_journal *journal, const struct ferry_state *state);

/* A copy of the state to change and then to commit. Valid until the next call. */
struct ferry_state *ferry_journal_edit(struct ferry_journal *journal);

/* Makes an image the candidate: FILLING from its start, or PENDING with all attempts. */
void ferry_state_set_candidate(struct ferry_state *state, enum ferry_phase phase, uint8_t slot,
                               const struct ferry_image *image);

/* Ends the candidate. `outcome`: OK (confirmed), or why it was given up. */
void ferry_state_end_candidate(struct ferry_state *state, int outcome);

/*
 * Erases the sector that is not in use and writes `state` and the newest boot logs into it.
 * If power fails here, the old record is still found. Blocks for an erase. Returns OK or FLASH.
 */
int ferry_journal_compact(struct ferry_journal *journal, const struct ferry_state *state);

/* Records that can still be appended without compaction. */
uint32_t ferry_journal_room(const struct ferry_journal *journal);

/* Records that one whole update of this board needs at most; the bootloader compacts below it. */
uint32_t ferry_journal_reserve(const struct ferry_board *board);

/*
 * Appends a boot log if there is room above the reserve and it tells more than the newest one;
 * else does nothing: never worth an erase. So starts that are alike in all but their number are one
 * entry, and numbers count logged starts only. Sets log->boot to the newest entry's plus one, even
 * where nothing is written. Returns OK, FLASH or JOURNAL_FULL.
 */
int ferry_journal_log(struct ferry_journal *journal, struct ferry_boot_log *log);

/*
 * Reads the newest boot log that stands before `*place` (first: journal->cursor) and sets `*place`
 * to where it stands, for the next one: each place is read once however many are asked for.
 * Returns OK, or ARGUMENT past the oldest.
 */
int ferry_journal_log_before(const struct ferry_journal *journal, uint32_t *place,
                             struct ferry_boot_log *log);

/* Reads the n-th newest boot log (0 = newest), from the newest on. Returns OK, or ARGUMENT past the
 * oldest; then `log` has any content. */
int ferry_journal_log_read(const struct ferry_journal *journal, uint32_t index,
                           struct ferry_boot_log *log);

/*
 * The bytes of a first journal record, for provisioning: put at the start of the first journal
 * sector on an erased chip. `confirmed`: the slot that is filled, or FERRY_SLOT_NONE.
 */
void ferry_journal_format(uint8_t record[FERRY_RECORD_SIZE], uint8_t confirmed,
                          uint32_t security_counter, const uint8_t hash[FERRY_HASH_SIZE]);

#endif
