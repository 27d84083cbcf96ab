/*
 * clock.h - the monotonic clock of a POSIX system as a `struct ferry_clock`, and a seed for tags
 * and jitter. Neither allocates nor fails.
 */
#ifndef FERRY_POSIX_CLOCK_H
#define FERRY_POSIX_CLOCK_H

#include "ferry/port.h"

extern const struct ferry_clock ferry_posix_clock;

/* Milliseconds, as ferry_posix_clock. */
uint32_t ferry_posix_now_ms(void);

/* A number that differs between two starts of a program. Not for keys. */
uint32_t ferry_posix_seed(void);

#endif
