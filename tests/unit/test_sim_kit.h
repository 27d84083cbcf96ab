/** Shared by the tests of the virtual board: load a test program, collect what comes out. */
#ifndef TEST_SIM_KIT_H
#define TEST_SIM_KIT_H

#include "ferry_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MS    1000000ull
#define GREEN 0x600Du /* what a test program leaves in RESULTS[0] when it came to its end */

struct kit {
    struct ferry_sim *sim;
    uint8_t rx[8192]; /* from the node */
    uint64_t rx_ns[8192];
    size_t rx_count;
    uint32_t events[FERRY_SIM_EV_COUNT];
    struct ferry_sim_event last[FERRY_SIM_EV_COUNT];
    uint64_t hash; /* of everything observed: equal hashes, equal runs */
};

/** Board with sim/test_firmware/<program>.c in flash, power still off. Asserts on failure. */
void kit_open(struct kit *kit, const char *program, const struct ferry_sim_options *options);
void kit_open_board(struct kit *kit, const char *board, const char *program,
                    const struct ferry_sim_options *options);
void kit_close(struct kit *kit);
/** RESULTS[i] of the program. */
uint32_t kit_result(struct kit *kit, unsigned i);
/** Give it a word the same way. */
void kit_tell(struct kit *kit, unsigned i, uint32_t value);
/** Hash of registers, RAM and flash. */
uint64_t kit_state_hash(struct kit *kit);

#endif
