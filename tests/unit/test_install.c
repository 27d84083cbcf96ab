/* An update from OPEN to CLOSE: resume, stale flash, verdicts, repeats. */
#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 11000 };

/* A node with 1.x confirmed in A, bootloader running, and 2.x for B at hand. */
struct bench {
    struct kit_flash flash;
    struct kit_link link;
    const struct ferry_board *board;
    uint8_t *old, *file;
    size_t old_size, size;
};

static uint8_t *build(const struct ferry_board *board, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image = kit_image_defaults(board, slot, major, PAYLOAD);
    return kit_image_build(&image, size);
}

static void bench_init(struct bench *bench, const struct ferry_board *board)
{
    memset(bench, 0, sizeof(*bench));
    bench->board = board;
    kit_flash_init(&bench->flash, board);
    bench->old = build(board, FERRY_SLOT_A, 1, &bench->old_size);
    bench->file = build(board, (uint8_t)(board->slot_count - 1), 2, &bench->size);
    kit_provision(&bench->flash, FERRY_SLOT_A, bench->old, bench->old_size);
    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_NONE);
}

static int set_up(void **test)
{
    static struct bench bench;
    bench_init(&bench, &kit_board);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    return 0;
}

static uint8_t *slot_memory(struct bench *bench, uint8_t slot)
{
    return &bench->flash.memory[bench->board->slots[slot].start - bench->flash.base];
}

static void expect_installed(struct bench *bench)
{
    const struct ferry_state *state = &bench->link.journal.state;
    uint8_t slot = (uint8_t)(bench->board->slot_count - 1);
    assert_memory_equal(slot_memory(bench, slot), bench->file, bench->size);
    assert_int_equal(state->phase, FERRY_PHASE_PENDING);
    assert_int_equal(state->candidate, slot);
    assert_int_equal(state->attempts, FERRY_TRIAL_ATTEMPTS_DEFAULT);
    assert_memory_equal(state->hash, kit_link_file_hash(bench->file, bench->size), FERRY_HASH_SIZE);
}

static void expect_old_untouched(struct bench *bench)
{
    assert_memory_equal(slot_memory(bench, FERRY_SLOT_A), bench->old, bench->old_size);
    assert_int_equal(bench->link.journal.state.confirmed, FERRY_SLOT_A);
}

/* A reset, into the bootloader or an application. */
static void reset(struct bench *bench, uint8_t running)
{
    kit_link_start(&bench->link, &bench->flash, running);
}

static void open_and_send(struct bench *bench, uint32_t until)
{
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    while (bench->link.next < until) {
        assert_int_equal(
            kit_link_data(&bench->link, bench->link.next, bench->file + bench->link.next, 256),
            FERRY_OK);
    }
}

/* What the bootloader does: the accepted image is started once on trial. */
static void start_trial(struct bench *bench)
{
    struct ferry_state state = bench->link.journal.state;
    state.phase = FERRY_PHASE_TRIAL;
    state.attempts--;
    assert_int_equal(ferry_journal_commit(&bench->link.journal, &state), FERRY_OK);
    reset(bench, state.candidate);
}

/* ---- the plain case -------------------------------------------------------------------------- */

static void an_update_is_installed(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    expect_old_untouched(bench);
    assert_int_equal(bench->flash.raised, 0);
    for (uint32_t sector = 0; sector < bench->board->sector_count; sector++) {
        assert_int_equal(bench->flash.erases[sector], sector == 5 || sector == 6); /* slot B */
    }
    assert_int_equal(bench->flash.words[5] + bench->flash.words[6], (bench->size + 3) / 4);
}

static void files_of_every_remainder(void **test)
{
    struct bench *bench = *test;
    for (uint32_t payload = PAYLOAD; payload < PAYLOAD + 4; payload++) {
        struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, payload);
        free(bench->file);
        bench->file = kit_image_build(&image, &bench->size);
        assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
        expect_installed(bench);
    }
}

static void a_file_that_fills_the_slot(void **test)
{
    struct bench *bench = *test;
    size_t around = bench->size - PAYLOAD;
    struct kit_image image = kit_image_defaults(
        &kit_board, FERRY_SLOT_B, 2, kit_board.slots[FERRY_SLOT_B].size - (uint32_t)around);
    free(bench->file);
    bench->file = kit_image_build(&image, &bench->size);
    assert_int_equal(bench->size, kit_board.slots[FERRY_SLOT_B].size);
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    expect_old_untouched(bench);
}

