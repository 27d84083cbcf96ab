/*
 * sweep_rig.h - one virtual board and one gateway, and what a power cut does to them.
 *
 * A golden run is recorded once, with snapshots on the way; a trial starts at the snapshot before
 * its cut and goes on to the end of the story. Two shortcuts, both exact about flash: a trial whose
 * flash and promises right after a power cut equal those of an earlier one is not run again (the
 * end of one operation is the start of the next); one whose flash at "accepted", and the kind of
 * reset before it, equal those of an earlier one that came to its right end is not followed
 * further. Neither is taken while a bit is unstable; the second one not either where one was since
 * power came back, as RAM may hold what was read then.
 * A third one is the board's: a signature check is executed once for each input, then replayed.
 */
#ifndef SWEEP_RIG_H
#define SWEEP_RIG_H

#include "ferry_sim.h"
#include "sweep_peer.h"

#include "ferry/board.h"
#include "ferry/journal.h"

enum sweep_class { SWEEP_ERASE, SWEEP_JOURNAL, SWEEP_WORD, SWEEP_CLASSES };

enum sweep_mode {
    SWEEP_LOST,
    SWEEP_TORN, /* stable where the seed is even, unstable where it is odd; an erase: seed / 2 says
                   how far it came */
    SWEEP_DONE,
    SWEEP_NRST, /* no power cut: NRST is pulled while the operation is under way */
    SWEEP_WDOG, /* the same by the watchdog */
    SWEEP_MODES
};

struct sweep_cut {
    uint32_t op; /* first cut: of the golden run, from 0; second: after the first, from 0 */
    uint8_t mode;
    uint32_t seed;
};

enum sweep_verdict {
    SWEEP_PASSED,
    SWEEP_SAME,    /* the same flash and promises as an earlier trial */
    SWEEP_VIOLATED /* peer.violation says what */
};

enum { SWEEP_PURE = 4 };

/* A function without side effects (the signature check), see ferry_sim_replay. Address 0: none. */
struct sweep_pure {
    uint32_t address;
    uint32_t sizes[4]; /* bytes behind r0-r3 */
};

struct sweep_files {
    const char *factory_hex; /* text, borrowed */
    size_t factory_size;
    struct sweep_image image; /* the one that the story brings */
    struct sweep_pure pure[SWEEP_PURE];
};

enum { SWEEP_KNOWN = 1 << 20, SWEEP_SNAPSHOTS = 512, SWEEP_CUTS = 2 };

/* The core is so many times slower again while the gateway is silent: the bootloader then verifies
 * for 2 s and more, see pace() in sweep_rig.c. */
enum { SWEEP_IDLE_FACTOR = 5 };

struct sweep_op {
    uint32_t address, size;
    bool erase;
};

struct sweep_rig {
    const struct ferry_board *board;
    const struct sweep_story *story;
    const struct sweep_files *files;
    bool memo;  /* take the shortcuts */
    bool whole; /* each trial from the start of the story, not from the snapshot before its cut */
    uint32_t pace; /* of the core, see ferry_sim_pace */
    struct ferry_sim *sim;
    struct sweep_peer peer;
    struct sweep_resumes resumes;

    struct sweep_op *golden; /* operations of the golden run */
    uint32_t golden_count, golden_room;
    uint32_t accepted_at; /* operations until CLOSE was answered */
    struct {
        struct ferry_sim_snapshot *sim;
        struct sweep_peer peer;
        uint32_t ops;
    } snapshots[SWEEP_SNAPSHOTS];
    uint32_t snapshot_count;

    bool recording;
    bool pending;              /* a cut is planned and has not come yet */
    uint32_t ops;              /* begun, since the golden run's start or the last cut */
    uint32_t nrst_at;          /* stop at this operation; UINT32_MAX: never */
    bool nrst_now;             /* that operation is under way */
    bool unsure;               /* a bit was unstable since power came back */
    struct sweep_op last;      /* operation begun last */
    uint32_t torn[SWEEP_CUTS]; /* slot sectors with a torn word or erase since the last OPEN */
    uint32_t torn_count;
    uint8_t woken_by;       /* after the last cut: SWEEP_NRST, SWEEP_WDOG, or 0: power came back */
    struct ferry_state end; /* what the journal says when the uncut story has ended */
    bool has_end;

    uint64_t *known; /* hashes of flash and promises that came to the right end */
    uint32_t known_count;
    uint64_t passed[32]; /* hashes on the way of this trial */
    uint32_t passed_count;
    uint32_t shortened; /* trials that ended at a known "accepted" */
};

/*
 * Makes the board and runs the story once, uncut. May be called again, to get a fresh engine.
 * Returns false when the uncut run is not right: peer.violation says why.
 */
bool sweep_rig_start(struct sweep_rig *rig);
void sweep_rig_free(struct sweep_rig *rig);

/* Signature checks: replayed where they are known, or executed every time. */
void sweep_rig_replay(struct sweep_rig *rig, bool on);

/* Flash at the end of a trial, and what the gateway was promised. */
uint64_t sweep_rig_flash(const struct sweep_rig *rig);

/* Flash, time and instructions at the end of a trial: two runs with the same digest are the same.
 */
uint64_t sweep_rig_digest(const struct sweep_rig *rig);

/* What an operation of the golden run is. */
enum sweep_class sweep_rig_class(const struct sweep_rig *rig, uint32_t op);

/* One trial; `second` may be NULL. *came: whether the second cut happened. */
enum sweep_verdict sweep_rig_trial(struct sweep_rig *rig, const struct sweep_cut *first,
                                   const struct sweep_cut *second, bool *came);

#endif
