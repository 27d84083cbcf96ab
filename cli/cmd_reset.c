#include "args.h"
#include "clock.h"
#include "node_session.h"

#include <poll.h>
#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command cmd_reset = {
    .name = "reset",
    .summary = "restart a node",
    .usage = "--port PORT [--baud N] [--update]\n"
             "       ferry reset --nrst CHIP:LINE [--boot0 CHIP:LINE [--rom]]\n\n"
             "By a message, or by its pin where it does not listen. An image that waits for its\n"
             "trial is tried then.\n\n" NODE_SESSION_USAGE NODE_SESSION_LINES_USAGE
             "  --update       into update mode: the bootloader listens for 10 s\n"
             "  --rom          start ST's bootloader in the chip's ROM: BOOT0 high\n",
    .run = run,
};

static int reset_by_message(const char *port, const char *baud, bool update)
{
    static struct node_session session;
    int result = node_session_open(&session, &cmd_reset, port, baud);
    if (result != CLI_OK) {
        return result;
    }
    if (update) {
        ferry_sender_update_mode(&session.link.sender, ferry_posix_now_ms());
    } else {
        ferry_sender_reset(&session.link.sender, ferry_posix_now_ms());
    }
    result = node_session_result(&session, session.path, node_session_run(&session));
    node_session_close(&session);
    return result;
}

static int reset_by_pin(const char *nrst, const char *boot0, bool rom)
{
    struct gateway_gpio gpio;
    struct gateway_lines lines = gateway_gpio_lines(&gpio, nrst, boot0);
    int status = lines.reset(lines.ctx, true, rom);
    if (status == FERRY_OK) {
        poll(NULL, 0, GATEWAY_PULSE_MS);
        status = lines.reset(lines.ctx, false, rom);
    }
    gateway_gpio_close(&gpio);
    return status == FERRY_OK ? CLI_OK : cli_fail("%s", lines.error(lines.ctx));
}

static int run(int argc, char **argv)
{
    const char *port = NULL;
    const char *baud = NULL;
    const char *nrst = NULL;
    const char *boot0 = NULL;
    bool rom = false;
    bool update = false;
    const struct cli_option options[] = {{"--port", &port, NULL}, {"--baud", &baud, NULL},
                                         {"--nrst", &nrst, NULL}, {"--boot0", &boot0, NULL},
                                         {"--rom", NULL, &rom},   {"--update", NULL, &update}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_reset, argc, argv, options, 6, &operands)) {
        return CLI_USAGE;
    }
    if (nrst == NULL && (boot0 != NULL || rom)) {
        return cli_usage(&cmd_reset, "--boot0 and --rom are of use with --nrst only");
    }
    if (nrst != NULL && update) {
        return cli_usage(&cmd_reset, "--update needs the node's ear: not with --nrst");
    }
    if (rom && boot0 == NULL) {
        return cli_usage(&cmd_reset, "--rom needs --boot0");
    }
    if (nrst != NULL && nrst[0] == '\0') {
        return cli_usage(&cmd_reset, "--nrst wants CHIP:LINE");
    }
    int result =
        nrst != NULL ? reset_by_pin(nrst, boot0, rom) : reset_by_message(port, baud, update);
    if (result == CLI_OK) {
        puts(update ? "the node restarts into update mode" : "the node restarts");
    }
    return result;
}