/* A sector that only looks blank is not believed. */
static void stale_content_is_erased_first(void **test)
{
    struct bench *bench = *test;
    memset(slot_memory(bench, FERRY_SLOT_B), 0x00, kit_board.slots[FERRY_SLOT_B].size);
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    assert_int_equal(bench->flash.raised, 0);
}

static void durable_follows_the_grain(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    for (uint32_t at = 0; at + 1024 < bench->size; at += 1024) {
        assert_int_equal(kit_link_data(&bench->link, at, bench->file + at, 1024), FERRY_OK);
        assert_int_equal(bench->link.durable, (at + 1024) / 4096 * 4096);
    }
}

/* ---- going on -------------------------------------------------------------------------------- */

static void resume_after_reset_at_every_step(void **test)
{
    struct bench *bench = *test;
    for (uint32_t until = 0; until <= bench->size - 256; until += 256) {
        kit_flash_free(&bench->flash);
        free(bench->old);
        free(bench->file);
        bench_init(bench, &kit_board);
        open_and_send(bench, until);
        reset(bench, until % 512 == 0 ? FERRY_SLOT_NONE : FERRY_SLOT_A);
        assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
        assert_int_equal(bench->link.next, until / 4096 * 4096);
        assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
        assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
        expect_installed(bench);
        expect_old_untouched(bench);
        assert_true(bench->flash.erases[5] == 1 && bench->flash.erases[6] == 1);
    }
}

static void resume_after_abort(void **test)
{
    struct bench *bench = *test;
    open_and_send(bench, 5120);
    assert_int_equal(kit_link_plain(&bench->link, FERRY_ABORT), FERRY_OK);
    assert_int_equal(kit_link_data(&bench->link, 5120, bench->file + 5120, 256), FERRY_NOT_OPEN);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_NOT_OPEN);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.next, 4096);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
}

static void another_image_starts_anew(void **test)
{
    struct bench *bench = *test;
    open_and_send(bench, 8192);
    free(bench->file);
    bench->file = build(&kit_board, FERRY_SLOT_B, 3, &bench->size);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.next, 0);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    assert_int_equal(bench->flash.raised, 0);
}

/* The plain TLVs are not under the hash: the same image may come in a shorter file. */
static void the_same_image_in_a_shorter_file_starts_anew(void **test)
{
    struct bench *bench = *test;
    enum { EXTRA = 256 };
    struct kit_image image = kit_image_defaults(&kit_board, FERRY_SLOT_B, 2, 8192 - 720);
    free(bench->file);
    bench->file = kit_image_build(&image, &bench->size);
    size_t longer_size = bench->size + EXTRA;
    uint8_t *longer = calloc(1, longer_size);
    uint8_t *plain =
        longer + FERRY_IMAGE_PADDED_SIZE + image.payload_size + ferry_get_u16(bench->file + 10);
    memcpy(longer, bench->file, bench->size);
    ferry_put_u16(plain + 2, (uint16_t)(ferry_get_u16(plain + 2) + EXTRA));
    ferry_put_u16(longer + bench->size, 0xBEEF); /* a TLV that nobody knows */
    ferry_put_u16(longer + bench->size + 2, EXTRA - 4);

    assert_int_equal(kit_link_open_file(&bench->link, longer, longer_size), FERRY_OK);
    assert_int_equal(kit_link_send(&bench->link, longer, longer_size), FERRY_OK);
    assert_true(bench->link.durable == 8192 && bench->size < 8192);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.next, 0);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    free(longer);
}

/* Something fell over what is being written: the sector is erased again, its bytes asked for. */
static void a_word_that_reads_back_wrong_restarts_its_sector(void **test)
{
    struct bench *bench = *test;
    open_and_send(bench, 9216);
    slot_memory(bench, FERRY_SLOT_B)[9216 + 5] = 0x00;
    int status = kit_link_data(&bench->link, 9216, bench->file + 9216, 256);
    assert_int_equal(status, FERRY_FLASH);
    assert_int_equal(bench->link.next, 8192); /* start of the sector */
    assert_int_equal(bench->link.durable, 8192);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
    assert_int_equal(bench->flash.erases[6], 2);
}

/* What was durable in it is lost with it, also for the start after a reset. */
static void a_restarted_sector_is_durable_no_more(void **test)
{
    struct bench *bench = *test;
    open_and_send(bench, 5120);
    assert_int_equal(bench->link.durable, 4096); /* in the middle of the first sector */
    slot_memory(bench, FERRY_SLOT_B)[5120 + 5] = 0x00;
    assert_int_equal(kit_link_data(&bench->link, 5120, bench->file + 5120, 256), FERRY_FLASH);
    reset(bench, FERRY_SLOT_NONE);
    assert_int_equal(bench->link.journal.state.erased, 0);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(bench->link.next, 0);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
}

