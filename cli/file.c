#include "file.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads up to `max` bytes; a pipe gives them piece by piece. Returns the count, or -1. */
static ssize_t read_all(int fd, uint8_t *bytes, size_t max)
{
    size_t done = 0;
    while (done < max) {
        ssize_t count = read(fd, bytes + done, max - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        done += (size_t)count;
    }
    return (ssize_t)done;
}

bool file_read(const char *path, struct file_bytes *file)
{
    const size_t limit = (size_t)FILE_MAX_BYTES + 1; /* one more, to see what is too long */
    *file = (struct file_bytes){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_fail("cannot open %s: %s", path, strerror(errno));
        return false;
    }
    uint8_t *bytes = malloc(limit);
    ssize_t size = bytes != NULL ? read_all(fd, bytes, limit) : -1;
    int error = errno;
    close(fd);
    if (size < 0) {
        cli_fail("cannot read %s: %s", path, strerror(error));
    } else if (size > FILE_MAX_BYTES) {
        cli_fail("%s is larger than %d MB: that is no firmware", path, FILE_MAX_BYTES >> 20);
    } else {
        *file = (struct file_bytes){bytes, (uint32_t)size};
        return true;
    }
    free(bytes);
    return false;
}

void file_free(struct file_bytes *file)
{
    free(file->bytes);
    file->bytes = NULL;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    return fsync(fd) == 0;
}

/* mkstemp() makes 0600; the wanted mode is what open() would have given. */
static bool set_mode(int fd, mode_t mode)
{
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(fd, mode & ~mask) == 0;
}

/* link() refuses an existing name, rename() replaces it. */
static bool publish(const char *from, const char *to, bool overwrite)
{
    if (overwrite) {
        return rename(from, to) == 0;
    }
    if (link(from, to) != 0) {
        return false;
    }
    unlink(from);
    return true;
}

bool file_write(const char *path, const void *bytes, size_t size, mode_t mode, bool overwrite)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        cli_fail("out of memory");
        return false;
    }
    int fd = mkstemp(temporary);
    bool ok = fd >= 0 && write_all(fd, bytes, size) && set_mode(fd, mode);
    ok = ok && publish(temporary, path, overwrite);
    if (!ok) {
        cli_fail("cannot write %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    if (fd >= 0 && !ok) {
        unlink(temporary);
    }
    free(temporary);
    return ok;
}

static int read_bytes(void *ctx, uint32_t offset, void *out, size_t size)
{
    const struct file_bytes *file = ctx;
    if (offset > file->size || size > file->size - offset) {
        return FERRY_IO;
    }
    memcpy(out, file->bytes + offset, size);
    return FERRY_OK;
}

struct ferry_image_source file_image_source(struct file_bytes *file)
{
    return (struct ferry_image_source){.ctx = file, .read = read_bytes, .size = file->size};
}

int file_check_image(struct file_bytes *file, struct ferry_image *image)
{
    uint8_t buffer[4096];
    _Static_assert(sizeof buffer >= FERRY_IMAGE_TLV_MAX, "also holds the TLV areas");
    struct ferry_image_hasher hasher;
    const struct ferry_image_source source = file_image_source(file);
    int status = ferry_image_read(&source, buffer, image);
    if (status != FERRY_OK) {
        return status;
    }
    if (image->total_size != file->size) {
        return FERRY_IMAGE_SIZE;
    }
    ferry_image_hash_begin(&hasher, image);
    return ferry_image_hash_step(&hasher, image, &source, UINT32_MAX, buffer, sizeof buffer);
}
