/*
 * link.h - the sink for a node on a byte stream: the link's sender and a port that may vanish and
 * come back (a pulled cable).
 */
#ifndef GATEWAY_SINKS_LINK_H
#define GATEWAY_SINKS_LINK_H

#include "../engine.h"

/* The byte stream. None of the functions waits, but for a transfer on a bus. */
struct gateway_port {
    void *ctx;
    int (*open)(void *ctx); /* OK or why not */
    void (*close)(void *ctx);
    /* OK, or IO when the port is gone; `got` and `taken` may be 0. */
    int (*read)(void *ctx, uint8_t *out, size_t max, size_t *got);
    int (*write)(void *ctx, const uint8_t *data, size_t size, size_t *taken);
    /* Drops what was taken but is not on the wire yet: nobody waits for it any more. */
    void (*discard)(void *ctx);
    /*
     * The node said how many image bytes it takes ahead; 0: not known any more. `opened`: it takes
     * them now, and keeps reading. NULL where the port has no use for it.
     */
    void (*window)(void *ctx, uint32_t bytes, bool opened);
    const char *(*error)(void *ctx); /* a sentence on the last error */
    /* Why a node that never answered may be silent: a sentence, "" where nothing is known. */
    const char *(*hint)(void *ctx);
};

/* NRST and BOOT0 of the node. */
struct gateway_lines {
    void *ctx;
    /*
     * Holds the node in reset, or lets it go. NULL: NRST is not connected.
     *   rom: BOOT0 high meanwhile, for ST's bootloader; without effect where it is not connected.
     * Returns OK or why not.
     */
    int (*reset)(void *ctx, bool hold, bool rom);
    const char *(*error)(void *ctx); /* a sentence on the last error */
};

enum { GATEWAY_PULSE_MS = 50 }; /* NRST low: 300 ns would do; a capacitor may hang on it */

struct gateway_link {
    struct ferry_sender sender;
    const struct gateway_port *port;
    bool opened;
    bool stuck; /* the port takes no bytes, since: */
    uint32_t stuck_ms;
    int failed; /* IO error of the port, returned by the next step */
    const struct gateway_lines *lines;
    bool pulsing; /* the node is held in reset, since: */
    uint32_t pulse_ms;
    bool pulse_rom;
    bool line_failed; /* `failed` is of the lines, not of the port */
};

_Static_assert(sizeof(struct gateway_engine) + sizeof(struct gateway_link) <= 8192,
               "what a gateway keeps for a node fits a small ESP32");

/*
 *   port: borrowed for the link's life; opened by the first query and again after an error.
 *   first_tag: see ferry_sender_init.
 */
void gateway_link_init(struct gateway_link *link, const struct gateway_port *port,
                       uint16_t first_tag);

/* Gives the link NRST. `lines` is borrowed for the link's life. */
void gateway_link_set_lines(struct gateway_link *link, const struct gateway_lines *lines);

/*
 * Starts a pulse on NRST as a request: gateway_link_step is MORE until the node was let go, then OK
 * or why it cannot be reset.
 */
void gateway_link_pulse(struct gateway_link *link, bool rom, uint32_t now_ms);

/* Also lets a node go that is held in reset. */
void gateway_link_close(struct gateway_link *link);

/* Bytes wait for the port: sleep until it takes more, not only until something arrives. */
bool gateway_link_is_writing(const struct gateway_link *link);

/*
 * For programs that talk to a node without an engine: opens the port if need be; call it, then
 * start a request of link->sender, then gateway_link_step until it is not MORE. Returns OK or an
 * error.
 */
int gateway_link_open(struct gateway_link *link);
int gateway_link_step(struct gateway_link *link, uint32_t now_ms);

/* A sentence on why the last request failed, "" where its status says it all. */
const char *gateway_link_error(const struct gateway_link *link);

/* The link as a sink. Borrows `link`. */
struct gateway_sink gateway_link_sink(struct gateway_link *link);

#endif
