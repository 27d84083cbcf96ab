/* Hostile bytes at the real bootloader and at the running application; then a good update. */
#include "board_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BURST = 16, JUNK_MAX = 400, OPEN_CLAIMS_AT = 16 };

struct fuzz {
    struct kit *kit;
    uint32_t random;
    bool application; /* the target */
    uint32_t frames;
};

static uint32_t pick(struct fuzz *fuzz, uint32_t below)
{
    return kit_random(&fuzz->random) % below;
}

static void fill(struct fuzz *fuzz, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)kit_random(&fuzz->random);
    }
}

static const struct kit_message *any_recorded(struct fuzz *fuzz)
{
    return &fuzz->kit->recorded[pick(fuzz, fuzz->kit->recorded_count)];
}

/* An OPEN whose claims are those of a genuine image is not hostile: it may be accepted. On a single
 * slot that costs the running application (SECURITY.md), which is a case of its own. */
static bool is_genuine(struct fuzz *fuzz, const uint8_t *message, size_t size)
{
    for (uint32_t i = 0; i < fuzz->kit->recorded_count; i++) {
        const struct kit_message *known = &fuzz->kit->recorded[i];
        if (known->bytes[0] == FERRY_OPEN && known->size == size && message[0] == FERRY_OPEN &&
            memcmp(known->bytes + OPEN_CLAIMS_AT, message + OPEN_CLAIMS_AT,
                   size - OPEN_CLAIMS_AT) == 0) {
            return true;
        }
    }
    return false;
}

static void send_message(struct fuzz *fuzz, const uint8_t *message, size_t size)
{
    if (fuzz->kit->board->slot_count > 1 || !is_genuine(fuzz, message, size)) {
        kit_send_message(fuzz->kit, message, size);
    }
}

static void junk(struct fuzz *fuzz)
{
    uint8_t bytes[JUNK_MAX];
    size_t size = 1 + pick(fuzz, JUNK_MAX);

    fill(fuzz, bytes, size);
    kit_send(fuzz->kit, bytes, size);
}

/* A valid frame with a message that nobody meant. */
static void invented(struct fuzz *fuzz)
{
    static const uint8_t types[] = {FERRY_QUERY,
                                    FERRY_OPEN,
                                    FERRY_DATA,
                                    FERRY_CLOSE,
                                    FERRY_CONFIRM,
                                    FERRY_REVERT,
                                    FERRY_ABORT,
                                    FERRY_RESET,
                                    FERRY_LOG,
                                    FERRY_INFO,
                                    0};
    uint8_t message[FERRY_MESSAGE_MAX];
    size_t size = FERRY_MESSAGE_HEADER_SIZE + pick(fuzz, pick(fuzz, 8) == 0 ? 2052 : 90);

    fill(fuzz, message, size);
    message[0] = types[pick(fuzz, sizeof(types))];
    message[1] = 0;
    send_message(fuzz, message, size);
}

/* A message of a good session, some bytes of it changed, its frame valid. */
static void mutated_message(struct fuzz *fuzz)
{
    static uint8_t message[FERRY_MESSAGE_MAX];
    const struct kit_message *from = any_recorded(fuzz);
    size_t size = from->size;

    memcpy(message, from->bytes, size);
    for (uint32_t n = pick(fuzz, 8); n > 0; n--) {
        size_t at = pick(fuzz, (uint32_t)(pick(fuzz, 2) == 0 && size > 24 ? 24 : size));
        message[at] = (uint8_t)kit_random(&fuzz->random);
    }
    if (pick(fuzz, 4) == 0) {
        size =
            FERRY_MESSAGE_HEADER_SIZE + pick(fuzz, (uint32_t)size - FERRY_MESSAGE_HEADER_SIZE + 1);
    }
    send_message(fuzz, message, size);
}

/* A frame of a good session, damaged on the wire: bits, a missing piece, a repeated one. */
static void mutated_frame(struct fuzz *fuzz)
{
    static uint8_t frame[FERRY_FRAME_SIZE(FERRY_MESSAGE_MAX)];
    const struct kit_message *from = any_recorded(fuzz);
    size_t size = ferry_frame_encode(from->bytes, from->size, frame);
    size_t cut = pick(fuzz, (uint32_t)size);

    for (uint32_t n = 1 + pick(fuzz, 4); n > 0; n--) {
        frame[pick(fuzz, (uint32_t)size)] ^= (uint8_t)(1U << pick(fuzz, 8));
    }
    kit_send(fuzz->kit, frame, cut);
    kit_send(fuzz->kit, frame + (pick(fuzz, 2) == 0 ? cut : cut / 2), size - cut);
}

