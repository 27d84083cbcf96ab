/* DTR and RTS of a serial adapter as outputs (ioctl_tty(2)). */
#include "serial.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

int ferry_serial_set_pin(struct ferry_serial *serial, enum ferry_serial_pin pin, bool high)
{
    const int bit = pin == FERRY_SERIAL_DTR ? TIOCM_DTR : TIOCM_RTS;
    if (ioctl(serial->fd, high ? TIOCMBIC : TIOCMBIS, &bit) != 0) {
        return ferry_device_fail(serial->error, FERRY_IO, "%s of the serial port: %s",
                                 pin == FERRY_SERIAL_DTR ? "DTR" : "RTS",
                                 errno == ENOTTY || errno == EINVAL ? "it has no such line"
                                                                    : strerror(errno));
    }
    return FERRY_OK;
}
