/* How long the bootloader listens: arithmetic on events and time. */
#include "ferry/supervisor.h"

#include "ferry/receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Steps from 0 ms with `events` each `period_ms`; returns when listening ended. */
static uint32_t listens_for(bool for_ever, uint32_t events, uint32_t period_ms, uint32_t limit_ms)
{
    struct ferry_listen listen;
    uint32_t base = 0xFFFFFF00U; /* the clock wraps meanwhile */
    uint32_t ms = 0;
    ferry_listen_begin(&listen, base, for_ever);
    while (ms < limit_ms && ferry_listen_step(&listen, ms > 0 && ms % period_ms == 0 ? events : 0,
                                              false, base + ms)) {
        ms++;
    }
    return ms;
}

static void listens_for_50_ms(void **test)
{
    (void)test;
    assert_int_equal(listens_for(false, 0, 1, 100000), FERRY_LISTEN_START_MS);
}

static void queries_hold_it_for_10_s_at_most(void **test)
{
    (void)test;
    assert_int_equal(listens_for(false, FERRY_EVENT_MESSAGE, 20, 100000), FERRY_LISTEN_PATIENCE_MS);
}

static void work_left_keeps_it_open_but_not_for_ever(void **test)
{
    struct ferry_listen listen;
    (void)test;
    ferry_listen_begin(&listen, 0, false);
    assert_true(ferry_listen_step(&listen, 0, true, FERRY_LISTEN_PATIENCE_MS - 1));
    assert_false(ferry_listen_step(&listen, 0, true, FERRY_LISTEN_PATIENCE_MS));
}

static void rare_queries_do_not_hold_it(void **test)
{
    (void)test;
    assert_int_equal(listens_for(false, FERRY_EVENT_MESSAGE, 60, 100000), FERRY_LISTEN_START_MS);
}

static void a_transfer_holds_it(void **test)
{
    (void)test;
    uint32_t events = FERRY_EVENT_MESSAGE | FERRY_EVENT_TRANSFER;
    assert_int_equal(listens_for(false, events, 40, 100000), 100000);
}

static void a_transfer_that_stalls_is_left_after_10_s(void **test)
{
    struct ferry_listen listen;
    (void)test;
    ferry_listen_begin(&listen, 0, false);
    assert_true(ferry_listen_step(&listen, FERRY_EVENT_TRANSFER, false, 40));
    assert_true(
        ferry_listen_step(&listen, FERRY_EVENT_MESSAGE, false, 40 + FERRY_LISTEN_PATIENCE_MS - 1));
    assert_false(
        ferry_listen_step(&listen, FERRY_EVENT_MESSAGE, false, 40 + FERRY_LISTEN_PATIENCE_MS));
}

static void an_accepted_image_is_started_soon(void **test)
{
    (void)test;
    assert_int_equal(listens_for(true, FERRY_EVENT_CLOSED, 5000, 9999),
                     5000 + FERRY_LISTEN_MESSAGE_MS);
}

static void an_abort_ends_the_patience(void **test)
{
    struct ferry_listen listen;
    (void)test;
    ferry_listen_begin(&listen, 0, false);
    assert_true(ferry_listen_step(&listen, FERRY_EVENT_TRANSFER, false, 40));
    assert_true(ferry_listen_step(&listen, FERRY_EVENT_MESSAGE | FERRY_EVENT_ABORTED, false, 2000));
    assert_true(ferry_listen_step(&listen, 0, false, 2999));
    assert_false(ferry_listen_step(&listen, 0, false, 3000));
}

static void a_flood_of_aborts_does_not_hold_it(void **test)
{
    (void)test;
    assert_int_equal(listens_for(false, FERRY_EVENT_MESSAGE | FERRY_EVENT_ABORTED, 20, 100000),
                     FERRY_LISTEN_PATIENCE_MS);
}

static void listens_for_ever_when_nothing_is_bootable(void **test)
{
    (void)test;
    assert_int_equal(listens_for(true, FERRY_EVENT_MESSAGE, 700, 100000), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_for_50_ms),
        cmocka_unit_test(queries_hold_it_for_10_s_at_most),
        cmocka_unit_test(work_left_keeps_it_open_but_not_for_ever),
        cmocka_unit_test(rare_queries_do_not_hold_it),
        cmocka_unit_test(a_transfer_holds_it),
        cmocka_unit_test(a_transfer_that_stalls_is_left_after_10_s),
        cmocka_unit_test(an_accepted_image_is_started_soon),
        cmocka_unit_test(an_abort_ends_the_patience),
        cmocka_unit_test(a_flood_of_aborts_does_not_hold_it),
        cmocka_unit_test(listens_for_ever_when_nothing_is_bootable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
