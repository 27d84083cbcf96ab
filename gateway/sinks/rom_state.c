#include "rom_state.h"

#include "version_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_SIZE = 512 };

__attribute__((format(printf, 2, 3))) static int fail(struct rom_state *state, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(state->error, sizeof state->error, format, arguments);
    va_end(arguments);
    return FERRY_IO;
}

bool rom_state_init(struct rom_state *state, const char *directory, const char *node)
{
    memset(state, 0, sizeof *state);
    int length = snprintf(state->path, sizeof state->path, "%s/%s.rom", directory, node);
    snprintf(state->directory, sizeof state->directory, "%s", directory);
    return length > 0 && (size_t)length < sizeof state->path - 8; /* room for ".new" */
}

const char *rom_state_check(const char *directory)
{
    struct stat file;
    if (stat(directory, &file) != 0) {
        return strerror(errno);
    }
    if (!S_ISDIR(file.st_mode)) {
        return "this is no directory";
    }
    return access(directory, W_OK | X_OK) == 0 ? NULL : strerror(errno);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool parse_hash(const char *text, uint8_t hash[FERRY_HASH_SIZE])
{
    if (strspn(text, "0123456789abcdef") != 2 * FERRY_HASH_SIZE || text[2 * FERRY_HASH_SIZE] != 0) {
        return false;
    }
    for (size_t i = 0; i < FERRY_HASH_SIZE; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        hash[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static bool parse_u32(const char *text, uint32_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    unsigned long long value = strtoull(text, &end, 10);
    *number = (uint32_t)value;
    return *end == '\0' && value <= UINT32_MAX;
}

/* All five lines, in this order, and nothing else: only we write it. */
static bool parse(char *text, struct gateway_rom_memory *memory)
{
    static const char *const names[] = {"counter ", "image_counter ", "version ", "hash ",
                                        "state "};
    const char *values[5];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t length = strlen(names[i]);
        char *end = strchr(text, '\n');
        if (end == NULL || strncmp(text, names[i], length) != 0) {
            return false;
        }
        *end = '\0';
        values[i] = text + length;
        text = end + 1;
    }
    memory->unconfirmed = strcmp(values[4], "unconfirmed") == 0;
    return *text == '\0' && parse_u32(values[0], &memory->counter) &&
           parse_u32(values[1], &memory->image_counter) &&
           ferry_version_parse(values[2], &memory->version) &&
           parse_hash(values[3], memory->hash) &&
           (memory->unconfirmed || strcmp(values[4], "confirmed") == 0);
}

static int load(void *ctx, struct gateway_rom_memory *memory)
{
    struct rom_state *state = ctx;
    char text[TEXT_SIZE + 1];
    memset(memory, 0, sizeof *memory);
    FILE *file = fopen(state->path, "re");
    if (file == NULL) {
        return errno == ENOENT ? FERRY_OK : fail(state, "%s: %s", state->path, strerror(errno));
    }
    const size_t size = fread(text, 1, sizeof text - 1, file);
    const bool read = ferror(file) == 0;
    fclose(file);
    text[size] = '\0';
    if (!read) {
        return fail(state, "%s: cannot be read", state->path);
    }
    if (memchr(text, '\0', size) != NULL || !parse(text, memory)) {
        return fail(state,
                    "%s is damaged: which images are too old is not known any more; mend it, or "
                    "delete it to accept any",
                    state->path);
    }
    return FERRY_OK;
}

/* --- writing -------------------------------------------------------------------------------- */

static int print(const struct gateway_rom_memory *memory, char text[TEXT_SIZE])
{
    char version[FERRY_VERSION_TEXT_SIZE];
    char hash[2 * FERRY_HASH_SIZE + 1];
    ferry_version_print(&memory->version, version);
    for (size_t i = 0; i < FERRY_HASH_SIZE; i++) {
        snprintf(hash + 2 * i, 3, "%02x", memory->hash[i]);
    }
    return snprintf(text, TEXT_SIZE,
                    "counter %" PRIu32 "\nimage_counter %" PRIu32 "\nversion %s\nhash %s\n"
                    "state %s\n",
                    memory->counter, memory->image_counter, version, hash,
                    memory->unconfirmed ? "unconfirmed" : "confirmed");
}

static bool write_synced(const char *path, const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return false;
    }
    bool ok = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    const int error = errno;
    ok = close(fd) == 0 && ok;
    errno = error;
    return ok;
}

/* The new name survives a power cut only then. */
static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

static int save(void *ctx, const struct gateway_rom_memory *memory)
{
    struct rom_state *state = ctx;
    char text[TEXT_SIZE];
    char temporary[ROM_STATE_PATH_SIZE + 8];
    const int size = print(memory, text);
    snprintf(temporary, sizeof temporary, "%s.new", state->path);
    if (!write_synced(temporary, text, (size_t)size) || rename(temporary, state->path) != 0 ||
        !sync_directory(state->directory)) {
        const int error = errno;
        unlink(temporary);
        return fail(state, "%s: %s", state->path, strerror(error));
    }
    return FERRY_OK;
}

static const char *error(void *ctx)
{
    const struct rom_state *state = ctx;
    return state->error;
}

struct gateway_rom_store rom_state_store(struct rom_state *state)
{
    return (struct gateway_rom_store){.ctx = state, .load = load, .save = save, .error = error};
}
