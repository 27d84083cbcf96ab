/* The trial of a new image, sentence by sentence (DESIGN.md, "Trial"). */
#include "board_kit.h"

#include "ferry/journal.h"

#include <stdio.h>
#include <string.h>

enum {
    CONFIRM_MS = 120000, /* what an agent allows by default */
    WATCHDOG_MS = 40000, /* IWDG period, slowest LSI (DS10314: 17 kHz) */
    BOOT_MS = 15000,
    LISTEN_MS = 3000, /* far beyond the window of a start with something to boot */
    ADOPTED_STARTS = 2
};

static bool has_two_slots(struct kit *kit)
{
    if (kit->board->slot_count > 1) {
        return true;
    }
    kit_fail(kit, "this case needs two slots");
    return false;
}

static void expect(struct kit *kit, bool condition, const char *what, const struct ferry_info *info)
{
    if (!condition) {
        kit_fail(kit, "%s: running %u, confirmed %u, phase %u, attempts %u, outcome %u, counter %u",
                 what, info->running, info->confirmed, info->phase, info->attempts, info->outcome,
                 (unsigned)info->security_counter);
    }
}

static void expect_status(struct kit *kit, int status, int wanted, const char *what)
{
    if (status != wanted) {
        kit_fail(kit, "%s: verdict %d, not %d", what, status, wanted);
    }
}

static int confirm(struct kit *kit, const uint8_t hash[FERRY_HASH_SIZE])
{
    ferry_sender_confirm(&kit->sender, hash, kit_now_ms(kit));
    return kit_finish(kit, NULL);
}

/* A running application's INFO. The bootloader that hears the question is left alone for longer
 * than it waits for another. */
static bool application_info(struct kit *kit, struct ferry_info *info)
{
    for (uint32_t i = 0; i < 5; i++) {
        if (!kit_wait_application(kit, BOOT_MS)) {
            kit_fail(kit, "no application starts");
        }
        kit_wait(kit, 100); /* its link is up */
        if (!kit_query(kit, info) || info->running != FERRY_SLOT_NONE) {
            return kit_ok(kit);
        }
        kit_wait(kit, 1500);
    }
    kit_fail(kit, "the bootloader stays");
    return false;
}

/* Starts of a bad image: each ends in a fault, which resets the chip at once, or by the watchdog.
 */
static uint32_t ended_starts(const struct kit *kit)
{
    return kit->faults > 0 ? kit->faults : kit->watchdogs;
}

/* Three starts, each ended by the fault or by the watchdog, then the old image, by itself. */
void case_attempts(struct kit *kit, const struct kit_options *options)
{
    struct ferry_info info;

    (void)options;
    ferry_sim_power_on(kit->sim);
    if (!kit_query(kit, &info) || !kit_install(kit, &kit->files->other)) {
        return;
    }
    kit->watchdogs = kit->faults = 0;
    kit->guarded_slot = kit->board->slot_count > 1 ? kit->board->slots[FERRY_SLOT_A].start : 0;
    uint32_t start_ms = kit_now_ms(kit);
    while (ended_starts(kit) < FERRY_TRIAL_ATTEMPTS_DEFAULT && kit_ok(kit) &&
           kit_now_ms(kit) - start_ms < 3 * WATCHDOG_MS) {
        kit_wait(kit, 50);
    }
    kit_wait(kit, 3000);
    printf("%u watchdog resets, %u faults, %u ms\n", (unsigned)kit->watchdogs,
           (unsigned)kit->faults, (unsigned)(kit_now_ms(kit) - start_ms));
    if (!kit_query(kit, &info)) {
        return;
    }
    if (ended_starts(kit) != FERRY_TRIAL_ATTEMPTS_DEFAULT) {
        kit_fail(kit, "%u starts of the bad image", (unsigned)ended_starts(kit));
    }
    bool two = kit->board->slot_count > 1;
    expect(kit, info.running == (two ? FERRY_SLOT_A : FERRY_SLOT_NONE), "after three starts",
           &info);
    expect(kit, info.outcome == FERRY_TRIAL_EXHAUSTED && info.phase == FERRY_PHASE_NONE, "outcome",
           &info);
    expect(kit, info.security_counter == 1, "a trial that failed raised the counter", &info);
}

