/* The gateway's end of the link: one request in hand, DATA within the node's window. */
#include "ferry/sender.h"

#include <string.h>

enum { DATA_HEADER_SIZE = FERRY_MESSAGE_MAX - FERRY_DATA_MAX, WAIT_LONG_MS = 1000 };

_Static_assert(sizeof(struct ferry_sender) <= 5 * 1024, "a gateway engine keeps within 8 KB");
_Static_assert((int)FERRY_OPEN_MAX <= (int)FERRY_MESSAGE_MAX, "OPEN is built in the DATA buffer");

static uint32_t elapsed(uint32_t since_ms, uint32_t now_ms)
{
    return now_ms - since_ms; /* modulo 2^32, as the clock wraps */
}

static uint16_t take_tag(struct ferry_sender *sender)
{
    if (sender->next_tag == FERRY_TAG_NODE) {
        sender->next_tag++;
    }
    return sender->next_tag++;
}

void ferry_sender_init(struct ferry_sender *sender, uint16_t first_tag)
{
    memset(sender, 0, sizeof *sender);
    sender->next_tag = first_tag;
    ferry_sender_restart(sender);
}

void ferry_sender_restart(struct ferry_sender *sender)
{
    sender->stage = FERRY_SENDER_IDLE;
    sender->output_size = 0;
    sender->output_used = 0;
    ferry_frame_decoder_init(&sender->decoder, sender->input, sizeof sender->input);
}

/* Puts a frame on the wire. The leading 0x00 ends whatever noise or half frame came before it. */
static void put_frame(struct ferry_sender *sender, const uint8_t *message, size_t size)
{
    sender->output[0] = 0;
    sender->output_size = (uint16_t)(1 + ferry_frame_encode(message, size, sender->output + 1));
    sender->output_used = 0;
}

static int finish(struct ferry_sender *sender, int status)
{
    sender->stage = FERRY_SENDER_IDLE;
    sender->output_size = 0;
    sender->output_used = 0;
    sender->status = status;
    return status;
}

/* Puts a frame out that stays in the buffer to be repeated until `answer` comes. */
static void start_request(struct ferry_sender *sender, uint8_t answer, size_t size,
                          uint32_t total_ms, uint32_t now_ms)
{
    sender->stage = FERRY_SENDER_REQUEST;
    sender->request = ferry_message_type(sender->message);
    sender->tag = ferry_message_tag(sender->message);
    sender->answer = answer;
    sender->repeat_ms = FERRY_SENDER_REPEAT_MS;
    sender->total_ms = total_ms;
    sender->started_ms = now_ms;
    sender->repeated_ms = now_ms;
    put_frame(sender, sender->message, size);
}

void ferry_sender_query(struct ferry_sender *sender, uint32_t repeat_ms, uint32_t total_ms,
                        uint32_t now_ms)
{
    size_t size = ferry_message_write_empty(sender->message, FERRY_QUERY, take_tag(sender));
    start_request(sender, FERRY_INFO, size, total_ms, now_ms);
    sender->repeat_ms = repeat_ms;
}

static void start_crc(struct ferry_sender *sender, uint32_t offset)
{
    sender->crc32 = 0;
    sender->crc_from = offset;
    sender->crc_offset = offset;
}

void ferry_sender_open(struct ferry_sender *sender, const struct ferry_open *open, uint32_t now_ms)
{
    sender->transfer_tag = take_tag(sender);
    size_t size = ferry_message_write_open(sender->message, sender->transfer_tag, open);
    uint32_t claims = ferry_crc32(0, sender->message + FERRY_MESSAGE_HEADER_SIZE,
                                  size - FERRY_MESSAGE_HEADER_SIZE);
    if (claims != sender->claims) {
        sender->claims = claims;
        start_crc(sender, 0);
    }
    sender->total = open->total_size;
    start_request(sender, FERRY_OPENED, size, FERRY_SENDER_REQUEST_MS, now_ms);
}

void ferry_sender_data(struct ferry_sender *sender, uint32_t now_ms)
{
    sender->stage = FERRY_SENDER_DATA;
    sender->request = FERRY_DATA;
    sender->tag = sender->transfer_tag;
    sender->output_size = 0;
    sender->output_used = 0;
    sender->filled = 0;
    sender->probing = false;
    sender->went_back = false;
    sender->probes = 0;
    sender->rounds = 0;
    sender->repairs = 0;
    sender->heard_ms = now_ms;
}

