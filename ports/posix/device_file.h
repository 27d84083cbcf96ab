/*
 * device_file.h - opening a device file (serial port, spidev, i2c-dev), and saying for people why
 * that failed.
 */
#ifndef FERRY_POSIX_DEVICE_FILE_H
#define FERRY_POSIX_DEVICE_FILE_H

#include "ferry/base.h"

enum { FERRY_DEVICE_ERROR_SIZE = 256 };

/* Writes a sentence into `error` (FERRY_DEVICE_ERROR_SIZE bytes) and returns `status`. */
__attribute__((format(printf, 3, 4))) int ferry_device_fail(char *error, int status,
                                                            const char *format, ...);

/*
 * Opens `path` for reading and writing, never as the controlling terminal, closed on exec.
 *   fd: the descriptor, -1 after a failure; the caller closes it.
 *   error: a sentence after a failure, else untouched.
 * Returns OK; ARGUMENT (no such file), BUSY (in use), IO (permission denied: the sentence names the
 * group to join and the command for it; and the rest).
 */
int ferry_device_open(const char *path, int *fd, char *error);

#endif
