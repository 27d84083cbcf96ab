#include "install_early.h"

#include <string.h>

enum {
    HASH_SLICE = 1024, /* bytes a CLOSE step hashes: 0.6 ms on a Cortex-M4 at 100 MHz */
    RESTARTS_MAX = 4   /* sectors erased again in one transfer before the flash counts as broken */
};

void ferry_install_init(struct ferry_install *install, struct ferry_node *node)
{
    memset(install, 0, sizeof(*install));
    install->node = node;
}

/* ---- journal --------------------------------------------------------------------------------- */

static const struct ferry_state *state_of(const struct ferry_install *install)
{
    return &install->node->journal->state;
}

/* Records a state. The bootloader may make room; an application asks for a reset instead. */
static int record(struct ferry_install *install, const struct ferry_state *state)
{
    struct ferry_journal *journal = install->node->journal;
    int status = ferry_journal_commit(journal, state);

    if (status == FERRY_JOURNAL_FULL && install->node->running == FERRY_SLOT_NONE) {
        status = ferry_journal_compact(journal, state);
    }
    if (status != FERRY_OK) {
        install->stage = FERRY_INSTALL_IDLE; /* no erase and no word that is not journalled */
    }
    return status;
}

/* Ends the candidate without success; `outcome` says why. */
static int record_outcome(struct ferry_install *install, int outcome)
{
    struct ferry_state *state = ferry_journal_edit(install->node->journal);

    ferry_state_end_candidate(state, outcome);
    return record(install, state);
}

static bool is_candidate(const struct ferry_install *install, const uint8_t *hash)
{
    return ferry_hash_equal(state_of(install)->hash, hash);
}

/* ---- OPEN ------------------------------------------------------------------------------------ */

/* A slot that was not looked at may boot; an empty one does not, as little as a damaged one. */
static bool may_boot(uint8_t content)
{
    return content == FERRY_CONTENT_UNKNOWN || content == FERRY_CONTENT_VERIFIED;
}

/* May this slot be written: not the running one, not the one that the next start needs. */
static int check_slot_free(const struct ferry_node *node, uint8_t slot)
{
    uint8_t other = (uint8_t)(1 - slot);
    uint8_t confirmed = node->journal->state.confirmed;

    if (slot == node->running) {
        return FERRY_SLOT_RUNNING;
    }
    if (node->board->slot_count == 1) {
        return FERRY_OK; /* only the bootloader comes here, and there is no other place */
    }
    if (slot == confirmed && may_boot(node->content[slot])) {
        return FERRY_SLOT_CONFIRMED;
    }
    /* Without a confirmed image, or with a corrupt one, the other slot may be all that boots. */
    bool other_boots = node->content[other] == FERRY_CONTENT_VERIFIED ||
                       (other == confirmed && may_boot(node->content[other]));
    bool last_image = node->running == FERRY_SLOT_NONE &&
                      node->content[slot] == FERRY_CONTENT_VERIFIED && !other_boots;
    return last_image ? FERRY_SLOT_CONFIRMED : FERRY_OK;
}

int ferry_install_open(struct ferry_install *install, const struct ferry_open *open)
{
    struct ferry_node *node = install->node;
    struct ferry_image *image = &install->image;

    install->stage = FERRY_INSTALL_IDLE;
    if (state_of(install)->phase == FERRY_PHASE_TRIAL) {
        return FERRY_BUSY_TRIAL;
    }
    int status = ferry_image_parse(open->header, open->vectors, open->tlvs, open->tlv_size, image);
    if (status == FERRY_OK && open->total_size != image->total_size) {
        status = FERRY_IMAGE_SIZE;
    }
    if (status == FERRY_OK) {
        status = ferry_image_check_place(image, node->board);
    }
    if (status == FERRY_OK) {
        status = check_slot_free(node, image->slot);
    }
    if (status == FERRY_OK && image->security_counter < state_of(install)->security_counter) {
        status = FERRY_IMAGE_COUNTER;
    }
    if (status == FERRY_OK) {
        install->stage = FERRY_INSTALL_SIGNATURE;
    }
    return status;
}

/* A new candidate: nothing of it is in flash, no sector is known to be erased. */
static int record_new_candidate(struct ferry_install *install)
{
    struct ferry_state *state = ferry_journal_edit(install->node->journal);

    ferry_state_set_candidate(state, FERRY_PHASE_FILLING, install->image.slot, &install->image);
    return record(install, state);
}

int ferry_install_open_step(struct ferry_install *install)
{
    struct ferry_node *node = install->node;
    const struct ferry_state *state = state_of(install);
    struct ferry_keys keys = ferry_boot_block_keys(node->block);

    install->stage = FERRY_INSTALL_IDLE;
    int status = ferry_image_check_signature(&install->image, &keys);
    if (status != FERRY_OK) {
        return status;
    }
    bool known =
        state->candidate == install->image.slot && is_candidate(install, install->image.hash);
    if (known && state->phase == FERRY_PHASE_PENDING) {
        install->next = install->image.total_size;
    } else if (known && state->phase == FERRY_PHASE_FILLING &&
               state->durable <= install->image.total_size) { /* else: another file, longer TLVs */
        install->next = state->durable;
    } else {
        install->next = 0;
        status = record_new_candidate(install);
    }
    if (status == FERRY_OK) {
        install->stage = FERRY_INSTALL_WRITING;
        install->restarts = 0;
        ferry_install_hash_restart(install);
    }
    return status;
}

