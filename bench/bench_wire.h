/*
 * bench_wire.h - what moves bytes between a sender and the virtual board in the bench: its UART, or
 * a master on SPI or I2C that follows the rules of SPEC.md (section 4).
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include "ferry_sim.h"

#include "ferry/sender.h"

struct bench_wire {
    const char *name;       /* as on the command line */
    const char *title;      /* of the wire's row */
    double bytes_per_s;     /* at most */
    double whole_limit;     /* of the whole update / max(wire, erase + program + verify) */
    double payload_percent; /* least share of image bytes on the wire, 0 = not limited */
    /* Moves what the sender has to say, and what the node answers; may let virtual time pass. */
    void (*pump)(struct ferry_sim *sim, struct ferry_sender *sender);
    /* True when every byte that was given to the wire is on it. */
    bool (*sent)(struct ferry_sim *sim);
};

/* NULL: no wire of that name. */
const struct bench_wire *bench_wire_find(const char *name);

#endif
