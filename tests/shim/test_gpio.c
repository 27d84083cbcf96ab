/*
 * NRST and BOOT0 down to the wire: lines.c, gpio.h and the real libgpiod, which makes its system
 * calls to the preload shim. Built once with each version of the library; what is expected is the
 * same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_board.h"
#include "lines.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NRST  "gpiochip0:0"
#define BOOT0 "gpiochip0:1"
#define PIN   "/dev/gpiochip0:37"

enum { WIRE_SIZE = 64 };

static int start(void **state)
{
    (void)state;
    fake_board_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_board_stop();
    return 0;
}

/* Descriptors that stand for a chip or for lines; the board's own ones come and go beside them. */
static unsigned held_files(void)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char target[256] = "";
        ssize_t size = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        count +=
            size > 0 && (strstr(target, "ferry-shim") != NULL || strstr(target, ".lines") != NULL);
    }
    closedir(folder);
    return count;
}

static void assert_wire(unsigned line, const char *expected)
{
    char wire[WIRE_SIZE];
    assert_string_equal(fake_board_wire(line, wire), expected);
}

static void an_open_drain_line_is_let_go_or_low(void **state)
{
    struct ferry_gpio line = FERRY_GPIO_CLOSED;
    (void)state;
    assert_int_equal(ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, true), FERRY_OK);
    assert_wire(0, "z");
    assert_int_equal(ferry_gpio_set(&line, false), FERRY_OK);
    assert_int_equal(ferry_gpio_set(&line, true), FERRY_OK);
    ferry_gpio_close(&line);
    assert_wire(0, "z0z"); /* never driven high */
}

static void a_push_pull_line_is_driven_both_ways(void **state)
{
    struct ferry_gpio line = FERRY_GPIO_CLOSED;
    (void)state;
    assert_int_equal(ferry_gpio_open(&line, PIN, FERRY_GPIO_PUSH_PULL, true), FERRY_OK);
    assert_wire(37, "1"); /* from its first moment */
    assert_int_equal(ferry_gpio_set(&line, false), FERRY_OK);
    ferry_gpio_close(&line);
    assert_int_equal(ferry_gpio_open(&line, PIN, FERRY_GPIO_PUSH_PULL, false), FERRY_OK);
    ferry_gpio_close(&line);
    assert_wire(37, "100");
}

static void the_offset_chooses_the_line(void **state)
{
    struct ferry_gpio first = FERRY_GPIO_CLOSED, last = FERRY_GPIO_CLOSED;
    (void)state;
    assert_int_equal(ferry_gpio_open(&first, NRST, FERRY_GPIO_PUSH_PULL, true), FERRY_OK);
    assert_int_equal(ferry_gpio_open(&last, "gpiochip0:159", FERRY_GPIO_PUSH_PULL, false),
                     FERRY_OK);
    assert_int_equal(ferry_gpio_set(&last, true), FERRY_OK);
    ferry_gpio_close(&last);
    ferry_gpio_close(&first);
    assert_wire(0, "1");
    assert_wire(159, "01");
}

static void a_pulse_of_nrst_with_boot0(void **state)
{
    struct gateway_gpio gpio;
    (void)state;
    struct gateway_lines lines = gateway_gpio_lines(&gpio, NRST, BOOT0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lines.reset(lines.ctx, true, true), FERRY_OK);
        assert_int_equal(lines.reset(lines.ctx, false, true), FERRY_OK);
    }
    assert_int_equal(held_files(), 4);
    gateway_gpio_close(&gpio);
    gateway_gpio_close(&gpio); /* twice is fine */
    assert_wire(0, "0z0z");
    assert_wire(1, "1111");
    assert_int_equal(held_files(), 0);
}

static const struct refused {
    const char *name;
    const char *words;
} refused[] = {
    {"gpiochip0", "gpiochip0: a line is named CHIP:NUMBER, as gpiochip0:17"},
    {"nochip0:1", "nochip0:1: no such GPIO chip"},
    {"/dev/null:1", "/dev/null:1: this is no GPIO chip"},
    {"/etc/passwd:1", "/etc/passwd:1: this is no GPIO chip"},
    {"gpiochip0:160", "gpiochip0:160: no such line on this chip"},
    {"gpiochip0:65535", "gpiochip0:65535: no such line on this chip"},
};

