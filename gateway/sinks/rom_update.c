#include "rom_update.h"

enum {
    PROBE_SIZE = 16, /* first read of a page: most pages of another image differ there already */
    LAST_SIZE = 8,   /* stack pointer and reset vector: written last of all */
    RESET_VECTOR_AT = 4,
    TRIES = 3 /* erases of one page */
};

/* What the command in hand does with the chunk at `at`. */
enum work { COMPARE, ERASE, BLANK, WRITE, VERIFY, DISARM, VOID };

/* Programming can only clear bits. These clear the last bit of the vectors of reset, NMI and
 * HardFault; and all of the stack pointer and of them. */
static const uint8_t disarmed[12] = {0xFE, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF,
                                     0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF};
static const uint8_t nothing[16] = {0};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The image's bytes of the chunk: those of the vectors have a place of their own. */
static uint8_t *place(const struct ferry_rom_update *update)
{
    return update->buffer + least(update->at, FERRY_ROM_VECTORS_SIZE);
}

/* Makes the page at `at` the one in hand, with all its tries. false: there is none. */
static bool enter_page(struct ferry_rom_update *update)
{
    const bool exists =
        ferry_rom_page_at(update->rom->chip, update->base + update->at, &update->page);
    update->page.start -= update->base;
    update->page_end = least(update->page.start + update->page.size, update->size);
    update->tries = TRIES;
    return exists;
}

/* No chunk crosses the end of a page, or of the vectors. */
static uint32_t chunk_size(const struct ferry_rom_update *update)
{
    uint32_t end = least(update->page_end, update->at + update->rom->traits->chunk_bytes);
    if (update->at < FERRY_ROM_VECTORS_SIZE) {
        end = least(end, FERRY_ROM_VECTORS_SIZE);
    }
    if (update->phase == FERRY_ROM_UPDATE_VECTORS && update->at == 0) {
        end = LAST_SIZE;
    }
    return end - update->at;
}

/* What is programmed over the vectors in the work DISARM, then VOID. */
static void void_vectors(const struct ferry_rom_update *update, struct ferry_rom_request *request)
{
    request->kind = FERRY_ROM_WRITE_MEMORY;
    if (update->work == VOID || update->rom->chip->unit_bytes >= LAST_SIZE) {
        request->count = update->work == VOID ? sizeof nothing : LAST_SIZE;
        request->data = nothing;
    } else {
        request->address += RESET_VECTOR_AT;
        request->count = sizeof disarmed;
        request->data = disarmed;
    }
}

/* Starts the command. FERRY_MORE, or why the chip does not have it. */
static int issue(struct ferry_rom_update *update, uint32_t now_ms)
{
    struct ferry_rom_request request = {FERRY_ROM_READ_MEMORY, update->count, 0, place(update)};
    request.address = FERRY_ROM_FLASH_BASE + update->base + update->at;
    if (update->work == ERASE) {
        request.kind = FERRY_ROM_ERASE_PAGES;
        request.address = update->page.number;
        request.count = 1;
    } else if (update->work == WRITE) {
        request.kind = FERRY_ROM_WRITE_MEMORY;
    } else if (update->work == DISARM || update->work == VOID) {
        void_vectors(update, &request);
    } else if (update->work == COMPARE) {
        const bool probes = update->at == update->page.start && update->probed == 0;
        request.address += update->probed;
        request.count -= update->probed;
        request.count = probes ? least(request.count, PROBE_SIZE) : request.count;
    }
    const int status = ferry_rom_start(update->rom, &request, now_ms);
    return status == FERRY_OK ? FERRY_MORE : status;
}

/* The next thing to do at `at`, as soon as its bytes are there. */
static int go(struct ferry_rom_update *update, uint8_t work)
{
    update->work = work;
    update->probed = 0;
    update->count = chunk_size(update);
    update->needs = (work == COMPARE || work == WRITE) &&
                    update->phase != FERRY_ROM_UPDATE_VECTORS && update->held != update->at;
    update->ready = true;
    return FERRY_MORE;
}

