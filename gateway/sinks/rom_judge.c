/* Which image may go into the chip, and what is known of the one that is there. */
#include "rom_internal.h"

#include "rom_fit.h"

enum { BANK_SIZE = 0x02000000 }; /* larger than any flash of these chips */

/* --- claims --------------------------------------------------------------------------------- */

static bool board_fits(const struct ferry_image *image, const char *board)
{
    return image->board_size == strlen(board) && memcmp(image->board, board, strlen(board)) == 0;
}

/* RAM of a Cortex-M4 of ST: SRAM, and CCM or SRAM2. The stack's first word lies below its pointer.
 * Differences that wrap are above every size. */
static bool stack_fits(uint32_t stack_pointer)
{
    return (stack_pointer & 7U) == 0 && (stack_pointer - 1 - 0x20000000U < 0x100000U ||
                                         stack_pointer - 1 - 0x10000000U < 0x10000U);
}

/* The payload stands at load_addr itself: there is no header in flash. */
static bool vectors_fit(const struct ferry_image *image)
{
    const uint32_t entry = image->reset_vector - 1 - image->header.load_address;
    return stack_fits(image->stack_pointer) && (entry & 1U) == 0 &&
           entry < image->header.payload_size;
}

static int check_place(const struct gateway_rom *rom, const struct ferry_image *image)
{
    if (!board_fits(image, rom->options.board)) {
        return FERRY_IMAGE_BOARD;
    }
    if (image->header.load_address != rom->options.address) {
        return FERRY_IMAGE_SLOT;
    }
    return vectors_fit(image) ? FERRY_OK : FERRY_IMAGE_VECTORS;
}

/* What the first pass will read again, in the order of the file. */
static void keep_claims(struct gateway_rom *rom, const struct ferry_open *open,
                        const struct ferry_image *image)
{
    struct ferry_sha256 sha;
    rom->header = image->header;
    rom->total_size = image->total_size;
    rom->counter = image->security_counter;
    rom->stack_pointer = image->stack_pointer;
    ferry_hash_copy(rom->hash, image->hash);
    ferry_sha256_init(&sha);
    ferry_sha256_feed(&sha, open->header, FERRY_IMAGE_HEADER_SIZE);
    ferry_sha256_feed(&sha, open->vectors, FERRY_IMAGE_VECTORS_SIZE);
    ferry_sha256_feed(&sha, open->tlvs, image->header.protected_tlv_size); /* <= tlv_size: parsed */
    ferry_sha256_finish(&sha, rom->claims_hash);
}

int gateway_rom_judge(struct gateway_rom *rom, const struct ferry_open *open)
{
    struct ferry_image image;
    int status = ferry_image_parse(open->header, open->vectors, open->tlvs, open->tlv_size, &image);
    if (status == FERRY_OK) {
        status = check_place(rom, &image);
    }
    if (status == FERRY_OK && image.security_counter < rom->memory.counter) {
        status = FERRY_IMAGE_COUNTER;
    }
    if (status == FERRY_OK) {
        status = ferry_image_check_signature(&image, &rom->options.keys);
    }
    if (status == FERRY_OK) {
        keep_claims(rom, open, &image);
    }
    return status;
}

int gateway_rom_judge_chip(const struct gateway_rom *rom, const uint8_t size_register[2])
{
    const struct ferry_rom_chip *chip = rom->in.rom.chip;
    if (chip == NULL) {
        return FERRY_ROM_CHIP;
    }
    if (!rom_fit_board(chip, rom->options.board)) {
        return FERRY_IMAGE_BOARD;
    }
    if (!rom_fit_stack(chip, rom->stack_pointer)) {
        return FERRY_IMAGE_VECTORS;
    }
    const uint32_t flash_size = rom_fit_flash_size(chip, size_register);
    return rom_fit_place(flash_size, rom->options.address, rom->header.payload_size)
               ? FERRY_OK
               : FERRY_ROM_RANGE;
}

/* --- first pass ----------------------------------------------------------------------------- */

void gateway_rom_check_begin(struct gateway_rom *rom)
{
    rom->at = 0;
    ferry_sha256_init(&rom->sha);
    ferry_sha256_init(&rom->payload);
    ferry_sha256_init(&rom->in.claims);
}

static uint32_t payload_end(const struct gateway_rom *rom)
{
    return rom->header.header_size + rom->header.payload_size;
}

uint32_t gateway_rom_check_end(const struct gateway_rom *rom)
{
    return payload_end(rom) + rom->header.protected_tlv_size;
}

/* Of `size` bytes that stand at `at` in the image, those from `from` up to `to`. */
static void feed_part(struct ferry_sha256 *sha, const uint8_t *bytes, uint32_t at, uint32_t size,
                      uint32_t from, uint32_t to)
{
    const uint32_t first = from > at ? from : at;
    const uint32_t end = to < at + size ? to : at + size;
    if (first < end) {
        ferry_sha256_feed(sha, bytes + (first - at), end - first);
    }
}

