#include "node_session.h"
#include "version_text.h"

#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command cmd_confirm = {
    .name = "confirm",
    .summary = "keep the image that is on trial",
    .usage = "--port PORT [--baud N]\n\n"
             "A node normally confirms itself; this is for an application that leaves it to "
             "people.\n\n" NODE_SESSION_USAGE,
    .run = run,
};

static int confirm(struct node_session *session)
{
    struct ferry_info info;
    char version[FERRY_VERSION_TEXT_SIZE];
    int result = node_session_about_candidate(session, ferry_sender_confirm, &info);
    if (result != CLI_OK) {
        return result;
    }
    if (info.running < info.slot_count) { /* the node confirms nothing but what runs */
        ferry_version_print(&info.slots[info.running].version, version);
        printf(info.phase == FERRY_PHASE_TRIAL ? "confirmed: %s stays\n"
                                               : "%s was confirmed already\n",
               version);
    }
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    return node_session_command(&cmd_confirm, argc, argv, confirm);
}
