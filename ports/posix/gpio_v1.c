/* By libgpiod 1 (1.6 in Debian 12). */
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

int ferry_gpio_open(struct ferry_gpio *gpio, const char *name, enum ferry_gpio_drive drive,
                    bool high)
{
    char chip[FERRY_GPIO_CHIP_SIZE];
    int flags = drive == FERRY_GPIO_OPEN_DRAIN ? GPIOD_LINE_REQUEST_FLAG_OPEN_DRAIN : 0;
    *gpio = (struct ferry_gpio)FERRY_GPIO_CLOSED;
    if (!ferry_gpio_parse(name, chip, &gpio->offset)) {
        return ferry_device_fail(gpio->error, FERRY_ARGUMENT,
                                 "%s: a line is named CHIP:NUMBER, as gpiochip0:17", name);
    }
    gpio->chip = gpiod_chip_open(chip);
    if (gpio->chip == NULL) {
        return fail(gpio, name, "no such GPIO chip");
    }
    gpio->line = gpiod_chip_get_line(gpio->chip, gpio->offset);
    if (gpio->line == NULL) {
        return fail(gpio, name, "no such line");
    }
    if (gpiod_line_request_output_flags(gpio->line, "ferry", flags, high) != 0) {
        return fail(gpio, name, "the line cannot be had");
    }
    return FERRY_OK;
}

int ferry_gpio_set(struct ferry_gpio *gpio, bool high)
{
    if (gpiod_line_set_value(gpio->line, high) != 0) {
        return ferry_device_fail(gpio->error, FERRY_IO, "setting a line failed: %s",
                                 strerror(errno));
    }
    return FERRY_OK;
}

void ferry_gpio_close(struct ferry_gpio *gpio)
{
    if (gpio->chip != NULL) {
        gpiod_chip_close(gpio->chip); /* releases its lines */
    }
    gpio->chip = NULL;
    gpio->line = NULL;
}
