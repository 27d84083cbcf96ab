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

static int reset(struct node_session *session)
{
    ferry_sender_reset(&session->link.sender, ferry_posix_now_ms());
    int result = node_session_result(session, session->serial.path, node_session_run(session));
    if (result == CLI_OK) {
        puts("the node restarts");
    }
    return result;
}

static int run(int argc, char **argv)
{
    return node_session_command(&cmd_reset, argc, argv, reset);
}
