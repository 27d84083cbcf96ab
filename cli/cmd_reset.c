#include "args.h"
#include "clock.h"
#include "node_session.h"

#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command cmd_reset = {
    .name = "reset",
    .summary = "restart a node",
    .usage = "--port PORT [--baud N] [--update]\n\n"
             "An image that waits for its trial is tried then.\n\n" NODE_SESSION_USAGE
             "  --update       into update mode: the bootloader listens for 10 s\n",
    .run = run,
};

static int talk(struct node_session *session, bool update)
{
    struct ferry_sender *sender = &session->link.sender;
    if (update) {
        ferry_sender_update_mode(sender, ferry_posix_now_ms());
    } else {
        ferry_sender_reset(sender, ferry_posix_now_ms());
    }
    int result = node_session_result(session, session->serial.path, node_session_run(session));
    if (result == CLI_OK) {
        puts(update ? "the node restarts into update mode" : "the node restarts");
    }
    return result;
}

static int run(int argc, char **argv)
{
    static struct node_session session;
    const char *port = NULL;
    const char *baud = NULL;
    bool update = false;
    const struct cli_option options[] = {
        {"--port", &port, NULL}, {"--baud", &baud, NULL}, {"--update", NULL, &update}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_reset, argc, argv, options, 3, &operands)) {
        return CLI_USAGE;
    }
    int result = node_session_open(&session, &cmd_reset, port, baud);
    if (result == CLI_OK) {
        result = talk(&session, update);
        node_session_close(&session);
    }
    return result;
}
