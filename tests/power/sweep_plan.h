/*
 * sweep_plan.h - which trials board_sweep runs: every way to cut the operations of a golden run
 * that its options ask for, in the order in which they are run.
 */
#ifndef SWEEP_PLAN_H
#define SWEEP_PLAN_H

#include "sweep_options.h"

/* A trial to come. */
struct sweep_task {
    struct sweep_cut first, second;
    bool twice; /* with the second cut */
};

struct sweep_plan {
    struct sweep_task *list;
    size_t count, room;
    size_t listed;                   /* before --trials took some */
    uint64_t ops[SWEEP_CLASSES];     /* operations of the golden run */
    uint64_t cut_ops[SWEEP_CLASSES]; /* ... that are cut */
    uint64_t all_seeds_words;        /* data words cut with all outcomes of --word-seeds */
};

/* Makes the list for all processes together. The same rig and options give the same list. */
struct sweep_plan sweep_plan_make(const struct sweep_rig *rig, const struct sweep_options *options);

/* Is this trial, of `count`, in the share of this process (--part)? */
bool sweep_plan_mine(const struct sweep_options *options, size_t trial, size_t count);

void sweep_plan_free(struct sweep_plan *plan);

#endif
