#include "image_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pubkey_pem.h"

bool image_keys_add(struct image_keys *keys, const char *path, const char **reason)
{
    if (keys->count == IMAGE_CHECK_KEYS_MAX) {
        *reason = "too many public keys";
        return false;
    }
    int status = ferry_pubkey_load_pem(path, &keys->list[keys->count]);
    if (status == FERRY_OK) {
        keys->count++;
    } else {
        *reason = status == FERRY_IO ? strerror(errno) : "no PEM public key on the curve P-256";
    }
    return status == FERRY_OK;
}

static int read_file(void *ctx, uint32_t offset, void *out, size_t size)
{
    const int *fd = ctx;
    uint8_t *bytes = out;
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(*fd, bytes + done, size - done, (off_t)offset + (off_t)done);
        if (count <= 0) {
            return FERRY_IO;
        }
        done += (size_t)count;
    }
    return FERRY_OK;
}

static void set_facts(const struct ferry_image *image, struct image_facts *facts)
{
    memcpy(facts->board, image->board, image->board_size);
    facts->board[image->board_size] = '\0';
    facts->slot[0] = image->slot == FERRY_SLOT_B ? 'b' : 'a';
    facts->slot[1] = '\0';
    ferry_version_print(&image->header.version, facts->version);
    facts->security_counter = image->security_counter;
}

int image_check(int fd, uint64_t size, const struct image_keys *keys, struct image_facts *facts)
{
    enum { BUFFER_SIZE = 16384 };
    uint8_t buffer[BUFFER_SIZE];
    struct ferry_image image;
    if (size > UINT32_MAX) {
        return FERRY_IMAGE_TOO_BIG;
    }
    const struct ferry_image_source source = {
        .ctx = &fd, .read = read_file, .size = (uint32_t)size};
    const struct ferry_keys list = {keys->list, keys->count};

    /* First the image by itself: it names the board against which its place is then judged. */
    int status = ferry_image_read(&source, buffer, &image);
    if (status != FERRY_OK) {
        return status;
    }
    char board_name[FERRY_BOARD_NAME_MAX + 1];
    memcpy(board_name, image.board, image.board_size);
    board_name[image.board_size] = '\0';
    const struct ferry_board *board = ferry_board_find(board_name);
    if (board == NULL) {
        return FERRY_IMAGE_BOARD;
    }
    status = ferry_image_verify(&source, board, &list, 0, &image, buffer, sizeof buffer);
    if (status != FERRY_OK) {
        return status;
    }
    if (image.total_size != size) {
        return FERRY_IMAGE_SIZE;
    }
    set_facts(&image, facts);
    return FERRY_OK;
}
