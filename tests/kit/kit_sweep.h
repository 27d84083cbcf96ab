/*
 * kit_sweep.h - how much of a power-cut sweep this process runs; set by tools/torture.
 *
 * FERRY_TORTURE_SEEDS=n: random outcomes of a torn operation. FERRY_TORTURE_DOUBLE: pairs of cuts.
 * FERRY_TORTURE_PART=I/N: of N processes this is number I, from 0: each takes every N-th first cut,
 * and counts in its totals what it ran. FERRY_TORTURE_CASE: a pattern of test names.
 */
#ifndef KIT_SWEEP_H
#define KIT_SWEEP_H

#include "kit_flash.h"

/* The number in this environment variable, or `otherwise` where it is not set. */
uint32_t kit_sweep_number(const char *name, uint32_t otherwise);

/* Is the n-th first cut this process's? Always true without FERRY_TORTURE_PART; a value that is not
 * I/N with I < N aborts. */
bool kit_sweep_mine(uint32_t n);

/* ---- states that were seen to come to their right end ---------------------------------------- */

/* A hash of 64 bits (not against people: a story meets some 10^6 states, so that two of them share
 * one with a chance of 10^-7). Start with any number, or with the hash of what comes before. */
uint64_t kit_sweep_hash(uint64_t hash, const void *bytes, size_t size);

/* The flash as it stands, and what else `hash` stands for; 0 where a bit reads as noise, as then
 * nobody knows how it goes on. */
uint64_t kit_sweep_flash(uint64_t hash, const struct kit_flash *flash);

/* With the operation that comes next. 0 stays 0. */
uint64_t kit_sweep_operation(uint64_t hash, const struct kit_operation *next);

/* A set of such hashes; 0 is never in it. Full at some millions: then it takes no more. */
bool kit_sweep_knows(uint64_t hash);
void kit_sweep_learn(uint64_t hash);
void kit_sweep_forget(void); /* all of them */

#endif
