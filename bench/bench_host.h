/*
 * bench_host.h - the computer that the gateway runs on, in the virtual board's time: its clock,
 * poll(2), serial port, spidev, i2c-dev, and gpiochip0 with NRST (0) and BOOT0 (1). Above them runs
 * the shipped gateway (gateway/sinks), with its buffers, pauses and looks. Computing takes the
 * gateway no time; a transfer takes that of its bits, poll(2) its time-out, and both at least
 * BENCH_CALL_NS.
 *
 * The gateway's functions for these take no context, so there is one board at a time.
 */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "ferry_sim.h"

#include "sinks/node_port.h"

enum { BENCH_CALL_NS = 20000 };

struct bench_wire {
    const char *name;       /* as on the command line */
    const char *title;      /* of the wire's row */
    const char *port;       /* as `ferry --port` takes it */
    double bytes_per_s;     /* at most */
    double whole_limit;     /* of the whole update / max(wire, erase + program + verify) */
    double payload_percent; /* least share of image bytes on the wire, 0 = not limited */
};

/* NULL: no wire of that name. */
const struct bench_wire *bench_wire_find(const char *name);

/* From now on this is the board. Takes its console's callback. Borrowed. */
void bench_host_use(struct ferry_sim *sim);

/* When the last byte that was written is (or will be) on the wire, virtual time. */
uint64_t bench_host_sent_ns(void);

/* Answers "busy" of ST's ROM over I2C so far, a byte each (AN4221). */
uint64_t bench_host_busies(void);

/* I2C transactions so far. */
uint64_t bench_host_transfers(void);

#endif
