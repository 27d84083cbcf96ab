#include "plain.h"

#include <string.h>

void ferry_plain_init(struct ferry_plain *plain, const struct ferry_plain_config *config)
{
    memset(plain, 0, sizeof(*plain));
    plain->config = config;
    ferry_frame_decoder_init(&plain->decoder, plain->message, sizeof(plain->message));
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Slot A is what runs, and what the ROM replaces. Its hash covers a header that is not here. */
static size_t write_info(const struct ferry_plain_config *config, uint16_t tag, uint8_t *out)
{
    struct ferry_info info;

    memset(&info, 0, sizeof(info));
    info.protocol = FERRY_PROTOCOL_VERSION;
    info.running = FERRY_SLOT_A;
    info.confirmed = FERRY_SLOT_A;
    info.candidate = FERRY_SLOT_NONE;
    info.slot_count = 1;
    info.reset_cause = config->reset_cause;
    memcpy(info.uid, config->uid, FERRY_UID_SIZE);
    info.slots[0].range = config->board->slots[FERRY_SLOT_A];
    info.slots[0].content = FERRY_CONTENT_UNKNOWN;
    info.slots[0].version = config->version;
    strncpy(info.board, config->board->name, FERRY_BOARD_NAME_MAX);
    return ferry_message_write_info(out, tag, &info);
}

static size_t write_refusal(uint16_t tag, uint8_t *out)
{
    struct ferry_opened opened = {.status = FERRY_SLOT_RUNNING, .slot = FERRY_SLOT_NONE};
    return ferry_message_write_opened(out, tag, &opened);
}

static size_t write_empty_log(uint16_t tag, uint8_t *out)
{
    struct ferry_log_answer log = {.count = 0};
    return ferry_message_write_logged(out, tag, &log);
}

static size_t write_nak(uint8_t type, uint16_t tag, int status, uint8_t *out)
{
    struct ferry_nak nak = {.status = status, .type = type};
    return ferry_message_write_nak(out, tag, &nak);
}

/* Returns the size of the answer. */
static size_t answer(struct ferry_plain *plain, uint8_t *out)
{
    uint8_t type = ferry_message_type(plain->message);
    uint16_t tag = ferry_message_tag(plain->message);

    switch (type) {
    case FERRY_QUERY:
        return write_info(plain->config, tag, out);
    case FERRY_OPEN:
        return write_refusal(tag, out);
    case FERRY_DATA:
        return write_nak(type, tag, FERRY_NOT_OPEN, out);
    case FERRY_CLOSE:
        return ferry_message_write_verdict(out, FERRY_CLOSED, tag, FERRY_NOT_OPEN);
    case FERRY_CONFIRM:
    case FERRY_REVERT:
        return ferry_message_write_verdict(out, FERRY_RESULT, tag, FERRY_NOT_TRIAL);
    case FERRY_RESET:
        plain->events |= FERRY_EVENT_RESET;
        return ferry_message_write_verdict(out, FERRY_RESULT, tag, FERRY_OK);
    case FERRY_ABORT:
        return ferry_message_write_verdict(out, FERRY_RESULT, tag, FERRY_OK);
    case FERRY_LOG:
        return write_empty_log(tag, out);
    default:
        return write_nak(type, tag, FERRY_UNKNOWN_MESSAGE, out);
    }
}

/* ---- the wire -------------------------------------------------------------------------------- */

static bool is_sending(const struct ferry_plain *plain)
{
    return plain->output_sent < plain->output_size;
}

static void send(struct ferry_plain *plain)
{
    const struct ferry_stream *stream = plain->config->stream;
    size_t left = (size_t)(plain->output_size - plain->output_sent);
    size_t sent = stream->write(stream->ctx, plain->output + plain->output_sent, left);

    plain->output_sent = (uint16_t)(plain->output_sent + sent);
}

static void receive(struct ferry_plain *plain)
{
    const struct ferry_stream *stream = plain->config->stream;
    uint8_t reply[FERRY_REPLY_MAX];
    size_t used, size;

    if (plain->input_used == plain->input_size) {
        plain->input_used = 0;
        plain->input_size = (uint8_t)stream->read(stream->ctx, plain->input, sizeof(plain->input));
    }
    int status = ferry_frame_feed(&plain->decoder, plain->input + plain->input_used,
                                  (size_t)(plain->input_size - plain->input_used), &used, &size);
    plain->input_used = (uint8_t)(plain->input_used + used);
    if (status == FERRY_OK) {
        plain->events |= FERRY_EVENT_MESSAGE;
        size = answer(plain, reply);
        plain->output_size = (uint16_t)ferry_frame_encode(reply, size, plain->output);
        plain->output_sent = 0;
    }
}

uint32_t ferry_plain_step(struct ferry_plain *plain)
{
    const struct ferry_stream *stream = plain->config->stream;

    if (is_sending(plain)) {
        send(plain);
    } else if ((plain->events & FERRY_EVENT_RESET) == 0) {
        receive(plain);
    }
    uint32_t events = plain->events;
    if ((events & FERRY_EVENT_RESET) != 0 && (is_sending(plain) || !stream->idle(stream->ctx))) {
        events &= ~(uint32_t)FERRY_EVENT_RESET;
    }
    plain->events = (uint8_t)(plain->events & ~events);
    return events;
}