static void names_of_nothing_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct ferry_gpio line = FERRY_GPIO_CLOSED;
        assert_int_equal(ferry_gpio_open(&line, refused[i].name, FERRY_GPIO_PUSH_PULL, true),
                         FERRY_ARGUMENT);
        assert_string_equal(line.error, refused[i].words);
        assert_null(line.chip);
    }
    assert_int_equal(held_files(), 0);
}

static void assert_busy(void)
{
    struct ferry_gpio line = FERRY_GPIO_CLOSED;
    assert_int_equal(ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, false), FERRY_BUSY);
    assert_string_equal(line.error, NRST ": the line cannot be had: Device or resource busy");
    assert_null(line.chip);
}

static void a_line_has_one_holder(void **state)
{
    struct ferry_gpio line = FERRY_GPIO_CLOSED, other = FERRY_GPIO_CLOSED;
    (void)state;
    assert_int_equal(ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, true), FERRY_OK);
    assert_busy();
    assert_wire(0, "z"); /* what was refused did not touch it */
    assert_int_equal(ferry_gpio_open(&other, BOOT0, FERRY_GPIO_PUSH_PULL, false), FERRY_OK);
    ferry_gpio_close(&other);
    assert_int_equal(ferry_gpio_set(&line, false), FERRY_OK);
    ferry_gpio_close(&line);
    assert_int_equal(ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, true), FERRY_OK);
    ferry_gpio_close(&line);
    assert_wire(0, "z0z");
}

static void a_line_of_another_process_is_busy(void **state)
{
    struct ferry_gpio line = FERRY_GPIO_CLOSED;
    int ready[2], done[2], status;
    char byte = 0;
    (void)state;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool held = ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, true) == FERRY_OK &&
                    write(ready[1], &byte, 1) == 1 && read(done[0], &byte, 1) == 1;
        _exit(held ? 0 : 1); /* without a close: the kernel gives it back */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_busy();
    assert_int_equal(write(done[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, true), FERRY_OK);
    ferry_gpio_close(&line);
    for (unsigned i = 0; i < 2; i++) {
        close(ready[i]);
        close(done[i]);
    }
}

static void nrst_that_is_taken_ends_a_pulse(void **state)
{
    struct gateway_gpio gpio;
    (void)state;
    struct gateway_lines lines = gateway_gpio_lines(&gpio, NRST, NRST);
    assert_int_equal(lines.reset(lines.ctx, true, false), FERRY_BUSY); /* BOOT0 has it already */
    assert_string_equal(lines.error(lines.ctx),
                        NRST ": the line cannot be had: Device or resource busy");
    gateway_gpio_close(&gpio);
}

static void a_chip_that_goes_away_is_an_error(void **state)
{
    struct ferry_gpio line = FERRY_GPIO_CLOSED, other = FERRY_GPIO_CLOSED;
    (void)state;
    assert_int_equal(ferry_gpio_open(&line, NRST, FERRY_GPIO_OPEN_DRAIN, true), FERRY_OK);
    fake_board_stop();
    assert_int_equal(ferry_gpio_set(&line, false), FERRY_IO);
    assert_string_equal(line.error, "setting a line failed: No such device");
    ferry_gpio_close(&line);
    fake_board_start();
    assert_int_equal(ferry_gpio_open(&other, NRST, FERRY_GPIO_OPEN_DRAIN, true), FERRY_OK);
    ferry_gpio_close(&other);
    assert_int_equal(held_files(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_open_drain_line_is_let_go_or_low, start, stop),
        cmocka_unit_test_setup_teardown(a_push_pull_line_is_driven_both_ways, start, stop),
        cmocka_unit_test_setup_teardown(the_offset_chooses_the_line, start, stop),
        cmocka_unit_test_setup_teardown(a_pulse_of_nrst_with_boot0, start, stop),
        cmocka_unit_test_setup_teardown(names_of_nothing_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(a_line_has_one_holder, start, stop),
        cmocka_unit_test_setup_teardown(a_line_of_another_process_is_busy, start, stop),
        cmocka_unit_test_setup_teardown(nrst_that_is_taken_ends_a_pulse, start, stop),
        cmocka_unit_test_setup_teardown(a_chip_that_goes_away_is_an_error, start, stop),
    };
    return cmocka_run_group_tests_name("gpio", tests, NULL, NULL);
}
