#include "factory.h"

#include "cli.h"
#include "version_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 5, 6))) static void add(struct factory *factory, uint32_t address,
                                                      const uint8_t *bytes, size_t size,
                                                      const char *format, ...)
{
    va_list arguments;
    size_t at = factory->chunk_count++;
    factory->chunks[at] = (struct ihex_chunk){address, bytes, size};
    va_start(arguments, format);
    vsnprintf(factory->texts[at], sizeof factory->texts[at], format, arguments);
    va_end(arguments);
}

/* --- bootloader --- */

static uint8_t *field(struct factory *factory, size_t offset)
{
    return factory->bootloader.bytes + FERRY_BOOT_BLOCK_OFFSET + offset;
}

#define FIELD(factory, member) field((factory), offsetof(struct ferry_boot_block, member))

/* Is this a bootloader of Ferry for this board? */
static bool check_bootloader(struct factory *factory)
{
    const struct ferry_board *board = factory->board;
    const struct file_bytes *file = &factory->bootloader;
    if (file->size < FERRY_BOOT_BLOCK_OFFSET + sizeof(struct ferry_boot_block) ||
        ferry_get_u32(FIELD(factory, magic)) != FERRY_BOOT_BLOCK_MAGIC ||
        ferry_get_u16(FIELD(factory, size)) != sizeof(struct ferry_boot_block)) {
        cli_fail("this is no bootloader of Ferry (no boot block at offset 0x%X)",
                 FERRY_BOOT_BLOCK_OFFSET);
        return false;
    }
    char name[FERRY_BOARD_NAME_MAX + 1] = {0};
    memcpy(name, FIELD(factory, board), FERRY_BOARD_NAME_MAX);
    if (strcmp(name, board->name) != 0) {
        cli_fail("this bootloader is for another board than %s", board->name);
        return false;
    }
    if (file->size > board->bootloader.size) {
        cli_fail("this bootloader is larger than its %" PRIu32 " bytes of flash",
                 board->bootloader.size);
        return false;
    }
    return true;
}

static void add_bootloader(struct factory *factory)
{
    uint32_t flags = ferry_get_u32(FIELD(factory, flags)) & ~FERRY_BOOT_BLOCK_DEV_KEY;
    uint32_t version = ferry_get_u32(FIELD(factory, version));
    memset(FIELD(factory, keys), 0, sizeof(struct ferry_pubkey) * FERRY_BOOT_BLOCK_KEYS);
    memcpy(FIELD(factory, keys), factory->keys.list,
           sizeof(struct ferry_pubkey) * factory->keys.count);
    ferry_put_u16(FIELD(factory, key_count), (uint16_t)factory->keys.count);
    ferry_put_u32(FIELD(factory, flags), flags | (factory->dev_key ? FERRY_BOOT_BLOCK_DEV_KEY : 0));
    add(factory, factory->board->bootloader.start, factory->bootloader.bytes,
        factory->bootloader.size, "bootloader %u.%u.%u with %zu key%s%s", version >> 24,
        version >> 16 & 0xFF, version & 0xFFFF, factory->keys.count,
        factory->keys.count == 1 ? "" : "s", factory->dev_key ? " (DEV KEY)" : "");
}

/* --- application and journal --- */

static bool check_image(struct factory *factory, struct ferry_image *image)
{
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    const struct ferry_image_source source = file_image_source(&factory->image);
    int status = ferry_image_verify(&source, factory->board, &factory->keys, 0, image, scratch,
                                    sizeof scratch);
    if (status == FERRY_OK && image->total_size != factory->image.size) {
        status = FERRY_IMAGE_SIZE;
    }
    if (status != FERRY_OK) {
        cli_fail_status(factory->image_path, status);
        return false;
    }
    if (image->slot != FERRY_SLOT_A) {
        cli_fail("%s: the first application runs from slot a; this image is for slot %c",
                 factory->image_path, 'a' + image->slot);
        return false;
    }
    return true;
}

