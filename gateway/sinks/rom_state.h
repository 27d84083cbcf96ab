/*
 * rom_state.h - what the sink `rom` has to remember, in a small text file: DIRECTORY/NODE.rom.
 *
 * Written beside it and renamed, both synced: after a power cut it is the old one or the new one.
 * A file that makes no sense is an error, not a zero: whoever can damage it must not bring old
 * images back. To begin again at zero, delete it.
 */
#ifndef GATEWAY_SINKS_ROM_STATE_H
#define GATEWAY_SINKS_ROM_STATE_H

#include "rom.h"

enum { ROM_STATE_PATH_SIZE = 384, ROM_STATE_ERROR_SIZE = 512 };

struct rom_state {
    char path[ROM_STATE_PATH_SIZE];
    char directory[ROM_STATE_PATH_SIZE];
    char error[ROM_STATE_ERROR_SIZE];
};

/* Returns false if the names are too long. They are copied. */
bool rom_state_init(struct rom_state *state, const char *directory, const char *node);

/*
 * The file as a store. Both functions return OK, or IO with a sentence in `error`.
 * The result borrows `state`.
 */
struct gateway_rom_store rom_state_store(struct rom_state *state);

/* NULL where files can be made in this directory, else why not: a sentence, static. */
const char *rom_state_check(const char *directory);

#endif
