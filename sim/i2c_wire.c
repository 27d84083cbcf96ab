/* The master on the I2C wires: start, address, bytes, stop, each with its clocks; it waits while
 * the slave (i2c.c) holds SCL low. */
#include "sim_internal.h"

enum { IDLE, FREE, ADDRESS, DATA, WAIT, STOP };

static const struct ferry_sim_i2c_message *message(const struct ferry_sim *b)
{
    return &b->i2c.messages[b->i2c.message];
}

static void after(struct ferry_sim *b, int phase, unsigned clocks)
{
    b->i2c.phase = phase;
    sim_timer_set(b, SIM_T_I2C, b->s.now_ps + clocks * b->i2c.bit_ps);
}

static void finish(struct ferry_sim *b, int status)
{
    struct sim_i2c_master *m = &b->i2c;
    sim_timer_set(b, SIM_T_I2C, SIM_NEVER);
    m->phase = IDLE;
    m->done(m->ctx, b, status, m->acknowledged);
}

void sim_i2c_abort(struct ferry_sim *b)
{
    if (b->i2c.phase != IDLE)
        finish(b, FERRY_SIM_E_STATE);
}

static void stop(struct ferry_sim *b, int status)
{
    b->i2c.status = status;
    after(b, STOP, 1);
}

static void wait(struct ferry_sim *b, int phase)
{
    struct sim_i2c_master *m = &b->i2c;
    m->phase = phase;
    m->waiting_since_ps = b->s.now_ps;
    sim_timer_set(b, SIM_T_I2C, b->s.now_ps + m->timeout_ps);
}

static void start(struct ferry_sim *b)
{
    b->i2c.at = 0;
    sim_i2c_start(b);
    after(b, ADDRESS, 1 + 9);
}

/* SCL is low between two bytes: the next byte, the next message, or the end. */
static void go_on(struct ferry_sim *b)
{
    struct sim_i2c_master *m = &b->i2c;
    bool more = m->at < message(b)->size;
    if (sim_i2c_stretches(b, more)) {
        wait(b, WAIT);
    } else if (more) {
        after(b, DATA, 9);
    } else if (++m->message < m->count) {
        start(b);
    } else {
        stop(b, FERRY_SIM_OK);
    }
}

static void byte_ended(struct ferry_sim *b)
{
    struct sim_i2c_master *m = &b->i2c;
    const struct ferry_sim_i2c_message *now = message(b);
    if (now->read) {
        now->data[m->at++] = sim_i2c_send(b);
        sim_i2c_sent(b, m->at < now->size);
    } else if (sim_i2c_receive(b, now->data[m->at])) {
        m->at++;
        m->acknowledged++;
    } else {
        b->s.counters.i2c_nack++;
        stop(b, FERRY_SIM_E_NACK_DATA);
        return;
    }
    go_on(b);
}

static void address_ended(struct ferry_sim *b)
{
    if (sim_i2c_address(b, b->i2c.address, message(b)->read)) {
        go_on(b);
    } else {
        b->s.counters.i2c_nack++;
        stop(b, FERRY_SIM_E_NACK_ADDRESS);
    }
}

void sim_i2c_clock(struct ferry_sim *b)
{
    switch (b->i2c.phase) {
    case ADDRESS:
        address_ended(b);
        break;
    case DATA:
        byte_ended(b);
        break;
    case STOP:
        sim_i2c_stop(b);
        finish(b, b->i2c.status);
        break;
    default: /* FREE, WAIT: the master gives up; SCL stays where the slave holds it */
        finish(b, FERRY_SIM_E_TIMEOUT);
        break;
    }
}

void sim_i2c_wire_look(struct ferry_sim *b)
{
    struct sim_i2c_master *m = &b->i2c;
    if (m->phase != WAIT && m->phase != FREE)
        return;
    bool more = m->phase == FREE || m->at < message(b)->size;
    if (sim_i2c_stretches(b, more))
        return;
    b->s.counters.i2c_stretched_ns += (b->s.now_ps - m->waiting_since_ps) / SIM_PS_PER_NS;
    if (m->phase == FREE)
        start(b);
    else
        go_on(b);
}

int ferry_sim_i2c_begin(struct ferry_sim *sim, const struct ferry_sim_i2c *t, ferry_sim_bus_fn done,
                        void *ctx)
{
    if (!sim->board->i2c || t->hz == 0 || t->hz > FERRY_SIM_I2C_MAX_HZ || t->address > 0x7F ||
        t->count == 0 || t->timeout_ms == 0 || !done)
        return FERRY_SIM_E_ARGUMENT;
    if (!sim->s.powered)
        return FERRY_SIM_E_STATE;
    if (sim->i2c.phase != IDLE)
        return FERRY_SIM_E_BUSY;
    sim->i2c = (struct sim_i2c_master){.messages = t->messages,
                                       .count = t->count,
                                       .address = t->address,
                                       .bit_ps = SIM_PS_PER_S / t->hz,
                                       .timeout_ps = t->timeout_ms * SIM_PS_PER_MS,
                                       .done = done,
                                       .ctx = ctx};
    if (sim_i2c_stretches(sim, true))
        wait(sim, FREE); /* held low since a transfer that was given up */
    else
        start(sim);
    return FERRY_SIM_OK;
}