/*
 * Both journal sectors: a programmer erases the sectors it writes to, and a record left in the
 * second one by an earlier life could win over the first record.
 */
static void add_journal(struct factory *factory, const struct ferry_image *image)
{
    const struct ferry_board *board = factory->board;
    bool filled = factory->image.bytes != NULL;
    ferry_journal_format(factory->record, filled ? FERRY_SLOT_A : FERRY_SLOT_NONE,
                         image->security_counter, image->hash);
    memset(factory->blank, 0xFF, sizeof factory->blank);
    add(factory, board->sectors[board->journal_sectors[0]], factory->record, sizeof factory->record,
        "journal: %s, security counter %" PRIu32,
        filled ? "slot a confirmed" : "no application yet", image->security_counter);
    add(factory, board->sectors[board->journal_sectors[1]], factory->blank, sizeof factory->blank,
        "journal: blank, so that old records are erased");
}

static void add_application(struct factory *factory, const struct ferry_image *image)
{
    char version[FERRY_VERSION_TEXT_SIZE];
    ferry_version_print(&image->header.version, version);
    add(factory, factory->board->slots[FERRY_SLOT_A].start, factory->image.bytes,
        factory->image.size, "slot a: version %s", version);
}

/* --- option bytes: RM0383, 3.6.1; the same words on all STM32F4 with up to 12 sectors --- */

enum {
    OPTION_BYTES_ADDRESS = 0x1FFFC000,
    OPTION_WRP_AT = 8,              /* second word: nWRP, SPRMOD */
    OPTION_USER_BOR_LEVEL_3 = 0xF3, /* bits 3:2 = 00: 2.7 V; all else as delivered */
    OPTION_RDP_LEVEL_0 = 0xAA,
    OPTION_RDP_LEVEL_1 = 0x55, /* anything but 0xAA and 0xCC */
    OPTION_NWRP_NONE = 0x7FFF  /* bit 15 = SPRMOD = 0: write protection, not PCROP */
};

/* A clear bit protects its sector. */
static uint16_t write_protection(const struct ferry_board *board)
{
    uint32_t bits = OPTION_NWRP_NONE;
    for (uint32_t i = 0; i < board->sector_count; i++) {
        uint32_t from_start = board->sectors[i] - board->bootloader.start;
        if (from_start < board->bootloader.size) {
            bits &= ~(1U << i);
        }
    }
    return (uint16_t)bits;
}

static bool add_option_bytes(struct factory *factory)
{
    if (strncmp(factory->board->name, "stm32f4", 7) != 0) {
        cli_fail("the option bytes of %s are not known; use --no-option-bytes",
                 factory->board->name);
        return false;
    }
    memset(factory->options, 0xFF, sizeof factory->options);
    factory->options[0] = OPTION_USER_BOR_LEVEL_3;
    factory->options[1] = factory->read_protection == 0 ? OPTION_RDP_LEVEL_0 : OPTION_RDP_LEVEL_1;
    uint16_t protection = write_protection(factory->board);
    ferry_put_u16(factory->options + OPTION_WRP_AT, protection);
    add(factory, OPTION_BYTES_ADDRESS, factory->options, sizeof factory->options,
        "option bytes: bootloader write-protected (nWRP 0x%04X), BOR level 3, RDP level %u",
        protection, factory->read_protection);
    return true;
}

int factory_fill(struct factory *factory)
{
    struct ferry_image image = {0};
    factory->chunk_count = 0;
    if (!check_bootloader(factory)) {
        return CLI_FAILED;
    }
    add_bootloader(factory);
    if (factory->image.bytes != NULL && !check_image(factory, &image)) {
        return CLI_FAILED;
    }
    add_journal(factory, &image);
    if (factory->image.bytes != NULL) {
        add_application(factory, &image);
    }
    if (factory->option_bytes && !add_option_bytes(factory)) {
        return CLI_FAILED;
    }
    return CLI_OK;
}
