#include "test_gateway_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit_image.h"

#include <stdlib.h>
#include <string.h>

struct kit_node node;
struct kit_source source;
struct kit_heard heard;
struct gateway_engine engine;
struct gateway_options options;
uint32_t now_ms;

/* --- the node ----------------------------------------------------------------------------- */

static void start(enum operation operation, uint32_t now)
{
    node.operation = operation;
    node.since_ms = now;
    node.count[operation]++;
}

static void sink_query(void *ctx, bool quick, uint32_t now)
{
    (void)ctx;
    node.quick = quick;
    start(QUERY, now);
}

static void sink_open(void *ctx, const struct ferry_open *open, uint32_t now)
{
    (void)ctx;
    assert_int_equal(open->total_size, source.sizes[engine.index]);
    assert_memory_equal(open->header, source.files[engine.index], FERRY_IMAGE_HEADER_SIZE);
    start(OPEN, now);
}

static void sink_data(void *ctx, uint32_t now)
{
    (void)ctx;
    node.received = node.resume;
    start(DATA, now);
}

static void sink_close(void *ctx, uint32_t now)
{
    (void)ctx;
    start(CLOSE, now);
}

static void sink_reset(void *ctx, uint32_t now)
{
    (void)ctx;
    start(RESET, now);
}

static void sink_abort(void *ctx, uint32_t now)
{
    (void)ctx;
    start(ABORT, now);
}

static void sink_log(void *ctx, uint16_t first, uint32_t now)
{
    (void)ctx;
    node.log_first = first;
    start(LOG, now);
}

static const struct ferry_log_answer *sink_logged(void *ctx)
{
    static struct ferry_log_answer page;
    (void)ctx;
    page.count = 0;
    for (uint32_t i = node.log_first; i < node.boot_count && page.count < FERRY_LOG_ENTRIES_MAX;
         i++) {
        page.entries[page.count++] = node.boots[i];
    }
    return &page;
}

/* What the reset does to INFO. */
static void restart(void)
{
    struct ferry_info *info = &node.info;
    if (node.reset_is_lost) {
        node.reset_is_lost = false;
        return;
    }
    if (node.to_bootloader) {
        info->running = FERRY_SLOT_NONE;
        return;
    }
    info->phase = FERRY_PHASE_TRIAL;
    info->running = info->candidate;
    if (node.confirms) {
        info->phase = FERRY_PHASE_NONE;
        info->confirmed = info->candidate;
        memcpy(info->slots[info->candidate].hash, info->candidate_hash, FERRY_HASH_SIZE);
    } else if (node.reverts && node.trial_ms > 0) {
        node.trial_since_ms = now_ms;
        info->attempts = 2;
    } else if (node.reverts) {
        info->phase = FERRY_PHASE_NONE;
        info->running = info->confirmed;
        info->outcome = FERRY_TRIAL_EXHAUSTED;
    }
}

static void accept_image(void)
{
    node.info.phase = FERRY_PHASE_PENDING;
    node.info.candidate = engine.slot;
    node.info.slots[engine.slot].version = engine.image.version;
    node.info.slots[engine.slot].content = FERRY_CONTENT_VERIFIED;
    memcpy(node.info.candidate_hash, engine.hash, FERRY_HASH_SIZE);
}

static int sink_step(void *ctx, uint32_t now)
{
    (void)ctx;
    if (now == node.since_ms) {
        return FERRY_MORE; /* everything takes a moment */
    }
    int status = node.result[node.operation];
    if (node.once[node.operation] != FERRY_OK) {
        status = node.once[node.operation];
        node.once[node.operation] = FERRY_OK;
    }
    if (node.journal_is_full && (node.operation == OPEN || node.operation == DATA)) {
        status = FERRY_JOURNAL_FULL;
    }
    if (status == FERRY_OK && node.operation == DATA && node.received < engine.total) {
        return FERRY_MORE;
    }
    if (status == FERRY_OK && node.operation == CLOSE) {
        accept_image();
    }
    if (node.operation == RESET && node.restarts < node.count[RESET]) {
        node.restarts++;
        restart();
    }
    return status;
}

/* Three starts, then back. */
static void go_on_with_trial(struct ferry_info *info)
{
    uint32_t gone = now_ms - node.trial_since_ms;
    if (info->phase != FERRY_PHASE_TRIAL || node.trial_ms == 0) {
        return;
    }
    info->attempts = (uint8_t)(gone < node.trial_ms ? 2 - gone * 3 / node.trial_ms : 0);
    if (gone >= node.trial_ms) {
        info->phase = FERRY_PHASE_NONE;
        info->running = info->confirmed;
        info->outcome = FERRY_TRIAL_EXHAUSTED;
    }
}

static const struct ferry_info *sink_info(void *ctx)
{
    (void)ctx;
    go_on_with_trial(&node.info);
    if (node.bootloader_answers > 0) {
        static struct ferry_info early;
        node.bootloader_answers--;
        early = node.info;
        early.running = FERRY_SLOT_NONE;
        return &early;
    }
    return &node.info;
}

static bool sink_wants(void *ctx, struct ferry_sender_want *want)
{
    uint32_t left = engine.total - node.received;
    (void)ctx;
    *want = (struct ferry_sender_want){node.received, left < 1000 ? left : 1000, node.buffer};
    return left > 0;
}

static void sink_supply(void *ctx, uint32_t size, uint32_t now)
{
    (void)ctx, (void)now;
    assert_memory_equal(node.buffer, source.files[engine.index] + node.received, size);
    node.received += size;
}

