#include "rom_image.h"

#include "cli.h"
#include "rom_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_MIN = 8 /* stack pointer and reset vector */ };

/* --- loading ------------------------------------------------------------------------------ */

static bool load_ferry(struct rom_image *image, uint32_t address, bool address_given)
{
    int status = file_check_image(&image->file, &image->claims);
    if (status != FERRY_OK) {
        cli_fail("%s: %s; copy or sign the file again (%s)", image->path, ferry_status_text(status),
                 ferry_status_name(status));
        return false;
    }
    const struct ferry_image_header *header = &image->claims.header;
    if (address_given && address != header->load_address) {
        cli_fail("%s: the image is linked for 0x%08" PRIX32 ", not for 0x%08" PRIX32
                 "; leave --address out",
                 image->path, header->load_address, address);
        return false;
    }
    image->is_ferry = true;
    image->bytes = image->file.bytes + header->header_size; /* in the file: it was hashed */
    image->size = header->payload_size;
    image->address = header->load_address;
    return true;
}

bool rom_image_load(struct rom_image *image, const char *path, uint32_t address, bool address_given)
{
    memset(image, 0, sizeof *image);
    image->path = path;
    if (!file_read(path, &image->file)) {
        return false;
    }
    if (image->file.size >= 4 && ferry_get_u32(image->file.bytes) == FERRY_IMAGE_MAGIC_WORD) {
        return load_ferry(image, address, address_given);
    }
    image->bytes = image->file.bytes;
    image->size = image->file.size;
    image->address = address;
    if (image->size >= 1 && image->bytes[0] == ':') {
        cli_fail("%s: this looks like Intel HEX; make a binary of it: arm-none-eabi-objcopy -I "
                 "ihex -O binary",
                 path);
        return false;
    }
    if (image->size >= 4 && memcmp(image->bytes, "\177ELF", 4) == 0) {
        cli_fail("%s: this is an ELF file; make a binary of it: arm-none-eabi-objcopy -O binary",
                 path);
        return false;
    }
    if (image->size < SIZE_MIN) {
        cli_fail("%s: %" PRIu32 " bytes are no program", path, image->size);
        return false;
    }
    return true;
}

void rom_image_free(struct rom_image *image)
{
    file_free(&image->file);
}

/* --- for this chip? ----------------------------------------------------------------------- */

static bool check_board(const struct rom_image *image, const struct ferry_rom_chip *chip)
{
    char name[FERRY_BOARD_NAME_MAX + 1] = {0};
    memcpy(name, image->claims.board, image->claims.board_size);
    if (!rom_fit_board(chip, name)) {
        cli_fail("%s: the image is for %s, this chip is an STM32%s; send the image of this board "
                 "(%s)",
                 image->path, name, chip->name, ferry_status_name(FERRY_IMAGE_BOARD));
        return false;
    }
    const struct ferry_board *board = ferry_board_find(name);
    if (board != NULL && board->bootloader.size > 0) {
        cli_fail("%s: the image is for a slot of %s, which Ferry's own bootloader starts; install "
                 "that with the factory image of `ferry provision`, then use `ferry send` (%s)",
                 image->path, name, ferry_status_name(FERRY_IMAGE_SLOT));
        return false;
    }
    return true;
}

static bool check_place(const struct rom_image *image, const struct ferry_rom_chip *chip,
                        uint32_t flash_size)
{
    struct ferry_rom_page page;
    const uint32_t offset = image->address - FERRY_ROM_FLASH_BASE;
    if (!rom_fit_place(flash_size, image->address, image->size)) {
        cli_fail("%s: %" PRIu32 " bytes at 0x%08" PRIX32 " do not fit this chip's %" PRIu32
                 " KB of flash (%s)",
                 image->path, image->size, image->address, flash_size / 1024,
                 ferry_status_name(FERRY_ROM_RANGE));
        return false;
    }
    if (!ferry_rom_page_at(chip, offset, &page) || page.start != offset) {
        cli_fail("%s: 0x%08" PRIX32 " is not the start of a page of this chip; the one before "
                 "starts at 0x%08" PRIX32 " and has %" PRIu32 " KB (%s)",
                 image->path, image->address, FERRY_ROM_FLASH_BASE + page.start, page.size / 1024,
                 ferry_status_name(FERRY_ROM_RANGE));
        return false;
    }
    return true;
}

static bool check_vectors(const struct rom_image *image, const struct ferry_rom_chip *chip)
{
    const uint32_t stack = ferry_get_u32(image->bytes);
    const uint32_t reset = ferry_get_u32(image->bytes + 4);
    const bool starts = (reset & 1U) != 0 && reset - 1U - image->address < image->size;
    if (rom_fit_stack(chip, stack) && starts) {
        return true;
    }
    cli_fail("%s: no program for this chip: the stack is at 0x%08" PRIX32
             " and the start at 0x%08" PRIX32 "; check chip and linker script, or write it as data "
             "with --force (%s)",
             image->path, stack, reset, ferry_status_name(FERRY_IMAGE_VECTORS));
    return false;
}

bool rom_image_fits(const struct rom_image *image, const struct ferry_rom_chip *chip,
                    uint32_t flash_size, bool force)
{
    if (image->is_ferry && !check_board(image, chip)) {
        return false;
    }
    if (!check_place(image, chip, flash_size)) {
        return false;
    }
    /* A raw binary behind the start of flash may be data. */
    const bool is_program = image->is_ferry || image->address == FERRY_ROM_FLASH_BASE;
    return force || !is_program || check_vectors(image, chip);
}
