/* Pulses on NRST and BOOT0. The fake is libgpiod's side: ferry_gpio_open, _set and _close. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lines.h"

#include <stdio.h>
#include <string.h>

#define NRST  "gpiochip0:17"
#define BOOT0 "gpiochip0:27"

enum { STEPS_MAX = 400, START_MS = 0xFFFFFFF0 /* the clock wraps on the way */ };

/* What came to the pins, in order: N/n is NRST high/low, B/b BOOT0. */
static struct {
    char pins[STEPS_MAX];
    bool open[2];
    enum ferry_gpio_drive drive[2];
    const char *fails; /* this line refuses its next call */
} seen;

static int tell(struct ferry_gpio *gpio, unsigned line, bool high)
{
    if (seen.fails != NULL && strcmp(seen.fails, line == 0 ? NRST : BOOT0) == 0) {
        return ferry_device_fail(gpio->error, FERRY_IO, "%s: no power", seen.fails);
    }
    char letter[2] = {line == 0 ? (high ? 'N' : 'n') : (high ? 'B' : 'b'), '\0'};
    strncat(seen.pins, letter, sizeof seen.pins - strlen(seen.pins) - 1);
    return FERRY_OK;
}

int ferry_gpio_open(struct ferry_gpio *gpio, const char *name, enum ferry_gpio_drive drive,
                    bool high)
{
    unsigned line = strcmp(name, NRST) == 0 ? 0 : 1;
    assert_string_equal(name, line == 0 ? NRST : BOOT0);
    assert_false(seen.open[line]);
    *gpio = (struct ferry_gpio)FERRY_GPIO_CLOSED;
    int status = tell(gpio, line, high);
    if (status == FERRY_OK) {
        seen.open[line] = true;
        seen.drive[line] = drive;
        gpio->chip = &seen.open[line];
        gpio->offset = line;
    }
    return status;
}

int ferry_gpio_set(struct ferry_gpio *gpio, bool high)
{
    assert_non_null(gpio->chip);
    return tell(gpio, gpio->offset, high);
}

void ferry_gpio_close(struct ferry_gpio *gpio)
{
    if (gpio->chip != NULL) {
        *(bool *)gpio->chip = false;
        gpio->chip = NULL;
    }
}

/* DTR is D/d, RTS is R/r: the level at the adapter's pin. */
int ferry_serial_set_pin(struct ferry_serial *serial, enum ferry_serial_pin pin, bool high)
{
    const char *letters = pin == FERRY_SERIAL_DTR ? "Dd" : "Rr";
    char letter[2] = {letters[high ? 0 : 1], '\0'};
    assert_true(serial->fd >= 0);
    strncat(seen.pins, letter, sizeof seen.pins - strlen(seen.pins) - 1);
    return FERRY_OK;
}

/* --- a link whose port carries nothing ------------------------------------------------------- */

static struct gateway_gpio gpio;
static struct gateway_lines lines;
static struct gateway_link link_of_tests;
static struct gateway_sink sink;

static int port_nothing(void *ctx)
{
    (void)ctx;
    return FERRY_OK;
}

static void port_none(void *ctx)
{
    (void)ctx;
}

static int port_read(void *ctx, uint8_t *out, size_t max, size_t *got)
{
    (void)ctx, (void)out, (void)max;
    *got = 0;
    return FERRY_OK;
}

static int port_write(void *ctx, const uint8_t *data, size_t size, size_t *taken)
{
    (void)ctx, (void)data;
    *taken = size;
    return FERRY_OK;
}

static const char *port_error(void *ctx)
{
    (void)ctx;
    return "the port";
}

static const struct gateway_port port = {.open = port_nothing,
                                         .close = port_none,
                                         .read = port_read,
                                         .write = port_write,
                                         .discard = port_none,
                                         .error = port_error};

static void connect(const char *nrst, const char *boot0)
{
    memset(&seen, 0, sizeof seen);
    lines = gateway_gpio_lines(&gpio, nrst, boot0);
    gateway_link_init(&link_of_tests, &port, 1);
    gateway_link_set_lines(&link_of_tests, &lines);
    sink = gateway_link_sink(&link_of_tests);
}

/* Steps each millisecond until the pulse is over; how long it lasted. */
static int step_to_end(uint32_t *taken_ms)
{
    int status;
    *taken_ms = 0;
    while ((status = gateway_link_step(&link_of_tests, START_MS + *taken_ms)) == FERRY_MORE) {
        assert_int_equal(sink.wait_ms(sink.ctx, START_MS + *taken_ms),
                         GATEWAY_PULSE_MS - *taken_ms);
        assert_in_range(++*taken_ms, 1, 1000);
    }
    return status;
}

static void a_pulse_holds_nrst_low_for_its_time(void **state)
{
    uint32_t taken_ms;
    (void)state;
    connect(NRST, "");
    assert_true(sink.can_pulse(sink.ctx));
    assert_string_equal(seen.pins, ""); /* nothing is touched before it is used */
    sink.pulse(sink.ctx, START_MS);
    assert_string_equal(seen.pins, "n");
    assert_int_equal(step_to_end(&taken_ms), FERRY_OK);
    assert_int_equal(taken_ms, GATEWAY_PULSE_MS);
    assert_string_equal(seen.pins, "nN");
    assert_int_equal(seen.drive[0], FERRY_GPIO_OPEN_DRAIN); /* the chip pulls it low too */
    gateway_gpio_close(&gpio);
    assert_false(seen.open[0]);
}

