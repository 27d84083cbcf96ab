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

/*
 * A request that names the node's candidate by its hash, so that no other one can be meant by
 * accident: ferry_sender_confirm or ferry_sender_revert.
 *   info: the node's INFO from before it.
 * Returns the exit code, after a message where it is not OK.
 */
typedef void node_session_request(struct ferry_sender *sender, const uint8_t hash[FERRY_HASH_SIZE],
                                  uint32_t now_ms);
int node_session_about_candidate(struct node_session *session, node_session_request *request,
                                 struct ferry_info *info);

/*
 * The whole command for those that take --port and --baud only: parses, opens, talks, closes.
 *   talk: returns an exit code, after a message where it is not OK.
 */
int node_session_command(const struct cli_command *command, int argc, char **argv,
                         int (*talk)(struct node_session *session));

/* True after Ctrl-C or SIGTERM; how often. */
int node_session_interrupts(void);

/* "A", "B", or "none". */
const char *node_slot_name(uint8_t slot);

#endif
