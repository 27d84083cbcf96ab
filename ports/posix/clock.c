#include "clock.h"

#include <sys/random.h>
#include <time.h>

uint32_t ferry_posix_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint32_t)((uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U);
}

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return ferry_posix_now_ms();
}

const struct ferry_clock ferry_posix_clock = {.ctx = NULL, .now_ms = now_ms};

uint32_t ferry_posix_seed(void)
{
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) {
        seed = ferry_posix_now_ms(); /* early boot: good enough for its use */
    }
    return seed;
}
