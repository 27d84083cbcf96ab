/* Files of ferry-sim: what it loads, and the flash that it keeps across runs. */
#define _POSIX_C_SOURCE 200809L
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX         (64u * 1024u * 1024u)
#define STATE_MAGIC      "FERRYSIM1"
#define STATE_HEADER     64u
#define STATE_PROTECTION 56u

uint8_t *app_read_file(const char *path, size_t *size)
{
    *size = 0;
    FILE *f = fopen(path, "rb");
    struct stat info;
    if (!f)
        return NULL;
    if (fstat(fileno(f), &info) != 0 || info.st_size < 0 || (uint64_t)info.st_size > FILE_MAX ||
        S_ISDIR(info.st_mode)) {
        errno = errno ? errno : EFBIG;
        fclose(f);
        return NULL;
    }
    uint8_t *data = malloc((size_t)info.st_size + 1u);
    if (data)
        *size = fread(data, 1, (size_t)info.st_size, f);
    fclose(f);
    return data;
}

void app_sha256(const void *data, size_t size, char out[APP_SHA256_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_Digest(data, size, digest, &length, EVP_sha256(), NULL) != 1)
        length = 0;
    for (unsigned i = 0; i < 32; i++)
        snprintf(out + 2u * i, 3, "%02x", i < length ? digest[i] : 0);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Split FILE@ADDRESS. Without an address: the start of flash. */
static bool split(struct app *app, const char *spec, char *path, size_t path_size,
                  uint32_t *address)
{
    const char *at = strrchr(spec, '@');
    size_t length = at ? (size_t)(at - spec) : strlen(spec);
    char *end = NULL;
    *address = ferry_sim_flash_base(app->sim);
    if (length == 0 || length >= path_size)
        return false;
    memcpy(path, spec, length);
    path[length] = 0;
    if (!at)
        return true;
    unsigned long value = strtoul(at + 1, &end, 0);
    *address = (uint32_t)value;
    return end != at + 1 && *end == 0 && value <= UINT32_MAX;
}

bool app_load_flash(struct app *app, const char *spec)
{
    char path[4096], sha[APP_SHA256_TEXT];
    uint32_t address;
    size_t size;
    if (!split(app, spec, path, sizeof path, &address)) {
        fprintf(stderr, "ferry-sim: --flash %s: expected FILE.bin@ADDRESS or FILE.hex\n", spec);
        return false;
    }
    errno = 0;
    uint8_t *data = app_read_file(path, &size);
    if (!data) {
        fprintf(stderr, "ferry-sim: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool hex = ends_with(path, ".hex") || ends_with(path, ".ihex");
    int rc = hex ? ferry_sim_load_hex(app->sim, (const char *)data, size)
                 : ferry_sim_load(app->sim, address, data, size);
    app_sha256(data, size, sha);
    free(data);
    if (rc != FERRY_SIM_OK) {
        fprintf(stderr, "ferry-sim: %s: %s\n", path, ferry_sim_status_text(rc));
        return false;
    }
    if (!app->options.quiet && hex)
        fprintf(app->info, "flash  %s (%zu bytes of Intel HEX)\n       sha256 %s\n", path, size,
                sha);
    else if (!app->options.quiet)
        fprintf(app->info, "flash  %s (%zu bytes at 0x%08x)\n       sha256 %s\n", path, size,
                address, sha);
    return true;
}

bool app_write_file(const char *path, const void *head, size_t head_size, const void *body,
                    size_t body_size)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.tmp%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return false;
    FILE *f = fopen(temporary, "wb");
    if (!f)
        return false;
    bool ok = (head_size == 0 || fwrite(head, 1, head_size, f) == head_size) &&
              fwrite(body, 1, body_size, f) == body_size && fflush(f) == 0 && fsync(fileno(f)) == 0;
    ok = fclose(f) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    if (!ok)
        unlink(temporary);
    return ok;
}

/* State file: 64 bytes (magic, OPTCR, board as text; in the last eight an L4's write protection,
 * XORed so that none is zero), then the flash as it is. */
static void move_protection(struct ferry_sim *sim, char *header, bool save)
{
    uint32_t wrp[2], none = 0xFFu;
    if (save) {
        ferry_sim_write_protection(sim, wrp);
        wrp[0] ^= none;
        wrp[1] ^= none;
        memcpy(header + STATE_PROTECTION, wrp, sizeof wrp);
    } else {
        memcpy(wrp, header + STATE_PROTECTION, sizeof wrp);
        wrp[0] ^= none;
        wrp[1] ^= none;
        ferry_sim_set_write_protection(sim, wrp);
    }
}

static bool parse_state(const char *header, const char *board, uint32_t *optcr)
{
    const size_t magic = sizeof STATE_MAGIC - 1u;
    char *end = NULL;
    if (!memchr(header, 0, STATE_PROTECTION) || strncmp(header, STATE_MAGIC " ", magic + 1u) != 0)
        return false;
    *optcr = (uint32_t)strtoul(header + magic + 1u, &end, 16);
    return end == header + magic + 9u && *end == ' ' && strcmp(end + 1, board) == 0;
}

int app_load_state(struct app *app)
{
    size_t size, flash_size;
    uint32_t optcr;
    errno = 0;
    uint8_t *data = app_read_file(app->options.state, &size);
    if (!data && errno == ENOENT)
        return 0;
    ferry_sim_flash(app->sim, &flash_size);
    if (!data || size != STATE_HEADER + flash_size ||
        !parse_state((const char *)data, app->options.board, &optcr)) {
        fprintf(stderr, "ferry-sim: %s: not the state of a %s\n", app->options.state,
                app->options.board);
        free(data);
        return -1;
    }
    ferry_sim_load(app->sim, ferry_sim_flash_base(app->sim), data + STATE_HEADER, flash_size);
    ferry_sim_set_option_bytes(app->sim, optcr);
    move_protection(app->sim, (char *)data, false);
    free(data);
    return 1;
}

bool app_save_state(const struct app *app)
{
    char header[STATE_HEADER] = {0};
    size_t size;
    const uint8_t *flash = ferry_sim_flash(app->sim, &size);
    snprintf(header, sizeof header, STATE_MAGIC " %08x %.36s", ferry_sim_option_bytes(app->sim),
             app->options.board);
    move_protection(app->sim, header, true);
    return app_write_file(app->options.state, header, sizeof header, flash, size);
}
