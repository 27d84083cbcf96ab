#include "link.h"

#include "ferry/supervisor.h"

#include <string.h>

enum {
    QUICK_REPEAT_MS = 20, /* a bootloader listens 50 ms */
    QUICK_TOTAL_MS =
        FERRY_LISTEN_PATIENCE_MS + 2000, /* it may verify nearly as long as it listens */
    INPUT_SIZE = 256,
    STUCK_MS = 10000 /* a full buffer of 4 KB at 9,600 baud takes half of it */
};

void gateway_link_init(struct gateway_link *link, const struct gateway_port *port,
                       uint16_t first_tag)
{
    link->port = port;
    link->opened = false;
    link->stuck = false;
    link->failed = FERRY_OK;
    link->lines = NULL;
    link->pulsing = false;
    link->line_failed = false;
    ferry_sender_init(&link->sender, first_tag);
}

void gateway_link_set_lines(struct gateway_link *link, const struct gateway_lines *lines)
{
    link->lines = lines;
}

static bool has_nrst(const struct gateway_link *link)
{
    return link->lines != NULL && link->lines->reset != NULL;
}

void gateway_link_pulse(struct gateway_link *link, bool rom, uint32_t now_ms)
{
    ferry_sender_restart(&link->sender);
    link->sender.status = FERRY_OK; /* nothing else is asked for */
    link->pulsing = true;
    link->pulse_ms = now_ms;
    link->pulse_rom = rom;
    link->failed =
        has_nrst(link) ? link->lines->reset(link->lines->ctx, true, rom) : FERRY_ARGUMENT;
}

/* MORE while the node is held in reset. */
static int step_pulse(struct gateway_link *link, uint32_t now_ms)
{
    if (link->failed == FERRY_OK && now_ms - link->pulse_ms < GATEWAY_PULSE_MS) {
        return FERRY_MORE;
    }
    link->pulsing = false;
    if (link->failed == FERRY_OK) {
        link->failed = link->lines->reset(link->lines->ctx, false, link->pulse_rom);
    }
    link->line_failed = link->failed != FERRY_OK;
    return link->failed;
}

void gateway_link_close(struct gateway_link *link)
{
    if (link->pulsing && has_nrst(link)) {
        link->lines->reset(link->lines->ctx, false, false);
    }
    link->pulsing = false;
    if (link->opened) {
        link->port->close(link->port->ctx);
        link->opened = false;
    }
}

int gateway_link_open(struct gateway_link *link)
{
    link->failed = FERRY_OK;
    link->line_failed = false;
    if (link->opened) {
        return FERRY_OK;
    }
    int status = link->port->open(link->port->ctx);
    link->opened = status == FERRY_OK;
    link->stuck = false;
    link->failed = status == FERRY_OK ? FERRY_OK : FERRY_IO;
    ferry_sender_restart(&link->sender);
    return status;
}

static int send_output(struct gateway_link *link, uint32_t now_ms)
{
    size_t size = 0;
    const uint8_t *output = ferry_sender_output(&link->sender, &size);
    while (output != NULL) {
        size_t taken = 0;
        int status = link->port->write(link->port->ctx, output, size, &taken);
        if (status != FERRY_OK || taken == 0) {
            link->stuck_ms = link->stuck ? link->stuck_ms : now_ms;
            link->stuck = true;
            return status;
        }
        link->stuck = false;
        ferry_sender_sent(&link->sender, taken, now_ms);
        output = ferry_sender_output(&link->sender, &size);
    }
    link->stuck = false;
    return FERRY_OK;
}

static int take_input(struct gateway_link *link, uint32_t now_ms)
{
    uint8_t input[INPUT_SIZE];
    size_t got = 0;
    do {
        int status = link->port->read(link->port->ctx, input, sizeof input, &got);
        if (status != FERRY_OK) {
            return status;
        }
        ferry_sender_input(&link->sender, input, got, now_ms);
    } while (got == sizeof input);
    return FERRY_OK;
}

/* A request ended. After a restart, or silence, it may be another program with another ring. */
static void tell_window(const struct gateway_link *link, int status)
{
    const struct ferry_sender *sender = &link->sender;
    if (link->port->window == NULL) {
        return;
    }
    if (status != FERRY_OK || sender->request == FERRY_RESET) {
        link->port->window(link->port->ctx, 0, false);
    } else if (sender->request == FERRY_QUERY) {
        link->port->window(link->port->ctx, sender->result.info.window, false);
    } else if (sender->request == FERRY_OPEN) {
        link->port->window(link->port->ctx, sender->result.opened.window, true);
    }
}

