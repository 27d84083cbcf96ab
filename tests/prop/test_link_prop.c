/*
 * Sender and receiver over a line that loses, repeats, reorders and damages frames, cuts them into
 * any portions, and restarts the node: never is a wrong byte installed, and it always ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ferry/endpoint.h"
#include "ferry/sender.h"
#include "kit_board.h"
#include "kit_image.h"

#include <stdlib.h>
#include <string.h>

enum {
    LINE_SIZE = 64 * 1024,
    RX_CAPACITY = 12 * 1024,
    PAYLOAD_SIZE = 12000, /* two sectors */
    SEEDS = 60,
    TIME_LIMIT_MS = 1800000
};

/* How bad the line is, in thousandths of all frames. */
struct weather {
    uint32_t lost, repeated, swapped, damaged;
    uint32_t restart; /* of all rounds of the loop: the node loses power */
};

/* One direction: frames are collected, meet their fate, and come out in portions. */
struct line {
    uint8_t frame[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX) + 8];
    size_t frame_size;
    uint8_t held[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX) + 8]; /* to be overtaken by the next */
    size_t held_size;
    uint8_t bytes[LINE_SIZE];
    size_t used;
};

static struct {
    struct weather weather;
    uint32_t random;
    uint32_t now_ms;
    struct line to_node, to_sender;
    struct kit_flash flash;
    struct ferry_journal journal;
    struct ferry_node node;
    struct ferry_endpoint endpoint;
    uint8_t buffer[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
    struct ferry_sender sender;
    uint8_t *file;
    size_t file_size;
    struct ferry_open open;
} world;

static bool happens(uint32_t thousandths)
{
    return kit_random(&world.random) % 1000 < thousandths;
}

/* --- the line ------------------------------------------------------------------------------- */

static void deliver(struct line *line, const uint8_t *bytes, size_t size)
{
    if (size <= LINE_SIZE - line->used) { /* else the receiver was too slow: lost */
        memcpy(line->bytes + line->used, bytes, size);
        line->used += size;
    }
}

static void end_frame(struct line *line)
{
    if (happens(world.weather.damaged) && line->frame_size > 1) {
        size_t at = kit_random(&world.random) % line->frame_size;
        line->frame[at] ^= (uint8_t)(1U << kit_random(&world.random) % 8);
    }
    if (happens(world.weather.lost)) {
        line->frame_size = 0;
        return;
    }
    if (line->held_size == 0 && happens(world.weather.swapped)) {
        memcpy(line->held, line->frame, line->frame_size);
        line->held_size = line->frame_size;
        line->frame_size = 0;
        return;
    }
    deliver(line, line->frame, line->frame_size);
    if (happens(world.weather.repeated)) {
        deliver(line, line->frame, line->frame_size);
    }
    deliver(line, line->held, line->held_size);
    line->held_size = 0;
    line->frame_size = 0;
}

static void line_put(struct line *line, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        assert_true(line->frame_size < sizeof line->frame);
        line->frame[line->frame_size++] = bytes[i];
        if (bytes[i] == 0) {
            end_frame(line);
        }
    }
}

static size_t line_take(struct line *line, uint8_t *out, size_t max)
{
    size_t size = kit_random(&world.random) % (max + 1);
    size = size < line->used ? size : line->used;
    memcpy(out, line->bytes, size);
    memmove(line->bytes, line->bytes + size, line->used - size);
    line->used -= size;
    return size;
}

static size_t node_read(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    return line_take(&world.to_node, out, max);
}

static size_t node_write(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    size_t part = 1 + kit_random(&world.random) % size;
    line_put(&world.to_sender, data, part);
    return part;
}

static bool node_idle(void *ctx)
{
    (void)ctx;
    return true;
}

static const struct ferry_stream stream = {
    .read = node_read, .write = node_write, .idle = node_idle, .rx_capacity_bytes = RX_CAPACITY};

/* --- the two ends ----------------------------------------------------------------------------- */