/* An application that feeds the dog and never confirms: the demo application waits for a word on
 * the link before it confirms, and here nobody says one. The agent's own time-out is in force. */
void case_timeout(struct kit *kit, const struct kit_options *options)
{
    struct ferry_info info;

    (void)options;
    ferry_sim_power_on(kit->sim);
    if (!has_two_slots(kit) || !kit_query(kit, &info) || !kit_install(kit, &kit->files->next)) {
        return;
    }
    kit->watchdogs = 0;
    for (uint32_t start = 1; start <= FERRY_TRIAL_ATTEMPTS_DEFAULT && kit_ok(kit); start++) {
        if (!kit_wait_application(kit, BOOT_MS) || !kit_is_in_slot(kit, FERRY_SLOT_B)) {
            kit_fail(kit, "start %u is not of the new image", (unsigned)start);
        }
        uint32_t from_ms = kit_now_ms(kit);
        while (kit->watchdogs < start && kit_now_ms(kit) - from_ms < CONFIRM_MS + WATCHDOG_MS) {
            kit_wait(kit, 100);
        }
        uint32_t took_ms = kit_now_ms(kit) - from_ms;
        printf("start %u ended after %u ms\n", (unsigned)start, (unsigned)took_ms);
        if (kit->watchdogs < start || took_ms < CONFIRM_MS) {
            kit_fail(kit, "start %u lasted %u ms", (unsigned)start, (unsigned)took_ms);
        }
    }
    if (application_info(kit, &info)) {
        expect(kit, info.running == FERRY_SLOT_A && info.confirmed == FERRY_SLOT_A, "reverted",
               &info);
        expect(kit, info.outcome == FERRY_TRIAL_EXHAUSTED, "outcome", &info);
    }
}

/* CONFIRM names the image and counts only for the running trial; OPEN during it is BUSY_TRIAL; the
 * counter is raised with the confirm. `other` never confirms itself. */
static void confirm_wrong(struct kit *kit)
{
    struct ferry_info info;

    expect_status(kit, confirm(kit, kit->files->first.hash), FERRY_WRONG_IMAGE, "another's hash");
    expect_status(kit, kit_open(kit, &kit->files->first), FERRY_BUSY_TRIAL, "OPEN on trial");
    if (kit_query(kit, &info)) {
        expect(kit, info.phase == FERRY_PHASE_TRIAL && info.security_counter == 1, "still on trial",
               &info);
    }
}

static void confirm_in_bootloader(struct kit *kit)
{
    struct ferry_info info;

    ferry_sim_reset(kit->sim);
    if (kit_query(kit, &info)) {
        expect(kit, info.running == FERRY_SLOT_NONE, "the bootloader answers", &info);
        expect_status(kit, confirm(kit, kit->files->other.hash), FERRY_NOT_TRIAL,
                      "CONFIRM to the bootloader");
        expect_status(kit, kit_open(kit, &kit->files->first), FERRY_BUSY_TRIAL,
                      "OPEN to the bootloader during a trial");
    }
}

void case_confirm(struct kit *kit, const struct kit_options *options)
{
    struct ferry_info info;

    (void)options;
    ferry_sim_power_on(kit->sim);
    if (!has_two_slots(kit) || !application_info(kit, &info)) {
        return;
    }
    expect_status(kit, confirm(kit, kit->files->other.hash), FERRY_WRONG_IMAGE, "no trial runs");
    if (!kit_install(kit, &kit->files->other) || !application_info(kit, &info)) {
        return;
    }
    expect(kit, info.running == FERRY_SLOT_B && info.phase == FERRY_PHASE_TRIAL, "on trial", &info);
    confirm_wrong(kit);
    confirm_in_bootloader(kit);
    if (!application_info(kit, &info)) {
        return;
    }
    expect(kit, info.attempts == 1, "two starts", &info);
    expect_status(kit, confirm(kit, kit->files->other.hash), FERRY_OK, "CONFIRM");
    if (kit_query(kit, &info)) {
        expect(kit, info.confirmed == FERRY_SLOT_B && info.security_counter == 2, "confirmed",
               &info);
    }
    kit_power_cycle(kit);
    if (application_info(kit, &info)) {
        expect(kit, info.running == FERRY_SLOT_B && info.security_counter == 2, "it stays", &info);
        expect_status(kit, kit_open(kit, &kit->files->first), FERRY_IMAGE_COUNTER, "an older one");
        expect_status(kit, confirm(kit, kit->files->first.hash), FERRY_WRONG_IMAGE,
                      "CONFIRM of an older image");
    }
}

