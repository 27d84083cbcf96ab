/* The preload shim's second interface of <linux/gpio.h>, as libgpiod 2 uses it: several lines at
 * once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_board.h"

#include <errno.h>
#include <gpiod.h>

enum { WIRE_SIZE = 64 };

static struct gpiod_chip *chip;

static int start(void **state)
{
    (void)state;
    fake_board_start();
    chip = gpiod_chip_open("/dev/gpiochip0");
    return chip != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    gpiod_chip_close(chip);
    fake_board_stop();
    return 0;
}

static void assert_wire(unsigned line, const char *expected)
{
    char wire[WIRE_SIZE];
    assert_string_equal(fake_board_wire(line, wire), expected);
}

/* Lines of one direction and drive; values: NULL for inputs. */
static struct gpiod_line_request *request(const unsigned *offsets, size_t count,
                                          enum gpiod_line_drive drive,
                                          const enum gpiod_line_value *values)
{
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *config = gpiod_line_config_new();
    gpiod_line_settings_set_direction(settings, values != NULL ? GPIOD_LINE_DIRECTION_OUTPUT
                                                               : GPIOD_LINE_DIRECTION_INPUT);
    gpiod_line_settings_set_drive(settings, drive);
    assert_int_equal(gpiod_line_config_add_line_settings(config, offsets, count, settings), 0);
    if (values != NULL) {
        assert_int_equal(gpiod_line_config_set_output_values(config, values, count), 0);
    }
    struct gpiod_line_request *lines = gpiod_chip_request_lines(chip, NULL, config);
    int error = errno;
    gpiod_line_config_free(config);
    gpiod_line_settings_free(settings);
    errno = error;
    return lines;
}

static void the_chip_and_its_lines_are_described(void **state)
{
    (void)state;
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    assert_non_null(info);
    assert_string_equal(gpiod_chip_info_get_label(info), "virtual-board");
    assert_int_equal(gpiod_chip_info_get_num_lines(info), 160);
    gpiod_chip_info_free(info);
    struct gpiod_line_info *line = gpiod_chip_get_line_info(chip, 159);
    assert_non_null(line);
    assert_int_equal(gpiod_line_info_get_offset(line), 159);
    assert_int_equal(gpiod_line_info_get_direction(line), GPIOD_LINE_DIRECTION_INPUT);
    gpiod_line_info_free(line);
    assert_null(gpiod_chip_get_line_info(chip, 160));
    assert_int_equal(errno, EINVAL);
}

static void each_line_of_a_request_has_its_value(void **state)
{
    static const unsigned offsets[] = {20, 3, 100};
    static const enum gpiod_line_value first[] = {
        GPIOD_LINE_VALUE_INACTIVE, GPIOD_LINE_VALUE_ACTIVE, GPIOD_LINE_VALUE_INACTIVE};
    enum gpiod_line_value got[3];
    (void)state;
    struct gpiod_line_request *lines = request(offsets, 3, GPIOD_LINE_DRIVE_PUSH_PULL, first);
    assert_non_null(lines);
    assert_wire(20, "0");
    assert_wire(3, "1");
    assert_wire(100, "0");
    /* Only the lines that are named change. */
    static const unsigned some[] = {100, 3};
    static const enum gpiod_line_value second[] = {GPIOD_LINE_VALUE_ACTIVE,
                                                   GPIOD_LINE_VALUE_INACTIVE};
    assert_int_equal(gpiod_line_request_set_values_subset(lines, 2, some, second), 0);
    assert_wire(20, "0");
    assert_wire(3, "10");
    assert_wire(100, "01");
    assert_int_equal(gpiod_line_request_get_values(lines, got), 0);
    assert_int_equal(got[0], GPIOD_LINE_VALUE_INACTIVE);
    assert_int_equal(got[1], GPIOD_LINE_VALUE_INACTIVE);
    assert_int_equal(got[2], GPIOD_LINE_VALUE_ACTIVE);
    gpiod_line_request_release(lines);
}

static void an_open_drain_line_that_another_pulls_low_reads_low(void **state)
{
    static const unsigned nrst = 0;
    static const enum gpiod_line_value high = GPIOD_LINE_VALUE_ACTIVE;
    (void)state;
    struct gpiod_line_request *line = request(&nrst, 1, GPIOD_LINE_DRIVE_OPEN_DRAIN, &high);
    assert_non_null(line);
    assert_wire(0, "z");
    assert_int_equal(gpiod_line_request_get_value(line, nrst), GPIOD_LINE_VALUE_ACTIVE);
    fake_board_pull_low(0);
    assert_int_equal(gpiod_line_request_get_value(line, nrst), GPIOD_LINE_VALUE_INACTIVE);
    gpiod_line_request_release(line);
}

static void an_input_is_read_and_never_driven(void **state)
{
    static const unsigned offsets[] = {16, 17};
    enum gpiod_line_value got[2];
    (void)state;
    fake_board_pull_low(17);
    struct gpiod_line_request *lines = request(offsets, 2, GPIOD_LINE_DRIVE_PUSH_PULL, NULL);
    assert_non_null(lines);
    assert_int_equal(gpiod_line_request_get_values(lines, got), 0);
    assert_int_equal(got[0], GPIOD_LINE_VALUE_ACTIVE);
    assert_int_equal(got[1], GPIOD_LINE_VALUE_INACTIVE);
    assert_wire(16, "");
    /* The kernel refuses to set an input. */
    assert_int_equal(gpiod_line_request_set_value(lines, 16, GPIOD_LINE_VALUE_ACTIVE), -1);
    assert_int_equal(errno, EPERM);
    assert_wire(16, "");
    gpiod_line_request_release(lines);
}

static void a_request_with_one_taken_line_gets_none(void **state)
{
    static const unsigned both[] = {5, 6}, one[] = {6, 7}, rest = 7;
    static const enum gpiod_line_value low[] = {GPIOD_LINE_VALUE_INACTIVE,
                                                GPIOD_LINE_VALUE_INACTIVE};
    (void)state;
    struct gpiod_line_request *lines = request(both, 2, GPIOD_LINE_DRIVE_PUSH_PULL, low);
    assert_non_null(lines);
    assert_null(request(one, 2, GPIOD_LINE_DRIVE_PUSH_PULL, low));
    assert_int_equal(errno, EBUSY);
    assert_wire(6, "0");
    assert_wire(7, "");
    struct gpiod_line_request *free_one = request(&rest, 1, GPIOD_LINE_DRIVE_PUSH_PULL, low);
    assert_non_null(free_one);
    gpiod_line_request_release(free_one);
    gpiod_line_request_release(lines);
}

static void a_line_that_is_not_there_is_refused(void **state)
{
    static const unsigned offsets[] = {159, 160};
    (void)state;
    assert_null(request(offsets, 2, GPIOD_LINE_DRIVE_PUSH_PULL, NULL));
    assert_int_equal(errno, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_chip_and_its_lines_are_described, start, stop),
        cmocka_unit_test_setup_teardown(each_line_of_a_request_has_its_value, start, stop),
        cmocka_unit_test_setup_teardown(an_open_drain_line_that_another_pulls_low_reads_low, start,
                                        stop),
        cmocka_unit_test_setup_teardown(an_input_is_read_and_never_driven, start, stop),
        cmocka_unit_test_setup_teardown(a_request_with_one_taken_line_gets_none, start, stop),
        cmocka_unit_test_setup_teardown(a_line_that_is_not_there_is_refused, start, stop),
    };
    return cmocka_run_group_tests_name("chip_v2", tests, NULL, NULL);
}
