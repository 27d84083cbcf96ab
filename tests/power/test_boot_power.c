/*
 * A node's life under power cuts: bootloader, application, update, trial, confirm or revert. A cut
 * at flash operations all through it, each lost, torn or done, and a second one later. After each,
 * DESIGN.md's invariants: something verified boots wherever there is one; what CLOSE accepted is
 * tried; an unconfirmed trial reverts, a confirmed image stays; the counter never falls.
 *
 * FERRY_TORTURE_SEEDS=n: how many random outcomes of every cut, and then at every operation.
 * Without it at every 11th: no divisor of the 16 words of a record, so that all of them get their
 * turn.
 */
#include "ferry/supervisor.h"

#include "kit_board.h"
#include "kit_image.h"
#include "kit_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PAYLOAD = 4200, OLD_VERSION = 1, NEW_VERSION = 2, BOOTS_MAX = 24 };

static struct {
    unsigned long long operations, trials, doubles;
} totals;

/* What the new application does, and who receives it. */
struct story {
    bool good;          /* it confirms itself */
    bool by_bootloader; /* the update comes in the bootloader's listen window */
};

struct bench {
    struct kit_flash start, flash;
    struct kit_link link; /* journal, node and receiver of this start */
    struct ferry_supervisor supervisor;
    const struct ferry_board *board;
    const struct story *story;
    uint8_t *old, *file;
    size_t old_size, size;
    bool accepted, tried, confirmed; /* since the story began, as the outside world saw it */
    bool wants_update;               /* the gateway has not been told of an end yet */
    uint32_t counter;                /* highest that was seen after a start */
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static uint8_t *build(const struct ferry_board *board, uint8_t slot, uint8_t major, size_t *size)
{
    struct kit_image image = kit_image_defaults(board, slot, major, PAYLOAD);
    return kit_image_build(&image, size);
}

static void bench_init(struct bench *bench, const struct ferry_board *board)
{
    memset(bench, 0, sizeof(*bench));
    bench->board = board;
    kit_flash_init(&bench->start, board);
    kit_flash_init(&bench->flash, board);
    bench->old = build(board, FERRY_SLOT_A, OLD_VERSION, &bench->old_size);
    bench->file = build(board, (uint8_t)(board->slot_count - 1), NEW_VERSION, &bench->size);
    kit_provision(&bench->start, FERRY_SLOT_A, bench->old, bench->old_size);
}

static int set_up(void **test)
{
    static struct bench bench;
    bench_init(&bench, &kit_board);
    *test = &bench;
    return 0;
}

static int set_up_single(void **test)
{
    static struct bench bench;
    bench_init(&bench, &kit_board_single);
    *test = &bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    kit_flash_free(&bench->start);
    kit_flash_free(&bench->flash);
    free(bench->old);
    free(bench->file);
    return 0;
}

/* ---- one start ------------------------------------------------------------------------------- */

/* The gateway sends what it has, until the node took it or said no. */
static void offer_update(struct bench *bench)
{
    int status = kit_link_install(&bench->link, bench->file, bench->size);

    bench->accepted |= status == FERRY_OK;
    if (!bench->flash.dead) {
        assert_true(status == FERRY_OK || status == FERRY_BUSY_TRIAL ||
                    status == FERRY_SLOT_RUNNING || status == FERRY_SLOT_CONFIRMED);
        bench->wants_update = false;
    }
}

/* The image that is started, verified anew from flash as it reads now. */
static void check_departure(struct bench *bench, const struct ferry_departure *departure)
{
    struct ferry_node *node = &bench->link.node;
    struct ferry_keys keys = ferry_boot_block_keys(node->block);
    struct ferry_image image;
    uint8_t buffer[FERRY_IMAGE_TLV_MAX];
    struct ferry_image_source source =
        ferry_image_from_slot(node->flash, node->board, departure->slot);

    assert_int_equal(
        ferry_image_verify(&source, node->board, &keys, 0, &image, buffer, sizeof(buffer)),
        FERRY_OK);
    assert_int_equal(image.slot, departure->slot);
    assert_int_equal(departure->trial, bench->link.journal.state.phase == FERRY_PHASE_TRIAL);
}

/* The application runs until the next reset. */
static void run_application(struct bench *bench, const struct ferry_departure *departure)
{
    kit_link_start(&bench->link, &bench->flash, departure->slot);
    uint8_t version =
        bench->flash.memory[bench->board->slots[departure->slot].start - bench->flash.base + 20];

    if (version == NEW_VERSION) { /* the gateway sees it run, even where CLOSE's answer was lost */
        bench->tried = true;
        bench->wants_update = false;
    }
    if (version == NEW_VERSION && bench->story->good) {
        const uint8_t *hash = kit_link_file_hash(bench->file, bench->size);
        if (kit_link_hash(&bench->link, FERRY_CONFIRM, hash) == FERRY_OK) {
            bench->confirmed = true;
        }
    } else if (version == OLD_VERSION && bench->wants_update && bench->board->slot_count > 1 &&
               !bench->story->by_bootloader) {
        offer_update(bench);
    } /* a bad new application does nothing until the watchdog bites */
}

/* Decides and departs as the bootloader's main does. Returns false where nothing can be started. */
static bool decide_and_depart(struct bench *bench, struct ferry_departure *departure)
{
    for (int tries = 0; tries < 4 && !bench->flash.dead; tries++) {
        enum ferry_action action = ferry_supervisor_decide(&bench->supervisor);
        if (action == FERRY_ACTION_LISTEN) {
            return false;
        }
        if (ferry_supervisor_depart(&bench->supervisor, action, departure) == FERRY_OK) {
            return true;
        }
    }
    return false;
}

/* From reset to reset. Returns the slot that was started, or FERRY_SLOT_NONE. */
static uint8_t boot(struct bench *bench)
{
    struct ferry_departure departure;

    kit_link_start(&bench->link, &bench->flash, FERRY_SLOT_NONE);
    ferry_supervisor_begin(&bench->supervisor, &bench->link.node);
    (void)ferry_supervisor_decide(&bench->supervisor);
    bool listens = bench->story->by_bootloader || bench->board->slot_count == 1;
    if (listens && bench->wants_update && !bench->flash.dead) {
        offer_update(bench);
    }
    if (bench->flash.dead || !decide_and_depart(bench, &departure) || bench->flash.dead) {
        return FERRY_SLOT_NONE;
    }
    assert_true(bench->link.journal.state.security_counter >= bench->counter);
    bench->counter = bench->link.journal.state.security_counter;
    check_departure(bench, &departure);
    run_application(bench, &departure);
    return departure.slot;
}

/* ---- the story ------------------------------------------------------------------------------- */

static void begin(struct bench *bench, const struct story *story)
{
    kit_flash_copy(&bench->flash, &bench->start);
    bench->story = story;
    bench->accepted = bench->tried = bench->confirmed = false;
    bench->wants_update = true;
    bench->counter = OLD_VERSION;
}

static void check_old_slot(struct bench *bench)
{
    const uint8_t *slot =
        &bench->flash.memory[bench->board->slots[FERRY_SLOT_A].start - bench->flash.base];
    if (bench->board->slot_count > 1) {
        assert_memory_equal(slot, bench->old, bench->old_size);
    }
}

/* Starts until nothing changes any more; then the end must be the right one. */
static void check_end(struct bench *bench)
{
    bool single = bench->board->slot_count == 1;
    uint8_t target = (uint8_t)(bench->board->slot_count - 1);
    uint8_t slot = FERRY_SLOT_NONE;

    for (int i = 0; i < 8; i++) {
        bool was_confirmed = bench->confirmed;
        slot = boot(bench);
        assert_false(bench->flash.dead);
        assert_true(slot != FERRY_SLOT_NONE || single);
        assert_true(!was_confirmed || slot == target);
        assert_true(!bench->accepted || bench->tried || i == 0); /* tried at the next start */
        check_old_slot(bench);
    }
    assert_true(bench->tried);
    if (bench->story->good) {
        assert_true(bench->confirmed);
        assert_int_equal(slot, target);
        assert_int_equal(bench->link.journal.state.security_counter, NEW_VERSION);
    } else {
        assert_int_equal(slot, single ? FERRY_SLOT_NONE : FERRY_SLOT_A);
        assert_int_equal(bench->link.journal.state.security_counter, OLD_VERSION);
        assert_int_equal(bench->link.journal.state.outcome, FERRY_TRIAL_EXHAUSTED);
    }
}

/* Runs until the armed cut comes; returns false if it never does. */
static bool until_cut(struct bench *bench)
{
    for (int boots = 0; boots < BOOTS_MAX && !bench->flash.dead; boots++) {
        (void)boot(bench);
    }
    bool cut = bench->flash.dead;
    kit_flash_power_on(&bench->flash);
    return cut;
}

static uint32_t count_operations(struct bench *bench, const struct story *story)
{
    begin(bench, story);
    uint32_t before = bench->flash.operations;
    for (int i = 0; i < 6; i++) {
        (void)boot(bench);
    }
    uint32_t operations = bench->flash.operations - before;
    check_end(bench);
    return operations;
}

static void sweep(struct bench *bench, const struct story *story)
{
    const char *torture = getenv("FERRY_TORTURE_SEEDS");
    uint32_t seeds = torture != NULL ? (uint32_t)strtoul(torture, NULL, 10) : 1;
    uint32_t operations = count_operations(bench, story), step = torture != NULL ? 1 : 11;

    totals.operations += operations;
    for (uint32_t at = 1; at <= operations; at += step) {
        for (uint32_t n = 0; n < 3 * seeds; n++) {
            uint32_t random = at * 131 + n;
            begin(bench, story);
            kit_flash_arm(&bench->flash, (enum kit_cut)(KIT_CUT_LOST + n % 3), at, random);
            assert_true(until_cut(bench));
            /* A second cut, best soon: in the recovery. */
            uint32_t second = 1 + kit_random(&random) % (n % 2 == 0 ? 100 : operations);
            kit_flash_arm(&bench->flash, (enum kit_cut)(KIT_CUT_LOST + random % 3), second,
                          random + 1);
            totals.doubles += until_cut(bench);
            totals.trials++;
            check_end(bench);
        }
    }
}

static void a_good_update_by_the_application(void **test)
{
    const struct story story = {.good = true};
    sweep(*test, &story);
}

static void a_bad_update_by_the_application(void **test)
{
    const struct story story = {.good = false};
    sweep(*test, &story);
}

static void a_good_update_by_the_bootloader(void **test)
{
    const struct story story = {.good = true, .by_bootloader = true};
    sweep(*test, &story);
}

static void a_bad_update_by_the_bootloader(void **test)
{
    const struct story story = {.good = false, .by_bootloader = true};
    sweep(*test, &story);
}

#define TEST(f)   cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define SINGLE(f) cmocka_unit_test_setup_teardown(f, set_up_single, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_update_by_the_application),  TEST(a_bad_update_by_the_application),
        TEST(a_good_update_by_the_bootloader),   TEST(a_bad_update_by_the_bootloader),
        SINGLE(a_good_update_by_the_bootloader), SINGLE(a_bad_update_by_the_bootloader),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("totals boot: %llu operations, %llu trials, %llu with a second cut, %d failed\n",
           totals.operations, totals.trials, totals.doubles, failed);
    return failed;
}