/* What was hashed while it was written counts no more once its sector is erased again. */
static void a_restarted_sector_is_hashed_anew(void **test)
{
    struct bench *bench = *test;
    uint8_t other[256];

    open_and_send(bench, 8192);
    memset(other, 0xA5, sizeof(other));
    assert_int_equal(kit_link_data(&bench->link, 8192, other, sizeof(other)), FERRY_OK);
    slot_memory(bench, FERRY_SLOT_B)[8192 + 256] = 0x00;
    assert_int_equal(kit_link_data(&bench->link, 8448, bench->file + 8448, 256), FERRY_FLASH);
    assert_int_equal(bench->link.next, 8192);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
}

/* Flash that can never take the bytes ends the transfer instead of going round for ever. */
static int stuck_program(void *ctx, uint32_t address, const void *data, size_t size)
{
    struct kit_flash *flash = ctx;
    return address >= kit_board.slots[FERRY_SLOT_B].start
               ? FERRY_OK
               : flash->port.program(ctx, address, data, size);
}

static void broken_flash_ends_the_transfer(void **test)
{
    struct bench *bench = *test;
    struct ferry_flash stuck = bench->flash.port;
    stuck.program = stuck_program;
    bench->link.node.flash = &stuck;
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    int rounds = 0;
    while (kit_link_data(&bench->link, bench->link.next, bench->file + bench->link.next, 1024) ==
           FERRY_FLASH) {
        assert_true(++rounds < 10);
    }
    assert_int_equal(kit_link_data(&bench->link, 0, bench->file, 1024), FERRY_NOT_OPEN);
    assert_true(bench->flash.erases[5] < 10);
    expect_old_untouched(bench);
}

/* ---- CLOSE ----------------------------------------------------------------------------------- */

static void content_other_than_claimed_is_refused(void **test)
{
    struct bench *bench = *test;
    const size_t places[] = {0x40, 0x200, 0x205, 5000, PAYLOAD};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct ferry_open open = kit_link_claims(bench->file, bench->size);
        uint8_t *spoilt = malloc(bench->size);
        memcpy(spoilt, bench->file, bench->size);
        spoilt[places[i]] ^= 0x10;
        assert_int_equal(kit_link_open(&bench->link, &open, NULL), FERRY_OK);
        assert_int_equal(bench->link.next, 0); /* the last try is forgotten */
        assert_int_equal(kit_link_send(&bench->link, spoilt, bench->size), FERRY_OK);
        assert_int_equal(kit_link_close(&bench->link, spoilt, bench->size), FERRY_IMAGE_HASH);
        assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_NONE);
        assert_int_equal(bench->link.journal.state.outcome, FERRY_IMAGE_HASH);
        expect_old_untouched(bench);
        free(spoilt);
    }
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    expect_installed(bench);
}

/* The plain TLVs are under the CRC only, and compared with OPEN's. */
static void other_tlvs_than_claimed_are_refused(void **test)
{
    struct bench *bench = *test;
    struct ferry_open open = kit_link_claims(bench->file, bench->size);
    uint8_t *spoilt = malloc(bench->size);
    memcpy(spoilt, bench->file, bench->size);
    spoilt[bench->size - 3] ^= 0x01; /* in the signature */
    assert_int_equal(kit_link_open(&bench->link, &open, NULL), FERRY_OK);
    assert_int_equal(kit_link_send(&bench->link, spoilt, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, spoilt, bench->size), FERRY_IMAGE_CLAIMS);
    assert_int_equal(kit_link_open(&bench->link, &open, NULL), FERRY_OK);
    assert_int_equal(kit_link_send(&bench->link, spoilt, bench->size), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_CRC);
    assert_int_equal(bench->link.journal.state.outcome, FERRY_CRC);
    expect_old_untouched(bench);
    free(spoilt);
}

static void close_without_open(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_NOT_OPEN);
    open_and_send(bench, 4096);
    reset(bench, FERRY_SLOT_NONE);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_NOT_OPEN);
}

