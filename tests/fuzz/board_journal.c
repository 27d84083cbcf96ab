/* Journal sectors that hold rubbish: the node boots what verifies, and says what it lost. */
#include "board_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAGIC = 0x314A4546 /* SPEC.md, "Journal" */, KIND_STATE = 1, BOOT_MS = 15000 };

enum damage { RANDOM, ZERO, HALF_ERASED, FLIPPED, ERASED, DAMAGES };
static const char *const damage_names[DAMAGES] = {"random", "zero", "half-erased", "flipped",
                                                  "erased"};

struct journal_trial {
    struct kit *kit;
    uint32_t random;
    enum damage damage[2]; /* of each sector, where `hit` */
    bool hit[2];
    bool image_lost; /* the newest image does not verify either */
};

static struct ferry_range sector(const struct kit *kit, size_t i)
{
    return ferry_board_sector(kit->board, kit->board->journal_sectors[i]);
}

/* One byte of a sector after the damage. Half-erased: most bits are ones again, some are not. */
static uint8_t damaged(struct journal_trial *trial, enum damage damage, uint8_t was)
{
    uint8_t noise = (uint8_t)kit_random(&trial->random);

    switch (damage) {
    case RANDOM:
        return noise;
    case ZERO:
        return 0;
    case HALF_ERASED:
        return was | noise | (uint8_t)kit_random(&trial->random);
    case FLIPPED:
        return (uint8_t)(was ^ (noise == 0 ? 0x10 : 0));
    default:
        return 0xFF;
    }
}

static void damage_sector(struct journal_trial *trial, size_t i)
{
    struct ferry_range range = sector(trial->kit, i);
    const uint8_t *cells = kit_cells(trial->kit, range.start);
    uint8_t *bytes = malloc(range.size);

    for (uint32_t at = 0; bytes != NULL && at < range.size; at++) {
        bytes[at] = damaged(trial, trial->damage[i], cells[at]);
    }
    if (bytes == NULL ||
        ferry_sim_load(trial->kit->sim, range.start, bytes, range.size) != FERRY_SIM_OK) {
        kit_fail(trial->kit, "the journal cannot be damaged");
    }
    free(bytes);
}

/* The state that SPEC.md finds in the flash: the valid record with the highest sequence. */
static const uint8_t *winner(const struct kit *kit)
{
    const uint8_t *best = NULL;

    for (size_t i = 0; i < 2; i++) {
        for (uint32_t at = 0; at < sector(kit, i).size; at += FERRY_RECORD_SIZE) {
            const uint8_t *record = kit_cells(kit, sector(kit, i).start + at);
            bool valid = ferry_get_u32(record) == RECORD_MAGIC && record[8] == KIND_STATE &&
                         ferry_get_u32(record + FERRY_RECORD_SIZE - 4) ==
                             ferry_crc32(0, record, FERRY_RECORD_SIZE - 4);
            if (valid && (best == NULL || ferry_get_u32(record + 4) > ferry_get_u32(best + 4))) {
                best = record;
            }
        }
    }
    return best;
}

static void choose(struct journal_trial *trial)
{
    uint32_t which = kit_random(&trial->random) % 4; /* both twice as often as one */

    trial->hit[0] = which != 1;
    trial->hit[1] = which != 0;
    trial->image_lost = trial->kit->board->slot_count > 1 && kit_random(&trial->random) % 4 == 0;
    for (size_t i = 0; i < 2; i++) {
        trial->damage[i] = (enum damage)(kit_random(&trial->random) % DAMAGES);
    }
}

static void damage_all(struct journal_trial *trial, uint8_t newest)
{
    static const uint8_t zeros[16];
    struct kit *kit = trial->kit;

    for (size_t i = 0; i < 2; i++) {
        if (trial->hit[i]) {
            damage_sector(trial, i);
        }
    }
    if (trial->image_lost) {
        ferry_sim_load(kit->sim, kit->board->slots[newest].start + 0x400, zeros, sizeof(zeros));
    }
}

/* Up to the confirmed state: a rebuilt journal starts its choice on trial. */
static bool settle(struct kit *kit, struct ferry_info *info)
{
    for (uint32_t i = 0; i < 40 && kit_query(kit, info); i++) {
        if (info->running != FERRY_SLOT_NONE && info->phase == FERRY_PHASE_NONE &&
            info->confirmed == info->running) {
            return true;
        }
        kit_wait(kit, 1200); /* the bootloader goes on after a second without a question */
    }
    kit_fail(kit, "no confirmed application: running %u, phase %u", info->running, info->phase);
    return false;
}

static void judge(struct journal_trial *trial, uint8_t newest, bool lost)
{
    struct kit *kit = trial->kit;
    uint8_t expected = trial->image_lost ? FERRY_SLOT_A : newest;
    struct ferry_info info;

    ferry_sim_power_on(kit->sim);
    if (!kit_query(kit, &info)) {
        return;
    }
    if (((info.flags & FERRY_INFO_JOURNAL_LOST) != 0) != lost) {
        kit_fail(kit, "INFO says lost %d, the flash %d",
                 (info.flags & FERRY_INFO_JOURNAL_LOST) != 0, lost);
    }
    if (lost &&
        info.security_counter != (expected == FERRY_SLOT_A || kit->board->slot_count == 2)) {
        /* the lowest counter among what verifies: 1 of the first image; alone, the newest has 2 */
        if (!(kit->board->slot_count == 1 && info.security_counter == 2)) {
            kit_fail(kit, "the floor is %u", (unsigned)info.security_counter);
        }
    }
    if (settle(kit, &info) && info.running != expected) {
        kit_fail(kit, "slot %u runs, expected %u", info.running, expected);
    }
}

void case_journal(struct kit *kit, const struct kit_options *options)
{
    uint8_t newest = kit->board->slot_count > 1 ? FERRY_SLOT_B : FERRY_SLOT_A;
    struct journal_trial trial = {.kit = kit, .random = options->seed};
    uint32_t lost_count = 0;

    ferry_sim_power_on(kit->sim);
    if (!kit_update(kit, &kit->files->next, false, true)) {
        return;
    }
    ferry_sim_power_off(kit->sim);
    ferry_sim_uart_flush(kit->sim, 0);
    struct ferry_sim_snapshot *start = ferry_sim_snapshot(kit->sim);
    for (uint32_t i = 0; start != NULL && i < options->count && kit_ok(kit); i++) {
        ferry_sim_restore(kit->sim, start);
        choose(&trial);
        damage_all(&trial, newest);
        const uint8_t *record = winner(kit);
        if (record != NULL && trial.image_lost && ferry_get_u32(record + 16) > 1) {
            continue; /* the counter of the newest image bars the older one: nothing may start */
        }
        lost_count += record == NULL;
        judge(&trial, newest, record == NULL);
        if (!kit_ok(kit)) {
            printf("trial %u: %s%s / %s%s%s\n", (unsigned)i, damage_names[trial.damage[0]],
                   trial.hit[0] ? "" : " (not hit)", damage_names[trial.damage[1]],
                   trial.hit[1] ? "" : " (not hit)", trial.image_lost ? ", image lost" : "");
        }
    }
    ferry_sim_snapshot_free(start);
    printf("%u journals, %u of them lost, seed %u\n", (unsigned)options->count,
           (unsigned)lost_count, (unsigned)options->seed);
    if (lost_count == 0) {
        kit_fail(kit, "no journal was lost: nothing was tested");
    }
}