static uint32_t sink_received(void *ctx)
{
    (void)ctx;
    return node.operation == DATA ? node.received : node.resume;
}

static uint32_t sink_wait_ms(void *ctx, uint32_t now)
{
    (void)ctx, (void)now;
    return 1;
}

static const char *sink_error(void *ctx)
{
    (void)ctx;
    return "";
}

static struct gateway_sink sink = {
    .query = sink_query,
    .open = sink_open,
    .data = sink_data,
    .close = sink_close,
    .reset = sink_reset,
    .update_mode = sink_reset,
    .abort = sink_abort,
    .log = sink_log,
    .logged = sink_logged,
    .step = sink_step,
    .info = sink_info,
    .wants = sink_wants,
    .supply = sink_supply,
    .received = sink_received,
    .wait_ms = sink_wait_ms,
    .error = sink_error,
};

/* --- the source ---------------------------------------------------------------------------- */

static enum gateway_answer source_check(void *ctx, const struct ferry_info *info,
                                        struct gateway_offer *offer)
{
    (void)ctx, (void)info;
    source.checks++;
    *offer = source.offer;
    return source.check;
}

static enum gateway_answer source_read(void *ctx, uint8_t index, uint32_t offset, uint8_t *out,
                                       uint32_t size, uint32_t *got)
{
    (void)ctx;
    assert_in_range(index, 0, source.offer.count - 1);
    source.reads++;
    source.stuttered = source.stutters && !source.stuttered;
    if (source.stuttered) {
        return GATEWAY_MORE;
    }
    if (source.read != GATEWAY_OK) {
        return source.read;
    }
    if (offset >= source.sizes[index]) {
        return GATEWAY_REFUSED;
    }
    size_t left = source.sizes[index] - offset;
    size = size < left ? size : (uint32_t)left;
    size = size < source.shortest ? size : source.shortest;
    memcpy(out, source.files[index] + offset, size);
    *got = size;
    return GATEWAY_OK;
}

static const char *source_error(void *ctx)
{
    (void)ctx;
    return "the source said no";
}

static const struct gateway_source source_of_tests = {NULL, source_check, source_read,
                                                      source_error};

static void report(void *ctx, const struct gateway_report *message)
{
    (void)ctx;
    if (message->event == GATEWAY_EVENT_PROGRESS) {
        return;
    }
    assert_in_range(heard.count, 0, REPORTS_MAX - 1);
    heard.events[heard.count++] = message->event;
    for (uint8_t i = 0; message->event == GATEWAY_EVENT_BOOTS && i < message->boot_count; i++) {
        assert_in_range(heard.boot_count, 0, REPORTS_MAX - 1);
        heard.boots[heard.boot_count++] = message->boots[i].boot;
    }
    if (message->event == GATEWAY_EVENT_RETRY) {
        heard.waits[heard.retries++] = message->wait_ms;
    }
    if (message->event == GATEWAY_EVENT_FAILED) {
        heard.status = message->status;
        heard.final = message->final;
        strncpy(heard.text, message->text, sizeof heard.text - 1);
    }
}

static const struct gateway_reporter reporter = {NULL, report};
static const struct gateway_reporter *const reporters[] = {&reporter};

/* --- the test bench ------------------------------------------------------------------------- */

static void add_image(uint8_t slot, uint8_t major)
{
    struct kit_image image = kit_image_defaults(&kit_board, slot, major, 3001);
    uint8_t index = source.offer.count++;
    source.files[index] = kit_image_build(&image, &source.sizes[index]);
}

int kit_setup(void **state)
{
    (void)state;
    memset(&node, 0, sizeof node);
    memset(&source, 0, sizeof source);
    memset(&heard, 0, sizeof heard);
    now_ms = 0xFFFF0000; /* the clock wraps on the way */
    source.shortest = UINT32_MAX;
    add_image(FERRY_SLOT_A, 2);
    add_image(FERRY_SLOT_B, 2);
    node.info.protocol = FERRY_PROTOCOL_VERSION;
    node.info.slot_count = 2;
    node.info.candidate = FERRY_SLOT_NONE;
    node.info.slots[0] =
        (struct ferry_slot_info){.range = kit_board.slots[0], .version = {.major = 1}};
    node.info.slots[1] =
        (struct ferry_slot_info){.range = kit_board.slots[1], .content = FERRY_CONTENT_EMPTY};
    node.confirms = true;
    strcpy(node.info.board, kit_board.name);
    options = gateway_options_default();
    return 0;
}

int kit_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        free(source.files[i]);
    }
    return 0;
}

enum gateway_result run_round(void)
{
    uint32_t since = now_ms;
    do {
        assert_true(now_ms - since < LIMIT_MS);
        gateway_engine_step(&engine, now_ms);
        uint32_t wait_ms = gateway_engine_wait_ms(&engine, now_ms);
        now_ms += engine.result == GATEWAY_RESULT_NONE ? wait_ms : 0;
    } while (engine.result == GATEWAY_RESULT_NONE);
    return (enum gateway_result)engine.result;
}

void begin(void)
{
    sink.writes_in_place = node.in_place;
    gateway_engine_init(&engine, &source_of_tests, &sink, reporters, 1, &options, 7);
}

enum gateway_result run(void)
{
    begin();
    return run_round();
}

enum gateway_result run_again(void)
{
    gateway_engine_wake(&engine);
    gateway_engine_step(&engine, now_ms);
    return run_round();
}