static void boot0_is_low_in_a_plain_reset(void **state)
{
    uint32_t taken_ms;
    (void)state;
    connect(NRST, BOOT0);
    sink.pulse(sink.ctx, START_MS);
    assert_int_equal(step_to_end(&taken_ms), FERRY_OK);
    assert_string_equal(seen.pins, "bnbN");
    assert_int_equal(seen.drive[1], FERRY_GPIO_PUSH_PULL);
}

/* The chip looks at BOOT0 when the reset ends: high before NRST falls, and still when it rises. */
static void boot0_is_high_around_the_end_of_a_reset_into_rom(void **state)
{
    uint32_t taken_ms;
    (void)state;
    connect(NRST, BOOT0);
    gateway_link_pulse(&link_of_tests, true, START_MS);
    assert_string_equal(seen.pins, "Bn");
    assert_int_equal(step_to_end(&taken_ms), FERRY_OK);
    assert_string_equal(seen.pins, "BnBN");
    gateway_link_pulse(&link_of_tests, false, START_MS);
    assert_int_equal(step_to_end(&taken_ms), FERRY_OK);
    assert_string_equal(seen.pins, "BnBNbnbN"); /* and low again with the next */
}

static void without_nrst_there_is_no_pulse(void **state)
{
    uint32_t taken_ms;
    (void)state;
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < 2; i++) {
        connect(none[i], BOOT0);
        assert_false(sink.can_pulse(sink.ctx));
        sink.pulse(sink.ctx, START_MS);
        assert_int_equal(step_to_end(&taken_ms), FERRY_ARGUMENT);
        assert_string_equal(seen.pins, "");
    }
}

static void a_line_that_fails_ends_the_pulse_with_its_words(void **state)
{
    uint32_t taken_ms;
    (void)state;
    connect(NRST, BOOT0);
    seen.fails = BOOT0;
    sink.pulse(sink.ctx, START_MS);
    assert_int_equal(step_to_end(&taken_ms), FERRY_IO);
    assert_int_equal(taken_ms, 0);
    assert_string_equal(seen.pins, ""); /* no reset with BOOT0 at an unknown level */
    assert_string_equal(gateway_link_error(&link_of_tests), BOOT0 ": no power");
    seen.fails = NULL;
    sink.pulse(sink.ctx, START_MS); /* the next try opens it again */
    assert_int_equal(step_to_end(&taken_ms), FERRY_OK);
    assert_string_equal(seen.pins, "bnbN");
    seen.fails = NRST;
    sink.pulse(sink.ctx, START_MS);
    assert_int_equal(step_to_end(&taken_ms), FERRY_IO);
    assert_string_equal(gateway_link_error(&link_of_tests), NRST ": no power");
}

static void dtr_and_rts_are_lines_of_a_serial_port(void **state)
{
    (void)state;
    struct ferry_serial serial = {.fd = 3, .error = ""};
    connect("dtr", "rts");
    assert_int_equal(lines.reset(lines.ctx, true, true), FERRY_ARGUMENT);
    assert_non_null(strstr(lines.error(lines.ctx), "serial port"));
    gateway_gpio_set_serial(&gpio, &serial);
    assert_int_equal(lines.reset(lines.ctx, true, true), FERRY_OK);
    assert_int_equal(lines.reset(lines.ctx, false, true), FERRY_OK);
    assert_string_equal(seen.pins, "RdRD");
    gateway_gpio_close(&gpio);
}

static void an_exclamation_mark_inverts(void **state)
{
    (void)state;
    struct ferry_serial serial = {.fd = 3, .error = ""};
    connect("!" NRST, "!rts");
    gateway_gpio_set_serial(&gpio, &serial);
    assert_int_equal(lines.reset(lines.ctx, true, true), FERRY_OK);
    assert_int_equal(lines.reset(lines.ctx, false, true), FERRY_OK);
    assert_string_equal(seen.pins, "rNrn");
    assert_int_equal(seen.drive[0], FERRY_GPIO_PUSH_PULL);
    gateway_gpio_close(&gpio);
}

static void a_closed_link_lets_the_node_go(void **state)
{
    (void)state;
    connect(NRST, BOOT0);
    gateway_link_pulse(&link_of_tests, true, START_MS);
    assert_string_equal(seen.pins, "Bn");
    gateway_link_close(&link_of_tests);
    assert_string_equal(seen.pins, "BnbN"); /* as the application starts */
    gateway_link_close(&link_of_tests);
    assert_string_equal(seen.pins, "BnbN");
}

static void lines_stay_requested_between_pulses(void **state)
{
    uint32_t taken_ms;
    (void)state;
    connect(NRST, BOOT0);
    for (size_t i = 0; i < 3; i++) { /* a second open of a line asserts in the fake */
        sink.pulse(sink.ctx, START_MS);
        assert_int_equal(step_to_end(&taken_ms), FERRY_OK);
        assert_true(seen.open[0] && seen.open[1]);
    }
    gateway_gpio_close(&gpio);
    gateway_gpio_close(&gpio); /* twice is fine */
    assert_false(seen.open[0] || seen.open[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pulse_holds_nrst_low_for_its_time),
        cmocka_unit_test(boot0_is_low_in_a_plain_reset),
        cmocka_unit_test(boot0_is_high_around_the_end_of_a_reset_into_rom),
        cmocka_unit_test(without_nrst_there_is_no_pulse),
        cmocka_unit_test(a_line_that_fails_ends_the_pulse_with_its_words),
        cmocka_unit_test(dtr_and_rts_are_lines_of_a_serial_port),
        cmocka_unit_test(an_exclamation_mark_inverts),
        cmocka_unit_test(a_closed_link_lets_the_node_go),
        cmocka_unit_test(lines_stay_requested_between_pulses),
    };
    return cmocka_run_group_tests_name("gateway_lines", tests, NULL, NULL);
}
