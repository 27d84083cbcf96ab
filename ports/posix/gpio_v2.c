/* By libgpiod 2 (Debian 13). */
#include "gpio_internal.h"

#include <errno.h>
#include <gpiod.h>

static enum gpiod_line_value value_of(bool high)
{
    return high ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
}

/* False where the chip cannot say either. */
static bool has_line(struct gpiod_chip *chip, unsigned offset)
{
    struct gpiod_chip_info *info = gpiod_chip_get_info(chip);
    bool found = info != NULL && offset < gpiod_chip_info_get_num_lines(info);
    gpiod_chip_info_free(info);
    return found;
}

/* NULL with errno set. */
static struct gpiod_line_request *request(struct gpiod_chip *chip, unsigned offset,
                                          enum ferry_gpio_drive drive, bool high)
{
    struct gpiod_line_request *line = NULL;
    struct gpiod_line_settings *settings = gpiod_line_settings_new();
    struct gpiod_line_config *lines = gpiod_line_config_new();
    struct gpiod_request_config *config = gpiod_request_config_new();
    if (settings != NULL && lines != NULL && config != NULL) {
        gpiod_request_config_set_consumer(config, "ferry");
        gpiod_line_settings_set_direction(settings, GPIOD_LINE_DIRECTION_OUTPUT);
        gpiod_line_settings_set_drive(settings, drive == FERRY_GPIO_OPEN_DRAIN
                                                    ? GPIOD_LINE_DRIVE_OPEN_DRAIN
                                                    : GPIOD_LINE_DRIVE_PUSH_PULL);
        gpiod_line_settings_set_output_value(settings, value_of(high));
        if (gpiod_line_config_add_line_settings(lines, &offset, 1, settings) == 0) {
            line = gpiod_chip_request_lines(chip, config, lines);
        }
    }
    int error = errno;
    gpiod_request_config_free(config);
    gpiod_line_config_free(lines);
    gpiod_line_settings_free(settings);
    errno = error;
    return line;
}

int ferry_gpio_open(struct ferry_gpio *gpio, const char *name, enum ferry_gpio_drive drive,
                    bool high)
{
    char chip[FERRY_GPIO_CHIP_SIZE];
    *gpio = (struct ferry_gpio)FERRY_GPIO_CLOSED;
    if (!ferry_gpio_parse(name, chip, &gpio->offset)) {
        return ferry_gpio_fail_name(gpio, name);
    }
    gpio->chip = gpiod_chip_open(chip);
    if (gpio->chip == NULL) {
        return ferry_gpio_fail_chip(gpio, name);
    }
    if (!has_line(gpio->chip, gpio->offset)) {
        return ferry_gpio_fail_line(gpio, name);
    }
    gpio->line = request(gpio->chip, gpio->offset, drive, high);
    if (gpio->line == NULL) {
        return ferry_gpio_fail_request(gpio, name);
    }
    return FERRY_OK;
}

int ferry_gpio_set(struct ferry_gpio *gpio, bool high)
{
    if (gpiod_line_request_set_value(gpio->line, gpio->offset, value_of(high)) != 0) {
        return ferry_gpio_fail_set(gpio);
    }
    return FERRY_OK;
}

void ferry_gpio_close(struct ferry_gpio *gpio)
{
    if (gpio->line != NULL) {
        gpiod_line_request_release(gpio->line);
    }
    if (gpio->chip != NULL) {
        gpiod_chip_close(gpio->chip);
    }
    gpio->chip = NULL;
    gpio->line = NULL;
}