/* ---- DATA ------------------------------------------------------------------------------------ */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Bit of `sector` in ferry_state.erased. */
static uint32_t sector_bit(const struct ferry_install *install, uint32_t sector)
{
    const struct ferry_board *board = install->node->board;
    uint32_t first = ferry_board_sector_at(board, board->slots[install->image.slot].start);
    return 1U << (sector - first);
}

/*
 * The slot may hold the confirmed image (single slot, or it is corrupt). An OPEN alone leaves it as
 * it is; it is given up in a record of its own, and the next call erases.
 */
static int erase_sector(struct ferry_install *install, uint32_t sector, uint32_t bit)
{
    const struct ferry_flash *flash = install->node->flash;
    struct ferry_state *state = ferry_journal_edit(install->node->journal);

    if (state->confirmed == install->image.slot) {
        state->confirmed = FERRY_SLOT_NONE;
    } else {
        int status = flash->erase(flash->ctx, sector);
        if (status != FERRY_OK) {
            return status;
        }
        state->erased |= bit;
    }
    return record(install, state);
}

/* The sector holds something else than we wrote: forget it, ask for its bytes again. */
static int restart_sector(struct ferry_install *install, uint32_t sector, uint32_t bit)
{
    const struct ferry_board *board = install->node->board;
    struct ferry_state *state = ferry_journal_edit(install->node->journal);
    uint32_t start = board->sectors[sector] - board->slots[install->image.slot].start;

    if (++install->restarts > RESTARTS_MAX) {
        install->stage = FERRY_INSTALL_IDLE;
        return FERRY_FLASH;
    }
    install->next = start;
    ferry_install_hash_restart(install);
    state->durable = smaller(state->durable, start);
    state->erased &= ~bit;
    int status = record(install, state);
    return status == FERRY_OK ? FERRY_FLASH : status;
}

/* Programs whole words (the last one padded with 0xFF) and reads them back. */
static int program(struct ferry_install *install, uint32_t address, const uint8_t *bytes,
                   uint32_t size)
{
    const struct ferry_flash *flash = install->node->flash;
    uint8_t words[FERRY_SLICE_SIZE], check[FERRY_SLICE_SIZE];
    uint32_t padded = (size + 3U) & ~3U;

    memset(words + padded - 4, 0xFF, 4);
    memcpy(words, bytes, size);
    int status = flash->program(flash->ctx, address, words, padded);
    if (status == FERRY_OK) {
        status = flash->read(flash->ctx, address, check, padded);
    }
    if (status != FERRY_OK) {
        return status;
    }
    return memcmp(words, check, padded) == 0 ? FERRY_OK : FERRY_FLASH;
}

int ferry_install_write(struct ferry_install *install, const uint8_t *bytes, uint32_t size,
                        uint32_t *used)
{
    const struct ferry_board *board = install->node->board;
    uint32_t address = board->slots[install->image.slot].start + install->next;
    uint32_t sector = ferry_board_sector_at(board, address);
    uint32_t bit = sector_bit(install, sector);
    uint32_t to_grain = FERRY_JOURNAL_GRAIN - install->next % FERRY_JOURNAL_GRAIN;

    *used = 0;
    if (size == 0 || !ferry_within(install->next, size, install->image.total_size) ||
        (size % 4 != 0 && install->next + size != install->image.total_size)) {
        return FERRY_BAD_LENGTH;
    }
    install->node->content[install->image.slot] = FERRY_CONTENT_UNKNOWN;
    if ((state_of(install)->erased & bit) == 0) {
        return erase_sector(install, sector, bit);
    }
    /* Sectors are multiples of the grain, so a slice never crosses into the next one. */
    uint32_t slice = smaller(size, smaller(to_grain, FERRY_SLICE_SIZE));
    if (program(install, address, bytes, slice) != FERRY_OK) {
        return restart_sector(install, sector, bit);
    }
    ferry_install_hash_early(install, slice);
    install->next += slice;
    *used = slice;
    if (slice < to_grain) {
        return FERRY_OK;
    }
    struct ferry_state *state = ferry_journal_edit(install->node->journal);
    state->durable = install->next;
    return record(install, state);
}

uint32_t ferry_install_durable(const struct ferry_install *install)
{
    return state_of(install)->durable;
}

/* ---- CLOSE ----------------------------------------------------------------------------------- */

/*
 * CLOSE without an open transfer: perhaps its answer was lost, even across a reset. A refusal is in
 * the journal; what was accepted is compared once more, as CLOSE does not name the image's hash.
 */
