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

static int revert(struct node_session *session)
{
    struct ferry_info info;
    int result = node_session_about_candidate(session, ferry_sender_revert, &info);
    if (result == CLI_OK) {
        puts("given up: the next start boots the confirmed image (`ferry reset`)");
    }
    return result;
}

static int run(int argc, char **argv)
{
    return node_session_command(&cmd_revert, argc, argv, revert);
}
