/* By libgpiod 2 (Debian 13). */
#include "gpio.h"

#include <errno.h>
#include <gpiod.h>
#include <string.h>

static int fail(struct ferry_gpio *gpio, const char *name, const char *what)
{
    int error = errno;
    int status = error == EBUSY                                          ? FERRY_BUSY
                 : error == ENOENT || error == ENOTTY || error == EINVAL ? FERRY_ARGUMENT
                                                                         : FERRY_IO;
    ferry_gpio_close(gpio);
    return ferry_device_fail(gpio->error, status, "%s: %s: %s", name, what, strerror(error));
}

static enum gpiod_line_value value_of(bool high)
{
    return high ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE;
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
        return ferry_device_fail(gpio->error, FERRY_ARGUMENT,
                                 "%s: a line is named CHIP:NUMBER, as gpiochip0:17", name);
    }
    gpio->chip = gpiod_chip_open(chip);
    if (gpio->chip == NULL) {
        return fail(gpio, name, "no such GPIO chip");
    }
    gpio->line = request(gpio->chip, gpio->offset, drive, high);
    if (gpio->line == NULL) {
        return fail(gpio, name, "the line cannot be had");
    }
    return FERRY_OK;
}

int ferry_gpio_set(struct ferry_gpio *gpio, bool high)
{
    if (gpiod_line_request_set_value(gpio->line, gpio->offset, value_of(high)) != 0) {
        return ferry_device_fail(gpio->error, FERRY_IO, "setting a line failed: %s",
                                 strerror(errno));
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
