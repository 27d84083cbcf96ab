/* In a file of its own: the smallest bootloader links another one and leaves all to CLOSE. */
#include "install_early.h"

/* Hash and CRC of what is in flash, from its start. */
void ferry_install_hash_restart(struct ferry_install *install)
{
    ferry_image_hash_begin(&install->hasher, &install->image);
    install->crc32 = 0;
}

void ferry_install_hash_close(struct ferry_install *install, uint32_t crc_from)
{
    if (install->repeated) {
        ferry_install_hash_restart(install);
    }
    install->crc32_at = install->hasher.offset;
    if (crc_from != 0) {
        install->crc32 = 0;
        install->crc32_at = crc_from;
    }
}

void ferry_install_hash_early(struct ferry_install *install, uint32_t size)
{
    const struct ferry_node *node = install->node;
    uint32_t end = install->next + size;
    uint8_t buffer[FERRY_SLICE_SIZE];

    /* The last slice is CLOSE's: it gives the verdict. */
    if (install->hasher.offset != install->next || end >= install->hasher.end) {
        return;
    }
    struct ferry_image_source source =
        ferry_image_from_slot(node->flash, node->board, install->image.slot);
    (void)ferry_image_hash_step(&install->hasher, &install->image, &source, size, buffer,
                                sizeof(buffer)); /* MORE, or a failed read: again at CLOSE */
    if (install->hasher.offset == end) {
        install->crc32 = ferry_crc32(install->crc32, buffer, size);
    }
}
