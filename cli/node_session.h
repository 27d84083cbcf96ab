/*
 * node_session.h - one node on a serial port, for the commands that ask it something.
 *
 * All functions print what went wrong. A session is large (5 KB) and refers to itself: do not copy.
 */
#ifndef FERRY_CLI_NODE_SESSION_H
#define FERRY_CLI_NODE_SESSION_H

#include "cli.h"
#include "serial_port.h"

#define NODE_SESSION_BAUD 921600
#define NODE_SESSION_USAGE                                                                         \
    "  --port PORT    the serial port of the node, as /dev/ttyUSB0\n"                              \
    "  --baud N       bits a second (default 921600)\n"

struct node_session {
    struct gateway_serial serial;
    struct gateway_port port;
    struct gateway_link link;
};

/*
 * Opens the port and catches Ctrl-C from here on.
 *   path: NULL is a usage error; baud: text or NULL for the default.
 * Returns CLI_OK, CLI_USAGE or CLI_FAILED.
 */
int node_session_open(struct node_session *session, const struct cli_command *command,
                      const char *path, const char *baud);
void node_session_close(struct node_session *session);

/* Runs the request that was started on session->link.sender to its end: a ferry_status. Ctrl-C ends
 * it with ABORTED. */
int node_session_run(struct node_session *session);

/* Asks the node for INFO. Returns CLI_OK, CLI_FAILED or CLI_INTERRUPTED. */
int node_session_info(struct node_session *session, struct ferry_info *info);

/* The exit code for the end of a request, after a message where it is not OK. */
int node_session_result(const struct node_session *session, const char *what, int status);

/* True after Ctrl-C or SIGTERM; how often. */
int node_session_interrupts(void);

/* "A", "B", or "none". */
const char *node_slot_name(uint8_t slot);

#endif
