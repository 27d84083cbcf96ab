#include "sweep_peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    RESTART_MS = 50, /* a QUERY at once would be answered by the program that is going to reset */
    QUICK_MS = 20,   /* QUERY repeats that catch the listen window */
    START_MS = 2000, /* an application runs by then */
    CALM_MS = 200,   /* between two looks at a running application */
    PATIENCE_MS = 10000,
    AWAY_MS = 2500, /* silence after which a bootloader that could start something has done so */
    WAITS_MAX = 8,
    RESUME_LOSS_MAX = 4096
};

void sweep_violation(struct sweep_peer *peer, const char *format, ...)
{
    va_list arguments;

    if (peer->violation[0] == '\0') {
        va_start(arguments, format);
        vsnprintf(peer->violation, sizeof(peer->violation), format, arguments);
        va_end(arguments);
    }
}

static void pause(struct sweep_peer *peer, uint32_t duration_ms, uint32_t now_ms)
{
    peer->stage = SWEEP_PAUSE;
    peer->until_ms = now_ms + duration_ms;
    peer->left_alone = duration_ms >= START_MS;
}

static void ask(struct sweep_peer *peer, uint32_t now_ms)
{
    ferry_sender_query(&peer->sender, QUICK_MS, PATIENCE_MS, now_ms);
    peer->stage = SWEEP_ASK;
}

static void reset(struct sweep_peer *peer, uint32_t after_ms, uint32_t now_ms)
{
    ferry_sender_reset(&peer->sender, now_ms);
    peer->stage = SWEEP_RESET;
    peer->after_ms = after_ms;
}

static void open_image(struct sweep_peer *peer, uint32_t now_ms)
{
    const uint8_t *bytes = peer->image->bytes;
    uint32_t header_size = ferry_get_u16(bytes + 8);
    uint32_t tlvs = header_size + ferry_get_u32(bytes + 12);
    struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                              .total_size = (uint32_t)peer->image->size,
                              .tlv_size = (uint16_t)(peer->image->size - tlvs),
                              .header = bytes,
                              .vectors = bytes + header_size,
                              .tlvs = bytes + tlvs};

    ferry_sender_open(&peer->sender, &open, now_ms);
    peer->stage = SWEEP_OPEN;
}

/* ---- what INFO says -------------------------------------------------------------------------- */

static bool is_ours(const struct sweep_peer *peer, const uint8_t *hash)
{
    return memcmp(hash, peer->image->hash, FERRY_HASH_SIZE) == 0;
}

static void check_info(struct sweep_peer *peer, const struct ferry_info *info, bool runs_ours)
{
    if (info->security_counter < peer->counter) {
        sweep_violation(peer, "5: the security counter fell from %u to %u", (unsigned)peer->counter,
                        (unsigned)info->security_counter);
    }
    peer->counter = info->security_counter;
    if (peer->confirmed && info->running != FERRY_SLOT_NONE && !runs_ours) {
        sweep_violation(peer, "3: the confirmed image was left");
    }
    if ((info->flags & FERRY_INFO_JOURNAL_LOST) != 0) {
        sweep_violation(peer, "5: both journal sectors were lost");
    }
    if (peer->story->good && info->outcome != 0 && is_ours(peer, info->candidate_hash)) {
        sweep_violation(peer, "2: the image was given up: verdict %u", info->outcome);
    }
}

/* The new image runs: it confirms itself, or it is a bad one. */
static void judge_new_application(struct sweep_peer *peer, const struct ferry_info *info,
                                  uint32_t now_ms)
{
    peer->tried = true;
    if (info->phase == FERRY_PHASE_NONE && info->confirmed == info->running) {
        peer->confirmed = true;
        peer->stage = SWEEP_END;
        if (!peer->story->good) {
            sweep_violation(peer, "3: an image that never confirmed itself counts as confirmed");
        }
        return;
    }
    pause(peer, CALM_MS, now_ms);
}

/* The bootloader answers although it could start something: leave it alone. */
static void wait_for_application(struct sweep_peer *peer, uint32_t now_ms)
{
    if (++peer->waits > WAITS_MAX) {
        sweep_violation(peer, "1: no application was started");
    }
    pause(peer, AWAY_MS, now_ms);
}