void ferry_sender_close(struct ferry_sender *sender, uint32_t now_ms)
{
    struct ferry_close close = {
        .total_size = sender->total, .crc32 = sender->crc32, .crc_from = sender->crc_from};
    size_t size = ferry_message_write_close(sender->message, sender->transfer_tag, &close);
    start_request(sender, FERRY_CLOSED, size, FERRY_SENDER_CLOSE_MS, now_ms);
}

static void start_hash(struct ferry_sender *sender, uint8_t type,
                       const uint8_t hash[FERRY_HASH_SIZE], uint32_t now_ms)
{
    size_t size = ferry_message_write_hash(sender->message, type, take_tag(sender), hash);
    start_request(sender, FERRY_RESULT, size, FERRY_SENDER_REQUEST_MS, now_ms);
}

static void start_empty(struct ferry_sender *sender, uint8_t type, uint16_t tag, uint32_t now_ms)
{
    size_t size = ferry_message_write_empty(sender->message, type, tag);
    start_request(sender, FERRY_RESULT, size, FERRY_SENDER_REQUEST_MS, now_ms);
}

void ferry_sender_confirm(struct ferry_sender *sender, const uint8_t hash[FERRY_HASH_SIZE],
                          uint32_t now_ms)
{
    start_hash(sender, FERRY_CONFIRM, hash, now_ms);
}

void ferry_sender_revert(struct ferry_sender *sender, const uint8_t hash[FERRY_HASH_SIZE],
                         uint32_t now_ms)
{
    start_hash(sender, FERRY_REVERT, hash, now_ms);
}

void ferry_sender_abort(struct ferry_sender *sender, uint32_t now_ms)
{
    start_empty(sender, FERRY_ABORT, sender->transfer_tag, now_ms);
}

void ferry_sender_reset(struct ferry_sender *sender, uint32_t now_ms)
{
    start_empty(sender, FERRY_RESET, take_tag(sender), now_ms);
}

void ferry_sender_update_mode(struct ferry_sender *sender, uint32_t now_ms)
{
    size_t size =
        ferry_message_write_reset(sender->message, take_tag(sender), FERRY_RESTART_UPDATE);
    start_request(sender, FERRY_RESULT, size, FERRY_SENDER_REQUEST_MS, now_ms);
}

void ferry_sender_log(struct ferry_sender *sender, uint16_t first, uint32_t now_ms)
{
    size_t size = ferry_message_write_log(sender->message, take_tag(sender), first);
    start_request(sender, FERRY_LOGGED, size, FERRY_SENDER_REQUEST_MS, now_ms);
}

/* --- answers ----------------------------------------------------------------------------- */

/* Drops what is being prepared and goes on at `offset`. */
static void go_back(struct ferry_sender *sender, uint32_t offset)
{
    sender->sent = offset;
    sender->acked = offset;
    sender->filled = 0;
    sender->probing = false;
    sender->counts.repeats++;
}

static void set_window(struct ferry_sender *sender, uint32_t next, uint32_t window)
{
    /* window is cut to what is left of the image: next + window cannot wrap. */
    uint32_t left = sender->total - next;
    sender->limit = next + (window < left ? window : left);
}

static int take_opened(struct ferry_sender *sender, size_t size)
{
    struct ferry_opened *opened = &sender->result.opened;
    int status = ferry_message_read_opened(sender->input, size, opened);
    if (status != FERRY_OK || opened->status != FERRY_OK) {
        return status != FERRY_OK ? status : opened->status;
    }
    uint32_t block = opened->data_max < FERRY_DATA_MAX ? opened->data_max : FERRY_DATA_MAX;
    sender->data_max = (uint16_t)(block & ~3U); /* the node programs words */
    if (sender->data_max == 0 || opened->resume_offset > sender->total) {
        return FERRY_BAD_LENGTH;
    }
    sender->sent = opened->resume_offset;
    sender->acked = opened->resume_offset;
    sender->highest = opened->resume_offset;
    sender->durable = opened->resume_offset;
    if (opened->resume_offset < sender->crc_from || opened->resume_offset > sender->crc_offset) {
        start_crc(sender, opened->resume_offset); /* else the CRC simply goes on */
    }
    set_window(sender, opened->resume_offset, opened->window);
    return FERRY_OK;
}

