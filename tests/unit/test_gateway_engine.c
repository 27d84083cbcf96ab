/* The engine between a source and a node that do what the test says, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine.h"
#include "kit_board.h"
#include "kit_image.h"
#include "sinks/link.h"

#include <stdlib.h>
#include <string.h>

enum { OPERATIONS = 8, REPORTS_MAX = 64, LIMIT_MS = 4000000 };

enum operation { QUERY, OPEN, DATA, CLOSE, RESET, ABORT };

/* A node as a script: what each kind of request ends with, and what INFO says. */
static struct {
    enum operation operation; /* in hand */
    uint32_t since_ms;
    int result[OPERATIONS];
    int once[OPERATIONS]; /* if not OK: the next result only */
    uint32_t count[OPERATIONS];
    uint32_t restarts;
    struct ferry_info info;
    bool confirms, reverts; /* after RESET */
    bool reset_is_lost;     /* once */
    bool to_bootloader;     /* RESET leads there */
    uint32_t received, resume;
    bool quick;
    uint8_t buffer[FERRY_DATA_MAX];
} node;

static struct {
    uint8_t *files[3];
    size_t sizes[3];
    struct gateway_offer offer;
    enum gateway_answer check, read;
    uint32_t checks, reads;
    uint32_t shortest; /* bytes that one read gives */
    bool stutters;     /* MORE before each read */
    bool stuttered;
} source;

static struct {
    enum gateway_event events[REPORTS_MAX];
    uint32_t count;
    int status;
    char text[100];
    uint32_t waits[REPORTS_MAX];
    uint32_t retries;
} heard;

static struct gateway_engine engine;
static struct gateway_options options;
static uint32_t now_ms;

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
    } else if (node.reverts) {
        info->phase = FERRY_PHASE_NONE;
        info->running = info->confirmed;
        info->outcome = (uint8_t)-FERRY_TRIAL_EXHAUSTED;
    }
}