int gateway_link_step(struct gateway_link *link, uint32_t now_ms)
{
    if (link->pulsing) {
        return step_pulse(link, now_ms);
    }
    if (!link->opened) {
        return FERRY_IO;
    }
    bool asked = link->sender.stage != FERRY_SENDER_IDLE;
    int status = take_input(link, now_ms);
    if (status == FERRY_OK) {
        status = send_output(link, now_ms);
    }
    if (status != FERRY_OK) {
        gateway_link_close(link);
        ferry_sender_restart(&link->sender);
        link->failed = FERRY_IO;
        return FERRY_IO;
    }
    if (link->stuck && now_ms - link->stuck_ms >= STUCK_MS) {
        gateway_link_close(link); /* behind USB or a pseudo terminal nobody reads any more */
        ferry_sender_restart(&link->sender);
        return FERRY_TIMEOUT;
    }
    status = ferry_sender_step(&link->sender, now_ms);
    if (status > FERRY_OK) {
        link->port->discard(link->port->ctx); /* DATA that the node would only refuse */
    }
    if (asked && status != FERRY_MORE) {
        tell_window(link, status);
    }
    return status;
}

bool gateway_link_is_writing(const struct gateway_link *link)
{
    size_t size = 0;
    return link->opened && ferry_sender_output(&link->sender, &size) != NULL;
}

/* --- as a sink ---------------------------------------------------------------------------- */

static void sink_query(void *ctx, bool quick, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    if (gateway_link_open(link) == FERRY_OK) {
        ferry_sender_query(&link->sender, quick ? QUICK_REPEAT_MS : FERRY_SENDER_QUERY_REPEAT_MS,
                           quick ? QUICK_TOTAL_MS : FERRY_SENDER_REQUEST_MS, now_ms);
    }
}

static void sink_open(void *ctx, const struct ferry_open *open, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_open(&link->sender, open, now_ms);
}

static void sink_data(void *ctx, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_data(&link->sender, now_ms);
}

static void sink_close(void *ctx, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_close(&link->sender, now_ms);
}

static void sink_reset(void *ctx, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_reset(&link->sender, now_ms);
}

static void sink_update_mode(void *ctx, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_update_mode(&link->sender, now_ms);
}

static void sink_abort(void *ctx, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_abort(&link->sender, now_ms);
}

static void sink_log(void *ctx, uint16_t first, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_log(&link->sender, first, now_ms);
}

static int sink_step(void *ctx, uint32_t now_ms)
{
    return gateway_link_step(ctx, now_ms);
}

static const struct ferry_info *sink_info(void *ctx)
{
    const struct gateway_link *link = ctx;
    return &link->sender.result.info;
}

static const struct ferry_log_answer *sink_logged(void *ctx)
{
    const struct gateway_link *link = ctx;
    return &link->sender.result.log;
}

static bool sink_wants(void *ctx, struct ferry_sender_want *want)
{
    struct gateway_link *link = ctx;
    return ferry_sender_wants(&link->sender, want);
}

static void sink_supply(void *ctx, uint32_t size, uint32_t now_ms)
{
    struct gateway_link *link = ctx;
    ferry_sender_supply(&link->sender, size, now_ms);
}

static uint32_t sink_received(void *ctx)
{
    const struct gateway_link *link = ctx;
    return link->sender.acked;
}

static bool sink_can_pulse(void *ctx)
{
    return has_nrst(ctx);
}

static void sink_pulse(void *ctx, uint32_t now_ms)
{
    gateway_link_pulse(ctx, false, now_ms);
}

static uint32_t sink_wait_ms(void *ctx, uint32_t now_ms)
{
    const struct gateway_link *link = ctx;
    if (link->pulsing) {
        uint32_t gone = now_ms - link->pulse_ms;
        return gone < GATEWAY_PULSE_MS ? GATEWAY_PULSE_MS - gone : 0;
    }
    return link->opened ? ferry_sender_wait_ms(&link->sender, now_ms) : 0;
}

const char *gateway_link_error(const struct gateway_link *link)
{
    if (link->line_failed) {
        return link->lines != NULL ? link->lines->error(link->lines->ctx) : "";
    }
    if (link->failed != FERRY_OK) {
        return link->port->error(link->port->ctx);
    }
    return link->port->hint != NULL ? link->port->hint(link->port->ctx) : "";
}

static const char *sink_error(void *ctx)
{
    return gateway_link_error(ctx);
}

struct gateway_sink gateway_link_sink(struct gateway_link *link)
{
    return (struct gateway_sink){.ctx = link,
                                 .query = sink_query,
                                 .open = sink_open,
                                 .data = sink_data,
                                 .close = sink_close,
                                 .reset = sink_reset,
                                 .update_mode = sink_update_mode,
                                 .abort = sink_abort,
                                 .can_pulse = sink_can_pulse,
                                 .pulse = sink_pulse,
                                 .log = sink_log,
                                 .step = sink_step,
                                 .info = sink_info,
                                 .logged = sink_logged,
                                 .wants = sink_wants,
                                 .supply = sink_supply,
                                 .received = sink_received,
                                 .wait_ms = sink_wait_ms,
                                 .error = sink_error};
}