static int take_verdict(const struct ferry_sender *sender, size_t size)
{
    int verdict = FERRY_OK;
    int status = ferry_message_read_verdict(sender->input, size, &verdict);
    return status == FERRY_OK ? verdict : status;
}

static int take_answer(struct ferry_sender *sender, size_t size)
{
    switch (sender->answer) {
    case FERRY_INFO:
        return ferry_message_read_info(sender->input, size, &sender->result.info);
    case FERRY_OPENED:
        return take_opened(sender, size);
    case FERRY_LOGGED:
        return ferry_message_read_logged(sender->input, size, &sender->result.log);
    default:
        return take_verdict(sender, size);
    }
}

/* A message while a request waits for its answer. */
static void hear_answer(struct ferry_sender *sender, size_t size, uint32_t now_ms)
{
    uint8_t type = ferry_message_type(sender->input);
    int status = FERRY_MORE;
    if (ferry_message_tag(sender->input) != sender->tag) {
        return; /* late, or somebody else's */
    }
    if (type == sender->answer) {
        status = take_answer(sender, size);
    } else if (type == FERRY_NAK) {
        struct ferry_nak nak;
        if (ferry_message_read_nak(sender->input, size, &nak) != FERRY_OK ||
            nak.type != sender->request) {
            return; /* a NAK to DATA that CLOSE overtook: the repeat sorts it out */
        }
        status = nak.status != FERRY_OK ? nak.status : FERRY_UNKNOWN_MESSAGE;
    }
    if (status == FERRY_BUSY) {
        sender->repeat_ms = FERRY_SENDER_BUSY_MS;
        sender->repeated_ms = now_ms;
    } else if (status != FERRY_MORE) {
        finish(sender, status);
    }
}

static void hear_ack(struct ferry_sender *sender, size_t size)
{
    struct ferry_ack ack;
    if (ferry_message_read_ack(sender->input, size, &ack) != FERRY_OK ||
        ack.next > sender->highest || ack.next < sender->acked) {
        return; /* damaged, or older than what we know */
    }
    if (ack.next > sender->acked) {
        sender->rounds = 0;
        sender->repairs = 0;
        sender->went_back = false;
    }
    sender->acked = ack.next;
    if (sender->sent < sender->acked) {
        sender->sent = sender->acked; /* we went back, and the node had those bytes */
        sender->filled = 0;
    }
    if (ack.durable <= ack.next && ack.durable > sender->durable) {
        sender->durable = ack.durable;
    }
    set_window(sender, ack.next, ack.window);
}

/* Reasons that the same bytes, sent again, can heal. */
static bool can_heal(int status)
{
    return status == FERRY_BAD_FRAME || status == FERRY_BAD_OFFSET || status == FERRY_FLASH ||
           status == FERRY_BUSY;
}

static void hear_nak(struct ferry_sender *sender, size_t size)
{
    struct ferry_nak nak;
    if (ferry_message_read_nak(sender->input, size, &nak) != FERRY_OK || nak.status == FERRY_OK) {
        return;
    }
    sender->counts.naks++;
    if (!can_heal(nak.status) || ++sender->repairs > FERRY_SENDER_REPAIRS) {
        finish(sender, nak.status);
        return;
    }
    if (sender->went_back && nak.status != FERRY_FLASH && nak.next == sender->acked) {
        return; /* a second word on the same gap: its bytes are on their way again */
    }
    if (nak.next <= sender->highest) {
        /* The window moves with `next`: what was on its way is dropped by the node. */
        uint32_t window = sender->limit - sender->acked;
        go_back(sender, nak.next);
        set_window(sender, nak.next, window);
        sender->went_back = true;
    }
}

/* The node speaks unasked: it was restarted, and knows of no transfer. */
static void hear_restart(struct ferry_sender *sender, size_t size)
{
    struct ferry_nak nak;
    if (ferry_message_read_nak(sender->input, size, &nak) == FERRY_OK &&
        nak.status == FERRY_NOT_OPEN) {
        finish(sender, nak.status);
    }
}

