/*
 * sweep_options.h - the command line of board_sweep; what each option means stands at the head of
 * board_sweep.c.
 */
#ifndef SWEEP_OPTIONS_H
#define SWEEP_OPTIONS_H

#include "sweep_rig.h"

struct sweep_options {
    const char *board, *factory, *image, *bad, *silent, *stories, *results, *trace, *only;
    const char *verify;
    uint32_t seeds, step, word_seeds, word_every, doubles, seconds, trials, seed, part, parts,
        check;
    bool full, no_shortcuts, stop;
};

/* Says what is wrong and exits with status 2. */
_Noreturn void sweep_die(const char *what);

/* Reads the command line; exits when it makes no sense. Texts are borrowed from argv. */
struct sweep_options sweep_options_read(int argc, char **argv);

/* Fills `pure` from --verify; NULL: leaves it empty. */
void sweep_read_pure(const char *text, struct sweep_pure pure[SWEEP_PURE]);

#endif
