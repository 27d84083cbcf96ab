/*
 * kit_flash.h - NOR flash for tests: enforces the contract of ferry/port.h and cuts power.
 *
 * Any breach (unaligned, out of bounds, across a sector) aborts the test; a program that would have
 * to set bits is counted, as the F4 does not refuse it. An operation is one word programmed or one
 * sector erased; the cut hits operation `cut_at`.
 */
#ifndef KIT_FLASH_H
#define KIT_FLASH_H

#include "ferry/board.h"
#include "ferry/port.h"

enum kit_cut {
    KIT_CUT_NONE,
    KIT_CUT_LOST, /* power fails before the operation has any effect */
    KIT_CUT_TORN, /* a random subset of the bits changed; some of those read unstable */
    KIT_CUT_DONE  /* power fails right after it */
};

/* How far a torn operation got; chance decides. The last leaves what reads right most of the time:
 * of an erase one bit, so that the sector may look blank and is not. */
enum kit_degree { KIT_HARDLY, KIT_HALF, KIT_NEARLY };

enum { KIT_SECTORS_MAX = 32 };

/* One operation: a word programmed, or a sector erased. */
struct kit_operation {
    bool erase;
    uint32_t where; /* sector to erase, or address of the word */
    const uint8_t *word;
};

struct kit_flash {
    struct ferry_flash port; /* give this to the code under test */
    const struct ferry_board *board;
    uint32_t base, size;
    uint8_t *memory;
    uint8_t *unstable; /* bit set: the bit in memory reads as noise */
    bool noisy;        /* some bit may be unstable: an operation was torn */
    uint32_t operations;
    uint32_t cut_at; /* number of the operation that is cut, counted from 1 */
    enum kit_cut cut;
    enum kit_degree degree; /* of the operation that was torn */
    bool dead;              /* after a cut: nothing works until kit_flash_power_on */
    uint32_t raised; /* bytes programmed where a bit would have had to rise: 0 in a clean run */
    uint32_t random;
    /* Where set: called before each operation, which `operations` does not count yet. It must leave
     * this flash alone. */
    void (*watch)(void *watcher, const struct kit_operation *next);
    void *watcher;
    uint32_t erases[KIT_SECTORS_MAX];
    uint32_t words[KIT_SECTORS_MAX];
};

/* Erased flash of the board's size. Freed by kit_flash_free. */
void kit_flash_init(struct kit_flash *flash, const struct ferry_board *board);
void kit_flash_free(struct kit_flash *flash);

/* A copy of content and counters, for restarting a sweep from the same point. The watcher is not
 * copied: `to` has none. */
void kit_flash_copy(struct kit_flash *to, const struct kit_flash *from);

/* Arms a cut at the n-th operation from now (1 = the next). */
void kit_flash_arm(struct kit_flash *flash, enum kit_cut cut, uint32_t in_operations,
                   uint32_t seed);

/* `to` becomes what a cut of the operation that comes next on `from` leaves; power is on again. */
void kit_flash_after_cut(struct kit_flash *to, const struct kit_flash *from,
                         const struct kit_operation *next, enum kit_cut cut, uint32_t seed);

/* Power returns; content stays, the counters go on. */
void kit_flash_power_on(struct kit_flash *flash);

/* No bit reads as noise: what follows depends on the content alone. */
bool kit_flash_is_stable(const struct kit_flash *flash);

/* Puts bytes in without the contract, as a debugger would. */
void kit_flash_load(struct kit_flash *flash, uint32_t address, const void *bytes, size_t size);

/* Deterministic random numbers (xorshift32, mixed). *state: any seed. */
uint32_t kit_random(uint32_t *state);

#endif
