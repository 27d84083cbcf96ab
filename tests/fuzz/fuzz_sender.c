/*
 * Fuzzes the sender with a hostile node: the input is a script of answers, with correct framing and
 * tags so that they are believed, of raw bytes, and of time that passes. Whatever comes, the sender
 * asks for bytes of the image only, stays within its buffers, and never believes a transfer to be
 * complete that it did not send.
 */
#include "ferry/sender.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IMAGE_SIZE = 5003 };

static struct ferry_sender sender;
static uint32_t now_ms;

struct script {
    const uint8_t *bytes;
    size_t left;
};

static uint8_t take(struct script *script)
{
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->bytes++;
}

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Sends all that the sender has to say, and gives it the bytes that it wants. */
static void serve(void)
{
    size_t size;
    struct ferry_sender_want want;
    while (ferry_sender_output(&sender, &size) != NULL || ferry_sender_wants(&sender, &want)) {
        if (ferry_sender_output(&sender, &size) != NULL) {
            check(size <= sizeof sender.output);
            ferry_sender_sent(&sender, size, now_ms);
            continue;
        }
        check(want.size > 0 && ferry_within(want.offset, want.size, IMAGE_SIZE));
        check(want.buffer >= sender.message &&
              want.size <= (size_t)(sender.message + sizeof sender.message - want.buffer));
        memset(want.buffer, (int)want.offset, want.size);
        ferry_sender_supply(&sender, want.size, now_ms);
    }
}

/* A framed answer: its type by one byte, the tag that is expected, then what the script gives. */
static void answer(struct script *script)
{
    static const uint8_t types[] = {FERRY_INFO,   FERRY_OPENED, FERRY_ACK, FERRY_CLOSED,
                                    FERRY_RESULT, FERRY_LOGGED, FERRY_NAK};
    uint8_t message[FERRY_REPLY_MAX + 1];
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_REPLY_MAX + 1)];
    uint8_t choice = take(script);
    uint8_t size = take(script);
    message[0] = types[choice % sizeof types];
    message[1] = 0;
    ferry_put_u16(message + 2, (choice & 0x80) != 0 ? sender.probe_tag : sender.tag);
    for (size_t i = 0; i < size; i++) {
        message[FERRY_MESSAGE_HEADER_SIZE + i] = take(script);
    }
    ferry_sender_input(&sender, frame,
                       ferry_frame_encode(message, FERRY_MESSAGE_HEADER_SIZE + (size_t)size, frame),
                       now_ms);
}

static void start(uint8_t choice)
{
    static const uint8_t bytes[FERRY_IMAGE_TLV_MAX];
    const struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                                    .total_size = IMAGE_SIZE,
                                    .tlv_size = 100,
                                    .header = bytes,
                                    .vectors = bytes,
                                    .tlvs = bytes};
    switch (choice % 6) {
    case 0:
        ferry_sender_query(&sender, 20, 3000, now_ms);
        break;
    case 1:
        ferry_sender_open(&sender, &open, now_ms);
        break;
    case 2:
        ferry_sender_log(&sender, choice, now_ms);
        break;
    case 3:
        ferry_sender_reset(&sender, now_ms);
        break;
    case 4:
        ferry_sender_confirm(&sender, bytes, now_ms);
        break;
    default:
        ferry_sender_abort(&sender, now_ms);
    }
}

/* What an owner does when a request ended. */
static void go_on(int status)
{
    if (sender.request == FERRY_OPEN && status == FERRY_OK) {
        ferry_sender_data(&sender, now_ms);
    } else if (sender.request == FERRY_DATA && status == FERRY_OK) {
        check(sender.acked == IMAGE_SIZE && sender.crc_offset == IMAGE_SIZE);
        check(sender.highest == IMAGE_SIZE);
        ferry_sender_close(&sender, now_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, size};
    now_ms = 0xFFFFFF00;
    ferry_sender_init(&sender, 1);
    start(1);
    while (script.left > 0) {
        uint8_t command = take(&script);
        switch (command & 3) {
        case 0:
            answer(&script);
            break;
        case 1:
            now_ms += (uint32_t)command * 8;
            break;
        case 2: {
            size_t count = command < script.left ? command : script.left;
            ferry_sender_input(&sender, script.bytes, count, now_ms);
            script.bytes += count;
            script.left -= count;
            break;
        }
        default:
            start(take(&script));
        }
        serve();
        int status = ferry_sender_step(&sender, now_ms);
        if (status != FERRY_MORE) {
            go_on(status);
        }
        serve();
    }
    return 0;
}
