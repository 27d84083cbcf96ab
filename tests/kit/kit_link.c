#include "kit_link.h"

#include "kit_board.h"

#include <stdlib.h>
#include <string.h>

enum { RING_SIZE = 16384, ROUNDS_MAX = 100000, REPAIRS_MAX = 16 };

void kit_link_start(struct kit_link *link, struct kit_flash *flash, uint8_t running)
{
    memset(link, 0, sizeof(*link));
    link->flash = flash;
    link->tag = 100;
    kit_node_init(&link->node, &link->journal, flash, running);
    ferry_receiver_init(&link->receiver, &link->node, RING_SIZE, KIT_LINK_DATA_MAX);
}

/* Takes the answer, if there is one. */
static bool take_answer(struct kit_link *link)
{
    size_t size;
    const uint8_t *answer = ferry_receiver_answer(&link->receiver, &size);

    if (answer == NULL) {
        return false;
    }
    memcpy(link->answer, answer, size);
    link->answer_size = size;
    link->answered_at = link->flash->operations;
    ferry_receiver_answered(&link->receiver);
    return true;
}

void kit_link_ask(struct kit_link *link, const uint8_t *message, size_t size)
{
    /* A heap copy of exactly this size: the sanitizer sees a read outside. */
    uint8_t *copy = malloc(size);
    int rounds = 0;

    memcpy(copy, message, size);
    link->answer_size = 0;
    ferry_receiver_accept(&link->receiver, copy, size);
    while (take_answer(link) || ferry_receiver_step(&link->receiver)) {
        if (++rounds > ROUNDS_MAX) {
            abort(); /* it works for ever */
        }
    }
    if (!ferry_receiver_ready(&link->receiver)) {
        abort();
    }
    free(copy);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int answer_is(const struct kit_link *link, uint8_t type)
{
    return link->answer_size > 0 && ferry_message_type(link->answer) == type;
}

static int verdict(const struct kit_link *link, uint8_t type)
{
    int status = KIT_LINK_NO_ANSWER;

    if (answer_is(link, type) &&
        ferry_message_read_verdict(link->answer, link->answer_size, &status) != FERRY_OK) {
        abort();
    }
    return status;
}

struct ferry_open kit_link_claims(const uint8_t *file, size_t size)
{
    uint32_t header_size = ferry_get_u16(file + 8);
    uint32_t tlvs_at = header_size + ferry_get_u32(file + 12);

    return (struct ferry_open){.protocol = FERRY_PROTOCOL_VERSION,
                               .total_size = (uint32_t)size,
                               .tlv_size = (uint16_t)(size - tlvs_at),
                               .header = file,
                               .vectors = file + header_size,
                               .tlvs = file + tlvs_at};
}

int kit_link_open(struct kit_link *link, const struct ferry_open *open, struct ferry_opened *opened)
{
    uint8_t message[FERRY_OPEN_MAX + 0x10000];
    struct ferry_opened answer = {.status = KIT_LINK_NO_ANSWER};

    link->tag++;
    kit_link_ask(link, message, ferry_message_write_open(message, link->tag, open));
    if (answer_is(link, FERRY_OPENED)) {
        if (ferry_message_tag(link->answer) != link->tag ||
            ferry_message_read_opened(link->answer, link->answer_size, &answer) != FERRY_OK) {
            abort();
        }
        link->next = answer.resume_offset;
    }
    if (opened != NULL) {
        *opened = answer;
    }
    return answer.status;
}

int kit_link_open_file(struct kit_link *link, const uint8_t *file, size_t size)
{
    struct ferry_open open = kit_link_claims(file, size);
    return kit_link_open(link, &open, NULL);
}

/* ACK or NAK: where the node stands. */
static int progress(struct kit_link *link)
{
    struct ferry_ack ack;
    struct ferry_nak nak;

    if (answer_is(link, FERRY_ACK) &&
        ferry_message_read_ack(link->answer, link->answer_size, &ack) == FERRY_OK) {
        link->next = ack.next;
        link->durable = ack.durable;
        return FERRY_OK;
    }
    if (answer_is(link, FERRY_NAK) &&
        ferry_message_read_nak(link->answer, link->answer_size, &nak) == FERRY_OK) {
        link->next = nak.next;
        link->durable = nak.durable;
        return nak.status;
    }
    return KIT_LINK_NO_ANSWER;
}

int kit_link_data(struct kit_link *link, uint32_t offset, const uint8_t *bytes, size_t size)
{
    uint8_t message[FERRY_MESSAGE_MAX + 64];

    kit_link_ask(link, message, ferry_message_write_data(message, link->tag, offset, bytes, size));
    return progress(link);
}

int kit_link_send(struct kit_link *link, const uint8_t *file, size_t size)
{
    int repairs = 0;

    while (link->next < size) {
        size_t left = size - link->next;
        int status = kit_link_data(link, link->next, file + link->next,
                                   left < KIT_LINK_DATA_MAX ? left : KIT_LINK_DATA_MAX);
        if (status != FERRY_OK && (status != FERRY_FLASH || ++repairs > REPAIRS_MAX)) {
            return status;
        }
    }
    return FERRY_OK;
}

/* Of a whole file. The last one is remembered: a sweep sends the same again and again. */
static uint32_t file_crc(const uint8_t *file, size_t size)
{
    static uint8_t last[RING_SIZE];
    static size_t last_size;
    static uint32_t crc;

    if (size > sizeof(last)) {
        return ferry_crc32(0, file, size);
    }
    if (size != last_size || memcmp(last, file, size) != 0) {
        memcpy(last, file, size);
        last_size = size;
        crc = ferry_crc32(0, file, size);
    }
    return crc;
}

int kit_link_close(struct kit_link *link, const uint8_t *file, size_t size)
{
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_close close = {.total_size = (uint32_t)size, .crc32 = file_crc(file, size)};

    kit_link_ask(link, message, ferry_message_write_close(message, link->tag, &close));
    return verdict(link, FERRY_CLOSED);
}

int kit_link_install(struct kit_link *link, const uint8_t *file, size_t size)
{
    int status = kit_link_open_file(link, file, size);

    if (status == FERRY_OK) {
        status = kit_link_send(link, file, size);
    }
    return status == FERRY_OK ? kit_link_close(link, file, size) : status;
}

int kit_link_hash(struct kit_link *link, uint8_t type, const uint8_t hash[FERRY_HASH_SIZE])
{
    uint8_t message[FERRY_REPLY_MAX];

    kit_link_ask(link, message, ferry_message_write_hash(message, type, 7, hash));
    return verdict(link, FERRY_RESULT);
}

int kit_link_plain(struct kit_link *link, uint8_t type)
{
    uint8_t message[FERRY_REPLY_MAX];

    kit_link_ask(link, message, ferry_message_write_empty(message, type, 8));
    return verdict(link, FERRY_RESULT);
}

const uint8_t *kit_link_file_hash(const uint8_t *file, size_t size)
{
    struct ferry_open open = kit_link_claims(file, size);
    /* Behind the protected area: area header, TLV header, value. */
    return open.tlvs + ferry_get_u16(file + 10) + 8;
}
