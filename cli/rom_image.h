/*
 * rom_image.h - what `ferry rom write` puts into a chip: a raw binary, or the payload of a Ferry
 * image. ST's ROM checks nothing, so all that can be known is checked here, before an erase.
 */
#ifndef FERRY_CLI_ROM_IMAGE_H
#define FERRY_CLI_ROM_IMAGE_H

#include "file.h"

#include "ferry/rom.h"

struct rom_image {
    const char *path; /* borrowed */
    struct file_bytes file;
    const uint8_t *bytes; /* into the file */
    uint32_t size;        /* of them */
    uint32_t address;     /* absolute, where they go */
    bool is_ferry;        /* a Ferry image, see `claims` */
    struct ferry_image claims;
};

/*
 * Reads a file. One that begins as a Ferry image must be whole, and says itself where it goes.
 *   address: for a raw binary.
 *   address_given: an error for a Ferry image that says another one.
 * Returns true, or false after a message. Release it in both cases.
 */
bool rom_image_load(struct rom_image *image, const char *path, uint32_t address,
                    bool address_given);
void rom_image_free(struct rom_image *image);

/*
 * Is it for this chip: board name of a Ferry image, place and size, stack pointer and reset vector
 * of what stands at the start of flash.
 *   flash_size: of this very chip, bytes.
 *   force: vectors may be anything: it is data.
 * Returns true, or false after a message.
 */
bool rom_image_fits(const struct rom_image *image, const struct ferry_rom_chip *chip,
                    uint32_t flash_size, bool force);

#endif
