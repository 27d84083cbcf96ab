#include "artifacts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { HASH_SHA256, HASH_SHA1, HASH_MD5, HASH_COUNT };

struct upload {
    int fd;
    bool too_large;
    uint64_t size;
    uint64_t max_bytes;
    EVP_MD_CTX *contexts[HASH_COUNT];
    char sha256[SHA256_TEXT_SIZE];
    char folder[ARTIFACTS_PATH_SIZE]; /* artifacts/ */
    char path[ARTIFACTS_PATH_SIZE];   /* of the temp file; empty once committed */
};

static bool join(char out[ARTIFACTS_PATH_SIZE], const char *folder, const char *name)
{
    int length = snprintf(out, ARTIFACTS_PATH_SIZE, "%s/%s", folder, name);
    return length > 0 && length < ARTIFACTS_PATH_SIZE;
}

static bool make_folder(const char *data, const char *name, char path[ARTIFACTS_PATH_SIZE])
{
    return join(path, data, name) && (mkdir(path, 0700) == 0 || errno == EEXIST);
}

static void remove_files(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

bool artifacts_open_folder(const char *data)
{
    char path[ARTIFACTS_PATH_SIZE];
    if (!make_folder(data, "artifacts", path) || !make_folder(data, "tmp", path)) {
        return false;
    }
    remove_files(path);
    return true;
}

static bool begin_hashes(struct upload *upload)
{
    const EVP_MD *const kinds[HASH_COUNT] = {EVP_sha256(), EVP_sha1(), EVP_md5()};
    for (int i = 0; i < HASH_COUNT; i++) {
        upload->contexts[i] = EVP_MD_CTX_new();
        if (upload->contexts[i] == NULL ||
            EVP_DigestInit_ex(upload->contexts[i], kinds[i], NULL) != 1) {
            return false;
        }
    }
    return true;
}

struct upload *upload_begin(const char *data, uint64_t max_bytes)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL) {
        return NULL;
    }
    upload->fd = -1;
    upload->max_bytes = max_bytes;
    if (!join(upload->folder, data, "artifacts") ||
        !join(upload->path, data, "tmp/upload-XXXXXX")) {
        goto fail;
    }
    upload->fd = mkostemp(upload->path, O_CLOEXEC);
    if (upload->fd < 0 || !begin_hashes(upload)) {
        goto fail;
    }
    return upload;

fail:
    upload_close(upload);
    return NULL;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        bytes += count;
        size -= (size_t)count;
    }
    return true;
}

bool upload_feed(struct upload *upload, const void *bytes, size_t size)
{
    if (upload->too_large || size > upload->max_bytes - upload->size) { /* size <= max always */
        upload->too_large = true;
        return true;
    }
    for (int i = 0; i < HASH_COUNT; i++) {
        if (EVP_DigestUpdate(upload->contexts[i], bytes, size) != 1) {
            return false;
        }
    }
    upload->size += size;
    return write_all(upload->fd, bytes, size);
}

bool upload_too_large(const struct upload *upload)
{
    return upload->too_large;
}

uint64_t upload_size(const struct upload *upload)
{
    return upload->size;
}

int upload_file(const struct upload *upload)
{
    return upload->fd;
}

static bool finish_hash(EVP_MD_CTX *context, char *text)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;
    if (EVP_DigestFinal_ex(context, digest, &size) != 1) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        sprintf(text + (size_t)2 * i, "%02x", digest[i]);
    }
    return true;
}

bool upload_finish(struct upload *upload, struct artifact_hashes *hashes)
{
    if (!finish_hash(upload->contexts[HASH_SHA256], hashes->sha256) ||
        !finish_hash(upload->contexts[HASH_SHA1], hashes->sha1) ||
        !finish_hash(upload->contexts[HASH_MD5], hashes->md5)) {
        return false;
    }
    memcpy(upload->sha256, hashes->sha256, sizeof upload->sha256);
    return true;
}

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

bool upload_commit(struct upload *upload)
{
    char final[ARTIFACTS_PATH_SIZE];
    if (!join(final, upload->folder, upload->sha256) || fsync(upload->fd) != 0) {
        return false;
    }
    if (rename(upload->path, final) != 0) {
        return false;
    }
    upload->path[0] = '\0';
    return sync_folder(upload->folder);
}

void upload_close(struct upload *upload)
{
    if (upload == NULL) {
        return;
    }
    for (int i = 0; i < HASH_COUNT; i++) {
        EVP_MD_CTX_free(upload->contexts[i]);
    }
    if (upload->fd >= 0) {
        close(upload->fd);
        if (upload->path[0] != '\0') {
            unlink(upload->path);
        }
    }
    free(upload);
}

bool artifacts_is_sha256(const char *text)
{
    return strlen(text) == SHA256_TEXT_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == SHA256_TEXT_SIZE - 1;
}

int artifacts_open(const char *data, const char *sha256)
{
    char folder[ARTIFACTS_PATH_SIZE];
    char path[ARTIFACTS_PATH_SIZE];
    if (!artifacts_is_sha256(sha256) || !join(folder, data, "artifacts") ||
        !join(path, folder, sha256)) {
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC);
}
