/* A function that is pure but for a count of its executions, called as the test tells. */
#include "fw.h"

enum { ROUNDS = 1000 };

static volatile uint32_t executed;

__attribute__((noipa)) static uint32_t work(const uint32_t *seed, uint32_t unused,
                                            const uint32_t *step)
{
    uint32_t sum = *seed;
    (void)unused;
    executed++;
    for (uint32_t i = 0; i < ROUNDS; i++)
        sum = (sum ^ i) * step[i & 1u];
    return sum;
}

int main(void)
{
    static uint32_t seed, step[2];
    RESULTS[0] = 0;
    RESULTS[1] = (uint32_t)work;
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1u;
    for (;;) {
        while (RESULTS[0] == 0)
            ;
        seed = RESULTS[2];
        step[0] = RESULTS[3];
        step[1] = RESULTS[3] ^ 0x10u;
        uint32_t started = DWT_CYCCNT;
        RESULTS[5] = work(&seed, RESULTS[4], step);
        RESULTS[6] = DWT_CYCCNT - started;
        RESULTS[7] = executed;
        RESULTS[0] = 0;
    }
}