static void a_repeated_close_gets_the_same_acceptance(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    uint32_t operations = bench->flash.operations;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
        reset(bench, FERRY_SLOT_NONE);
    }
    assert_int_equal(bench->flash.operations, operations);
    expect_installed(bench);
    start_trial(bench);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
    assert_int_equal(kit_link_hash(&bench->link, FERRY_CONFIRM, hash), FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
    bench->file[0] ^= 1; /* other content of the same size */
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_NOT_OPEN);
    bench->file[0] ^= 1;
}

static void a_repeated_close_gets_the_same_refusal(void **test)
{
    struct bench *bench = *test;
    struct ferry_open open = kit_link_claims(bench->file, bench->size);
    uint8_t *spoilt = malloc(bench->size);
    for (int i = 0; i < 2; i++) {
        memcpy(spoilt, bench->file, bench->size);
        spoilt[i == 0 ? 0 : 1000] ^= 0x01; /* without, then with a header to be found */
        assert_int_equal(kit_link_open(&bench->link, &open, NULL), FERRY_OK);
        assert_int_equal(kit_link_send(&bench->link, spoilt, bench->size), FERRY_OK);
        assert_int_equal(kit_link_close(&bench->link, spoilt, bench->size), FERRY_IMAGE_HASH);
        assert_int_equal(kit_link_close(&bench->link, spoilt, bench->size), FERRY_IMAGE_HASH);
        reset(bench, FERRY_SLOT_NONE);
        assert_int_equal(kit_link_close(&bench->link, spoilt, bench->size), FERRY_IMAGE_HASH);
    }
    free(spoilt);
}

static void close_while_closing_is_busy(void **test)
{
    struct bench *bench = *test;
    struct ferry_receiver *receiver = &bench->link.receiver;
    struct ferry_close close = {(uint32_t)bench->size, ferry_crc32(0, bench->file, bench->size), 0};
    uint8_t message[FERRY_OPEN_MAX];
    size_t size, asked = ferry_message_write_close(message, 101, &close);

    open_and_send(bench, (uint32_t)bench->size / 256 * 256);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    ferry_receiver_accept(receiver, message, asked);
    assert_null(ferry_receiver_answer(receiver, &size));
    assert_true(ferry_receiver_step(receiver));
    assert_true(ferry_receiver_ready(receiver));
    ferry_receiver_accept(receiver, message, asked);
    assert_int_equal(ferry_receiver_answer(receiver, &size)[4], FERRY_BUSY);
    assert_false(ferry_receiver_step(receiver)); /* the answer goes out first */
    ferry_receiver_answered(receiver);
    struct ferry_open open = kit_link_claims(bench->file, bench->size);
    ferry_receiver_accept(receiver, message, ferry_message_write_open(message, 102, &open));
    assert_int_equal(ferry_receiver_answer(receiver, &size)[4], FERRY_BUSY);
    ferry_receiver_answered(receiver);
    while (ferry_receiver_step(receiver)) {
    }
    const uint8_t *answer = ferry_receiver_answer(receiver, &size);
    assert_int_equal(answer[0], FERRY_CLOSED);
    assert_int_equal(answer[4], FERRY_OK);
    expect_installed(bench);
}

/* Sends all of the image, then a CLOSE with these numbers; returns its verdict. */
static int verdict_of_close(struct bench *bench, uint32_t crc32, uint32_t crc_from)
{
    struct ferry_receiver *receiver = &bench->link.receiver;
    struct ferry_close close = {(uint32_t)bench->size, crc32, crc_from};
    uint8_t message[FERRY_REPLY_MAX];
    size_t size;

    open_and_send(bench, (uint32_t)bench->size / 256 * 256);
    assert_int_equal(kit_link_send(&bench->link, bench->file, bench->size), FERRY_OK);
    size_t asked = ferry_message_write_close(message, 101, &close);
    ferry_receiver_accept(receiver, message, asked);
    while (ferry_receiver_step(receiver)) {
    }
    const uint8_t *answer = ferry_receiver_answer(receiver, &size);
    assert_int_equal(answer[0], FERRY_CLOSED);
    return answer[4];
}

static void the_crc_may_begin_where_a_resume_did(void **test)
{
    struct bench *bench = *test;
    uint32_t rest = ferry_crc32(0, bench->file + 4096, bench->size - 4096);
    assert_int_equal(verdict_of_close(bench, rest, 4096), FERRY_OK);
    expect_installed(bench);
}

static void a_crc_over_other_bytes_is_refused(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(verdict_of_close(bench, 1, 4096), FERRY_CRC);
}

