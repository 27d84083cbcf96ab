/* SPI and I2C transfers that the caller waits for. */
#include "sim_internal.h"

struct waited {
    bool over;
    int status;
    size_t count;
};

static void note(void *ctx, struct ferry_sim *sim, int status, size_t count)
{
    struct waited *w = ctx;
    *w = (struct waited){.over = true, .status = status, .count = count};
    ferry_sim_stop(sim);
}

/* Ends: a transfer has a timer as long as it lasts, and power-off ends it. */
static int wait_for(struct ferry_sim *b, const struct waited *w)
{
    while (!w->over)
        ferry_sim_run_until(b, FERRY_SIM_TIME_NEVER);
    return w->status;
}

int ferry_sim_spi_transfer(struct ferry_sim *sim, const uint8_t *tx, uint8_t *rx, size_t size,
                           uint32_t hz)
{
    struct waited w = {0};
    struct ferry_sim_spi transfer = {.tx = tx, .rx = rx, .size = size, .hz = hz};
    int rc = ferry_sim_spi_begin(sim, &transfer, note, &w);
    return rc == FERRY_SIM_OK ? wait_for(sim, &w) : rc;
}

int ferry_sim_i2c_transfer(struct ferry_sim *sim, const struct ferry_sim_i2c *transfer,
                           size_t *acknowledged)
{
    struct waited w = {0};
    int rc = ferry_sim_i2c_begin(sim, transfer, note, &w);
    if (rc == FERRY_SIM_OK)
        rc = wait_for(sim, &w);
    if (acknowledged)
        *acknowledged = w.count;
    return rc;
}
