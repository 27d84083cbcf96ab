/*
 * linux_sink.h - the node's side of the Linux gateway: the sink that the configuration asks for,
 * over the machine's ports and lines, and how to sleep until it has work.
 */
#ifndef GATEWAY_LINUX_SINK_H
#define GATEWAY_LINUX_SINK_H

#include "config.h"
#include "engine.h"
#include "sinks/lines.h"
#include "sinks/node_port.h"
#include "sinks/rom.h"
#include "sinks/rom_state.h"
#include "sinks/rom_wire.h"

struct linux_sink {
    struct gateway_sink sink;
    bool is_rom;
    struct node_port port;
    struct gateway_link link;
    struct gateway_gpio gpio; /* of the link */
    struct gateway_lines lines;
    struct rom_wire wire; /* these five: is_rom */
    struct gateway_rom_wire rom_wire;
    struct rom_state state;
    struct gateway_rom_store store;
    struct gateway_rom rom;
};

/* It refers to itself: do not copy. `config` is borrowed for its life. */
void linux_sink_init(struct linux_sink *sink, const struct node_config *config);

/* Frees the port for others while nobody needs it. */
void linux_sink_rest(struct linux_sink *sink);

/* A port or a line failed, or the node did not answer in time: no fault of a server. */
bool linux_sink_failed(const struct linux_sink *sink);

/* Sleeps until there is work, `stop_fd` is readable, or `wait_ms` is over. */
void linux_sink_wait(struct linux_sink *sink, int stop_fd, uint32_t wait_ms);

/* The end: lets the node go, and out of its ROM. Waits 50 ms for that. */
void linux_sink_close(struct linux_sink *sink);

#endif
