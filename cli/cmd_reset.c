#include "args.h"
#include "clock.h"
#include "node_session.h"

#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command cmd_reset = {
    .name = "reset",
    .summary = "restart a node",
    .usage = "--port PORT [--baud N]\n\n"
             "An image that waits for its trial is tried then.\n\n" NODE_SESSION_USAGE,
    .run = run,
};

static int run(int argc, char **argv)
{
    static struct node_session session;
    const char *port = NULL;
    const char *baud = NULL;
    const struct cli_option options[] = {{"--port", &port, NULL}, {"--baud", &baud, NULL}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_reset, argc, argv, options, 2, &operands)) {
        return CLI_USAGE;
    }
    int result = node_session_open(&session, &cmd_reset, port, baud);
    if (result != CLI_OK) {
        return result;
    }
    ferry_sender_reset(&session.link.sender, ferry_posix_now_ms());
    result = node_session_result(&session, port, node_session_run(&session));
    node_session_close(&session);
    if (result == CLI_OK) {
        puts("the node restarts");
    }
    return result;
}