static int close_again(struct ferry_install *install, const struct ferry_close *close)
{
    struct ferry_node *node = install->node;
    const struct ferry_state *state = state_of(install);

    if (state->candidate >= node->board->slot_count || state->phase == FERRY_PHASE_FILLING) {
        return FERRY_NOT_OPEN;
    }
    if (state->outcome != 0) {
        return state->outcome;
    }
    if (ferry_node_read_image(node, state->candidate, &install->image) != FERRY_OK ||
        !is_candidate(install, install->image.hash) ||
        install->image.total_size != close->total_size) {
        return FERRY_NOT_OPEN;
    }
    install->repeated = true;
    return FERRY_OK;
}

int ferry_install_close(struct ferry_install *install, const struct ferry_close *close)
{
    install->repeated = false;
    if (install->stage != FERRY_INSTALL_WRITING) {
        int status = close_again(install, close);
        if (status != FERRY_OK) {
            return status;
        }
    } else if (close->total_size != install->image.total_size ||
               install->next != install->image.total_size) {
        return FERRY_BAD_LENGTH;
    }
    if (close->crc_from > install->image.total_size) {
        return FERRY_BAD_OFFSET;
    }
    ferry_install_hash_close(install, close->crc_from);
    install->crc32_claimed = close->crc32;
    install->stage = FERRY_INSTALL_HASHING;
    return FERRY_OK;
}

/* CRC-32 over the rest of the file in flash, a slice at a time; it covers the plain TLVs too. */
static int crc_step(struct ferry_install *install, const struct ferry_image_source *source)
{
    uint8_t slice[FERRY_SLICE_SIZE];
    uint32_t size = smaller(install->image.total_size - install->crc32_at, sizeof(slice));

    int status = ferry_image_read_at(source, install->crc32_at, slice, size);
    if (status != FERRY_OK) {
        return status;
    }
    install->crc32 = ferry_crc32(install->crc32, slice, size);
    install->crc32_at += size;
    if (install->crc32_at < install->image.total_size) {
        return FERRY_MORE;
    }
    return install->crc32 == install->crc32_claimed ? FERRY_OK : FERRY_CRC;
}

/*
 * What is in flash must be what OPEN claimed. The hash was compared before; with the same hash, key
 * and signature the check of the signature at OPEN holds for the content too.
 */
static int check_claims(const struct ferry_install *install)
{
    const struct ferry_image *claimed = &install->image;
    struct ferry_image found;

    int status = ferry_node_read_image(install->node, claimed->slot, &found);
    if (status == FERRY_FLASH) {
        return status;
    }
    bool same = status == FERRY_OK && memcmp(&found, claimed, sizeof(found)) == 0;
    return same ? FERRY_OK : FERRY_IMAGE_CLAIMS;
}

static int record_pending(struct ferry_install *install)
{
    struct ferry_state *state = ferry_journal_edit(install->node->journal);

    if (state->phase == FERRY_PHASE_PENDING) {
        return FERRY_OK;
    }
    ferry_state_set_candidate(state, FERRY_PHASE_PENDING, install->image.slot, &install->image);
    return record(install, state);
}

static int check_slice(struct ferry_install *install, const struct ferry_image_source *source)
{
    uint8_t buffer[FERRY_SLICE_SIZE];

    if (install->stage == FERRY_INSTALL_HASHING) {
        int status = ferry_image_hash_step(&install->hasher, &install->image, source, HASH_SLICE,
                                           buffer, sizeof(buffer));
        if (status != FERRY_OK) {
            return status;
        }
        install->stage = FERRY_INSTALL_DECIDING;
        return FERRY_MORE;
    }
    int status = crc_step(install, source);
    return status == FERRY_OK ? check_claims(install) : status;
}

int ferry_install_close_step(struct ferry_install *install)
{
    struct ferry_image_source source =
        ferry_image_from_slot(install->node->flash, install->node->board, install->image.slot);

    int status = check_slice(install, &source);
    if (status == FERRY_MORE) {
        return status;
    }
    install->stage = FERRY_INSTALL_IDLE;
    if (install->repeated) {
        return status == FERRY_OK ? state_of(install)->outcome : FERRY_NOT_OPEN;
    }
    if (status == FERRY_OK) {
        return record_pending(install);
    }
    if (state_of(install)->phase == FERRY_PHASE_PENDING) {
        return status; /* what was accepted stays accepted; the next start verifies it */
    }
    int recorded = record_outcome(install, status);
    return recorded == FERRY_OK ? status : recorded;
}

void ferry_install_abort(struct ferry_install *install)
{
    install->stage = FERRY_INSTALL_IDLE;
}

/* ---- REVERT ---------------------------------------------------------------------------------- */

int ferry_install_revert(struct ferry_install *install, const uint8_t hash[FERRY_HASH_SIZE])
{
    uint8_t phase = state_of(install)->phase;

    if (phase != FERRY_PHASE_TRIAL && phase != FERRY_PHASE_PENDING) {
        return FERRY_NOT_TRIAL;
    }
    if (!is_candidate(install, hash)) {
        return FERRY_WRONG_IMAGE;
    }
    install->stage = FERRY_INSTALL_IDLE; /* a CLOSE under way must not bring it back */
    return record_outcome(install, FERRY_REVERTED);
}
