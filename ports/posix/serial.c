/* termios has no way to name 921,600 on every system, and none for an odd rate: Linux' termios2 has
 * (ioctl_tty(2), BOTHER). Its header clashes with <termios.h>, so only the kernel's is used. */
#include "serial.h"

#include <asm/termbits.h>
#include <errno.h>
#include <linux/serial.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int lock(struct ferry_serial *serial, const char *path)
{
    if (flock(serial->fd, LOCK_EX | LOCK_NB) != 0) {
        return ferry_device_fail(serial->error, FERRY_BUSY, "%s: in use by another program", path);
    }
    ioctl(serial->fd, TIOCEXCL); /* an extra: a pty may not know it */
    return FERRY_OK;
}

/* USB converters hold received bytes back up to 16 ms, unless asked not to. */
static void ask_low_latency(int fd)
{
    struct serial_struct settings;
    if (ioctl(fd, TIOCGSERIAL, &settings) == 0) {
        settings.flags = (int)((unsigned)settings.flags | ASYNC_LOW_LATENCY);
        ioctl(fd, TIOCSSERIAL, &settings); /* not every driver can; it is only slower then */
    }
}

/* Raw 8N1, no flow control, no modem lines, the driver never edits a byte. */
static int configure(struct ferry_serial *serial, const char *path, uint32_t baud)
{
    struct termios2 settings;
    if (ioctl(serial->fd, TCGETS2, &settings) != 0) {
        return ferry_device_fail(serial->error, FERRY_ARGUMENT, "%s: not a serial port", path);
    }
    settings.c_iflag = IGNBRK;
    settings.c_oflag = 0;
    settings.c_lflag = 0;
    settings.c_cflag = CS8 | CREAD | CLOCAL | BOTHER | (BOTHER << IBSHIFT);
    settings.c_ispeed = baud;
    settings.c_ospeed = baud;
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 0;
    if (ioctl(serial->fd, TCSETS2, &settings) != 0) {
        return ferry_device_fail(serial->error, FERRY_ARGUMENT, "%s: the driver refuses %u baud",
                                 path, baud);
    }
    ask_low_latency(serial->fd);
    ioctl(serial->fd, TCFLSH, TCIFLUSH);
    return FERRY_OK;
}

int ferry_serial_open(struct ferry_serial *serial, const char *path, uint32_t baud)
{
    serial->error[0] = '\0';
    int status = ferry_device_open(path, &serial->fd, serial->error);
    if (status != FERRY_OK) {
        return status;
    }
    status = lock(serial, path);
    if (status == FERRY_OK) {
        status = configure(serial, path, baud);
    }
    if (status != FERRY_OK) {
        ferry_serial_close(serial);
    }
    return status;
}

bool ferry_serial_even_parity(struct ferry_serial *serial)
{
    struct termios2 settings;
    if (ioctl(serial->fd, TCGETS2, &settings) != 0) {
        return false;
    }
    const tcflag_t before = settings.c_cflag;
    settings.c_cflag |= PARENB;
    settings.c_iflag |= INPCK | IGNPAR;
    /* A driver that cannot takes the flag away and says nothing. */
    if (ioctl(serial->fd, TCSETS2, &settings) == 0 && ioctl(serial->fd, TCGETS2, &settings) == 0 &&
        (settings.c_cflag & PARENB) != 0) {
        return true;
    }
    settings.c_cflag = before;
    settings.c_iflag = IGNBRK;
    ioctl(serial->fd, TCSETS2, &settings);
    return false;
}

void ferry_serial_forget(const struct ferry_serial *serial)
{
    ioctl(serial->fd, TCFLSH, TCIFLUSH);
}

void ferry_serial_close(struct ferry_serial *serial)
{
    if (serial->fd >= 0) {
        ioctl(serial->fd, TIOCNXCL);
        close(serial->fd); /* releases the flock */
        serial->fd = -1;
    }
}

static bool is_passing(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* A pulled USB converter or a closed pty hangs the line up; read(2) then says end of file for ever.
 */
static bool is_hung_up(int fd)
{
    struct pollfd port = {.fd = fd, .events = 0};
    return poll(&port, 1, 0) > 0 && (port.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

int ferry_serial_read(struct ferry_serial *serial, uint8_t *out, size_t max, size_t *got)
{
    *got = 0;
    ssize_t count = read(serial->fd, out, max);
    if (count > 0) {
        *got = (size_t)count;
        return FERRY_OK;
    }
    if (count < 0 && !is_passing(errno)) {
        return ferry_device_fail(serial->error, FERRY_IO, "reading failed: %s", strerror(errno));
    }
    if (is_hung_up(serial->fd)) {
        return ferry_device_fail(serial->error, FERRY_IO, "the port is gone");
    }
    return FERRY_OK;
}

int ferry_serial_write(struct ferry_serial *serial, const uint8_t *data, size_t size, size_t *taken)
{
    *taken = 0;
    ssize_t count = write(serial->fd, data, size);
    if (count < 0 && !is_passing(errno)) {
        return ferry_device_fail(serial->error, FERRY_IO, "writing failed: %s", strerror(errno));
    }
    *taken = count > 0 ? (size_t)count : 0;
    return FERRY_OK;
}

void ferry_serial_discard(const struct ferry_serial *serial)
{
    ioctl(serial->fd, TCFLSH, TCOFLUSH);
}

void ferry_serial_wait(const struct ferry_serial *serial, bool writing, int stop_fd,
                       uint32_t timeout_ms)
{
    struct pollfd files[2] = {
        {.fd = serial->fd, .events = (short)(POLLIN | (writing ? POLLOUT : 0))},
        {.fd = stop_fd, .events = POLLIN}, /* poll(2) passes over negative descriptors */
    };
    poll(files, 2, (int)(timeout_ms < 60000 ? timeout_ms : 60000));
}
