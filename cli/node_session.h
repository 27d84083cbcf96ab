/*
 * node_session.h - one node on a serial port, SPI or I2C, for the commands that ask it something.
 *
 * All functions print what went wrong. A session is large (5 KB) and refers to itself: do not copy.
 */
#ifndef FERRY_CLI_NODE_SESSION_H
#define FERRY_CLI_NODE_SESSION_H

#include "cli.h"
#include "lines.h"
#include "node_port.h"

#define NODE_SESSION_USAGE                                                                         \
    "  --port PORT    the node's port, as /dev/ttyUSB0, spidev:/dev/spidev0.0[@HZ], or\n"          \
    "                 i2c:/dev/i2c-1[:ADDRESS][@HZ]\n"                                             \
    "  --baud N       bits a second of a serial port (default 921600)\n"
#define NODE_SESSION_LINES_USAGE                                                                   \
    "  --nrst CHIP:LINE   GPIO line at the node's NRST, as gpiochip0:17\n"                         \
    "  --boot0 CHIP:LINE  the same for BOOT0\n"

struct node_session {
    const char *path; /* the port as it was given */
    struct node_port port;
    struct gateway_gpio gpio;
    struct gateway_lines lines;
    struct gateway_link link;
};

/* Gives an opened session the node's lines. NULL: not connected. Returns CLI_OK or CLI_USAGE. */
int node_session_lines(struct node_session *session, const struct cli_command *command,
                       const char *nrst, const char *boot0);

/* Sleeps until the port has something to do, or `wait_ms` is over. */
void node_session_wait(const struct node_session *session, uint32_t wait_ms);

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

/* "A", "B", or "none". */
const char *node_slot_name(uint8_t slot);

#endif
