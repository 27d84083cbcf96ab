/*
 * bench_peer.h - what the benches share: a virtual board with a factory image, and the real sender
 * on a wire to it. Virtual time only. What cannot be done ends the program.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench_wire.h"

enum { BENCH_BAUD = 921600, BENCH_QUANTUM_NS = 50000 };

struct bench_file {
    uint8_t *bytes; /* free() */
    size_t size;
};

struct bench_peer {
    struct ferry_sim *sim;
    const struct bench_wire *wire;
    const struct bench_file *image; /* what DATA brings */
    struct ferry_sender sender;
};

/* Ends the program with exit code 1. */
_Noreturn void bench_die(const char *what);

/* The bytes are ended by a 0 beyond `size`. */
struct bench_file bench_read(const char *path);

/* A stm32f411_blackpill with `factory` (Intel HEX) and noise in slot B, power off. */
void bench_peer_load(struct bench_peer *peer, const struct bench_file *factory);

uint32_t bench_peer_now_ms(const struct bench_peer *peer);

/* Supplies image bytes and moves what the sender has to say onto the wire. */
void bench_peer_pump(struct bench_peer *peer);

/* Runs the request in hand to its end; returns the virtual time it took, in ns. */
uint64_t bench_peer_finish(struct bench_peer *peer, const char *what);

/* OPEN for a whole image; borrows it. */
struct ferry_open bench_open_of(const struct bench_file *image);

#endif
