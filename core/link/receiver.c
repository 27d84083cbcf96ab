#include "ferry/receiver.h"

#include <string.h>

void ferry_receiver_init(struct ferry_receiver *receiver, struct ferry_node *node,
                         uint32_t rx_capacity_bytes, uint16_t data_max)
{
    memset(receiver, 0, sizeof(*receiver));
    receiver->node = node;
    receiver->data_max = data_max < FERRY_DATA_MAX ? data_max : FERRY_DATA_MAX;
    ferry_install_init(&receiver->install, node);
    ferry_receiver_set_capacity(receiver, rx_capacity_bytes);
}

void ferry_receiver_set_capacity(struct ferry_receiver *receiver, uint32_t rx_capacity_bytes)
{
    /* Two frames of the ring stay free: one half-received, one for a QUERY or CLOSE. */
    uint32_t frame = FERRY_FRAME_SIZE((uint32_t)receiver->data_max + 8U);
    uint32_t frames = rx_capacity_bytes / frame;
    receiver->window = (frames > 3 ? frames - 2 : 1) * receiver->data_max;
}

bool ferry_receiver_ready(const struct ferry_receiver *receiver)
{
    return receiver->reply_size == 0 && receiver->pending_size == 0 &&
           receiver->install.stage != FERRY_INSTALL_SIGNATURE;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void say(struct ferry_receiver *receiver, size_t size)
{
    receiver->reply_size = (uint16_t)size;
}

static void say_nak(struct ferry_receiver *receiver, uint16_t tag, uint8_t type, int status)
{
    struct ferry_nak nak = {.status = status,
                            .type = type,
                            .next = receiver->install.next,
                            .durable = ferry_install_durable(&receiver->install)};
    say(receiver, ferry_message_write_nak(receiver->reply, tag, &nak));
}

void ferry_receiver_announce(struct ferry_receiver *receiver)
{
    say_nak(receiver, FERRY_TAG_NODE, 0, FERRY_NOT_OPEN);
}

/* A gap in the data: one NAK is enough until it is filled, the frames behind it are on their way.
 */
static void say_gap(struct ferry_receiver *receiver, int status)
{
    if (!receiver->nak_sent) {
        receiver->nak_sent = true;
        say_nak(receiver, receiver->tag, FERRY_DATA, status);
    }
}

static void say_ack(struct ferry_receiver *receiver)
{
    struct ferry_ack ack = {.next = receiver->install.next,
                            .durable = ferry_install_durable(&receiver->install),
                            .window = receiver->window};
    say(receiver, ferry_message_write_ack(receiver->reply, receiver->tag, &ack));
}

static void say_opened(struct ferry_receiver *receiver, uint16_t tag, int status)
{
    bool ok = status == FERRY_OK;
    struct ferry_opened opened = {.status = status,
                                  .slot = ok ? receiver->install.image.slot : FERRY_SLOT_NONE,
                                  .data_max = receiver->data_max,
                                  .resume_offset = ok ? receiver->install.next : 0,
                                  .window = receiver->window};
    if (ok) {
        receiver->nak_sent = false;
        receiver->events |= FERRY_EVENT_TRANSFER;
    }
    say(receiver, ferry_message_write_opened(receiver->reply, tag, &opened));
}

static void say_verdict(struct ferry_receiver *receiver, uint8_t type, uint16_t tag, int status)
{
    say(receiver, ferry_message_write_verdict(receiver->reply, type, tag, status));
}

/* ---- messages -------------------------------------------------------------------------------- */

struct message {
    const uint8_t *bytes;
    size_t size;
    uint8_t type;
    uint16_t tag;
};

static void on_query(struct ferry_receiver *receiver, const struct message *message)
{
    struct ferry_info info;

    ferry_node_info(receiver->node, &info);
    info.window = receiver->window;
    info.data_max = receiver->data_max;
    info.flags |= receiver->install.stage != FERRY_INSTALL_IDLE ? FERRY_INFO_OPEN : 0;
    say(receiver, ferry_message_write_info(receiver->reply, message->tag, &info));
}

static bool is_closing(const struct ferry_receiver *receiver)
{
    return receiver->install.stage == FERRY_INSTALL_HASHING ||
           receiver->install.stage == FERRY_INSTALL_DECIDING;
}

static void on_open(struct ferry_receiver *receiver, const struct message *message)
{
    struct ferry_open open;
    int status = ferry_message_read_open(message->bytes, message->size, &open);

    if (status == FERRY_OK && open.protocol != FERRY_PROTOCOL_VERSION) {
        status = FERRY_PROTOCOL;
    }
    if (status == FERRY_OK && is_closing(receiver)) {
        status = FERRY_BUSY;
    }
    if (status == FERRY_OK) {
        receiver->tag = message->tag;
        status = ferry_install_open(&receiver->install, &open);
    }
    if (status != FERRY_OK) {
        say_opened(receiver, message->tag, status);
    } /* else the next step checks the signature and answers */
}

static void on_data(struct ferry_receiver *receiver, const struct message *message)
{
    struct ferry_install *install = &receiver->install;
    struct ferry_data data;
    int status = ferry_message_read_data(message->bytes, message->size, &data);

    if (status == FERRY_OK && install->stage != FERRY_INSTALL_WRITING) {
        status = FERRY_NOT_OPEN;
    }
    if (status == FERRY_OK && message->tag != receiver->tag) {
        status = FERRY_BAD_SESSION;
    }
    if (status == FERRY_OK && data.size > receiver->data_max) {
        status = FERRY_BAD_LENGTH;
    }
    if (status != FERRY_OK) {
        say_nak(receiver, message->tag, FERRY_DATA, status);
    } else if (data.offset > install->next) {
        say_gap(receiver, FERRY_BAD_OFFSET);
    } else if (data.offset < install->next) {
        say_ack(receiver); /* a repetition */
    } else {
        receiver->pending = data.bytes;
        receiver->pending_size = data.size;
    }
}

static void on_close(struct ferry_receiver *receiver, const struct message *message)
{
    struct ferry_close close;
    int status = ferry_message_read_close(message->bytes, message->size, &close);

    if (status == FERRY_OK && is_closing(receiver)) {
        status = FERRY_BUSY;
    } else if (status == FERRY_OK && receiver->install.stage == FERRY_INSTALL_WRITING &&
               message->tag != receiver->tag) {
        status = FERRY_BAD_SESSION;
    } else if (status == FERRY_OK) {
        status = ferry_install_close(&receiver->install, &close);
        receiver->tag = message->tag;
    }
    if (status != FERRY_OK) {
        say_verdict(receiver, FERRY_CLOSED, message->tag, status);
    } /* else the steps check the image and answer */
}

static void on_confirm(struct ferry_receiver *receiver, const struct message *message)
{
    const uint8_t *hash;
    int status = ferry_message_read_hash(message->bytes, message->size, &hash);

    if (status == FERRY_OK) {
        status = ferry_install_confirm(&receiver->install, hash);
    }
    if (status == FERRY_OK) {
        receiver->events |= FERRY_EVENT_CONFIRMED;
    }
    say_verdict(receiver, FERRY_RESULT, message->tag, status);
}

static void on_revert(struct ferry_receiver *receiver, const struct message *message)
{
    const uint8_t *hash;
    int status = ferry_message_read_hash(message->bytes, message->size, &hash);

    if (status == FERRY_OK) {
        status = ferry_install_revert(&receiver->install, hash);
    }
    say_verdict(receiver, FERRY_RESULT, message->tag, status);
}

static void on_abort(struct ferry_receiver *receiver, const struct message *message)
{
    ferry_install_abort(&receiver->install);
    receiver->events |= FERRY_EVENT_ABORTED;
    say_verdict(receiver, FERRY_RESULT, message->tag, FERRY_OK);
}

static void on_reset(struct ferry_receiver *receiver, const struct message *message)
{
    receiver->events |= FERRY_EVENT_RESET;
    if (message->size > FERRY_MESSAGE_HEADER_SIZE &&
        (message->bytes[FERRY_MESSAGE_HEADER_SIZE] & FERRY_RESTART_UPDATE) != 0) {
        receiver->events |= FERRY_EVENT_UPDATE;
    }
    say_verdict(receiver, FERRY_RESULT, message->tag, FERRY_OK);
}

static void on_log(struct ferry_receiver *receiver, const struct message *message)
{
    struct ferry_log_answer answer = {0};
    uint16_t first;
    int status = ferry_message_read_log(message->bytes, message->size, &first);

    if (status != FERRY_OK) {
        say_nak(receiver, message->tag, message->type, status);
        return;
    }
    while (answer.count < FERRY_LOG_ENTRIES_MAX &&
           ferry_journal_log_read(receiver->node->journal, (uint32_t)first + answer.count,
                                  &answer.entries[answer.count]) == FERRY_OK) {
        answer.count++;
    }
    say(receiver, ferry_message_write_logged(receiver->reply, message->tag, &answer));
}

static const struct {
    uint8_t type;
    void (*handle)(struct ferry_receiver *receiver, const struct message *message);
} handlers[] = {
    {FERRY_DATA, on_data},   {FERRY_QUERY, on_query},     {FERRY_OPEN, on_open},
    {FERRY_CLOSE, on_close}, {FERRY_CONFIRM, on_confirm}, {FERRY_REVERT, on_revert},
    {FERRY_ABORT, on_abort}, {FERRY_RESET, on_reset},     {FERRY_LOG, on_log},
};

void ferry_receiver_accept(struct ferry_receiver *receiver, const uint8_t *message, size_t size)
{
    struct message parts = {.bytes = message,
                            .size = size,
                            .type = ferry_message_type(message),
                            .tag = ferry_message_tag(message)};

    receiver->events |= FERRY_EVENT_MESSAGE;
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (handlers[i].type == parts.type) {
            handlers[i].handle(receiver, &parts);
            return;
        }
    }
    say_nak(receiver, parts.tag, parts.type, FERRY_UNKNOWN_MESSAGE);
}

