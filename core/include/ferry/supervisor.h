/*
 * ferry/supervisor.h - the bootloader's flow without a chip: heal the journal, decide what to
 * start, listen for an update, record the start.
 *
 *   begin -> decide -> listen -> decide -> depart -> (the port jumps)
 *   begin -> decide -> log -> listen for ever, where nothing is bootable
 *
 * Between journal, image and decide on one side, and device/bootloader/main.c on the other; host
 * tests run the same functions on emulated flash. Verifying a slot blocks for about 0.5 s on a
 * Cortex-M4 at 100 MHz, an erase for 1-2 s on an F4. No heap, never called from an interrupt.
 */
#ifndef FERRY_SUPERVISOR_H
#define FERRY_SUPERVISOR_H

#include "ferry/decide.h"
#include "ferry/node.h"

struct ferry_supervisor {
    struct ferry_node *node;
    bool read_only; /* the journal cannot be written: nothing that needs a record is started */
    uint8_t error;  /* enum ferry_status: what went wrong on this start, for the boot log */
    uint8_t slot_error[FERRY_SLOTS_MAX]; /* verdict of the last verification of each slot */
    struct ferry_image image;            /* the last one read */
    uint8_t buffer[FERRY_IMAGE_TLV_MAX]; /* scratch of its verification */
};

/*
 * Opens and heals the journal: the winning record is written again before anything acts on it
 * (but after a reset by software, which cuts no write: a confirmed image that crashes for ever by
 * such resets must not wear the journal); a lost journal is rebuilt from the slots. What still
 * wears it: each start after another reset writes one record, and where the confirmed image is
 * corrupt, a fallback that crashes in each trial for ever is adopted again each time, about five
 * state records for three starts.
 *   node: flash, board, block, journal and running = FERRY_SLOT_NONE are set. Borrowed for ever.
 * A journal that cannot be written is no error here: what is confirmed still starts.
 * Power: the old state or the same state is found.
 */
void ferry_supervisor_begin(struct ferry_supervisor *supervisor, struct ferry_node *node);

/*
 * Decides what to start, verifying slots as far as the decision needs it (node->content remembers)
 * and recording reverts and adoptions. Call again after the listen window.
 * Returns BOOT_CONFIRMED, START_TRIAL, CONTINUE_TRIAL, or LISTEN: nothing is bootable.
 */
enum ferry_action ferry_supervisor_decide(struct ferry_supervisor *supervisor);

/* What to start. */
struct ferry_departure {
    uint32_t vectors; /* address of the vector table, in the slot */
    uint8_t slot;
    bool trial; /* start the watchdog first: only the application's agent feeds it from now on */
};

/*
 * Records the start (the trial with one attempt less, then the boot log) and says where to jump.
 * Before the boot log the journal is compacted where the records of a whole update would not fit:
 * an application cannot.
 *   action: what ferry_supervisor_decide returned just before; any but LISTEN.
 * Returns OK, or an error: do not jump, decide again (a trial that cannot be recorded is not
 * started, the confirmed image is).
 * Power: the trial counts an attempt or it does not; both are safe. Compaction keeps the state.
 */
int ferry_supervisor_depart(struct ferry_supervisor *supervisor, enum ferry_action action,
                            struct ferry_departure *departure);

/*
 * Writes this start into the boot log. ferry_supervisor_depart does it before a jump; the port
 * where ferry_supervisor_decide returned LISTEN, before it listens for ever (not for the window
 * before a jump). action, slot: what is done, and what is started by it; LISTEN, FERRY_SLOT_NONE:
 * nothing is. Never erases, and writes nothing where the newest entry tells the same: resets of a
 * node without an application do not wear the journal. Power: the entry is there or is not, no
 * state changes.
 */
void ferry_supervisor_log(struct ferry_supervisor *supervisor, enum ferry_action action,
                          uint8_t slot);

/* ---- listening ------------------------------------------------------------------------------ */

enum {
    FERRY_LISTEN_START_MS = 50,     /* window at every start */
    FERRY_LISTEN_MESSAGE_MS = 1000, /* a valid message asks for this much more ... */
    FERRY_LISTEN_PATIENCE_MS = 9600 /* ... but at most this long without an accepted OPEN or DATA:
                                       with the start before, a signature check that has begun and
                                       the jump after it, 10 s */
};

/* How long the bootloader listens. Plain arithmetic on events and time. */
struct ferry_listen {
    uint32_t progress_ms; /* time of the start, or of the last accepted OPEN or DATA */
    uint32_t window_ms;   /* listen until progress_ms + window_ms */
    bool for_ever;        /* nothing is bootable; ends when an image was accepted */
};

void ferry_listen_begin(struct ferry_listen *listen, uint32_t now_ms, bool for_ever);

/*
 *   events: FERRY_EVENT_ bits since the last call.
 *   more: something came in or was worked on, so a message may be under way: the window stays open,
 *         but no longer than FERRY_LISTEN_PATIENCE_MS, as a flood never ends.
 * Returns true while the bootloader is to go on listening.
 */
bool ferry_listen_step(struct ferry_listen *listen, uint32_t events, bool more, uint32_t now_ms);

#endif
