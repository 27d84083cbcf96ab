#include "gpio_internal.h"

#include <errno.h>
#include <string.h>

static int status_of(int error)
{
    switch (error) {
    case EBUSY:
        return FERRY_BUSY;
    case ENOENT:
    case ENODEV:
    case ENOTTY:
    case EINVAL:
        return FERRY_ARGUMENT;
    default:
        return FERRY_IO;
    }
}

int ferry_gpio_fail_name(struct ferry_gpio *gpio, const char *name)
{
    ferry_gpio_close(gpio);
    return ferry_device_fail(gpio->error, FERRY_ARGUMENT,
                             "%s: a line is named CHIP:NUMBER, as gpiochip0:17", name);
}

int ferry_gpio_fail_chip(struct ferry_gpio *gpio, const char *name)
{
    int error = errno;
    ferry_gpio_close(gpio);
    if (error == ENOENT) {
        return ferry_device_fail(gpio->error, FERRY_ARGUMENT, "%s: no such GPIO chip", name);
    }
    if (status_of(error) == FERRY_ARGUMENT) {
        return ferry_device_fail(gpio->error, FERRY_ARGUMENT, "%s: this is no GPIO chip", name);
    }
    return ferry_device_fail(gpio->error, status_of(error), "%s: the GPIO chip does not open: %s",
                             name, strerror(error));
}

int ferry_gpio_fail_line(struct ferry_gpio *gpio, const char *name)
{
    ferry_gpio_close(gpio);
    return ferry_device_fail(gpio->error, FERRY_ARGUMENT, "%s: no such line on this chip", name);
}

int ferry_gpio_fail_request(struct ferry_gpio *gpio, const char *name)
{
    int error = errno;
    ferry_gpio_close(gpio);
    return ferry_device_fail(gpio->error, status_of(error), "%s: the line cannot be had: %s", name,
                             strerror(error));
}

int ferry_gpio_fail_set(struct ferry_gpio *gpio)
{
    return ferry_device_fail(gpio->error, FERRY_IO, "setting a line failed: %s", strerror(errno));
}
