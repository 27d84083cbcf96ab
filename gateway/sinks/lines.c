#include "lines.h"

#include <stdio.h>

static bool is_named(const char *name)
{
    return name != NULL && name[0] != '\0';
}

static int set(struct gateway_gpio *gpio, struct ferry_gpio *line, const char *name,
               enum ferry_gpio_drive drive, bool high)
{
    int status =
        line->chip == NULL ? ferry_gpio_open(line, name, drive, high) : ferry_gpio_set(line, high);
    if (status != FERRY_OK) {
        snprintf(gpio->error, sizeof gpio->error, "%s", line->error);
    }
    return status;
}

static int lines_reset(void *ctx, bool hold, bool rom)
{
    struct gateway_gpio *gpio = ctx;
    if (is_named(gpio->boot0_name)) { /* looked at by the chip when the reset ends */
        int status = set(gpio, &gpio->boot0, gpio->boot0_name, FERRY_GPIO_PUSH_PULL, rom);
        if (status != FERRY_OK) {
            return status;
        }
    }
    return set(gpio, &gpio->nrst, gpio->nrst_name, FERRY_GPIO_OPEN_DRAIN, !hold);
}

static const char *lines_error(void *ctx)
{
    const struct gateway_gpio *gpio = ctx;
    return gpio->error;
}

struct gateway_lines gateway_gpio_lines(struct gateway_gpio *gpio, const char *nrst,
                                        const char *boot0)
{
    gpio->nrst = (struct ferry_gpio)FERRY_GPIO_CLOSED;
    gpio->boot0 = (struct ferry_gpio)FERRY_GPIO_CLOSED;
    gpio->nrst_name = nrst;
    gpio->boot0_name = boot0;
    gpio->error[0] = '\0';
    return (struct gateway_lines){
        .ctx = gpio, .reset = is_named(nrst) ? lines_reset : NULL, .error = lines_error};
}

void gateway_gpio_close(struct gateway_gpio *gpio)
{
    ferry_gpio_close(&gpio->nrst);
    ferry_gpio_close(&gpio->boot0);
}