static void accept_image(void)
{
    node.info.phase = FERRY_PHASE_PENDING;
    node.info.candidate = engine.slot;
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

static const struct ferry_info *sink_info(void *ctx)
{
    (void)ctx;
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

static const struct gateway_sink sink = {
    .query = sink_query,
    .open = sink_open,
    .data = sink_data,
    .close = sink_close,
    .reset = sink_reset,
    .abort = sink_abort,
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
    if (message->event == GATEWAY_EVENT_RETRY) {
        heard.waits[heard.retries++] = message->wait_ms;
    }
    if (message->event == GATEWAY_EVENT_FAILED) {
        heard.status = message->status;
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

static int setup(void **state)
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

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        free(source.files[i]);
    }
    return 0;
}

static enum gateway_result run_round(void)
{
    uint32_t begin = now_ms;
    do {
        assert_true(now_ms - begin < LIMIT_MS);
        gateway_engine_step(&engine, now_ms);
        uint32_t wait_ms = gateway_engine_wait_ms(&engine, now_ms);
        now_ms += engine.result == GATEWAY_RESULT_NONE ? wait_ms : 0;
    } while (engine.result == GATEWAY_RESULT_NONE);
    return (enum gateway_result)engine.result;
}

static enum gateway_result run(void)
{
    gateway_engine_init(&engine, &source_of_tests, &sink, reporters, 1, &options, 7);
    return run_round();
}

static enum gateway_result run_again(void)
{
    gateway_engine_wake(&engine);
    gateway_engine_step(&engine, now_ms);
    return run_round();
}

/* --- the way of an update --------------------------------------------------------------------- */

static void installs_the_image_of_the_free_slot(void **state)
{
    static const enum gateway_event expected[] = {GATEWAY_EVENT_NODE,   GATEWAY_EVENT_OFFER,
                                                  GATEWAY_EVENT_OPENED, GATEWAY_EVENT_INSTALLED,
                                                  GATEWAY_EVENT_TRIAL,  GATEWAY_EVENT_SUCCEEDED};
    (void)state;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(engine.slot, FERRY_SLOT_B);
    assert_int_equal(heard.count, sizeof expected / sizeof expected[0]);
    assert_memory_equal(heard.events, expected, sizeof expected);
}

static void source_in_small_portions(void **state)
{
    (void)state;
    source.shortest = 3;
    source.stutters = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
}

static void resumes_where_the_node_says(void **state)
{
    (void)state;
    node.resume = 2000;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
}

static void what_runs_already_is_left_alone(void **state)
{
    (void)state;
    node.info.slots[0].version.major = 2;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(heard.events[1], GATEWAY_EVENT_CURRENT);
    assert_int_equal(node.count[OPEN], 0);
    source.offer.force = true;
    assert_int_equal(run_again(), GATEWAY_RESULT_SUCCEEDED);
}

static void nothing_offered(void **state)
{
    (void)state;
    source.check = GATEWAY_NOTHING;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(gateway_engine_wait_ms(&engine, now_ms), options.poll_ms);
    assert_true(gateway_engine_is_resting(&engine));
}

static void source_says_when_to_come_back(void **state)
{
    (void)state;
    source.check = GATEWAY_NOTHING;
    source.offer.poll_ms = 1234;
    assert_int_equal(run(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(gateway_engine_wait_ms(&engine, now_ms), 1234);
}

static void no_image_for_the_free_slot(void **state)
{
    (void)state;
    source.offer.count = 1;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_SLOT);
}

static void without_reset_it_ends_at_close(void **state)
{
    (void)state;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 0);
}

/* --- which node ----------------------------------------------------------------------------------
 */

static void another_node_gets_nothing(void **state)
{
    (void)state;
    options.check_uid = true;
    options.uid[3] = 1;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(node.count[OPEN], 0);
    assert_int_equal(source.reads, 0);
    node.info.uid[3] = 1;
    options.board = "another";
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    options.board = kit_board.name;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
}

/* --- refusals and failures
 * ------------------------------------------------------------------------ */

static void refusal_is_final_for_this_image(void **state)
{
    (void)state;
    node.result[OPEN] = FERRY_IMAGE_KEY;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_KEY);
    assert_int_equal(heard.retries, 0);
    assert_int_equal(run_again(), GATEWAY_RESULT_NOTHING);
    assert_int_equal(node.count[OPEN], 1);
    source.offer.again = true; /* somebody wants it once more */
    assert_int_equal(run_again(), GATEWAY_RESULT_FAILED);
    assert_int_equal(node.count[OPEN], 2);
}

static void broken_transfer_is_tried_again(void **state)
{
    (void)state;
    node.once[DATA] = FERRY_NOT_OPEN;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(heard.retries, 1);
    assert_int_equal(node.count[OPEN], 2);
}

static void retries_are_counted_and_spread(void **state)
{
    (void)state;
    node.result[QUERY] = FERRY_TIMEOUT;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TIMEOUT);
    assert_int_equal(heard.retries, options.retries);
    uint32_t pause = options.retry_first_ms;
    for (uint32_t i = 0; i < heard.retries; i++) {
        assert_in_range(heard.waits[i], pause - pause / 4, pause + pause / 4);
        pause = pause * 2 < options.retry_max_ms ? pause * 2 : options.retry_max_ms;
    }
}

static void source_that_refuses_is_not_asked_again(void **state)
{
    (void)state;
    source.read = GATEWAY_REFUSED;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(source.reads, 1);
    assert_string_equal(heard.text, "the source said no");
}

static void source_that_may_heal_is_asked_again(void **state)
{
    (void)state;
    source.check = GATEWAY_RETRY;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(source.checks, options.retries + 1U);
}

static void malformed_tlvs_end_the_round(void **state)
{
    (void)state;
    source.files[1][10] = 0xFF; /* protected_tlv_size */
    source.files[1][11] = 0x01;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_TLV);
    source.files[1][10] = 0;
    source.files[1][11] = 0;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_IMAGE_TLV);
    assert_int_equal(node.count[OPEN], 0);
}

static void full_journal_leads_through_the_bootloader(void **state)
{
    (void)state;
    node.once[OPEN] = FERRY_JOURNAL_FULL;
    node.to_bootloader = true;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[OPEN], 2);
    assert_true(node.quick);
}

static void bootloader_on_request(void **state)
{
    (void)state;
    options.by_bootloader = true;
    node.to_bootloader = true;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 1);
    assert_true(node.quick);
}

