/*
 * An endpoint behind a bad wire: frames are lost, repeated, swapped, damaged, cut short, mixed with
 * noise, in both directions, and the node restarts now and then. A simple gateway (it has no code
 * in common with ferry/sender.h) repeats itself until it is through. In the end the image in the
 * slot is the one that was sent, byte for byte, and pending; or what differs from its claims was
 * refused by name. The confirmed slot is never touched.
 */
#include "ferry/endpoint.h"

#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
    SEEDS = 3000,
    PAYLOAD = 9500,
    BLOCK = 512,           /* image bytes in a DATA */
    AHEAD = 3,             /* DATA on their way at once */
    PATIENCE = 20,         /* rounds without an answer before the gateway repeats itself */
    RESTART_EVERY = 20000, /* rounds, on average */
    ROUNDS_MAX = 600000    /* then it would be stuck */
};

/* ---- the wire -------------------------------------------------------------------------------- */

struct pipe {
    uint8_t bytes[1 << 16];
    uint16_t in, out;                                  /* wrap with the array */
    uint8_t held[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)]; /* to be delivered after the next frame */
    size_t held_size;
};

struct wire {
    struct pipe to_node, to_gateway;
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_REPLY_MAX)]; /* of the node, until its zero came */
    size_t frame_size;
    uint32_t random, badness; /* one in `badness` frames suffers */
};

static void push(struct pipe *pipe, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        pipe->bytes[pipe->in++] = bytes[i];
    }
}

static size_t pull(struct pipe *pipe, uint8_t *out, size_t max)
{
    size_t size = 0;
    while (size < max && pipe->out != pipe->in) {
        out[size++] = pipe->bytes[pipe->out++];
    }
    return size;
}

static void push_noise(struct wire *wire, struct pipe *pipe)
{
    for (uint32_t n = kit_random(&wire->random) % 50; n > 0; n--) {
        uint8_t byte = (uint8_t)kit_random(&wire->random);
        push(pipe, &byte, 1);
    }
}

/* Puts a frame on the wire, or what becomes of it. */
static void transmit(struct wire *wire, struct pipe *pipe, uint8_t *frame, size_t size)
{
    switch (kit_random(&wire->random) % (7 * wire->badness)) {
    case 0: /* lost */
        return;
    case 1: /* repeated */
        push(pipe, frame, size);
        push(pipe, frame, size);
        return;
    case 2: /* damaged */
        frame[kit_random(&wire->random) % size] ^= (uint8_t)(1U << kit_random(&wire->random) % 8);
        push(pipe, frame, size);
        return;
    case 3: /* cut short, at either end */
        push(pipe, frame, kit_random(&wire->random) % size);
        return;
    case 4:
        push(pipe, frame + size / 2, size - size / 2);
        return;
    case 5: /* noise before it */
        push_noise(wire, pipe);
        push(pipe, frame, size);
        return;
    case 6: /* late: comes after the next one */
        if (pipe->held_size == 0) {
            memcpy(pipe->held, frame, size);
            pipe->held_size = size;
            return;
        }
        break;
    default:
        break;
    }
    push(pipe, frame, size);
    push(pipe, pipe->held, pipe->held_size);
    pipe->held_size = 0;
}

/* The node's side of the wire: few bytes at a time. */
static size_t node_read(void *ctx, uint8_t *out, size_t max)
{
    struct wire *wire = ctx;
    size_t some = kit_random(&wire->random) % (max + 1);
    return pull(&wire->to_node, out, some);
}

static size_t node_write(void *ctx, const uint8_t *data, size_t size)
{
    struct wire *wire = ctx;
    size_t taken = 0;

    for (size_t some = kit_random(&wire->random) % (size + 1); taken < some; taken++) {
        assert_true(wire->frame_size < sizeof(wire->frame));
        wire->frame[wire->frame_size++] = data[taken];
        if (data[taken] == 0) {
            transmit(wire, &wire->to_gateway, wire->frame, wire->frame_size);
            wire->frame_size = 0;
        }
    }
    return taken;
}

static bool node_idle(void *ctx)
{
    (void)ctx;
    return true;
}

/* ---- the gateway ----------------------------------------------------------------------------- */

enum stage { OPENING, SENDING, CLOSING, ENDED };

struct gateway {
    struct wire *wire;
    struct ferry_open claims;
    const uint8_t *file;
    size_t size;
    enum stage stage;
    int verdict;
    uint16_t tag;
    uint32_t next, sent;
    uint32_t silent; /* rounds since the last answer or repeat */
    struct ferry_frame_decoder decoder;
    uint8_t buffer[FERRY_REPLY_MAX + FERRY_FRAME_CRC_SIZE];
};

static void say(struct gateway *gateway, const uint8_t *message, size_t size)
{
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)];
    transmit(gateway->wire, &gateway->wire->to_node, frame,
             ferry_frame_encode(message, size, frame));
}

static void say_open(struct gateway *gateway)
{
    uint8_t message[FERRY_OPEN_MAX];
    gateway->stage = OPENING;
    gateway->tag++;
    say(gateway, message, ferry_message_write_open(message, gateway->tag, &gateway->claims));
}

