/* Which image: header, vectors and TLV areas of what a source offers, against what the node says.
 */
#include "engine_internal.h"

#include <string.h>

enum { TLV_INFO_SIZE = 4 };

/* --- which image ---------------------------------------------------------------------------- */

/*
 * Reads until `size` bytes stand in `out`, over as many steps as the source needs. True when they
 * do; a failure has been dealt with.
 */
static bool fetch(struct gateway_engine *engine, uint32_t offset, uint8_t *out, uint16_t size,
                  uint32_t now_ms)
{
    while (engine->got < size) {
        uint32_t got = 0;
        enum gateway_answer answer =
            engine->source->read(engine->source->ctx, engine->index, offset + engine->got,
                                 out + engine->got, (uint32_t)size - engine->got, &got);
        engine->source_waits = answer == GATEWAY_MORE;
        if (answer == GATEWAY_MORE) {
            return false;
        }
        if (answer != GATEWAY_OK) {
            engine_source_failed(engine, answer, now_ms);
            return false;
        }
        engine->got = (uint16_t)(engine->got + got);
    }
    return true;
}

uint8_t gateway_wanted_slot(const struct ferry_info *info)
{
    if (info->phase == FERRY_PHASE_PENDING || info->phase == FERRY_PHASE_TRIAL) {
        return info->candidate;
    }
    if (info->slot_count < 2) {
        return FERRY_SLOT_A;
    }
    uint8_t keep = info->running != FERRY_SLOT_NONE ? info->running : info->confirmed;
    if (keep == FERRY_SLOT_NONE && info->phase == FERRY_PHASE_FILLING) {
        return info->candidate;
    }
    return keep == FERRY_SLOT_A ? FERRY_SLOT_B : FERRY_SLOT_A;
}

uint8_t gateway_slot_at(const struct ferry_info *info, uint32_t address)
{
    for (uint8_t i = 0; i < info->slot_count && i < FERRY_SLOTS_MAX; i++) {
        if (info->slots[i].range.start == address) {
            return i;
        }
    }
    return FERRY_SLOT_NONE;
}

/* An update that came to its end while nobody watched: the gateway was restarted, or polls. */
static bool is_confirmed_already(const struct gateway_engine *engine)
{
    const struct ferry_info *info = &engine->info;
    uint8_t slot = info->confirmed;
    if (slot >= info->slot_count || info->phase != FERRY_PHASE_NONE ||
        ferry_version_compare(&info->slots[slot].version, &engine->image.version) != 0) {
        return false;
    }
    return info->running == slot ||
           (info->running == FERRY_SLOT_NONE && info->slots[slot].content != FERRY_CONTENT_BAD);
}

/* That it runs is said only when it does; a bootloader that goes on answering is asked again. */
static void leave_as_it_is(struct gateway_engine *engine, uint32_t now_ms)
{
    engine->total = 0; /* nothing was sent */
    if (engine->info.running != FERRY_SLOT_NONE) {
        engine_tell(engine, GATEWAY_EVENT_CURRENT);
    }
    engine_end_round(engine, GATEWAY_RESULT_NOTHING, now_ms);
}

static void next_image(struct gateway_engine *engine, int status, uint32_t now_ms)
{
    engine->index++;
    if (engine->index < engine->offer.count) {
        engine_go_to(engine, STAGE_HEADER);
    } else {
        engine_fail(engine, status, "", now_ms);
    }
}

void engine_step_header(struct gateway_engine *engine, uint32_t now_ms)
{
    if (!fetch(engine, 0, engine->header, sizeof engine->header, now_ms)) {
        return;
    }
    int status = ferry_image_parse_header(engine->header, &engine->image);
    if (status != FERRY_OK) {
        next_image(engine, status, now_ms);
        return;
    }
    if (is_confirmed_already(engine) && !engine->offer.force) {
        leave_as_it_is(engine, now_ms);
        return;
    }
    uint8_t slot = gateway_slot_at(&engine->info, engine->image.load_address);
    if (slot == FERRY_SLOT_NONE || slot != gateway_wanted_slot(&engine->info)) {
        next_image(engine, FERRY_IMAGE_SLOT, now_ms);
        return;
    }
    engine->slot = slot;
    engine_go_to(engine, STAGE_VECTORS);
}

void engine_step_vectors(struct gateway_engine *engine, uint32_t now_ms)
{
    uint32_t offset = engine->image.header_size;
    if (fetch(engine, offset, engine->vectors, sizeof engine->vectors, now_ms)) {
        engine->tlv_size = 0;
        engine_go_to(engine, STAGE_TLVS);
    }
}

