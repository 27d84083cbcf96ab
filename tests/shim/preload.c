/* The calls that are taken from libc, and which descriptors are ours. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { FILES_MAX = 1024, DEFAULT_SPI_HZ = 500000, DEFAULT_I2C_TIMEOUT_MS = 1000 };

#define SYSFS_CHIP "/sys/bus/gpio/devices/gpiochip"
#define SYSFS_CHAR "/sys/dev/char/254:"

static struct shim_file files[FILES_MAX]; /* by descriptor */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Fortified callers, by glibc's names. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
char *__realpath_chk(const char *path, char *out, size_t size);

/* The function that stands behind ours. dlsym gives an object pointer where C wants a function. */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static enum shim_kind kind_of(const char *path)
{
    if (path == NULL || getenv("FERRY_BUS_SOCKET") == NULL) {
        return SHIM_NONE;
    }
    return starts_with(path, "/dev/spidev")     ? SHIM_SPI
           : starts_with(path, "/dev/i2c-")     ? SHIM_I2C
           : starts_with(path, "/dev/gpiochip") ? SHIM_CHIP
                                                : SHIM_NONE;
}

/* A copy; kind NONE where the descriptor is not ours. */
static struct shim_file file_of(int fd)
{
    struct shim_file file = {.kind = SHIM_NONE};
    if (fd >= 0 && fd < FILES_MAX) {
        pthread_mutex_lock(&lock);
        file = files[fd];
        pthread_mutex_unlock(&lock);
    }
    return file;
}

static int keep(int fd, const struct shim_file *file)
{
    if (fd >= FILES_MAX) {
        close(fd);
        errno = EMFILE;
        return -1;
    }
    if (fd >= 0) {
        pthread_mutex_lock(&lock);
        files[fd] = *file;
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

/* A descriptor that stands for something, without content. */
static int placeholder(void)
{
    return memfd_create("ferry-shim", MFD_CLOEXEC);
}

/* Line `offset` is byte `offset` of the file, under a write lock that ends with the descriptor. */
static bool lock_lines(int fd, const struct shim_file *file)
{
    for (uint32_t i = 0; i < file->count; i++) {
        struct flock line = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = file->offsets[i], .l_len = 1};
        if (fcntl(fd, F_OFD_SETLK, &line) != 0) {
            return false;
        }
    }
    return true;
}

int shim_add_lines(const struct shim_file *file)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.lines", getenv("FERRY_BUS_SOCKET"));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && !lock_lines(fd, file)) {
        close(fd);
        errno = EBUSY;
        return -1;
    }
    return keep(fd, file);
}

static int open_device(enum shim_kind kind)
{
    struct shim_file file = {
        .kind = kind, .speed_hz = DEFAULT_SPI_HZ, .timeout_ms = DEFAULT_I2C_TIMEOUT_MS};
    return keep(kind == SHIM_CHIP ? placeholder() : shim_connect(), &file);
}

/* Where libgpiod compares the numbers of a chip's device file. */
static bool is_chip_dev(const char *path)
{
    size_t length = path != NULL ? strlen(path) : 0;
    return getenv("FERRY_BUS_SOCKET") != NULL && length > 4 && starts_with(path, SYSFS_CHIP) &&
           strcmp(path + length - 4, "/dev") == 0;
}

static int open_chip_dev(void)
{
    int fd = placeholder();
    if (fd >= 0) {
        dprintf(fd, "%d:0\n", SHIM_GPIO_MAJOR);
        lseek(fd, 0, SEEK_SET);
    }
    return fd;
}

/* --- open ------------------------------------------------------------------------------------- */

static int open_any(const char *name, const char *path, int flags, mode_t mode)
{
    int (*next)(const char *, int, ...);
    enum shim_kind kind = kind_of(path);
    if (kind != SHIM_NONE) {
        return open_device(kind);
    }
    if (is_chip_dev(path)) {
        return open_chip_dev();
    }
    find(name, &next);
    return next(path, flags, mode);
}

static bool has_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/* The argument behind `last`, where the call has one. */
#define MODE_ARGUMENT(mode, flags, last)                                                           \
    do {                                                                                           \
        if (has_mode(flags)) {                                                                     \
            va_list arguments;                                                                     \
            va_start(arguments, last);                                                             \
            (mode) = va_arg(arguments, mode_t);                                                    \
            va_end(arguments);                                                                     \
        }                                                                                          \
    } while (0)

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    MODE_ARGUMENT(mode, flags, flags);
    return open_any("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    MODE_ARGUMENT(mode, flags, flags);
    return open_any("open64", path, flags, mode);
}