static void say_close(struct gateway *gateway)
{
    uint8_t message[FERRY_REPLY_MAX];
    struct ferry_close close = {(uint32_t)gateway->size,
                                ferry_crc32(0, gateway->file, gateway->size), 0};
    gateway->stage = CLOSING;
    say(gateway, message, ferry_message_write_close(message, gateway->tag, &close));
}

static void say_data(struct gateway *gateway)
{
    uint8_t message[FERRY_MESSAGE_MAX];
    while (gateway->sent < gateway->size && gateway->sent < gateway->next + AHEAD * BLOCK) {
        size_t left = gateway->size - gateway->sent, block = left < BLOCK ? left : BLOCK;
        say(gateway, message,
            ferry_message_write_data(message, gateway->tag, gateway->sent,
                                     gateway->file + gateway->sent, block));
        gateway->sent += (uint32_t)block;
    }
}

static void go_on_from(struct gateway *gateway, uint32_t next)
{
    assert_true(next <= gateway->size);
    gateway->next = next;
    gateway->stage = SENDING;
    if (next == gateway->size) {
        say_close(gateway);
    } else {
        say_data(gateway);
    }
}

static void on_opened(struct gateway *gateway, const uint8_t *message, size_t size)
{
    struct ferry_opened opened;
    assert_int_equal(ferry_message_read_opened(message, size, &opened), FERRY_OK);
    if (gateway->stage != OPENING || opened.status == FERRY_BUSY) {
        return;
    }
    if (opened.status != FERRY_OK) {
        gateway->verdict = opened.status;
        gateway->stage = ENDED;
        return;
    }
    gateway->sent = opened.resume_offset;
    go_on_from(gateway, opened.resume_offset);
}

static void on_closed(struct gateway *gateway, const uint8_t *message, size_t size)
{
    int status;
    assert_int_equal(ferry_message_read_verdict(message, size, &status), FERRY_OK);
    if (gateway->stage != CLOSING || status == FERRY_BUSY) {
        return;
    }
    if (status == FERRY_NOT_OPEN || status == FERRY_BAD_SESSION) {
        say_open(gateway);
        return;
    }
    gateway->verdict = status;
    gateway->stage = ENDED;
}

static void on_nak(struct gateway *gateway, const uint8_t *message, size_t size)
{
    struct ferry_nak nak;
    assert_int_equal(ferry_message_read_nak(message, size, &nak), FERRY_OK);
    if (gateway->stage != SENDING) {
        return;
    }
    if (nak.status == FERRY_NOT_OPEN || nak.status == FERRY_BAD_SESSION) {
        say_open(gateway);
    } else {
        assert_true(nak.status == FERRY_BAD_OFFSET || nak.status == FERRY_BAD_FRAME);
        gateway->sent = nak.next;
        go_on_from(gateway, nak.next);
    }
}

static void on_message(struct gateway *gateway, const uint8_t *message, size_t size)
{
    struct ferry_ack ack;

    if (ferry_message_tag(message) != gateway->tag) {
        return; /* late, of an earlier OPEN */
    }
    gateway->silent = 0;
    switch (ferry_message_type(message)) {
    case FERRY_OPENED:
        on_opened(gateway, message, size);
        break;
    case FERRY_ACK:
        assert_int_equal(ferry_message_read_ack(message, size, &ack), FERRY_OK);
        if (gateway->stage == SENDING && ack.next > gateway->next) {
            gateway->sent = ack.next > gateway->sent ? ack.next : gateway->sent;
            go_on_from(gateway, ack.next);
        }
        break;
    case FERRY_CLOSED:
        on_closed(gateway, message, size);
        break;
    case FERRY_NAK:
        on_nak(gateway, message, size);
        break;
    default:
        fail();
    }
}

/* Nothing was heard for long: say it again. */
static void repeat(struct gateway *gateway)
{
    gateway->silent = 0;
    if (gateway->stage == OPENING) {
        say_open(gateway);
    } else if (gateway->stage == CLOSING) {
        say_close(gateway);
    } else {
        gateway->sent = gateway->next;
        say_data(gateway);
    }
}

static void gateway_round(struct gateway *gateway)
{
    uint8_t byte;
    size_t used, size;

    while (gateway->stage != ENDED && pull(&gateway->wire->to_gateway, &byte, 1) == 1) {
        if (ferry_frame_feed(&gateway->decoder, &byte, 1, &used, &size) == FERRY_OK) {
            on_message(gateway, gateway->buffer, size);
        }
    }
    if (gateway->stage != ENDED && ++gateway->silent > PATIENCE) {
        repeat(gateway);
    }
}

/* ---- the node -------------------------------------------------------------------------------- */

struct bench {
    struct kit_flash flash;
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_endpoint endpoint;
    struct ferry_stream stream;
    struct wire wire;
    struct gateway gateway;
    uint8_t buffer[BLOCK + 64 + FERRY_OPEN_MAX];
    uint8_t *old, *file, *spoilt;
    size_t old_size, size;
};