static void replayed(struct fuzz *fuzz)
{
    const struct kit_message *from = any_recorded(fuzz);
    send_message(fuzz, from->bytes, from->size);
}

static void filler(struct fuzz *fuzz)
{
    uint8_t bytes[JUNK_MAX];
    size_t size = 1 + pick(fuzz, JUNK_MAX);

    memset(bytes, pick(fuzz, 2) == 0 ? 0 : 0xFF, size);
    kit_send(fuzz->kit, bytes, size);
}

static void one_frame(struct fuzz *fuzz)
{
    static void (*const kinds[])(struct fuzz *) = {junk,          invented, mutated_message,
                                                   mutated_frame, replayed, filler};
    fuzz->frames++;
    kinds[pick(fuzz, sizeof(kinds) / sizeof(kinds[0]))](fuzz);
    if (pick(fuzz, 4) == 0) {
        kit_listen(fuzz->kit);
    }
}

static void bring_target(struct fuzz *fuzz)
{
    struct kit *kit = fuzz->kit;

    if (!fuzz->application || !kit_is_in_application(kit)) {
        ferry_sim_reset(kit->sim); /* a replayed OPEN holds the bootloader for ten seconds */
    }
    if (fuzz->application && !kit_wait_application(kit, 15000)) {
        kit_fail(kit, "no application runs after frame %u", (unsigned)fuzz->frames);
    }
}

static void check_slot(struct fuzz *fuzz)
{
    const struct sweep_image *first = &fuzz->kit->files->first;
    uint32_t start = fuzz->kit->board->slots[FERRY_SLOT_A].start;

    if (memcmp(kit_cells(fuzz->kit, start), first->bytes, first->size) != 0) {
        kit_fail(fuzz->kit, "the confirmed image changed");
    }
}

static void check_state(struct fuzz *fuzz)
{
    struct ferry_info info;

    ferry_sim_reset(fuzz->kit->sim);
    if (!kit_ok(fuzz->kit) || !kit_wait_application(fuzz->kit, 15000)) {
        kit_fail(fuzz->kit, "no application runs after the last frame");
    } else if (kit_query(fuzz->kit, &info)) {
        if (info.confirmed != FERRY_SLOT_A || info.security_counter != 1 ||
            (info.flags & FERRY_INFO_JOURNAL_LOST) != 0) {
            kit_fail(fuzz->kit, "confirmed %u, counter %u, flags %u", info.confirmed,
                     (unsigned)info.security_counter, info.flags);
        }
    }
}

static void attack(struct fuzz *fuzz, uint32_t count)
{
    struct kit *kit = fuzz->kit;

    kit->guarded_slot = kit->board->slots[FERRY_SLOT_A].start;
    for (uint32_t end = fuzz->frames + count; kit_ok(kit) && fuzz->frames < end;) {
        bring_target(fuzz);
        for (uint32_t i = 0; i < BURST && kit_ok(kit) && fuzz->frames < end; i++) {
            one_frame(fuzz);
        }
    }
    check_slot(fuzz);
    check_state(fuzz);
    kit->guarded_slot = 0;
}

void case_fuzz(struct kit *kit, const struct kit_options *options)
{
    struct fuzz fuzz = {.kit = kit, .random = options->seed};
    bool two = kit->board->slot_count > 1;

    ferry_sim_power_on(kit->sim);
    struct ferry_sim_snapshot *start = ferry_sim_snapshot(kit->sim);
    kit->recording = true;
    if (start == NULL || !kit_update(kit, &kit->files->next, two, true)) {
        kit_fail(kit, "the good session");
        ferry_sim_snapshot_free(start);
        return;
    }
    kit->recording = false;
    ferry_sim_restore(kit->sim, start);
    ferry_sim_snapshot_free(start);
    attack(&fuzz, options->count);
    fuzz.application = true;
    attack(&fuzz, options->count);
    if (kit_ok(kit)) {
        kit_update(kit, &kit->files->next, two, true);
    }
    printf("%u frames, seed %u; the update %s\n", (unsigned)fuzz.frames, (unsigned)options->seed,
           kit_ok(kit) ? "succeeded" : "failed");
}