static void a_crc_beyond_the_file_is_refused(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(verdict_of_close(bench, 0, (uint32_t)bench->size + 1), FERRY_BAD_OFFSET);
    assert_int_equal(bench->link.receiver.install.stage, FERRY_INSTALL_WRITING);
}

/* Invariant 2: what CLOSE accepted is tried, whatever somebody claims later. */
static void an_accepted_image_survives_a_wrong_close(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    struct ferry_close close = {(uint32_t)bench->size, 1, 0};
    uint8_t message[FERRY_REPLY_MAX];
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    kit_link_ask(&bench->link, message,
                 ferry_message_write_close(message, bench->link.tag, &close));
    assert_int_equal(bench->link.answer[4], FERRY_CRC);
    expect_installed(bench);
}

static void a_revert_ends_the_transfer(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_equal(
        kit_link_hash(&bench->link, FERRY_REVERT, kit_link_file_hash(bench->file, bench->size)),
        FERRY_OK);
    assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_REVERTED);
    assert_int_equal(bench->link.journal.state.phase, FERRY_PHASE_NONE);
}

/* Power fails in the erase itself: nothing may say that the sector was erased. */
static void an_erase_that_was_cut_is_not_journalled(void **test)
{
    struct bench *bench = *test;
    uint32_t sector = ferry_board_sector_at(bench->board, bench->board->slots[FERRY_SLOT_B].start);
    bool seen = false;

    for (uint32_t at = 1; at < 40 && !seen; at++) {
        kit_flash_arm(&bench->flash, KIT_CUT_TORN, at, at);
        (void)kit_link_open_file(&bench->link, bench->file, bench->size);
        (void)kit_link_send(&bench->link, bench->file, 256);
        seen = bench->flash.erases[sector] > 0; /* the cut hit it: nothing works after a cut */
        kit_flash_power_on(&bench->flash);
        kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_NONE);
        assert_int_equal(bench->link.journal.state.erased, 0);
    }
    assert_true(seen);
}

static void an_accepted_image_opens_at_its_end(void **test)
{
    struct bench *bench = *test;
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    uint32_t operations = bench->flash.operations;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kit_link_open_file(&bench->link, bench->file, bench->size), FERRY_OK);
        assert_int_equal(bench->link.next, bench->size);
        assert_int_equal(kit_link_close(&bench->link, bench->file, bench->size), FERRY_OK);
        reset(bench, FERRY_SLOT_NONE);
    }
    assert_int_equal(bench->flash.operations, operations);
}

/* What the bootloader found out about a slot before it was written counts no more. */
static void written_content_is_to_be_verified_anew(void **test)
{
    struct bench *bench = *test;
    open_and_send(bench, (uint32_t)bench->size - 1024); /* every sector is erased */
    reset(bench, FERRY_SLOT_NONE);
    bench->link.node.content[FERRY_SLOT_B] = FERRY_CONTENT_BAD;
    assert_int_equal(kit_link_install(&bench->link, bench->file, bench->size), FERRY_OK);
    assert_int_not_equal(bench->link.node.content[FERRY_SLOT_B], FERRY_CONTENT_BAD);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_update_is_installed),
        TEST(files_of_every_remainder),
        TEST(a_file_that_fills_the_slot),
        TEST(stale_content_is_erased_first),
        TEST(durable_follows_the_grain),
        TEST(resume_after_reset_at_every_step),
        TEST(resume_after_abort),
        TEST(another_image_starts_anew),
        TEST(the_same_image_in_a_shorter_file_starts_anew),
        TEST(a_word_that_reads_back_wrong_restarts_its_sector),
        TEST(a_restarted_sector_is_durable_no_more),
        TEST(a_restarted_sector_is_hashed_anew),
        TEST(broken_flash_ends_the_transfer),
        TEST(content_other_than_claimed_is_refused),
        TEST(other_tlvs_than_claimed_are_refused),
        TEST(close_without_open),
        TEST(a_repeated_close_gets_the_same_acceptance),
        TEST(a_repeated_close_gets_the_same_refusal),
        TEST(close_while_closing_is_busy),
        TEST(an_accepted_image_survives_a_wrong_close),
        TEST(a_revert_ends_the_transfer),
        TEST(an_erase_that_was_cut_is_not_journalled),
        TEST(the_crc_may_begin_where_a_resume_did),
        TEST(a_crc_over_other_bytes_is_refused),
        TEST(a_crc_beyond_the_file_is_refused),
        TEST(an_accepted_image_opens_at_its_end),
        TEST(written_content_is_to_be_verified_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