/* Damages the confirmed image; the other one must start and stay. */
static void fall_back(struct kit *kit, uint8_t from, uint8_t to)
{
    static const uint8_t zeros[16];
    struct ferry_info info;

    ferry_sim_power_off(kit->sim);
    ferry_sim_load(kit->sim, kit->board->slots[from].start + 0x400, zeros, sizeof(zeros));
    ferry_sim_power_on(kit->sim);
    for (uint32_t i = 0; i < ADOPTED_STARTS && application_info(kit, &info); i++) {
        expect(kit, info.running == to, "the other image", &info);
        kit_wait(kit, 2000); /* it tests itself and confirms */
    }
    expect(kit, info.confirmed == to && info.phase == FERRY_PHASE_NONE, "it confirmed itself",
           &info);
}

/* `other`: a good image for slot B with the counter of the first one. */
void case_fallback(struct kit *kit, const struct kit_options *options)
{
    (void)options;
    ferry_sim_power_on(kit->sim);
    if (!has_two_slots(kit) || !kit_update(kit, &kit->files->other, true, true)) {
        return;
    }
    fall_back(kit, FERRY_SLOT_B, FERRY_SLOT_A);
    if (kit_ok(kit) && kit_update(kit, &kit->files->other, true, true)) {
        fall_back(kit, FERRY_SLOT_B, FERRY_SLOT_A);
    }
    /* The other direction: A is confirmed; B is good again, then A is damaged. */
    if (kit_ok(kit)) {
        const struct sweep_image *image = &kit->files->other;
        ferry_sim_power_off(kit->sim);
        ferry_sim_load(kit->sim, kit->board->slots[FERRY_SLOT_B].start, image->bytes, image->size);
        ferry_sim_power_on(kit->sim);
        fall_back(kit, FERRY_SLOT_A, FERRY_SLOT_B);
    }
}

/* One slot: a bad image uses up its starts, the bootloader listens, the last release comes again.
 */
void case_single(struct kit *kit, const struct kit_options *options)
{
    struct ferry_info info;

    case_attempts(kit, options);
    if (!kit_ok(kit)) {
        return;
    }
    kit_wait(kit, LISTEN_MS); /* it goes on listening */
    kit_power_cycle(kit);
    kit_wait(kit, LISTEN_MS);
    if (!kit_query(kit, &info)) {
        return;
    }
    expect(kit, info.running == FERRY_SLOT_NONE, "it listens", &info);
    if (kit_update(kit, &kit->files->first, false, true) && application_info(kit, &info)) {
        expect(kit, info.confirmed == FERRY_SLOT_A && info.outcome == 0, "back", &info);
    }
}

/* `other` tries to erase and to program the bootloader and runs only if the chip refuses both; the
 * way of an update goes on working. */
void case_intruder(struct kit *kit, const struct kit_options *options)
{
    struct ferry_sim_counters counters;

    (void)options;
    ferry_sim_power_on(kit->sim);
    if (!has_two_slots(kit) || !kit_update(kit, &kit->files->other, true, true)) {
        return;
    }
    ferry_sim_counters(kit->sim, &counters);
    printf("%u stores and erases refused\n", (unsigned)counters.flash_errors);
    if (counters.flash_errors < 2) {
        kit_fail(kit, "the intruder met no protection");
    }
    kit_update(kit, &kit->files->first, true, true);
}
