#include "self_test.h"
#include "port.h"
#include "cortex_m4.h"

#include <string.h>

enum { CLOCK_TEST_MS = 10, CLOCK_TOLERANCE = 20 /* 1/20 = 5 % */, HASH_SLICE = 1024 };

/*
 * SysTick must advance, and the cycle counter by as many cycles as the core clock says. The core
 * stays awake meanwhile: the counter stands still in WFI.
 */
static int test_clock(void)
{
    uint32_t expected = stm32_core_hz() / 1000 * CLOCK_TEST_MS;
    uint32_t edge_ms = stm32_clock.now_ms(NULL) + 1;
    uint32_t polls = expected; /* ends also if SysTick does not advance */

    while (stm32_clock.now_ms(NULL) != edge_ms && polls > 0) {
        polls--;
    }
    uint32_t first = DWT_CYCCNT;
    while (stm32_clock.now_ms(NULL) - edge_ms < CLOCK_TEST_MS && polls > 0) {
        polls--;
    }
    uint32_t cycles = DWT_CYCCNT - first;
    uint32_t error = cycles > expected ? cycles - expected : expected - cycles;
    return polls > 0 && error < expected / CLOCK_TOLERANCE ? FERRY_OK : FERRY_TIMEOUT;
}

static struct ferry_image_source own_slot(struct demo_self_test *test)
{
    const struct ferry_node *node = test->node;
    return ferry_image_from_slot(node->flash, node->board, node->running);
}

static int read_image(struct demo_self_test *test)
{
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    struct ferry_image_source source = own_slot(test);
    int status = ferry_image_read(&source, scratch, &test->image);
    if (status == FERRY_OK) {
        ferry_image_hash_begin(&test->hasher, &test->image);
    }
    return status;
}

static int hash_slice(struct demo_self_test *test)
{
    uint8_t buffer[256];
    struct ferry_image_source source = own_slot(test);
    return ferry_image_hash_step(&test->hasher, &test->image, &source, HASH_SLICE, buffer,
                                 sizeof buffer);
}

static int run_stage(struct demo_self_test *test, bool link_seen)
{
    switch (test->stage) {
    case DEMO_TEST_CLOCK:
        return test_clock();
    case DEMO_TEST_IMAGE:
        return read_image(test);
    case DEMO_TEST_HASH:
        return hash_slice(test);
    default:
        return link_seen ? FERRY_OK : FERRY_MORE;
    }
}

void demo_self_test_begin(struct demo_self_test *test, const struct ferry_node *node)
{
    memset(test, 0, sizeof *test);
    test->node = node;
    test->status = FERRY_MORE;
}

int demo_self_test_step(struct demo_self_test *test, bool link_seen)
{
    if (test->status != FERRY_MORE) {
        return test->status;
    }
    int status = run_stage(test, link_seen);
    if (status == FERRY_OK) {
        test->stage++;
        test->status = test->stage == DEMO_TEST_DONE ? FERRY_OK : FERRY_MORE;
    } else if (status != FERRY_MORE) {
        test->status = status;
    }
    return test->status;
}
