/* The agent of an application: who feeds the watchdog during a trial, and for how long. */
#include "agent.h"
#include "kit_board.h"
#include "kit_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TIMEOUT_MS = 120000, START_MS = UINT32_MAX - 5000 }; /* the clock wraps during the test */

static struct {
    struct kit_flash flash;
    struct ferry_agent agent;
    uint8_t buffer[FERRY_MESSAGE_MAX + FERRY_FRAME_CRC_SIZE];
    uint32_t now_ms;
    unsigned fed;
} bench;

static uint32_t now_ms(void *ctx)
{
    (void)ctx;
    return bench.now_ms;
}

static void feed(void)
{
    bench.fed++;
}

static size_t no_bytes(void *ctx, uint8_t *out, size_t max)
{
    (void)ctx;
    (void)out;
    (void)max;
    return 0;
}

static size_t take_all(void *ctx, const uint8_t *data, size_t size)
{
    (void)ctx;
    (void)data;
    return size;
}

static bool is_idle(void *ctx)
{
    (void)ctx;
    return true;
}

static const struct ferry_clock test_clock = {.now_ms = now_ms};
static const struct ferry_stream stream = {
    .read = no_bytes, .write = take_all, .idle = is_idle, .rx_capacity_bytes = 8192};

static int start_agent(const struct ferry_board *board, uint32_t here)
{
    struct ferry_agent_config config = {
        .flash = &bench.flash.port,
        .stream = &stream,
        .clock = &test_clock,
        .board = board,
        .buffer = bench.buffer,
        .buffer_size = sizeof(bench.buffer),
        .here = (const void *)(uintptr_t)here,
        .feed = feed,
    };
    return ferry_agent_init(&bench.agent, &config);
}

/* An application in slot B, on trial (or confirmed). */
static void start(uint8_t phase)
{
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, 1000);
    struct ferry_journal journal;
    size_t size;
    uint8_t *file = kit_image_build(&image, &size);

    bench.fed = 0;
    bench.now_ms = START_MS;
    kit_flash_init(&bench.flash, &kit_board);
    kit_provision(&bench.flash, FERRY_SLOT_B, file, size);
    assert_int_equal(ferry_journal_open(&journal, &bench.flash.port, &kit_board), FERRY_OK);
    struct ferry_state state = journal.state;
    state.phase = phase;
    state.confirmed = phase == FERRY_PHASE_TRIAL ? FERRY_SLOT_NONE : FERRY_SLOT_B;
    state.candidate = FERRY_SLOT_B;
    state.attempts = 2;
    assert_int_equal(ferry_journal_commit(&journal, &state), FERRY_OK);
    assert_int_equal(start_agent(&kit_board, kit_board.slots[FERRY_SLOT_B].start + 0x300),
                     FERRY_OK);
    free(file);
}

static int tear_down(void **state)
{
    (void)state;
    kit_flash_free(&bench.flash);
    return 0;
}

/* One round each millisecond. */
static void run(uint32_t duration_ms)
{
    for (uint32_t i = 0; i < duration_ms; i++) {
        bench.now_ms++;
        ferry_agent_step(&bench.agent, NULL);
    }
}

static void feeds_a_trial_until_its_time_is_up(void **state)
{
    (void)state;
    start(FERRY_PHASE_TRIAL);
    assert_true(ferry_agent_on_trial(&bench.agent));
    run(TIMEOUT_MS - 1);
    assert_int_equal(bench.fed, TIMEOUT_MS - 1);
    run(1000);
    assert_int_equal(bench.fed, TIMEOUT_MS - 1);
}

static void a_clock_that_stands_still_gets_no_food(void **state)
{
    (void)state;
    start(FERRY_PHASE_TRIAL);
    for (int i = 0; i < 100000; i++) {
        ferry_agent_step(&bench.agent, NULL);
    }
    assert_int_equal(bench.fed, 0);
}

static void feeds_for_ever_after_the_confirm(void **state)
{
    (void)state;
    start(FERRY_PHASE_TRIAL);
    run(10);
    assert_int_equal(ferry_agent_confirm(&bench.agent), FERRY_OK);
    assert_false(ferry_agent_on_trial(&bench.agent));
    assert_int_equal(bench.agent.journal.state.confirmed, FERRY_SLOT_B);
    assert_int_equal(bench.agent.journal.state.phase, FERRY_PHASE_NONE);
    bench.fed = 0;
    run(2 * TIMEOUT_MS);
    assert_int_equal(bench.fed, 2 * TIMEOUT_MS);
}

static void feeds_a_confirmed_application(void **state)
{
    (void)state;
    start(FERRY_PHASE_NONE);
    assert_false(ferry_agent_on_trial(&bench.agent));
    ferry_agent_step(&bench.agent, NULL);
    assert_int_equal(bench.fed, 1);
    assert_int_equal(ferry_agent_confirm(&bench.agent), FERRY_OK); /* harmless */
}

static void does_not_start_outside_of_a_slot(void **state)
{
    (void)state;
    start(FERRY_PHASE_NONE);
    assert_int_equal(start_agent(&kit_board, 0x20000000), FERRY_ARGUMENT);
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(feeds_a_trial_until_its_time_is_up), TEST(a_clock_that_stands_still_gets_no_food),
        TEST(feeds_for_ever_after_the_confirm),   TEST(feeds_a_confirmed_application),
        TEST(does_not_start_outside_of_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