int __open_2(const char *path, int flags)
{
    return open_any("open", path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
    return open_any("open64", path, flags, 0);
}

int openat(int folder, const char *path, int flags, ...)
{
    int (*next)(int, const char *, int, ...);
    mode_t mode = 0;
    MODE_ARGUMENT(mode, flags, flags);
    if (kind_of(path) != SHIM_NONE || is_chip_dev(path)) {
        return open_any("open", path, flags, mode);
    }
    find("openat", &next);
    return next(folder, path, flags, mode);
}

int close(int fd)
{
    int (*next)(int);
    if (fd >= 0 && fd < FILES_MAX) {
        pthread_mutex_lock(&lock);
        files[fd].kind = SHIM_NONE;
        pthread_mutex_unlock(&lock);
    }
    find("close", &next);
    return next(fd);
}

/* --- use -------------------------------------------------------------------------------------- */

int ioctl(int fd, unsigned long given, ...)
{
    unsigned long request = (uint32_t)given; /* as the kernel; libgpiod 2 extends the sign */
    int (*next)(int, unsigned long, ...);
    va_list arguments;
    va_start(arguments, given);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    struct shim_file file = file_of(fd);
    int result;
    switch (file.kind) {
    case SHIM_SPI:
        result = shim_spi_ioctl(fd, &file, request, argument);
        break;
    case SHIM_I2C:
        result = shim_i2c_ioctl(fd, &file, request, argument);
        break;
    case SHIM_CHIP:
        return shim_chip_ioctl(request, argument);
    case SHIM_LINES:
        return shim_lines_ioctl(&file, request, argument);
    default:
        find("ioctl", &next);
        return next(fd, given, argument);
    }
    int error = errno;
    keep(fd, &file); /* what the request has set */
    errno = error;
    return result;
}

ssize_t read(int fd, void *out, size_t size)
{
    ssize_t (*next)(int, void *, size_t);
    struct shim_file file = file_of(fd);
    if (file.kind == SHIM_I2C) {
        return shim_i2c_transfer(fd, &file, true, out, size);
    }
    find("read", &next);
    return next(fd, out, size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    ssize_t (*next)(int, const void *, size_t);
    struct shim_file file = file_of(fd);
    if (file.kind == SHIM_I2C) {
        void *unchanged;
        memcpy(&unchanged, &bytes, sizeof unchanged); /* struct i2c_msg knows no const */
        return shim_i2c_transfer(fd, &file, false, unchanged, size);
    }
    find("write", &next);
    return next(fd, bytes, size);
}

/* --- what a device file looks like ------------------------------------------------------------ */

static int describe(enum shim_kind kind, struct stat *out)
{
    static const unsigned majors[] = {[SHIM_SPI] = 153, [SHIM_I2C] = 89, [SHIM_CHIP] = 254};
    memset(out, 0, sizeof *out);
    out->st_mode = S_IFCHR | 0660;
    out->st_rdev = makedev(majors[kind], 0);
    return 0;
}

static bool is_device(enum shim_kind kind)
{
    return kind == SHIM_SPI || kind == SHIM_I2C || kind == SHIM_CHIP;
}

int stat(const char *restrict path, struct stat *restrict out)
{
    int (*next)(const char *, struct stat *);
    if (is_device(kind_of(path))) {
        return describe(kind_of(path), out);
    }
    find("stat", &next);
    return next(path, out);
}

int lstat(const char *restrict path, struct stat *restrict out)
{
    int (*next)(const char *, struct stat *);
    if (is_device(kind_of(path))) {
        return describe(kind_of(path), out);
    }
    find("lstat", &next);
    return next(path, out);
}

int fstat(int fd, struct stat *out)
{
    int (*next)(int, struct stat *);
    enum shim_kind kind = file_of(fd).kind;
    if (is_device(kind)) {
        return describe(kind, out);
    }
    find("fstat", &next);
    return next(fd, out);
}

int access(const char *path, int mode)
{
    int (*next)(const char *, int);
    if (is_device(kind_of(path)) || is_chip_dev(path)) {
        return 0;
    }
    find("access", &next);
    return next(path, mode);
}

/* libgpiod 2 asks which subsystem a device number belongs to. */
char *realpath(const char *restrict path, char *restrict out)
{
    char *(*next)(const char *, char *);
    if (getenv("FERRY_BUS_SOCKET") != NULL && path != NULL && starts_with(path, SYSFS_CHAR)) {
        return out != NULL ? strcpy(out, "/sys/bus/gpio") : strdup("/sys/bus/gpio");
    }
    if (is_device(kind_of(path))) {
        return out != NULL ? strcpy(out, path) : strdup(path);
    }
    find("realpath", &next);
    return next(path, out);
}

char *__realpath_chk(const char *path, char *out, size_t size)
{
    (void)size;
    return realpath(path, out);
}
