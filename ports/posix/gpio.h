/*
 * gpio.h - one output line of a GPIO chip by libgpiod. The two versions of the library have
 * different interfaces: gpio_v1.c and gpio_v2.c, the build takes the one that fits.
 *
 * The line is held while the object is open; what the pin does afterwards is the driver's choice,
 * mostly it stays as it is.
 */
#ifndef FERRY_POSIX_GPIO_H
#define FERRY_POSIX_GPIO_H

#include "device_file.h"

enum ferry_gpio_drive {
    FERRY_GPIO_PUSH_PULL,
    FERRY_GPIO_OPEN_DRAIN /* high = let go: for lines that others pull low too, as NRST */
};

struct ferry_gpio {
    void *chip; /* NULL when closed */
    void *line; /* of the library */
    unsigned offset;
    char error[FERRY_DEVICE_ERROR_SIZE]; /* why the last call failed: a sentence for people */
};

/* A closed one; so that ferry_gpio_close may always be called. */
#define FERRY_GPIO_CLOSED                                                                          \
    {                                                                                              \
        .chip = NULL, .line = NULL, .offset = 0, .error = ""                                       \
    }

/*
 * Requests a line as an output.
 *   name: CHIP:LINE, as gpiochip0:17 or /dev/gpiochip0:17; LINE is the offset that `gpioinfo`
 *   shows.
 *   high: level from the first moment on.
 * Returns OK; ARGUMENT (malformed name, no such chip or line), BUSY (another program or driver
 * holds the line), IO (the rest).
 */
int ferry_gpio_open(struct ferry_gpio *gpio, const char *name, enum ferry_gpio_drive drive,
                    bool high);

/* Returns OK or IO. */
int ferry_gpio_set(struct ferry_gpio *gpio, bool high);

void ferry_gpio_close(struct ferry_gpio *gpio);

enum { FERRY_GPIO_CHIP_SIZE = 128 };

/*
 * Splits CHIP:LINE; `chip` becomes a path.
 * Returns false where it is malformed.
 */
bool ferry_gpio_parse(const char *name, char chip[FERRY_GPIO_CHIP_SIZE], unsigned *offset);

#endif