/* The answer to our probe: the node read every byte that we sent before it. */
static void hear_probe(struct ferry_sender *sender, size_t size)
{
    struct ferry_info info;
    if (!sender->probing || ferry_message_read_info(sender->input, size, &info) != FERRY_OK) {
        return;
    }
    if ((info.flags & FERRY_INFO_OPEN) == 0) {
        finish(sender, FERRY_NOT_OPEN);
        return;
    }
    if (++sender->repairs > FERRY_SENDER_REPAIRS) {
        finish(sender, FERRY_TIMEOUT);
        return;
    }
    go_back(sender, sender->acked);
    if (sender->limit - sender->acked < sender->data_max) {
        set_window(sender, sender->acked, sender->data_max); /* the ACK that opened it was lost */
    }
}

/* A message while DATA flows. */
static void hear_data(struct ferry_sender *sender, size_t size, uint32_t now_ms)
{
    uint8_t type = ferry_message_type(sender->input);
    uint16_t tag = ferry_message_tag(sender->input);
    if (type == FERRY_INFO && tag == sender->probe_tag) {
        hear_probe(sender, size);
    } else if (type == FERRY_ACK && tag == sender->tag) {
        hear_ack(sender, size);
    } else if (type == FERRY_NAK && tag == sender->tag) {
        hear_nak(sender, size);
    } else if (type == FERRY_NAK && tag == FERRY_TAG_NODE) {
        hear_restart(sender, size);
    } else {
        return;
    }
    sender->probes = 0;
    sender->heard_ms = now_ms;
}

void ferry_sender_input(struct ferry_sender *sender, const uint8_t *bytes, size_t size,
                        uint32_t now_ms)
{
    while (size > 0) {
        size_t used = 0;
        size_t message_size = 0;
        int status = ferry_frame_feed(&sender->decoder, bytes, size, &used, &message_size);
        bytes += used;
        size -= used;
        if (status != FERRY_OK) {
            continue; /* MORE ends the loop; a damaged answer is repeated or overtaken */
        }
        if (sender->stage == FERRY_SENDER_REQUEST) {
            hear_answer(sender, message_size, now_ms);
        } else if (sender->stage == FERRY_SENDER_DATA) {
            hear_data(sender, message_size, now_ms);
        }
    }
}

/* --- output ------------------------------------------------------------------------------ */

const uint8_t *ferry_sender_output(const struct ferry_sender *sender, size_t *size)
{
    *size = (size_t)sender->output_size - sender->output_used;
    return *size > 0 ? sender->output + sender->output_used : NULL;
}

void ferry_sender_sent(struct ferry_sender *sender, size_t size, uint32_t now_ms)
{
    sender->output_used = (uint16_t)(sender->output_used + size);
    sender->counts.wire_bytes += (uint32_t)size;
    sender->heard_ms = now_ms;
    sender->repeated_ms = now_ms;
}

static bool output_waits(const struct ferry_sender *sender)
{
    return sender->output_used < sender->output_size;
}

/* Size of the next DATA block, 0 = the window is too small now. */
static uint32_t next_block(const struct ferry_sender *sender)
{
    uint32_t left = sender->total - sender->sent;
    uint32_t room = sender->limit > sender->sent ? sender->limit - sender->sent : 0;
    uint32_t block = left < sender->data_max ? left : sender->data_max;
    if (block <= room) {
        return block;
    }
    /* Small blocks waste the wire: wait for a whole one, unless the node never allows that. */
    return sender->sent == sender->acked ? room & ~3U : 0;
}

bool ferry_sender_wants(struct ferry_sender *sender, struct ferry_sender_want *want)
{
    if (sender->stage != FERRY_SENDER_DATA || output_waits(sender)) {
        return false;
    }
    want->offset = sender->sent;
    want->size = next_block(sender);
    if (want->size <= sender->filled) {
        return false;
    }
    want->buffer = sender->message + DATA_HEADER_SIZE + sender->filled;
    want->offset += sender->filled;
    want->size -= sender->filled;
    return true;
}

