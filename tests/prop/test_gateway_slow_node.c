/*
 * Gateway and bootloader must find each other however long the node verifies its slot and the
 * claimed signature: a core on its internal oscillator is ten times slower. The node here is the
 * time that it takes: what comes in while it works waits in its ring, answers leave at the wire's
 * pace, and its bootloader listens as ferry/supervisor.h says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine.h"
#include "ferry/receiver.h"
#include "ferry/supervisor.h"
#include "kit_board.h"
#include "kit_image.h"
#include "sinks/link.h"

#include <stdlib.h>
#include <string.h>

enum {
    BYTES_PER_MS = 11, /* 115,200 baud */
    BLIND_MS = 5,      /* from the reset to a started UART */
    RING_SIZE = 0xDC00,
    LISTENS_MS = FERRY_LISTEN_PATIENCE_MS - 400, /* nearly all of update mode */
    LIMIT_MS = 120000
};

enum place { APPLICATION, BOOTLOADER };

static struct {
    uint32_t verify_ms, sign_ms; /* what is swept */
    enum place place;
    uint32_t reset_ms, busy_until_ms;
    uint32_t starts; /* of the bootloader */
    struct ferry_listen window;
    uint8_t ring[RING_SIZE];
    size_t ring_size;
    struct ferry_frame_decoder decoder;
    uint8_t message[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
    size_t message_size;
    uint8_t answer[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)]; /* arrives at busy_until_ms */
    size_t answer_size;
    bool resets, opened; /* once its answer is out */
} node;

static struct {
    uint8_t *file;
    size_t file_size;
    bool received;
} bench;

static uint32_t now_ms;

/* --- the node ----------------------------------------------------------------------------- */

static void say(const uint8_t *reply, size_t size, uint32_t work_ms)
{
    node.answer_size = ferry_frame_encode(reply, size, node.answer);
    node.busy_until_ms = now_ms + work_ms + (uint32_t)node.answer_size / BYTES_PER_MS + 1;
}

static size_t write_info(uint8_t *reply, uint16_t tag)
{
    static struct ferry_info info;
    memset(&info, 0, sizeof info);
    info.protocol = FERRY_PROTOCOL_VERSION;
    info.slot_count = 2;
    info.running = node.place == APPLICATION ? FERRY_SLOT_A : FERRY_SLOT_NONE;
    info.confirmed = FERRY_SLOT_A;
    info.candidate = FERRY_SLOT_NONE;
    info.slots[0].range = kit_board.slots[0];
    info.slots[1].range = kit_board.slots[1];
    strcpy(info.board, kit_board.name);
    return ferry_message_write_info(reply, tag, &info);
}

static void acknowledge(void)
{
    uint8_t reply[FERRY_REPLY_MAX];
    struct ferry_data data;
    assert_int_equal(ferry_message_read_data(node.message, node.message_size, &data), FERRY_OK);
    uint32_t next = data.offset + data.size;
    struct ferry_ack ack = {.next = next, .durable = next, .window = FERRY_DATA_MAX};
    say(reply, ferry_message_write_ack(reply, ferry_message_tag(node.message), &ack), 0);
}

static uint32_t hear(void)
{
    uint8_t reply[FERRY_REPLY_MAX];
    uint16_t tag = ferry_message_tag(node.message);
    struct ferry_opened opened = {
        .slot = FERRY_SLOT_B, .data_max = FERRY_DATA_MAX, .window = FERRY_DATA_MAX};

    switch (ferry_message_type(node.message)) {
    case FERRY_QUERY:
        say(reply, write_info(reply, tag), 0);
        return FERRY_EVENT_MESSAGE;
    case FERRY_RESET:
        say(reply, ferry_message_write_verdict(reply, FERRY_RESULT, tag, FERRY_OK), 0);
        node.resets = true;
        return FERRY_EVENT_MESSAGE;
    case FERRY_OPEN:
        say(reply, ferry_message_write_opened(reply, tag, &opened), node.sign_ms);
        node.opened = true; /* once the signature is checked */
        return FERRY_EVENT_MESSAGE;
    case FERRY_DATA:
        acknowledge();
        return FERRY_EVENT_MESSAGE | FERRY_EVENT_TRANSFER;
    default:
        return FERRY_EVENT_MESSAGE;
    }
}

/* One frame out of the ring. Returns the events that it brought. */
static uint32_t work(void)
{
    size_t used = 0;
    int status =
        ferry_frame_feed(&node.decoder, node.ring, node.ring_size, &used, &node.message_size);
    memmove(node.ring, node.ring + used, node.ring_size - used);
    node.ring_size -= used;
    return status == FERRY_OK ? hear() : 0;
}

static void restart(void)
{
    node.resets = false;
    node.place = BOOTLOADER;
    node.starts++;
    node.reset_ms = now_ms;
    node.ring_size = 0;
    node.busy_until_ms = now_ms + BLIND_MS + node.verify_ms;
    ferry_frame_decoder_init(&node.decoder, node.message, sizeof node.message);
    ferry_listen_begin(&node.window, now_ms + BLIND_MS, false);
    node.window.window_ms = FERRY_LISTEN_PATIENCE_MS; /* update mode */
}

