/*
 * agent.h - Ferry inside a running application: updates are received while it works, and a new
 * image confirms itself. Three calls:
 *
 *   ferry_agent_init(&agent, &config);            once, after clock and UART run
 *   events = ferry_agent_step(&agent);            in the main loop, as often as possible
 *   ferry_agent_confirm(&agent);                  once the application knows that it works
 *
 * The node's other end is the bootloader, which started the application and, during a trial, the
 * watchdog. Never call these from an interrupt. No heap. ferry_agent_step does not block, but one
 * flash operation is done inside: on an F4 the erase of a sector holds the core for up to 2 s,
 * programming a slice for about 2 ms, the signature check of an OPEN for about 0.2 s.
 */
#ifndef FERRY_AGENT_H
#define FERRY_AGENT_H

#include "ferry/endpoint.h"

enum { FERRY_AGENT_CONFIRM_TIMEOUT_MS = 120000 };

/* Read by ferry_agent_init only; what its pointers name must live as long as the agent. */
struct ferry_agent_config {
    const struct ferry_flash *flash;
    const struct ferry_stream *stream;
    const struct ferry_clock *clock;
    const struct ferry_board *board;
    uint8_t *buffer;    /* for one message; FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE bytes are best,
                           smaller ones make the DATA messages smaller */
    size_t buffer_size; /* bytes, FERRY_OPEN_MAX + FERRY_FRAME_CRC_SIZE at least */
    const void *here;   /* any address in the application's code: tells the slot it runs in */
    /* Feeds the watchdog. Called from ferry_agent_step only, harmless if none runs. */
    void (*feed)(void);
    /* Fills what the port knows about the chip and the start (uid, options, reset cause, whether
     * the journal was lost). Called by init, after the journal is opened. May be NULL. */
    void (*describe)(struct ferry_node *node);
    /* A trial that is not confirmed this long after init is no longer fed: the watchdog resets it.
     * ms; 0 = FERRY_AGENT_CONFIRM_TIMEOUT_MS. */
    uint32_t confirm_timeout_ms;
};

struct ferry_agent {
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_endpoint endpoint;
    const struct ferry_clock *clock;
    void (*feed)(void);
    uint32_t started_ms;
    uint32_t fed_ms; /* when the watchdog was last fed */
    uint32_t confirm_timeout_ms;
    bool on_trial; /* started as a trial and not confirmed yet: the watchdog runs */
};

/*
 * Returns OK, FLASH (the journal cannot be read), or ARGUMENT (buffer too small, or `here` lies in
 * no slot: the application was not started by Ferry's bootloader). After an error no other function
 * may be called; the application itself can go on.
 */
int ferry_agent_init(struct ferry_agent *agent, const struct ferry_agent_config *config);

/*
 * One round: feeds the watchdog, serves the link, does at most one slice of work.
 *   idle: set to true when nothing waits and the application may sleep until bytes arrive or a
 *   millisecond passed. May be NULL.
 * Returns FERRY_EVENT_ bits. FERRY_EVENT_RESET: reset now, the answer has left the wire; with
 * FERRY_EVENT_UPDATE: so that the bootloader listens (stm32_reset_marked(FERRY_RESET_UPDATE)).
 * FERRY_EVENT_CLOSED: a new image is in place; reset when it suits.
 */
uint32_t ferry_agent_step(struct ferry_agent *agent, bool *idle);

/* True while this image is on trial and has not confirmed itself. */
bool ferry_agent_on_trial(const struct ferry_agent *agent);

/*
 * The application works: makes it the confirmed one and raises the security counter, in one record.
 * Idempotent, harmless without a trial. If power fails here, the trial goes on or is confirmed.
 * Returns OK, NOT_TRIAL (the trial was reverted meanwhile), JOURNAL_FULL (reset, then confirm
 * again; the bootloader makes room), or FLASH (try again).
 */
int ferry_agent_confirm(struct ferry_agent *agent);

#endif
