#include "node_session.h"

#include "args.h"
#include "clock.h"
#include "interrupt.h"

#include "ferry/board.h"

#include <string.h>

int node_session_open(struct node_session *session, const struct cli_command *command,
                      const char *path, const char *baud)
{
    struct node_port_name name;
    if (path == NULL) {
        return cli_usage(command, "--port is needed");
    }
    const char *wrong = node_port_parse(path, &name);
    if (wrong != NULL) {
        return cli_usage(command, "--port %s: %s", path, wrong);
    }
    if (baud != NULL && name.transport != NODE_UART) {
        return cli_usage(command, "--baud is for serial ports; write PORT@HZ");
    }
    if (baud != NULL && (!cli_parse_u32(baud, &name.baud) || name.baud == 0)) {
        return cli_usage(command, "--baud %s is not a number of bits a second", baud);
    }
    session->path = path;
    node_port_init(&session->port, &name);
    session->lines = gateway_gpio_lines(&session->gpio, NULL, NULL);
    gateway_link_init(&session->link, &session->port.port, (uint16_t)ferry_posix_seed());
    if (gateway_link_open(&session->link) != FERRY_OK) {
        return cli_fail("%s", gateway_link_error(&session->link));
    }
    interrupt_catch();
    return CLI_OK;
}

int node_session_lines(struct node_session *session, const struct cli_command *command,
                       const char *nrst, const char *boot0)
{
    if (boot0 != NULL && nrst == NULL) {
        return cli_usage(command, "--boot0 is of use with --nrst only");
    }
    session->lines = gateway_gpio_lines(&session->gpio, nrst, boot0);
    gateway_link_set_lines(&session->link, &session->lines);
    return CLI_OK;
}

void node_session_close(struct node_session *session)
{
    gateway_link_close(&session->link);
    gateway_gpio_close(&session->gpio);
}

void node_session_wait(const struct node_session *session, uint32_t wait_ms)
{
    node_port_wait(&session->port, gateway_link_is_writing(&session->link), -1, wait_ms);
}

int node_session_run(struct node_session *session)
{
    struct gateway_link *link = &session->link;
    for (;;) {
        int status = gateway_link_step(link, ferry_posix_now_ms());
        if (status != FERRY_MORE) {
            return status;
        }
        if (interrupt_count() > 0) {
            return FERRY_ABORTED;
        }
        node_session_wait(session, ferry_sender_wait_ms(&link->sender, ferry_posix_now_ms()));
    }
}

int node_session_result(const struct node_session *session, const char *what, int status)
{
    if (status == FERRY_OK) {
        return CLI_OK;
    }
    if (status == FERRY_ABORTED && interrupt_count() > 0) {
        return CLI_INTERRUPTED;
    }
    const char *error = gateway_link_error(&session->link);
    if ((status == FERRY_IO || status == FERRY_TIMEOUT) && error[0] != '\0') {
        return cli_fail("%s: %s: %s", session->path, ferry_status_name(status), error);
    }
    return cli_fail_status(what, status);
}

int node_session_info(struct node_session *session, struct ferry_info *info)
{
    ferry_sender_query(&session->link.sender, FERRY_SENDER_QUERY_REPEAT_MS, FERRY_SENDER_REQUEST_MS,
                       ferry_posix_now_ms());
    int status = node_session_run(session);
    if (status == FERRY_OK) {
        *info = session->link.sender.result.info;
    }
    return node_session_result(session, session->path, status);
}

int node_session_about_candidate(struct node_session *session, node_session_request *request,
                                 struct ferry_info *info)
{
    int result = node_session_info(session, info);
    if (result != CLI_OK) {
        return result;
    }
    request(&session->link.sender, info->candidate_hash, ferry_posix_now_ms());
    return node_session_result(session, session->path, node_session_run(session));
}

int node_session_command(const struct cli_command *command, int argc, char **argv,
                         int (*talk)(struct node_session *session))
{
    static struct node_session session;
    const char *port = NULL;
    const char *baud = NULL;
    const struct cli_option options[] = {{"--port", &port, NULL}, {"--baud", &baud, NULL}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(command, argc, argv, options, 2, &operands)) {
        return CLI_USAGE;
    }
    int result = node_session_open(&session, command, port, baud);
    if (result == CLI_OK) {
        result = talk(&session);
        node_session_close(&session);
    }
    return result;
}

const char *node_slot_name(uint8_t slot)
{
    switch (slot) {
    case FERRY_SLOT_A:
        return "A";
    case FERRY_SLOT_B:
        return "B";
    default:
        return "none";
    }
}
