/* By libgpiod 1 (1.6 in Debian 12). */
#include "gpio_internal.h"

#include <gpiod.h>

int ferry_gpio_open(struct ferry_gpio *gpio, const char *name, enum ferry_gpio_drive drive,
                    bool high)
{
    char chip[FERRY_GPIO_CHIP_SIZE];
    int flags = drive == FERRY_GPIO_OPEN_DRAIN ? GPIOD_LINE_REQUEST_FLAG_OPEN_DRAIN : 0;
    *gpio = (struct ferry_gpio)FERRY_GPIO_CLOSED;
    if (!ferry_gpio_parse(name, chip, &gpio->offset)) {
        return ferry_gpio_fail_name(gpio, name);
    }
    gpio->chip = gpiod_chip_open(chip);
    if (gpio->chip == NULL) {
        return ferry_gpio_fail_chip(gpio, name);
    }
    gpio->line = gpiod_chip_get_line(gpio->chip, gpio->offset);
    if (gpio->line == NULL) {
        return ferry_gpio_fail_line(gpio, name);
    }
    if (gpiod_line_request_output_flags(gpio->line, "ferry", flags, high) != 0) {
        return ferry_gpio_fail_request(gpio, name);
    }
    return FERRY_OK;
}

int ferry_gpio_set(struct ferry_gpio *gpio, bool high)
{
    if (gpiod_line_set_value(gpio->line, high) != 0) {
        return ferry_gpio_fail_set(gpio);
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