static void install(struct sweep_peer *peer, const struct ferry_info *info, uint32_t now_ms)
{
    bool bootloader = info->running == FERRY_SLOT_NONE;
    /* The old image is whole. One slot: until its first erase, which the journal knows of. */
    bool startable = peer->slot_count > 1 || info->confirmed < info->slot_count;

    if (bootloader && startable && (peer->story->by_application || peer->left_alone)) {
        wait_for_application(peer, now_ms);
    } else if (!peer->story->by_application && !bootloader) {
        reset(peer, RESTART_MS, now_ms); /* and catch the bootloader */
    } else {
        open_image(peer, now_ms);
    }
}

/* Done, but for its start: the bootloader was caught before it. */
static bool has_confirmed_ours(const struct sweep_peer *peer, const struct ferry_info *info)
{
    return info->phase == FERRY_PHASE_NONE && info->confirmed < info->slot_count &&
           is_ours(peer, info->slots[info->confirmed].hash) && peer->accepted;
}

static void judge(struct sweep_peer *peer, uint32_t now_ms)
{
    const struct ferry_info *info = &peer->sender.result.info;
    bool bootloader = info->running == FERRY_SLOT_NONE;
    bool runs_ours = !bootloader && is_ours(peer, info->slots[info->running].hash);
    bool candidate = is_ours(peer, info->candidate_hash);

    peer->running = info->running;
    peer->waits = bootloader ? peer->waits : 0;
    check_info(peer, info, runs_ours);
    if (runs_ours) {
        judge_new_application(peer, info, now_ms);
    } else if (candidate && info->phase == FERRY_PHASE_TRIAL) {
        wait_for_application(peer, now_ms);
    } else if (bootloader && has_confirmed_ours(peer, info)) {
        wait_for_application(peer, now_ms);
    } else if (candidate && info->phase == FERRY_PHASE_PENDING && bootloader) {
        wait_for_application(peer, now_ms); /* reset now, it would verify again, for ever */
    } else if (candidate && info->phase == FERRY_PHASE_PENDING) {
        reset(peer, AWAY_MS, now_ms);
    } else if (candidate && info->phase == FERRY_PHASE_NONE && info->outcome != 0) {
        if (bootloader && peer->slot_count > 1) {
            wait_for_application(peer, now_ms);
        } else {
            peer->stage = SWEEP_END;
        }
    } else {
        install(peer, info, now_ms);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The node restarted or is silent: find out how it is. */
static bool is_lost_contact(int status)
{
    return status == FERRY_TIMEOUT || status == FERRY_NOT_OPEN || status == FERRY_BAD_SESSION ||
           status == FERRY_BAD_LENGTH;
}

static uint32_t bucket(uint32_t promised, uint32_t resume)
{
    uint32_t behind = promised > resume ? promised - resume : 0;
    uint32_t kilobytes = (behind + 1023) / 1024;
    return kilobytes < SWEEP_BUCKETS - 1 ? kilobytes : SWEEP_BUCKETS - 1;
}

static void check_resume(struct sweep_peer *peer)
{
    uint32_t resume = peer->sender.result.opened.resume_offset;

    if (peer->accepted && resume != peer->image->size) {
        sweep_violation(peer, "2: accepted before, now resumes at %u", (unsigned)resume);
    }
    if (resume % 4 != 0 && resume != peer->image->size) {
        sweep_violation(peer, "4: resumes at %u, no word", (unsigned)resume);
    }
    if (!peer->erased_again && resume < peer->durable && peer->durable - resume > RESUME_LOSS_MAX) {
        sweep_violation(peer, "4: durable was %u, resumes at %u", (unsigned)peer->durable,
                        (unsigned)resume);
    }
    if (peer->resumes != NULL && peer->received > 0) {
        peer->resumes->behind_durable[bucket(peer->durable, resume)]++;
        peer->resumes->behind_received[bucket(peer->received, resume)]++;
        peer->resumes->again += peer->erased_again;
    }
    peer->durable = peer->received = peer->opened_at = resume;
    peer->erased_again = false;
}

static void opened(struct sweep_peer *peer, int status, uint32_t now_ms)
{
    if (status == FERRY_OK) {
        check_resume(peer);
        ferry_sender_data(&peer->sender, now_ms);
        peer->stage = SWEEP_DATA;
    } else if (status == FERRY_BUSY_TRIAL || status == FERRY_SLOT_RUNNING) {
        pause(peer, CALM_MS, now_ms);
    } else if (status == FERRY_JOURNAL_FULL) {
        reset(peer, RESTART_MS, now_ms);
    } else if (is_lost_contact(status)) {
        ask(peer, now_ms);
    } else {
        sweep_violation(peer, "2: OPEN was refused: verdict %d", status);
    }
}

static void answered(struct sweep_peer *peer, int status, uint32_t now_ms)
{
    bool data = peer->stage == SWEEP_DATA;

    if (status == FERRY_OK && data) {
        ferry_sender_close(&peer->sender, now_ms);
        peer->stage = SWEEP_CLOSE;
    } else if (status == FERRY_OK) {
        peer->accepted = true;
        reset(peer, START_MS, now_ms);
    } else if (status == FERRY_JOURNAL_FULL) {
        reset(peer, RESTART_MS, now_ms);
    } else if (is_lost_contact(status) ||
               (!peer->story->good && !data && status == FERRY_TRIAL_EXHAUSTED)) {
        ask(peer, now_ms); /* a repeated CLOSE: meanwhile the bad image had all its starts */
    } else {
        sweep_violation(peer, "2: %s was refused: verdict %d", data ? "DATA" : "CLOSE", status);
    }
}

static void finish(struct sweep_peer *peer, int status, uint32_t now_ms)
{
    switch (peer->stage) {
    case SWEEP_ASK:
        if (status == FERRY_OK) {
            judge(peer, now_ms);
        } else {
            wait_for_application(peer, now_ms);
        }
        break;
    case SWEEP_OPEN:
        opened(peer, status, now_ms);
        break;
    case SWEEP_RESET: /* answered or not */
        pause(peer, peer->after_ms, now_ms);
        break;
    default:
        answered(peer, status, now_ms);
        break;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void supply(struct sweep_peer *peer, uint32_t now_ms)
{
    struct ferry_sender_want want;

    while (ferry_sender_wants(&peer->sender, &want)) {
        memcpy(want.buffer, peer->image->bytes + want.offset, want.size);
        ferry_sender_supply(&peer->sender, want.size, now_ms);
    }
}

static void note_promises(struct sweep_peer *peer)
{
    if (peer->stage == SWEEP_DATA) {
        peer->durable = peer->sender.durable > peer->durable ? peer->sender.durable : peer->durable;
        peer->received = peer->sender.acked > peer->received ? peer->sender.acked : peer->received;
    }
}

void sweep_peer_init(struct sweep_peer *peer, const struct sweep_story *story,
                     const struct sweep_image *image, uint8_t slot_count)
{
    memset(peer, 0, sizeof(*peer));
    peer->story = story;
    peer->image = image;
    peer->slot_count = slot_count;
    peer->running = FERRY_SLOT_NONE;
    ferry_sender_init(&peer->sender, 1);
    pause(peer, story->by_application ? START_MS : 0, 0);
}

void sweep_peer_after_cut(struct sweep_peer *peer, bool unaware, uint32_t silence_ms,
                          uint32_t now_ms)
{
    peer->waits = 0;
    if (!unaware) {
        ferry_sender_init(&peer->sender, (uint16_t)(peer->sender.next_tag + 100U));
        pause(peer, silence_ms, now_ms);
    }
}

void sweep_peer_step(struct sweep_peer *peer, uint32_t now_ms)
{
    if (peer->stage == SWEEP_END) {
        return;
    }
    if (peer->stage == SWEEP_PAUSE) {
        if ((int32_t)(now_ms - peer->until_ms) >= 0) {
            ask(peer, now_ms);
        }
        return;
    }
    int status = ferry_sender_step(&peer->sender, now_ms);
    note_promises(peer);
    if (status == FERRY_MORE) {
        supply(peer, now_ms);
    } else {
        finish(peer, status, now_ms);
    }
}