static void put_data(struct ferry_sender *sender, uint32_t size)
{
    /* The payload already stands behind the place of the header. */
    ferry_message_write_data(sender->message, sender->tag, sender->sent,
                             sender->message + DATA_HEADER_SIZE, 0);
    put_frame(sender, sender->message, DATA_HEADER_SIZE + size);
    sender->sent += size;
    sender->counts.image_bytes += size;
    sender->probing = false;
    if (sender->sent > sender->highest) {
        sender->highest = sender->sent;
    }
}

void ferry_sender_supply(struct ferry_sender *sender, uint32_t size, uint32_t now_ms)
{
    struct ferry_sender_want want;
    if (!ferry_sender_wants(sender, &want) || size > want.size) {
        return;
    }
    /* Bytes seen for the first time go into the CRC; repeated ones are in it already. */
    uint32_t seen = sender->crc_offset - want.offset;
    if (seen < size) {
        sender->crc32 = ferry_crc32(sender->crc32, want.buffer + seen, size - seen);
        sender->crc_offset += size - seen;
    }
    sender->filled = (uint16_t)(sender->filled + size);
    sender->heard_ms = now_ms;
    if (size == want.size) {
        put_data(sender, sender->filled);
        sender->filled = 0;
    }
}

/* --- time -------------------------------------------------------------------------------- */

static int step_request(struct ferry_sender *sender, uint32_t now_ms)
{
    if (elapsed(sender->started_ms, now_ms) >= sender->total_ms) {
        return finish(sender, FERRY_TIMEOUT);
    }
    if (!output_waits(sender) && elapsed(sender->repeated_ms, now_ms) >= sender->repeat_ms) {
        sender->output_used = 0; /* the same frame again */
        sender->repeated_ms = now_ms;
        sender->counts.repeats++;
        if (sender->repeat_ms == FERRY_SENDER_BUSY_MS) {
            sender->repeat_ms = FERRY_SENDER_REPEAT_MS;
        }
    }
    return FERRY_MORE;
}

static void probe(struct ferry_sender *sender, uint32_t now_ms)
{
    uint8_t query[FERRY_MESSAGE_HEADER_SIZE];
    sender->probe_tag = take_tag(sender);
    sender->probing = true;
    sender->probes++;
    sender->heard_ms = now_ms;
    put_frame(sender, query, ferry_message_write_empty(query, FERRY_QUERY, sender->probe_tag));
}

static int step_data(struct ferry_sender *sender, uint32_t now_ms)
{
    struct ferry_sender_want want;
    if (sender->acked == sender->total && sender->crc_offset == sender->total) {
        return finish(sender, FERRY_OK);
    }
    if (output_waits(sender) || ferry_sender_wants(sender, &want)) {
        if (elapsed(sender->heard_ms, now_ms) > INT32_MAX) {
            sender->heard_ms = now_ms; /* a source that pauses for weeks */
        }
        return FERRY_MORE; /* the transport or the source holds us up, not the node */
    }
    if (elapsed(sender->heard_ms, now_ms) < FERRY_SENDER_PROBE_MS) {
        return FERRY_MORE;
    }
    if (sender->probes < FERRY_SENDER_PROBES) {
        probe(sender, now_ms);
        return FERRY_MORE;
    }
    if (++sender->rounds > FERRY_SENDER_ROUNDS) {
        return finish(sender, FERRY_TIMEOUT);
    }
    sender->probes = 0;
    go_back(sender, sender->acked);
    return FERRY_MORE;
}

int ferry_sender_step(struct ferry_sender *sender, uint32_t now_ms)
{
    switch (sender->stage) {
    case FERRY_SENDER_REQUEST:
        return step_request(sender, now_ms);
    case FERRY_SENDER_DATA:
        return step_data(sender, now_ms);
    default:
        return sender->status;
    }
}

uint32_t ferry_sender_wait_ms(const struct ferry_sender *sender, uint32_t now_ms)
{
    uint32_t since = sender->heard_ms;
    uint32_t pause = FERRY_SENDER_PROBE_MS;
    if (sender->stage == FERRY_SENDER_IDLE) {
        return 0;
    }
    if (output_waits(sender)) {
        return WAIT_LONG_MS; /* until the transport takes more */
    }
    if (sender->stage == FERRY_SENDER_REQUEST) {
        since = sender->repeated_ms;
        pause = sender->repeat_ms;
    }
    uint32_t gone = elapsed(since, now_ms);
    return gone < pause ? pause - gone : 0;
}
