/*
 * ferry/decide.h - what to boot: a pure function over what was observed, a const ordered table.
 *
 * The bootloader calls it in a loop: actions that verify a slot or record something are carried
 * out, the facts updated, until an action boots or listens. It ends: every verify action makes an
 * UNKNOWN known, and a revert leaves the trial.
 */
#ifndef FERRY_DECIDE_H
#define FERRY_DECIDE_H

#include "ferry/board.h"

/* What is known about a slot. */
enum ferry_check { FERRY_CHECK_UNKNOWN, FERRY_CHECK_GOOD, FERRY_CHECK_BAD };

struct ferry_facts {
    uint8_t phase;      /* enum ferry_phase of the journal */
    bool attempts_left; /* of the trial */
    bool has_confirmed; /* a slot is recorded as confirmed */
    bool single;        /* the board has one slot */
    bool rejected;      /* the last candidate was given up (outcome != 0) */
    uint8_t candidate;  /* enum ferry_check of the candidate's slot */
    uint8_t preferred;  /* of the confirmed slot; without one, see ferry_facts_preferred */
    uint8_t fallback;   /* of the other slot; on a single-slot board the same as preferred */
};

enum ferry_action {
    FERRY_ACTION_VERIFY_CANDIDATE,
    FERRY_ACTION_VERIFY_PREFERRED,
    FERRY_ACTION_VERIFY_FALLBACK,
    FERRY_ACTION_BOOT_CONFIRMED,
    FERRY_ACTION_START_TRIAL,      /* PENDING: record TRIAL with one attempt less, boot candidate */
    FERRY_ACTION_CONTINUE_TRIAL,   /* record one attempt less, boot candidate */
    FERRY_ACTION_REVERT_EXHAUSTED, /* record the outcome, forget the candidate, decide again */
    FERRY_ACTION_REVERT_BAD,       /* the same, because it does not verify */
    FERRY_ACTION_ADOPT_PREFERRED,  /* no confirmed image: try this one */
    FERRY_ACTION_ADOPT_FALLBACK,   /* the confirmed image is corrupt: try the other */
    FERRY_ACTION_LISTEN            /* nothing bootable: wait for an update, for ever */
};

enum ferry_action ferry_decide(const struct ferry_facts *facts);

#endif