static void start_node(struct bench *bench)
{
    kit_node_init(&bench->node, &bench->journal, &bench->flash, FERRY_SLOT_A);
    ferry_endpoint_init(&bench->endpoint, &bench->node, &bench->stream, bench->buffer,
                        sizeof(bench->buffer));
}

static void run(struct bench *bench, uint32_t seed, const uint8_t *content)
{
    memset(bench->flash.memory, 0xFF, bench->flash.size);
    kit_provision(&bench->flash, FERRY_SLOT_A, bench->old, bench->old_size);
    memset(&bench->wire, 0, sizeof(bench->wire));
    memset(&bench->gateway, 0, sizeof(bench->gateway));
    bench->wire.random = seed;
    bench->wire.badness = 2 + seed % 12;
    bench->gateway.wire = &bench->wire;
    bench->gateway.claims = kit_link_claims(bench->file, bench->size);
    bench->gateway.file = content;
    bench->gateway.size = bench->size;
    bench->gateway.tag = (uint16_t)seed;
    ferry_frame_decoder_init(&bench->gateway.decoder, bench->gateway.buffer,
                             sizeof(bench->gateway.buffer));
    start_node(bench);

    uint32_t rounds = 0;
    for (say_open(&bench->gateway); bench->gateway.stage != ENDED; rounds++) {
        assert_true(rounds < ROUNDS_MAX);
        (void)ferry_endpoint_step(&bench->endpoint);
        if (rounds % 8 == 0) {
            gateway_round(&bench->gateway);
        }
        if (kit_random(&bench->wire.random) % RESTART_EVERY == 0) {
            start_node(bench); /* restarted: all but flash is gone */
        }
    }
    const uint8_t *confirmed =
        &bench->flash.memory[kit_board.slots[FERRY_SLOT_A].start - bench->flash.base];
    assert_memory_equal(confirmed, bench->old, bench->old_size);
    assert_int_equal(bench->journal.state.confirmed, FERRY_SLOT_A);
    assert_int_equal(bench->flash.raised, 0);
}

static int set_up(void **test)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    kit_flash_init(&bench.flash, &kit_board);
    struct kit_image old = kit_image_defaults(&kit_board, FERRY_SLOT_A, 1, PAYLOAD);
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, PAYLOAD);
    bench.old = kit_image_build(&old, &bench.old_size);
    bench.file = kit_image_build(&image, &bench.size);
    bench.spoilt = malloc(bench.size);
    memcpy(bench.spoilt, bench.file, bench.size);
    bench.stream = (struct ferry_stream){.ctx = &bench.wire,
                                         .read = node_read,
                                         .write = node_write,
                                         .idle = node_idle,
                                         .rx_capacity_bytes = 4 * (BLOCK + 64)};
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    free(bench->spoilt);
    return 0;
}

static void an_image_arrives_whole(void **test)
{
    struct bench *bench = *test;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        run(bench, seed, bench->file);
        assert_int_equal(bench->gateway.verdict, FERRY_OK);
        const uint8_t *slot =
            &bench->flash.memory[kit_board.slots[FERRY_SLOT_B].start - bench->flash.base];
        assert_memory_equal(slot, bench->file, bench->size);
        assert_int_equal(bench->journal.state.phase, FERRY_PHASE_PENDING);
        assert_memory_equal(bench->journal.state.hash, kit_link_file_hash(bench->file, bench->size),
                            FERRY_HASH_SIZE);
    }
}

static void a_wrong_byte_is_refused(void **test)
{
    struct bench *bench = *test;
    for (uint32_t seed = 1; seed <= SEEDS / 4; seed++) {
        uint32_t random = seed;
        uint8_t *byte = &bench->spoilt[kit_random(&random) % bench->size];
        *byte ^= 0x08;
        run(bench, seed, bench->spoilt);
        assert_true(bench->gateway.verdict == FERRY_IMAGE_HASH ||
                    bench->gateway.verdict == FERRY_IMAGE_CLAIMS);
        assert_int_equal(bench->journal.state.phase, FERRY_PHASE_NONE);
        assert_int_equal(bench->journal.state.outcome, bench->gateway.verdict);
        *byte ^= 0x08;
    }
}

static void a_false_claim_is_refused(void **test)
{
    struct bench *bench = *test;
    size_t hash_at = (size_t)(kit_link_file_hash(bench->file, bench->size) - bench->file);
    for (uint32_t seed = 1; seed <= SEEDS / 8; seed++) {
        uint8_t *byte = &bench->file[hash_at + seed % FERRY_HASH_SIZE];
        *byte ^= 1;
        run(bench, seed, bench->file);
        assert_int_equal(bench->gateway.verdict, FERRY_IMAGE_SIGNATURE);
        assert_int_equal(bench->flash.operations, 0);
        *byte ^= 1;
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_image_arrives_whole),
        TEST(a_wrong_byte_is_refused),
        TEST(a_false_claim_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