void gateway_rom_check_feed(struct gateway_rom *rom, const uint8_t *bytes, uint32_t size)
{
    const uint32_t code = rom->header.header_size;
    const uint32_t at = rom->at;
    ferry_sha256_feed(&rom->sha, bytes, size);
    feed_part(&rom->payload, bytes, at, size, code, payload_end(rom));
    feed_part(&rom->in.claims, bytes, at, size, 0, FERRY_IMAGE_HEADER_SIZE);
    feed_part(&rom->in.claims, bytes, at, size, code, code + FERRY_IMAGE_VECTORS_SIZE);
    feed_part(&rom->in.claims, bytes, at, size, payload_end(rom), gateway_rom_check_end(rom));
    rom->at += size;
}

int gateway_rom_check_verdict(struct gateway_rom *rom)
{
    uint8_t hash[FERRY_HASH_SIZE];
    ferry_sha256_finish(&rom->payload, rom->payload_hash);
    ferry_sha256_finish(&rom->in.claims, hash);
    if (!ferry_hash_equal(hash, rom->claims_hash)) {
        return FERRY_CRC;
    }
    ferry_sha256_finish(&rom->sha, hash);
    return ferry_hash_equal(hash, rom->hash) ? FERRY_OK : FERRY_IMAGE_HASH;
}

/* --- second pass ---------------------------------------------------------------------------- */

/* The same page may be asked for again, and all of them (ferry_rom_update_step). */
void gateway_rom_again_begin(struct gateway_rom *rom, const struct ferry_rom_action *supply)
{
    if (supply->offset == 0) {
        ferry_sha256_init(&rom->sha);
        rom->page_offset = 0;
    } else if (supply->page_start && supply->offset == rom->page_offset) {
        rom->sha = rom->payload;
    } else if (supply->page_start) {
        rom->payload = rom->sha;
        rom->page_offset = supply->offset;
    }
}

void gateway_rom_again_feed(struct gateway_rom *rom, const struct ferry_rom_action *supply)
{
    ferry_sha256_feed(&rom->sha, supply->bytes, supply->size);
}

bool gateway_rom_again_is_right(const struct gateway_rom *rom)
{
    uint8_t hash[FERRY_HASH_SIZE];
    struct ferry_sha256 sha = rom->sha;
    ferry_sha256_finish(&sha, hash);
    return ferry_hash_equal(hash, rom->payload_hash);
}

/* --- what runs ------------------------------------------------------------------------------ */

void gateway_rom_info_blank(struct gateway_rom *rom)
{
    struct ferry_info *info = &rom->info;
    memset(info, 0, sizeof *info);
    info->protocol = FERRY_PROTOCOL_VERSION;
    info->running = FERRY_SLOT_NONE;
    info->confirmed = FERRY_SLOT_NONE;
    info->candidate = FERRY_SLOT_NONE;
    info->slot_count = 1;
    info->phase = FERRY_PHASE_NONE;
    info->security_counter = rom->memory.counter;
    info->slots[FERRY_SLOT_A].range =
        (struct ferry_range){rom->options.address, BANK_SIZE}; /* the chip is not known yet */
    memcpy(info->board, rom->options.board, strlen(rom->options.board) + 1);
}

static void set_running(struct gateway_rom *rom, const struct ferry_version *version)
{
    struct ferry_slot_info *slot = &rom->info.slots[FERRY_SLOT_A];
    rom->info.running = FERRY_SLOT_A;
    rom->info.confirmed = FERRY_SLOT_A;
    slot->content = FERRY_CONTENT_VERIFIED;
    slot->version = *version;
    if (ferry_version_compare(version, &rom->memory.version) == 0) {
        ferry_hash_copy(slot->hash, rom->memory.hash);
    }
}

void gateway_rom_info_known(struct gateway_rom *rom)
{
    gateway_rom_info_blank(rom);
    set_running(rom, &rom->memory.version);
}

int gateway_rom_confirm(struct gateway_rom *rom)
{
    struct gateway_rom_memory memory = rom->memory;
    if (!memory.unconfirmed) {
        return FERRY_OK;
    }
    memory.unconfirmed = false;
    memory.counter = memory.image_counter > memory.counter ? memory.image_counter : memory.counter;
    int status = rom->store->save(rom->store->ctx, &memory);
    if (status == FERRY_OK) {
        rom->memory = memory;
    }
    return status;
}

/* A node with Ferry's bootloader must not lose it: its application says where it runs. */
static bool is_in_place(const struct gateway_rom *rom, const struct ferry_info *heard)
{
    return heard->running < heard->slot_count && heard->running < FERRY_SLOTS_MAX &&
           heard->slots[heard->running].range.start == rom->options.address;
}

int gateway_rom_info_heard(struct gateway_rom *rom, const struct ferry_info *heard)
{
    if (!is_in_place(rom, heard)) {
        return FERRY_PROTOCOL;
    }
    const struct ferry_version *version = &heard->slots[heard->running].version;
    gateway_rom_info_blank(rom);
    set_running(rom, version);
    rom->info.protocol = heard->protocol;
    rom->info.reset_cause = heard->reset_cause;
    memcpy(rom->info.uid, heard->uid, sizeof rom->info.uid);
    memcpy(rom->info.board, heard->board, sizeof rom->info.board);
    if (ferry_version_compare(version, &rom->memory.version) != 0) {
        return FERRY_OK;
    }
    rom->started = false;
    return gateway_rom_confirm(rom);
}
