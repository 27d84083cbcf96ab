/*
 * rom_rig.h - a whole session with ST's ROM bootloader on the virtual board, for sweeps: reset with
 * BOOT0 high, CONNECT, update (compare, erase, write, verify, vectors last), reset with BOOT0 low,
 * and GO where the chip's empty check brings the ROM again. core/rom and rom_update are linked as
 * they are; the rig is their owner: it moves bytes, tells the time, and tries again.
 *
 * It stops before each write to the wire, where the sweep may take a mark: board and host as they
 * are then, to which it returns any number of times. Used by rom_sweep.c only; one thread.
 */
#ifndef ROM_RIG_H
#define ROM_RIG_H

#include "ferry_sim.h"
#include "rom_update.h"

enum {
    ROM_RIG_IMAGE_MAX = 40 * 1024, /* bytes */
    ROM_RIG_ATTEMPTS = 3,          /* sessions, each from a reset on, before the host gives up */
    ROM_RIG_HOURS = 2,             /* virtual time after which it is a hang */
    ROM_RIG_RX = 512,
    ROM_RIG_SECTORS = 4
};

/* A story: a chip, a wire, an image, habits of the ROM. */
struct rom_story {
    const char *name, *board;
    uint32_t size;        /* of the new image, bytes */
    bool i2c;             /* else USART */
    bool blank;           /* at power-on: no old image */
    bool is_protected;    /* sector 0 is write-protected: an error is the right end */
    uint16_t chunk_bytes; /* 0: 256 */
    uint16_t step;        /* in a sweep of all, every so many-th fault */
    const char *quirks;   /* with commas, or NULL */
};

/* What a trial does to the session. */
enum rom_fault {
    ROM_LOST,
    ROM_REPEATED,
    ROM_FLIPPED,  /* one bit */
    ROM_GARBLED,  /* all bits anew: what a parity error may leave */
    ROM_LATE,     /* by 2.5 s: more than an answer, a write may take */
    ROM_TOO_LATE, /* by 12 s: more than an erase of a page may take, or the clock may be held */
    ROM_BYTE_FAULTS,
    ROM_NACKED = ROM_BYTE_FAULTS, /* I2C: the transfer does not reach the chip */
    ROM_DENIED,                   /* I2C: it does, and its end is reported as a failure */
    ROM_CUT_LOST,                 /* power cuts at a flash operation */
    ROM_CUT_TORN,
    ROM_CUT_DONE,
    ROM_FAULTS
};

enum rom_stage { ROM_RESET, ROM_CONNECTING, ROM_UPDATING, ROM_LEAVING, ROM_GOING, ROM_OVER };

/* All that a mark keeps beside the board. */
struct rom_host {
    struct ferry_rom rom;
    struct ferry_rom_update update;
    struct ferry_rom_action action; /* to be done next */
    uint8_t buffer[FERRY_ROM_UPDATE_BUFFER_SIZE];
    uint8_t rx[ROM_RIG_RX];
    size_t rx_count;
    uint8_t stage;    /* enum rom_stage */
    uint8_t attempts; /* begun */
    int status;       /* of the attempt that ended last */
    uint32_t steps, commands;
    uint32_t transfers;  /* I2C */
    uint32_t fault_at;   /* transfer that is NACKED or DENIED */
    uint8_t fault;       /* enum rom_fault, of a transfer; ROM_FAULTS: none */
    uint64_t started_ns; /* of the session */
    uint32_t flash_ops;  /* begun */
    bool cut;            /* the power cut has come */
    bool torn;           /* ... and tore a double word, or an erase, of the first page: see check */
    bool started;        /* the new application runs */
    bool marginal;       /* from flash with unstable bits */
    const char *violation; /* NULL: none yet */
};

struct rom_mark {
    struct ferry_sim_snapshot *board;
    struct rom_host host;
};

/* Digests of states whose end is known to be right. Zero-initialised; grows. */
struct rom_memo {
    uint64_t *list;
    size_t room, count;
};

struct rom_rig {
    const struct rom_story *story;
    struct ferry_sim *sim;
    unsigned port;
    size_t want; /* bytes received, upon which the board stops */
    struct ferry_rom_traits traits;
    struct rom_host host;
    uint8_t old_image[ROM_RIG_IMAGE_MAX], new_image[ROM_RIG_IMAGE_MAX];
    uint32_t old_size, area; /* bytes; of the pages that the new image takes */
    bool tears;              /* ... the cut that is planned */
    bool host_survives;      /* a power cut: the host goes on. Else BOOT0 is low meanwhile */
    struct rom_memo starts;  /* flash that was tried: what starts is right */
};

/* Makes board and images; powers on; runs nothing yet. Ends the program when that fails. */
void rom_rig_open(struct rom_rig *rig, const struct rom_story *story);
void rom_rig_close(struct rom_rig *rig);

/* Begins a session anew, with a host that knows nothing. */
void rom_rig_begin(struct rom_rig *rig);

/* Goes on to the next write to the wire (true: rig->host.action), or to the end (false). */
bool rom_rig_next(struct rom_rig *rig);

/* Carries out rig->host.action. */
void rom_rig_do(struct rom_rig *rig);

void rom_rig_mark(struct rom_rig *rig, struct rom_mark *mark);
void rom_rig_return(struct rom_rig *rig, const struct rom_mark *mark);
void rom_rig_forget(struct rom_mark *mark);

/* Plans a fault: `number` counts bytes of its direction, transfers, or flash operations from now.
 */
void rom_rig_plan(struct rom_rig *rig, uint8_t fault, bool from_rom, uint64_t number,
                  uint32_t seed);

/* --- what is right (rom_check.c) ---------------------------------------------------------- */

/* Says what is wrong, once. */
void rom_violation(struct rom_rig *rig, const char *what);

/* The flash as it is now: nothing in it may start that is not whole. Cheap. */
void rom_check_flash(struct rom_rig *rig);

/* Resets with BOOT0 low and looks what runs; the board stays there. Each flash is tried once. */
void rom_check_start(struct rom_rig *rig);

/* The session ended. */
void rom_check_end(struct rom_rig *rig);

/* True: this application runs, and has said so since rom_forget_start. */
bool rom_runs(struct rom_rig *rig, bool is_new);
void rom_forget_start(struct rom_rig *rig);

/* What decides how a session goes on from the start of a command, as a number. */
uint64_t rom_digest(const struct rom_rig *rig);
uint64_t rom_flash_digest(const struct rom_rig *rig);

bool rom_memo_has(const struct rom_memo *memo, uint64_t digest);
void rom_memo_add(struct rom_memo *memo, uint64_t digest);

/* --- images (rom_check.c) ----------------------------------------------------------------- */

void rom_make_image(uint8_t *image, uint32_t size, bool is_new);

#endif