/* The length of both areas stands in the head of the second. 0 if that is not one, or too long. */
static uint16_t whole_tlv_size(const struct gateway_engine *engine)
{
    uint32_t first = engine->image.protected_tlv_size;
    const uint8_t *head = engine->tlvs + first;
    uint32_t size = ferry_get_u16(head + 2);
    if (ferry_get_u16(head) != FERRY_TLV_INFO || size < TLV_INFO_SIZE ||
        size > FERRY_IMAGE_TLV_MAX - first) {
        return 0;
    }
    return (uint16_t)(first + size);
}

/* Only a bootloader can write the slot that is the only one. */
static bool needs_bootloader(const struct gateway_engine *engine)
{
    return engine->info.running != FERRY_SLOT_NONE && !engine->sink->writes_in_place &&
           (engine->info.slot_count == 1 || engine->options.by_bootloader);
}

/* The node has the whole image and has not given its verdict, which nobody waits for. */
static bool is_left_alone(const struct gateway_engine *engine)
{
    const struct gateway_options *options = &engine->options;
    bool pending = engine->info.phase == FERRY_PHASE_PENDING && options->no_reset;
    bool on_trial =
        engine->info.phase == FERRY_PHASE_TRIAL && (options->no_reset || options->confirm_ms == 0);
    return engine_is_candidate(engine) && (pending || on_trial);
}

/* Header, vectors and TLV areas are known: is this image to be sent now? */
static void decide(struct gateway_engine *engine, uint32_t now_ms)
{
    struct ferry_image image;
    const struct ferry_info *info = &engine->info;
    int status =
        ferry_image_parse(engine->header, engine->vectors, engine->tlvs, engine->tlv_size, &image);
    if (status != FERRY_OK) {
        engine_fail(engine, status, "", now_ms);
        return;
    }
    memcpy(engine->hash, image.hash, sizeof engine->hash);
    engine->total = image.total_size;
    if (!engine->offer.again && engine->given_up_known &&
        memcmp(engine->given_up, engine->hash, sizeof engine->hash) == 0) {
        engine_end_round(engine, GATEWAY_RESULT_NOTHING, now_ms);
        return;
    }
    engine_tell(engine, GATEWAY_EVENT_OFFER);
    if (is_left_alone(engine)) {
        engine_tell(engine, GATEWAY_EVENT_INSTALLED);
        engine_end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
    } else if (info->phase == FERRY_PHASE_PENDING && engine_is_candidate(engine)) {
        engine_start_reset(engine, STAGE_RESET, now_ms);
    } else if (info->phase == FERRY_PHASE_TRIAL && engine_is_candidate(engine)) {
        engine_start_watch(engine, now_ms);
    } else if (info->phase == FERRY_PHASE_NONE && info->outcome != 0 &&
               engine_is_candidate(engine) && !engine->offer.again) {
        engine_give_up_image(engine, info->outcome, "", now_ms);
    } else if (engine->hung && engine_can_pulse(engine)) {
        /* The bootloader that answered may have started it again meanwhile. */
        engine_start_pulse(engine, STAGE_CATCH, now_ms);
    } else if (needs_bootloader(engine)) {
        engine_start_reset(engine, STAGE_TO_BOOTLOADER, now_ms);
    } else {
        engine_start_open(engine, now_ms);
    }
}

void engine_step_tlvs(struct gateway_engine *engine, uint32_t now_ms)
{
    uint32_t offset = engine->image.header_size + engine->image.payload_size;
    uint32_t head_end = (uint32_t)engine->image.protected_tlv_size + TLV_INFO_SIZE;
    if (head_end > FERRY_IMAGE_TLV_MAX) {
        engine_fail(engine, FERRY_IMAGE_TLV, "", now_ms);
        return;
    }
    if (engine->tlv_size == 0) {
        if (!fetch(engine, offset, engine->tlvs, (uint16_t)head_end, now_ms)) {
            return;
        }
        engine->tlv_size = whole_tlv_size(engine);
        if (engine->tlv_size == 0) {
            engine_fail(engine, FERRY_IMAGE_TLV, "", now_ms);
            return;
        }
    }
    if (fetch(engine, offset, engine->tlvs, engine->tlv_size, now_ms)) {
        decide(engine, now_ms);
    }
}
