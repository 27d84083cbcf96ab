/*
 * bench_peer.h - what the benches share: a virtual board with a factory image, and the shipped
 * gateway's link to it, from the sender down to its serial, SPI or I2C port. Virtual time only.
 * What cannot be done ends the program.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench_host.h"

struct bench_file {
    uint8_t *bytes; /* free() */
    size_t size;
};

struct bench_peer {
    struct ferry_sim *sim;
    const char *board; /* with two slots */
    const struct bench_wire *wire;
    const struct bench_file *image; /* what DATA brings */
    struct node_port port;
    struct gateway_link link;
};

/* Ends the program with exit code 1. */
_Noreturn void bench_die(const char *what);

/* The bytes are ended by a 0 beyond `size`. */
struct bench_file bench_read(const char *path);

/* peer->board with `factory` (Intel HEX) and noise in slot B, power off; peer->wire is set too. The
 * last peer that was loaded is the one to use. */
void bench_peer_load(struct bench_peer *peer, const struct bench_file *factory);

uint32_t bench_peer_now_ms(const struct bench_peer *peer);

/* A step of the request in hand; where it is MORE, image bytes or the gateway's sleep behind it: as
 * engine and main loop of the gateway. Returns the step's status. */
int bench_peer_step(struct bench_peer *peer);

/* Runs the request in hand to its end; returns the virtual time it took, in ns. */
uint64_t bench_peer_finish(struct bench_peer *peer, const char *what);

/* OPEN for a whole image; borrows it. */
struct ferry_open bench_open_of(const struct bench_file *image);

#endif