void ferry_receiver_damaged(struct ferry_receiver *receiver)
{
    if (receiver->install.stage == FERRY_INSTALL_WRITING && ferry_receiver_ready(receiver)) {
        say_gap(receiver, FERRY_BAD_FRAME);
    }
}

/* ---- work ------------------------------------------------------------------------------------ */

static void write_slice(struct ferry_receiver *receiver)
{
    uint32_t used;
    int status =
        ferry_install_write(&receiver->install, receiver->pending, receiver->pending_size, &used);

    receiver->pending += used;
    receiver->pending_size -= used;
    if (status != FERRY_OK) {
        receiver->pending_size = 0;
        say_nak(receiver, receiver->tag, FERRY_DATA, status);
    } else if (receiver->pending_size == 0) {
        receiver->nak_sent = false;
        receiver->events |= FERRY_EVENT_TRANSFER;
        say_ack(receiver);
    }
}

static void close_slice(struct ferry_receiver *receiver)
{
    int status = ferry_install_close_step(&receiver->install);

    if (status == FERRY_MORE) {
        return;
    }
    if (status == FERRY_OK && !receiver->install.repeated) {
        receiver->events |= FERRY_EVENT_CLOSED;
    }
    say_verdict(receiver, FERRY_CLOSED, receiver->tag, status);
}

bool ferry_receiver_step(struct ferry_receiver *receiver)
{
    if (receiver->reply_size > 0) {
        return false; /* the answer goes out first */
    }
    if (receiver->install.stage == FERRY_INSTALL_SIGNATURE) {
        say_opened(receiver, receiver->tag, ferry_install_open_step(&receiver->install));
    } else if (receiver->pending_size > 0) {
        write_slice(receiver);
    } else if (is_closing(receiver)) {
        close_slice(receiver);
    } else {
        return false;
    }
    return true;
}

const uint8_t *ferry_receiver_answer(const struct ferry_receiver *receiver, size_t *size)
{
    *size = receiver->reply_size;
    return receiver->reply_size > 0 ? receiver->reply : NULL;
}

void ferry_receiver_answered(struct ferry_receiver *receiver)
{
    receiver->reply_size = 0;
}

uint32_t ferry_receiver_events(struct ferry_receiver *receiver)
{
    uint32_t events = receiver->events;
    receiver->events = 0;
    return events;
}