/* A slow bootloader: no time passes in it, but it works in small steps. */
static void start_node(void)
{
    memset(&world.to_node, 0, sizeof world.to_node);
    kit_node_init(&world.node, &world.journal, &world.flash, FERRY_SLOT_NONE);
    world.node.content[FERRY_SLOT_A] = FERRY_CONTENT_VERIFIED;
    ferry_endpoint_init(&world.endpoint, &world.node, &stream, world.buffer, sizeof world.buffer);
}

static void make_claims(void)
{
    struct ferry_image_header header;
    assert_int_equal(ferry_image_parse_header(world.file, &header), FERRY_OK);
    uint32_t tlvs = (uint32_t)header.header_size + header.payload_size;
    world.open = (struct ferry_open){.protocol = FERRY_PROTOCOL_VERSION,
                                     .total_size = (uint32_t)world.file_size,
                                     .tlv_size = (uint16_t)(world.file_size - tlvs),
                                     .header = world.file,
                                     .vectors = world.file + header.header_size,
                                     .tlvs = world.file + tlvs};
}

static void begin(const struct weather *weather, uint32_t seed)
{
    size_t old_size;
    memset(&world, 0, sizeof world);
    world.weather = *weather;
    world.random = seed * 2654435761U + 1;
    kit_flash_init(&world.flash, &kit_board);
    struct kit_image old = kit_image_defaults(&kit_board, FERRY_SLOT_A, 1, 500);
    struct kit_image new = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, PAYLOAD_SIZE + seed);
    uint8_t *old_file = kit_image_build(&old, &old_size);
    kit_provision(&world.flash, FERRY_SLOT_A, old_file, old_size);
    free(old_file);
    world.file = kit_image_build(&new, &world.file_size);
    make_claims();
    start_node();
    ferry_sender_init(&world.sender, (uint16_t)seed);
}

static void end(void)
{
    free(world.file);
    kit_flash_free(&world.flash);
}

static void move_sender(void)
{
    struct ferry_sender_want want;
    uint8_t bytes[512];
    size_t size;
    const uint8_t *output = ferry_sender_output(&world.sender, &size);
    if (output != NULL) {
        size_t part = 1 + kit_random(&world.random) % size;
        line_put(&world.to_node, output, part);
        ferry_sender_sent(&world.sender, part, world.now_ms);
    } else if (ferry_sender_wants(&world.sender, &want)) {
        uint32_t part = 1 + kit_random(&world.random) % want.size;
        assert_true(ferry_within(want.offset, want.size, (uint32_t)world.file_size));
        memcpy(want.buffer, world.file + want.offset, part);
        ferry_sender_supply(&world.sender, part, world.now_ms);
    }
    size = line_take(&world.to_sender, bytes, sizeof bytes);
    ferry_sender_input(&world.sender, bytes, size, world.now_ms);
}

/* Runs the request in hand to its end. */
static int run_request(void)
{
    for (;;) {
        int status = ferry_sender_step(&world.sender, world.now_ms);
        if (status != FERRY_MORE) {
            return status;
        }
        assert_true(world.now_ms < TIME_LIMIT_MS);
        if (happens(world.weather.restart)) {
            start_node();
        }
        move_sender();
        bool busy = false;
        for (int i = 0; i < 4; i++) {
            busy = ferry_endpoint_step(&world.endpoint) || busy;
        }
        size_t waiting;
        bool moved = busy || world.to_sender.used > 0 || world.to_node.used > 0 ||
                     ferry_sender_output(&world.sender, &waiting) != NULL;
        uint32_t wait_ms = ferry_sender_wait_ms(&world.sender, world.now_ms);
        world.now_ms += moved ? kit_random(&world.random) % 4 == 0 : wait_ms > 0 ? wait_ms : 1;
    }
}

/* OPEN, DATA, CLOSE as an engine does: again after anything that may heal. */
static int install(uint32_t *rounds)
{
    int status = FERRY_TIMEOUT;
    for (*rounds = 0; *rounds < 500; ++*rounds) {
        ferry_sender_open(&world.sender, &world.open, world.now_ms);
        status = run_request();
        if (status == FERRY_OK) {
            ferry_sender_data(&world.sender, world.now_ms);
            status = run_request();
        }
        if (status == FERRY_OK) {
            ferry_sender_close(&world.sender, world.now_ms);
            status = run_request();
        }
        if (status == FERRY_OK) {
            break;
        }
    }
    return status;
}