static void node_step(void)
{
    if ((int32_t)(now_ms - node.busy_until_ms) < 0 || node.answer_size > 0) {
        return;
    }
    if (node.resets) {
        restart();
        return;
    }
    uint32_t events = node.opened ? FERRY_EVENT_TRANSFER : 0;
    node.opened = false;
    events |= node.ring_size > 0 ? work() : 0;
    bool more = node.ring_size > 0 || node.answer_size > 0;
    if (node.place == BOOTLOADER && !ferry_listen_step(&node.window, events, more, now_ms)) {
        node.place = APPLICATION;
    }
}

/* --- the wire ----------------------------------------------------------------------------- */

static int port_open(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

static void port_close(void *ctx)
{
    (void)ctx;
}

static int port_read(void *ctx, uint8_t *out, size_t max, size_t *got)
{
    (void)ctx;
    bool out_now = node.answer_size > 0 && (int32_t)(now_ms - node.busy_until_ms) >= 0;
    *got = out_now && node.answer_size < max ? node.answer_size : 0;
    memcpy(out, node.answer, *got);
    node.answer_size -= *got;
    return FERRY_OK;
}

static int port_write(void *ctx, const uint8_t *data, size_t size, size_t *taken)
{
    (void)ctx;
    bool blind = node.place == BOOTLOADER && now_ms - node.reset_ms < BLIND_MS;
    assert_true(size <= RING_SIZE - node.ring_size); /* QUERYs alone never fill it */
    memcpy(node.ring + node.ring_size, data, blind ? 0 : size);
    node.ring_size += blind ? 0 : size;
    *taken = size;
    return FERRY_OK;
}

static const char *no_error(void *ctx)
{
    (void)ctx;
    return "";
}

static const struct gateway_port port = {.open = port_open,
                                         .close = port_close,
                                         .read = port_read,
                                         .write = port_write,
                                         .discard = port_close,
                                         .error = no_error};

/* --- the gateway -------------------------------------------------------------------------- */

static enum gateway_answer source_check(void *ctx, const struct ferry_info *info,
                                        struct gateway_offer *offer)
{
    (void)ctx, (void)info;
    offer->count = 1;
    return GATEWAY_OK;
}

static enum gateway_answer source_read(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                       uint32_t size, uint32_t *got)
{
    (void)ctx, (void)index;
    *got = size < bench.file_size - offset ? size : (uint32_t)(bench.file_size - offset);
    memcpy(out, bench.file + offset, *got);
    return GATEWAY_OK;
}

static const struct gateway_source source = {NULL, source_check, source_read, no_error};

static void report(void *ctx, const struct gateway_report *message)
{
    (void)ctx;
    bench.received = bench.received || message->event == GATEWAY_EVENT_PROGRESS;
}

static const struct gateway_reporter reporter = {NULL, report};
static const struct gateway_reporter *const reporters[] = {&reporter};

/* Runs until DATA was acknowledged. Returns how often the bootloader was started for it. */
static uint32_t starts_until_data(uint32_t verify_ms, uint32_t sign_ms)
{
    static struct gateway_link link;
    static struct gateway_engine engine;
    struct gateway_options options = gateway_options_default();

    memset(&node, 0, sizeof node);
    node.verify_ms = verify_ms;
    node.sign_ms = sign_ms;
    ferry_frame_decoder_init(&node.decoder, node.message, sizeof node.message);
    now_ms = 0xFFFFF000U; /* the clock wraps on the way */
    node.busy_until_ms = now_ms;
    bench.received = false;
    options.by_bootloader = true;
    gateway_link_init(&link, &port, 1);
    const struct gateway_sink sink = gateway_link_sink(&link);
    gateway_engine_init(&engine, &source, &sink, reporters, 1, &options, 7);
    for (uint32_t i = 0; i < LIMIT_MS && !bench.received; i++) {
        gateway_engine_step(&engine, now_ms);
        node_step();
        now_ms++;
    }
    return bench.received ? node.starts : 0;
}

static int setup(void **state)
{
    (void)state;
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, 3001);
    bench.file = kit_image_build(&image, &bench.file_size);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(bench.file);
    return 0;
}

static void bootloader_is_caught_however_long_it_verifies(void **state)
{
    (void)state;
    for (uint32_t verify_ms = 1; verify_ms < LISTENS_MS; verify_ms += 97) {
        uint32_t starts = starts_until_data(verify_ms, 300);
        if (starts != 1) {
            fail_msg("verifies %u ms: %u starts", (unsigned)verify_ms, (unsigned)starts);
        }
    }
}

static void slow_signature_check_is_waited_for(void **state)
{
    (void)state;
    for (uint32_t sign_ms = 1; sign_ms < LISTENS_MS; sign_ms += 97) {
        uint32_t starts = starts_until_data(sign_ms, sign_ms); /* a start checks one too */
        if (starts != 1) {
            fail_msg("checks %u ms: %u starts", (unsigned)sign_ms, (unsigned)starts);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bootloader_is_caught_however_long_it_verifies, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(slow_signature_check_is_waited_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
