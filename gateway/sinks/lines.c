#include "lines.h"

#include <stdio.h>
#include <string.h>

static bool is_named(const char *name)
{
    return name != NULL && name[0] != '\0';
}

bool gateway_line_is_modem(const char *name)
{
    if (!is_named(name)) {
        return false;
    }
    name += name[0] == '!';
    return strcmp(name, "dtr") == 0 || strcmp(name, "rts") == 0;
}

bool gateway_line_is_valid(const char *name)
{
    char chip[FERRY_GPIO_CHIP_SIZE];
    unsigned offset;
    return gateway_line_is_modem(name) || ferry_gpio_parse(name + (name[0] == '!'), chip, &offset);
}

static int set_modem(struct gateway_gpio *gpio, enum ferry_serial_pin pin, bool high)
{
    if (gpio->serial == NULL || gpio->serial->fd < 0) {
        return ferry_device_fail(gpio->error, FERRY_ARGUMENT,
                                 "dtr and rts are lines of a serial port, and none is open");
    }
    int status = ferry_serial_set_pin(gpio->serial, pin, high);
    if (status != FERRY_OK) {
        snprintf(gpio->error, sizeof gpio->error, "%s", gpio->serial->error);
    }
    return status;
}

static int set_gpio(struct gateway_gpio *gpio, struct ferry_gpio *line, const char *name,
                    enum ferry_gpio_drive drive, bool high)
{
    int status =
        line->chip == NULL ? ferry_gpio_open(line, name, drive, high) : ferry_gpio_set(line, high);
    if (status != FERRY_OK) {
        snprintf(gpio->error, sizeof gpio->error, "%s", line->error);
    }
    return status;
}

static int set(struct gateway_gpio *gpio, struct ferry_gpio *line, const char *name,
               enum ferry_gpio_drive drive, bool high)
{
    if (name[0] == '!') {
        name++;
        high = !high;
        drive = FERRY_GPIO_PUSH_PULL; /* the inverter needs both levels */
    }
    if (strcmp(name, "dtr") == 0 || strcmp(name, "rts") == 0) {
        return set_modem(gpio, name[0] == 'd' ? FERRY_SERIAL_DTR : FERRY_SERIAL_RTS, high);
    }
    return set_gpio(gpio, line, name, drive, high);
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
    gpio->serial = NULL;
    gpio->error[0] = '\0';
    return (struct gateway_lines){
        .ctx = gpio, .reset = is_named(nrst) ? lines_reset : NULL, .error = lines_error};
}

void gateway_gpio_set_serial(struct gateway_gpio *gpio, struct ferry_serial *serial)
{
    gpio->serial = serial;
}

void gateway_gpio_close(struct gateway_gpio *gpio)
{
    ferry_gpio_close(&gpio->nrst);
    ferry_gpio_close(&gpio->boot0);
}
