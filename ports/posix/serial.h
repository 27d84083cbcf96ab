/*
 * serial.h - a serial port (or pty) of a POSIX system: raw 8N1 (8E1 where asked for) at any baud
 * rate, locked, never blocking but in ferry_serial_wait.
 *
 * The port is locked twice, since programs look for different locks: flock (other Ferry programs)
 * and TIOCEXCL (everyone who is not root). One thread at a time may use an object.
 */
#ifndef FERRY_POSIX_SERIAL_H
#define FERRY_POSIX_SERIAL_H

#include "device_file.h"

struct ferry_serial {
    int fd;                              /* -1 when closed */
    char error[FERRY_DEVICE_ERROR_SIZE]; /* why the last call failed: a sentence for people */
};

/* A closed port; so that ferry_serial_close may always be called. */
#define FERRY_SERIAL_CLOSED                                                                        \
    {                                                                                              \
        .fd = -1, .error = ""                                                                      \
    }

/*
 * Opens, locks and configures `path`. Waiting input is dropped.
 *   baud: bits a second, > 0; the driver decides which rates it can do. A pty takes any.
 * Returns OK; BUSY (another program holds the port), ARGUMENT (no such port, not a serial port, or
 * a baud rate that the driver refuses), IO (permission denied and the rest). `error` says it for
 * people; for a denied permission it names the group to join and the command for it.
 */
int ferry_serial_open(struct ferry_serial *serial, const char *path, uint32_t baud);

void ferry_serial_close(struct ferry_serial *serial);

/*
 * Changes an open port to 8E1; received bytes of the wrong parity are dropped.
 * Returns false where the driver cannot (a pty): the port then is 8N1 as before.
 */
bool ferry_serial_even_parity(struct ferry_serial *serial);

/* Drops bytes that were received and not read. */
void ferry_serial_forget(const struct ferry_serial *serial);

enum ferry_serial_pin { FERRY_SERIAL_DTR, FERRY_SERIAL_RTS };

/*
 * Sets a modem line of an open port (serial_pin.c).
 *   high: level at the adapter's pin. Its name is DTR# or RTS#: high when not asserted.
 * Returns OK, or IO where the port has no such line (a pty) or is gone.
 */
int ferry_serial_set_pin(struct ferry_serial *serial, enum ferry_serial_pin pin, bool high);

/*
 * Takes at most `max` received bytes.
 *   got: number of bytes, 0 if none wait.
 * Returns OK, or IO when the port is gone (cable pulled): close it and open it again later.
 */
int ferry_serial_read(struct ferry_serial *serial, uint8_t *out, size_t max, size_t *got);

/* Queues at most `size` bytes; `taken` says how many, 0 if the queue is full. Returns as _read. */
int ferry_serial_write(struct ferry_serial *serial, const uint8_t *data, size_t size,
                       size_t *taken);

/* Drops queued bytes that are not on the wire yet. */
void ferry_serial_discard(const struct ferry_serial *serial);

/*
 * Sleeps until bytes can be read (or written, if `writing`), `stop_fd` (-1: none) becomes readable,
 * or `timeout_ms` is over. Returns at once on a port that is gone; the next read tells.
 */
void ferry_serial_wait(const struct ferry_serial *serial, bool writing, int stop_fd,
                       uint32_t timeout_ms);

#endif