static void assert_installed(void)
{
    uint32_t offset = kit_board.slots[FERRY_SLOT_B].start - world.flash.base;
    assert_int_equal(world.journal.state.phase, FERRY_PHASE_PENDING);
    assert_memory_equal(world.flash.memory + offset, world.file, world.file_size);
    assert_int_equal(world.flash.raised, 0);
}

static void run_weather(const struct weather *weather, uint32_t most_rounds)
{
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        uint32_t rounds;
        begin(weather, seed);
        assert_int_equal(install(&rounds), FERRY_OK);
        assert_in_range(rounds, 0, most_rounds);
        assert_installed();
        end();
    }
}

static void clear_sky(void **state)
{
    const struct weather weather = {0};
    (void)state;
    run_weather(&weather, 0);
}

static void clear_sky_repeats_nothing(void **state)
{
    const struct weather weather = {0};
    uint32_t rounds;
    (void)state;
    begin(&weather, 1);
    assert_int_equal(install(&rounds), FERRY_OK);
    assert_int_equal(world.sender.counts.image_bytes, world.file_size);
    assert_int_equal(world.sender.counts.naks, 0);
    end();
}

static void losses(void **state)
{
    const struct weather weather = {.lost = 100};
    (void)state;
    run_weather(&weather, 20);
}

static void repeats_and_overtaking(void **state)
{
    const struct weather weather = {.repeated = 200, .swapped = 200};
    (void)state;
    run_weather(&weather, 20);
}

static void damage(void **state)
{
    const struct weather weather = {.damaged = 150};
    (void)state;
    run_weather(&weather, 20);
}

static void everything(void **state)
{
    const struct weather weather = {.lost = 60, .repeated = 60, .swapped = 60, .damaged = 60};
    (void)state;
    run_weather(&weather, 40);
}

static void restarts_of_the_node(void **state)
{
    const struct weather weather = {.lost = 20, .damaged = 20, .restart = 1};
    (void)state;
    run_weather(&weather, 400);
}

/* One bit of the file is wrong at the source: the signature of the claims holds, the content not.
 */
static void wrong_content_is_never_accepted(void **state)
{
    const struct weather weather = {.lost = 30, .damaged = 30};
    (void)state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        begin(&weather, seed);
        uint8_t *good = malloc(world.file_size);
        assert_non_null(good);
        memcpy(good, world.file, world.file_size);
        world.open.header = good;
        world.open.vectors = good + (world.open.vectors - world.file);
        world.open.tlvs = good + (world.open.tlvs - world.file);
        size_t at = kit_random(&world.random) % world.file_size;
        world.file[at] ^= (uint8_t)(1U << kit_random(&world.random) % 8);
        int status = FERRY_TIMEOUT;
        for (int i = 0; i < 3; i++) {
            ferry_sender_open(&world.sender, &world.open, world.now_ms);
            status = run_request();
            if (status == FERRY_OK) {
                ferry_sender_data(&world.sender, world.now_ms);
                status = run_request();
            }
            if (status == FERRY_OK) {
                ferry_sender_close(&world.sender, world.now_ms);
                status = run_request();
            }
            assert_int_not_equal(status, FERRY_OK);
        }
        assert_int_not_equal(world.journal.state.phase, FERRY_PHASE_PENDING);
        free(good);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_sky),
        cmocka_unit_test(clear_sky_repeats_nothing),
        cmocka_unit_test(losses),
        cmocka_unit_test(repeats_and_overtaking),
        cmocka_unit_test(damage),
        cmocka_unit_test(everything),
        cmocka_unit_test(restarts_of_the_node),
        cmocka_unit_test(wrong_content_is_never_accepted),
    };
    return cmocka_run_group_tests_name("link_prop", tests, NULL, NULL);
}