/* --- what follows ------------------------------------------------------------------------- */

static int go_to_page_start(struct ferry_rom_update *update, uint8_t work)
{
    update->at = update->page.start;
    return go(update, work);
}

/*
 * A power cut in an erase may leave any mixture: had the first page still its vectors, the chip
 * could start what is left of the old application, or its fault handler. So they are voided before.
 * On chips that program single bytes a cut could leave half an address that starts too; but of one
 * bit there is no half: without its last bit a vector is none. An L4 takes nothing but zeros on
 * what is not blank, and finds a torn double word by its check bits; there the one that starts is
 * first: of a WRITE of zeros a repeated length byte is not noticed, and spoils the first one only.
 * A write protected page stays as it is.
 */
static int go_to_erase(struct ferry_rom_update *update)
{
    update->pages_erased++;
    return go_to_page_start(update, update->page.start == 0 ? DISARM : ERASE);
}

/* Flash is not what it should be: the page again, while there is hope. */
static int erase_again(struct ferry_rom_update *update, int reason)
{
    uint8_t *left = update->phase == FERRY_ROM_UPDATE_VECTORS ? &update->rounds : &update->tries;
    if (--*left == 0) {
        return reason;
    }
    update->phase = FERRY_ROM_UPDATE_PROGRAM; /* the vector page is then filled from its start */
    return go_to_erase(update);
}

/* The chunk is done. */
static int next_chunk(struct ferry_rom_update *update)
{
    uint8_t work = update->work == COMPARE ? COMPARE : WRITE;
    update->at += update->count;
    if (update->phase == FERRY_ROM_UPDATE_VECTORS) {
        if (update->at == LAST_SIZE) {
            return FERRY_OK;
        }
        if (update->at == least(FERRY_ROM_VECTORS_SIZE, update->size)) {
            update->at = 0;
        }
    } else if (update->at == update->size) {
        if (update->phase == FERRY_ROM_UPDATE_COMPARE) {
            return FERRY_OK;
        }
        update->phase = FERRY_ROM_UPDATE_APPROVE;
        return FERRY_MORE;
    } else if (update->at == update->page_end) {
        (void)enter_page(update);
        work = COMPARE;
    }
    return go(update, work);
}

/* COMPARE found a difference. */
static int program_page(struct ferry_rom_update *update)
{
    if (update->compare_only) {
        return FERRY_ROM_VERIFY;
    }
    if (update->phase == FERRY_ROM_UPDATE_COMPARE) {
        update->phase = FERRY_ROM_UPDATE_PROGRAM;
        update->at = 0;
        (void)enter_page(update);
    }
    return go_to_erase(update);
}

/* Each of the two must be certain before the next thing is done; to repeat them is harmless.
 * Nothing is erased while the vectors stand. */
static int after_void(struct ferry_rom_update *update, int status)
{
    if (status == FERRY_OK) {
        return go(update, update->work == DISARM ? VOID : ERASE);
    }
    return --update->tries > 0 ? go(update, update->work) : status;
}

/*
 * The page was erased, or perhaps not. A ROM says nothing of write protection: had the vectors
 * stayed, the old application would start with pages of the new one. So they are looked at always,
 * a page without an answer wholly; what else went wrong shows when the page is read back.
 */
static int after_erase(struct ferry_rom_update *update, int status)
{
    update->whole_page = status != FERRY_OK;
    return go(update, update->whole_page || update->page.start == 0 ? BLANK : WRITE);
}

static int after_blank(struct ferry_rom_update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        if (update->rom->buffer[i] != 0xFF) {
            return erase_again(update, FERRY_ROM_ERASE);
        }
    }
    update->at += update->count;
    if (update->whole_page && update->at < update->page_end) {
        return go(update, BLANK);
    }
    return go_to_page_start(update, WRITE);
}

