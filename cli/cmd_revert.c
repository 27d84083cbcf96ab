#include "args.h"
#include "clock.h"
#include "node_session.h"

#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command cmd_revert = {
    .name = "revert",
    .summary = "give up the image that is on trial or waits for it",
    .usage = "--port PORT [--baud N]\n\n"
             "The next start boots the confirmed image: `ferry reset` to do it "
             "now.\n\n" NODE_SESSION_USAGE,
    .run = run,
};

/* The image is named by its hash, so that no other one can be meant by accident. */
static int revert(struct node_session *session)
{
    struct ferry_info info;
    int result = node_session_info(session, &info);
    if (result != CLI_OK) {
        return result;
    }
    ferry_sender_revert(&session->link.sender, info.candidate_hash, ferry_posix_now_ms());
    return node_session_result(session, session->serial.path, node_session_run(session));
}

static int run(int argc, char **argv)
{
    static struct node_session session;
    const char *port = NULL;
    const char *baud = NULL;
    const struct cli_option options[] = {{"--port", &port, NULL}, {"--baud", &baud, NULL}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_revert, argc, argv, options, 2, &operands)) {
        return CLI_USAGE;
    }
    int result = node_session_open(&session, &cmd_revert, port, baud);
    if (result != CLI_OK) {
        return result;
    }
    result = revert(&session);
    node_session_close(&session);
    if (result == CLI_OK) {
        puts("given up: the next start boots the confirmed image (`ferry reset`)");
    }
    return result;
}