static void abort_is_told_to_the_node(void **state)
{
    (void)state;
    gateway_engine_init(&engine, &source_of_tests, &sink, reporters, 1, &options, 7);
    while (node.count[DATA] == 0) {
        gateway_engine_step(&engine, now_ms++);
    }
    gateway_engine_abort(&engine, now_ms);
    assert_int_equal(run_round(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_ABORTED);
    assert_int_equal(node.count[ABORT], 1);
}

/* --- trial
 * ------------------------------------------------------------------------------------------ */

static void revert_is_a_failure(void **state)
{
    (void)state;
    node.confirms = false;
    node.reverts = true;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
}

static void trial_without_end_is_a_failure(void **state)
{
    (void)state;
    node.confirms = false;
    uint32_t begin = now_ms;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TIMEOUT);
    assert_in_range(now_ms - begin, options.confirm_ms, options.confirm_ms + 10000);
    assert_non_null(strstr(heard.text, "still on trial"));
}

static void lost_reset_is_repeated(void **state)
{
    (void)state;
    node.reset_is_lost = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[RESET], 2);
}

static void answering_bootloader_is_left_in_peace(void **state)
{
    (void)state;
    node.to_bootloader = true; /* for ever */
    options.confirm_ms = 30000;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_in_range(node.count[QUERY], 5, 1 + 30000 / 1500);
}

static void trial_under_way_is_watched(void **state)
{
    (void)state;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    node.info.phase = FERRY_PHASE_TRIAL; /* as if the gateway had restarted meanwhile */
    node.info.confirmed = FERRY_SLOT_A;
    options.confirm_ms = 5000;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    assert_int_equal(heard.status, FERRY_TIMEOUT);
    assert_int_equal(node.count[OPEN], 1);
}

static void image_that_waits_for_its_trial_is_reset(void **state)
{
    (void)state;
    options.no_reset = true;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.info.phase, FERRY_PHASE_PENDING);
    options.no_reset = false;
    assert_int_equal(run(), GATEWAY_RESULT_SUCCEEDED);
    assert_int_equal(node.count[OPEN], 1);
    assert_int_equal(node.count[RESET], 1);
}

static void what_the_node_gave_up_is_not_sent_again(void **state)
{
    (void)state;
    node.confirms = false;
    node.reverts = true;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED);
    heard.status = FERRY_OK;
    assert_int_equal(run(), GATEWAY_RESULT_FAILED); /* a gateway without memory asks the node */
    assert_int_equal(heard.status, FERRY_TRIAL_EXHAUSTED);
    assert_int_equal(node.count[OPEN], 1);
}

static void state_fits_a_small_gateway(void **state)
{
    (void)state;
    print_message("engine %zu bytes, link %zu bytes\n", sizeof(struct gateway_engine),
                  sizeof(struct gateway_link));
    assert_in_range(sizeof(struct gateway_engine) + sizeof(struct gateway_link), 1, 8192);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(installs_the_image_of_the_free_slot),
        ENGINE_TEST(source_in_small_portions),
        ENGINE_TEST(resumes_where_the_node_says),
        ENGINE_TEST(what_runs_already_is_left_alone),
        ENGINE_TEST(nothing_offered),
        ENGINE_TEST(source_says_when_to_come_back),
        ENGINE_TEST(no_image_for_the_free_slot),
        ENGINE_TEST(without_reset_it_ends_at_close),
        ENGINE_TEST(another_node_gets_nothing),
        ENGINE_TEST(refusal_is_final_for_this_image),
        ENGINE_TEST(broken_transfer_is_tried_again),
        ENGINE_TEST(retries_are_counted_and_spread),
        ENGINE_TEST(source_that_refuses_is_not_asked_again),
        ENGINE_TEST(source_that_may_heal_is_asked_again),
        ENGINE_TEST(malformed_tlvs_end_the_round),
        ENGINE_TEST(full_journal_leads_through_the_bootloader),
        ENGINE_TEST(bootloader_on_request),
        ENGINE_TEST(abort_is_told_to_the_node),
        ENGINE_TEST(revert_is_a_failure),
        ENGINE_TEST(trial_without_end_is_a_failure),
        ENGINE_TEST(lost_reset_is_repeated),
        ENGINE_TEST(answering_bootloader_is_left_in_peace),
        ENGINE_TEST(trial_under_way_is_watched),
        ENGINE_TEST(image_that_waits_for_its_trial_is_reset),
        ENGINE_TEST(what_the_node_gave_up_is_not_sent_again),
        ENGINE_TEST(state_fits_a_small_gateway),
    };
    return cmocka_run_group_tests_name("gateway_engine", tests, NULL, NULL);
}