static int after_read(struct ferry_rom_update *update)
{
    const uint32_t count = update->rom->request.count;
    if (update->work == BLANK) {
        return after_blank(update);
    }
    if (memcmp(update->rom->buffer, place(update) + update->probed, count) != 0) {
        return update->work == COMPARE ? program_page(update) : erase_again(update, update->reason);
    }
    update->probed += count;
    if (update->probed < update->count) {
        update->ready = true; /* the probe matched: the rest of the chunk */
        return FERRY_MORE;
    }
    return next_chunk(update);
}

static int after_command(struct ferry_rom_update *update, int status)
{
    /* Flash tells what an answer did not. */
    const bool readable = status == FERRY_OK || status == FERRY_ROM_UNKNOWN ||
                          status == FERRY_ROM_REFUSED || status == FERRY_ROM_BUS;
    if (update->work == ERASE && readable) {
        return after_erase(update, status);
    }
    if (update->work >= DISARM && readable) {
        return after_void(update, status);
    }
    if (update->work == WRITE && readable) {
        update->reason = status == FERRY_OK ? FERRY_ROM_VERIFY : status;
        return go(update, VERIFY);
    }
    return status == FERRY_OK ? after_read(update) : status;
}

/* --- the owner's calls -------------------------------------------------------------------- */

int ferry_rom_update_start(struct ferry_rom_update *update, struct ferry_rom *rom, uint32_t address,
                           uint32_t size, bool compare_only, uint8_t *buffer)
{
    memset(update, 0, sizeof *update);
    update->rom = rom;
    update->buffer = buffer;
    update->base = address - FERRY_ROM_FLASH_BASE; /* an address below wraps: no page holds it */
    update->size = size;
    update->held = UINT32_MAX;
    update->rounds = TRIES;
    update->compare_only = compare_only;
    if (rom->chip == NULL) {
        return FERRY_ROM_CHIP;
    }
    update->at = size - 1;
    if (size < LAST_SIZE || update->at > UINT32_MAX - update->base || !enter_page(update)) {
        return FERRY_ROM_RANGE;
    }
    update->at = 0;
    if (!enter_page(update) || update->page.start != 0) {
        return FERRY_ROM_RANGE;
    }
    (void)go(update, COMPARE);
    return FERRY_OK;
}

/* A command that ended, or a chunk whose bytes are there. */
static int proceed(struct ferry_rom_update *update, uint32_t now_ms,
                   struct ferry_rom_action *action)
{
    if (!update->ready) {
        const int status = ferry_rom_step(update->rom, now_ms, action);
        return status == FERRY_MORE ? FERRY_MORE : after_command(update, status);
    }
    update->ready = false;
    if (update->work == WRITE && update->phase == FERRY_ROM_UPDATE_PROGRAM &&
        update->at < FERRY_ROM_VECTORS_SIZE) {
        return next_chunk(update); /* these stay in the buffer until all else is in flash */
    }
    return issue(update, now_ms);
}

int ferry_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action)
{
    memset(action, 0, sizeof *action);
    if (update->needs) {
        action->type = FERRY_ROM_SUPPLY;
        action->page_start = update->at == update->page.start;
        action->size = update->count;
        action->offset = update->at;
        action->bytes = place(update);
        return FERRY_MORE;
    }
    if (update->phase == FERRY_ROM_UPDATE_APPROVE) {
        action->type = FERRY_ROM_APPROVE;
        return FERRY_MORE;
    }
    return proceed(update, now_ms, action); /* an empty action, WAIT 0 ms, after each command */
}

void ferry_rom_update_supply(struct ferry_rom_update *update)
{
    update->needs = false;
    update->held = update->at;
}

void ferry_rom_update_approve(struct ferry_rom_update *update)
{
    update->phase = FERRY_ROM_UPDATE_VECTORS;
    update->at = 0;
    (void)enter_page(update);
    update->at = update->size > LAST_SIZE ? LAST_SIZE : 0;
    (void)go(update, WRITE);
}
