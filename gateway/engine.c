/* The gateway's step machine. One function a stage; a stage is left only by go_to, rest_for, or
 * through the ends of a round below. */
#include "engine.h"

#include <string.h>

enum { WATCH_PAUSE_MS = 500, RESET_AGAIN_MS = 8000, CATCH_MS = 3000, TLV_INFO_SIZE = 4 };

enum stage {
    STAGE_REST,
    STAGE_QUERY,
    STAGE_CHECK,
    STAGE_HEADER,
    STAGE_VECTORS,
    STAGE_TLVS,
    STAGE_TO_BOOTLOADER,
    STAGE_CATCH,
    STAGE_OPEN,
    STAGE_DATA,
    STAGE_CLOSE,
    STAGE_RESET,
    STAGE_WATCH_REST,
    STAGE_WATCH,
    STAGE_ABORT
};

struct gateway_options gateway_options_default(void)
{
    return (struct gateway_options){.poll_ms = 300000,
                                    .retry_first_ms = 1000,
                                    .retry_max_ms = 60000,
                                    .confirm_ms = 180000,
                                    .retries = 8};
}

void gateway_engine_init(struct gateway_engine *engine, const struct gateway_source *source,
                         const struct gateway_sink *sink,
                         const struct gateway_reporter *const *reporters, uint8_t reporter_count,
                         const struct gateway_options *options, uint32_t seed)
{
    memset(engine, 0, sizeof *engine);
    engine->source = source;
    engine->sink = sink;
    engine->reporters = reporters;
    engine->reporter_count = reporter_count;
    engine->options = *options;
    engine->random = seed | 1U;
    engine->stage = STAGE_REST;
}

/* --- reports and the ends of a round ------------------------------------------------------ */

static void report(const struct gateway_engine *engine, enum gateway_event event, int status,
                   const char *text, uint32_t wait_ms)
{
    const struct gateway_report message = {.event = event,
                                           .status = status,
                                           .text = text,
                                           .info = &engine->info,
                                           .version = &engine->image.version,
                                           .done = engine->done,
                                           .total = engine->total,
                                           .wait_ms = wait_ms};
    for (uint8_t i = 0; i < engine->reporter_count; i++) {
        engine->reporters[i]->report(engine->reporters[i]->ctx, &message);
    }
}

static void tell(const struct gateway_engine *engine, enum gateway_event event)
{
    report(engine, event, FERRY_OK, "", 0);
}

static void go_to(struct gateway_engine *engine, enum stage stage)
{
    engine->stage = (uint8_t)stage;
    engine->got = 0;
}

static void rest_for(struct gateway_engine *engine, uint32_t pause_ms, uint32_t now_ms)
{
    engine->rest_since_ms = now_ms;
    engine->rest_ms = pause_ms;
    go_to(engine, STAGE_REST);
}

static void end_round(struct gateway_engine *engine, enum gateway_result result, uint32_t now_ms)
{
    engine->result = (uint8_t)result;
    engine->working = false;
    engine->failures = 0;
    engine->best_done = 0;
    rest_for(engine, engine->options.poll_ms, now_ms);
}

static void succeed(struct gateway_engine *engine, uint32_t now_ms)
{
    tell(engine, GATEWAY_EVENT_SUCCEEDED);
    end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
}

static void fail(struct gateway_engine *engine, int status, const char *text, uint32_t now_ms)
{
    report(engine, GATEWAY_EVENT_FAILED, status, text, 0);
    end_round(engine, GATEWAY_RESULT_FAILED, now_ms);
}

/* Fails because of the image: a source without memory must not offer it to us for ever. */
static void give_up_image(struct gateway_engine *engine, int status, uint32_t now_ms)
{
    memcpy(engine->given_up, engine->hash, sizeof engine->given_up);
    engine->given_up_known = true;
    fail(engine, status, "", now_ms);
}

/* xorshift32: spreads gateways that lost the same server. */
static uint32_t next_random(struct gateway_engine *engine)
{
    engine->random ^= engine->random << 13;
    engine->random ^= engine->random >> 17;
    engine->random ^= engine->random << 5;
    return engine->random;
}

/* Doubled for each failure, then 75 % to 125 % of it. */
static uint32_t backoff_ms(struct gateway_engine *engine)
{
    uint32_t pause = engine->options.retry_first_ms;
    for (uint8_t i = 1; i < engine->failures && pause < engine->options.retry_max_ms; i++) {
        pause *= 2;
    }
    if (pause > engine->options.retry_max_ms) {
        pause = engine->options.retry_max_ms;
    }
    return pause - pause / 4 + next_random(engine) % (pause / 2 + 1);
}

static void retry_later(struct gateway_engine *engine, int status, const char *text,
                        uint32_t now_ms)
{
    if (engine->failures >= engine->options.retries) {
        fail(engine, status, text, now_ms);
        return;
    }
    engine->failures++;
    uint32_t pause = backoff_ms(engine);
    report(engine, GATEWAY_EVENT_RETRY, status, text, pause);
    rest_for(engine, pause, now_ms);
}

static void source_failed(struct gateway_engine *engine, enum gateway_answer answer,
                          uint32_t now_ms)
{
    const char *text = engine->source->error(engine->source->ctx);
    if (answer == GATEWAY_RETRY) {
        retry_later(engine, FERRY_IO, text, now_ms);
    } else {
        fail(engine, FERRY_IO, text, now_ms);
    }
}

/* What another try can mend: the wire, a restart of the node, a state that passes. */
static bool may_heal(int status)
{
    switch (status) {
    case FERRY_IO:
    case FERRY_TIMEOUT:
    case FERRY_BUSY:
    case FERRY_BUSY_TRIAL:
    case FERRY_BAD_FRAME:
    case FERRY_BAD_SESSION:
    case FERRY_BAD_OFFSET:
    case FERRY_BAD_LENGTH:
    case FERRY_NOT_OPEN:
    case FERRY_ABORTED:
    case FERRY_CRC:
    case FERRY_FLASH:
        return true;
    default:
        return false;
    }
}

static void sink_failed(struct gateway_engine *engine, int status, uint32_t now_ms)
{
    if (may_heal(status)) {
        retry_later(engine, status, engine->sink->error(engine->sink->ctx), now_ms);
    } else {
        give_up_image(engine, status, now_ms);
    }
}

/* --- node and source ---------------------------------------------------------------------- */

static void start_query(struct gateway_engine *engine, enum stage stage, uint32_t now_ms)
{
    engine->sink->query(engine->sink->ctx, stage == STAGE_CATCH, now_ms);
    go_to(engine, stage);
}

static void step_rest(struct gateway_engine *engine, uint32_t now_ms)
{
    if (now_ms - engine->rest_since_ms >= engine->rest_ms) {
        engine->result = GATEWAY_RESULT_NONE;
        start_query(engine, STAGE_QUERY, now_ms);
    }
}

static void step_query(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_OK) {
        engine->info = *engine->sink->info(engine->sink->ctx);
        tell(engine, GATEWAY_EVENT_NODE);
        go_to(engine, STAGE_CHECK);
    } else if (status != FERRY_MORE) {
        retry_later(engine, status, engine->sink->error(engine->sink->ctx), now_ms);
    }
}

/* Why this node must not be updated, or NULL. */
static const char *wrong_node(const struct gateway_engine *engine)
{
    const struct gateway_options *options = &engine->options;
    if (options->check_uid &&
        memcmp(options->uid, engine->info.uid, sizeof engine->info.uid) != 0) {
        return "the node at this port has another unique id than the configured one";
    }
    if (options->board != NULL && strcmp(options->board, engine->info.board) != 0) {
        return "the node at this port is another board than the configured one";
    }
    if (engine->info.protocol != FERRY_PROTOCOL_VERSION) {
        return "the node speaks another version of the link protocol";
    }
    return NULL;
}

static void step_check(struct gateway_engine *engine, uint32_t now_ms)
{
    enum gateway_answer answer =
        engine->source->check(engine->source->ctx, &engine->info, &engine->offer);
    engine->source_waits = answer == GATEWAY_MORE;
    if (answer == GATEWAY_MORE) {
        return;
    }
    if (answer == GATEWAY_NOTHING) {
        end_round(engine, GATEWAY_RESULT_NOTHING, now_ms);
        return;
    }
    if (answer != GATEWAY_OK) {
        source_failed(engine, answer, now_ms);
        return;
    }
    const char *wrong = wrong_node(engine);
    if (wrong != NULL) {
        fail(engine, FERRY_IMAGE_BOARD, wrong, now_ms);
        return;
    }
    engine->working = true;
    engine->index = 0;
    engine->done = 0;
    go_to(engine, STAGE_HEADER);
}

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
            source_failed(engine, answer, now_ms);
            return false;
        }
        engine->got = (uint16_t)(engine->got + got);
    }
    return true;
}

/* The slot to look for: that of the candidate under way, else the one that does not run. */
static uint8_t wanted_slot(const struct ferry_info *info)
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

static uint8_t slot_at(const struct ferry_info *info, uint32_t address)
{
    for (uint8_t i = 0; i < info->slot_count && i < FERRY_SLOTS_MAX; i++) {
        if (info->slots[i].range.start == address) {
            return i;
        }
    }
    return FERRY_SLOT_NONE;
}

/* An update that came to its end while nobody watched: the gateway was restarted, or polls. */
static bool runs_already(const struct gateway_engine *engine)
{
    const struct ferry_info *info = &engine->info;
    uint8_t slot = info->confirmed;
    return slot < info->slot_count && slot == info->running && info->phase == FERRY_PHASE_NONE &&
           ferry_version_compare(&info->slots[slot].version, &engine->image.version) == 0;
}

static void next_image(struct gateway_engine *engine, int status, uint32_t now_ms)
{
    engine->index++;
    if (engine->index < engine->offer.count) {
        go_to(engine, STAGE_HEADER);
    } else {
        fail(engine, status, "", now_ms);
    }
}

static void step_header(struct gateway_engine *engine, uint32_t now_ms)
{
    if (!fetch(engine, 0, engine->header, sizeof engine->header, now_ms)) {
        return;
    }
    int status = ferry_image_parse_header(engine->header, &engine->image);
    if (status != FERRY_OK) {
        next_image(engine, status, now_ms);
        return;
    }
    if (runs_already(engine) && !engine->offer.again) {
        tell(engine, GATEWAY_EVENT_CURRENT);
        end_round(engine, GATEWAY_RESULT_NOTHING, now_ms);
        return;
    }
    uint8_t slot = slot_at(&engine->info, engine->image.load_address);
    if (slot == FERRY_SLOT_NONE || slot != wanted_slot(&engine->info)) {
        next_image(engine, FERRY_IMAGE_SLOT, now_ms);
        return;
    }
    engine->slot = slot;
    go_to(engine, STAGE_VECTORS);
}

static void step_vectors(struct gateway_engine *engine, uint32_t now_ms)
{
    uint32_t offset = engine->image.header_size;
    if (fetch(engine, offset, engine->vectors, sizeof engine->vectors, now_ms)) {
        engine->tlv_size = 0;
        go_to(engine, STAGE_TLVS);
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

static void decide(struct gateway_engine *engine, uint32_t now_ms);

static void step_tlvs(struct gateway_engine *engine, uint32_t now_ms)
{
    uint32_t offset = engine->image.header_size + engine->image.payload_size;
    uint32_t head_end = (uint32_t)engine->image.protected_tlv_size + TLV_INFO_SIZE;
    if (head_end > FERRY_IMAGE_TLV_MAX) {
        fail(engine, FERRY_IMAGE_TLV, "", now_ms);
        return;
    }
    if (engine->tlv_size == 0) {
        if (!fetch(engine, offset, engine->tlvs, (uint16_t)head_end, now_ms)) {
            return;
        }
        engine->tlv_size = whole_tlv_size(engine);
        if (engine->tlv_size == 0) {
            fail(engine, FERRY_IMAGE_TLV, "", now_ms);
            return;
        }
    }
    if (fetch(engine, offset, engine->tlvs, engine->tlv_size, now_ms)) {
        decide(engine, now_ms);
    }
}

static bool is_candidate(const struct gateway_engine *engine)
{
    return memcmp(engine->info.candidate_hash, engine->hash, sizeof engine->hash) == 0;
}

static void start_reset(struct gateway_engine *engine, enum stage stage, uint32_t now_ms)
{
    engine->sink->reset(engine->sink->ctx, now_ms);
    engine->reset_ms = now_ms;
    go_to(engine, stage);
}

static void start_watch(struct gateway_engine *engine, uint32_t now_ms)
{
    engine->watch_since_ms = now_ms;
    tell(engine, GATEWAY_EVENT_TRIAL);
    go_to(engine, STAGE_WATCH_REST);
}

static void start_open(struct gateway_engine *engine, uint32_t now_ms)
{
    const struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                                    .capabilities = 0,
                                    .total_size = engine->total,
                                    .tlv_size = engine->tlv_size,
                                    .header = engine->header,
                                    .vectors = engine->vectors,
                                    .tlvs = engine->tlvs};
    engine->sink->open(engine->sink->ctx, &open, now_ms);
    go_to(engine, STAGE_OPEN);
}

/* Only a bootloader can write the slot that is the only one. */
static bool needs_bootloader(const struct gateway_engine *engine)
{
    return engine->info.running != FERRY_SLOT_NONE &&
           (engine->info.slot_count == 1 || engine->options.by_bootloader);
}

/* Header, vectors and TLV areas are known: is this image to be sent now? */
static void decide(struct gateway_engine *engine, uint32_t now_ms)
{
    struct ferry_image image;
    const struct ferry_info *info = &engine->info;
    int status =
        ferry_image_parse(engine->header, engine->vectors, engine->tlvs, engine->tlv_size, &image);
    if (status != FERRY_OK) {
        fail(engine, status, "", now_ms);
        return;
    }
    memcpy(engine->hash, image.hash, sizeof engine->hash);
    engine->total = image.total_size;
    if (!engine->offer.again && engine->given_up_known &&
        memcmp(engine->given_up, engine->hash, sizeof engine->hash) == 0) {
        end_round(engine, GATEWAY_RESULT_NOTHING, now_ms);
        return;
    }
    tell(engine, GATEWAY_EVENT_OFFER);
    if (info->phase == FERRY_PHASE_PENDING && is_candidate(engine)) {
        start_reset(engine, STAGE_RESET, now_ms);
    } else if (info->phase == FERRY_PHASE_TRIAL && is_candidate(engine)) {
        start_watch(engine, now_ms);
    } else if (info->phase == FERRY_PHASE_NONE && info->outcome != 0 && is_candidate(engine) &&
               !engine->offer.again) {
        give_up_image(engine, -(int)info->outcome, now_ms);
    } else if (needs_bootloader(engine)) {
        start_reset(engine, STAGE_TO_BOOTLOADER, now_ms);
    } else {
        start_open(engine, now_ms);
    }
}

/* --- into the bootloader ------------------------------------------------------------------ */

static void step_to_bootloader(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_IO) {
        sink_failed(engine, status, now_ms);
    } else if (status != FERRY_MORE) {
        engine->catch_since_ms = now_ms; /* also when the reset was faster than its answer */
        start_query(engine, STAGE_CATCH, now_ms);
    }
}

static void step_catch(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    if (status == FERRY_OK && engine->sink->info(engine->sink->ctx)->running == FERRY_SLOT_NONE) {
        start_open(engine, now_ms);
    } else if (status == FERRY_OK && now_ms - engine->catch_since_ms < CATCH_MS) {
        start_query(engine, STAGE_CATCH, now_ms); /* still the old application, or already */
    } else {
        retry_later(engine, FERRY_TIMEOUT, "the bootloader was not reached after the reset",
                    now_ms);
    }
}

/* --- transfer ----------------------------------------------------------------------------- */

static void note_progress(struct gateway_engine *engine)
{
    uint32_t done = engine->sink->received(engine->sink->ctx);
    if (done == engine->done) {
        return;
    }
    engine->done = done;
    if (done > engine->best_done) {
        engine->best_done = done;
        engine->failures = 0;
    }
    tell(engine, GATEWAY_EVENT_PROGRESS);
}

static void step_open(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_OK) {
        engine->done = engine->sink->received(engine->sink->ctx);
        tell(engine, GATEWAY_EVENT_OPENED);
        engine->sink->data(engine->sink->ctx, now_ms);
        go_to(engine, STAGE_DATA);
    } else if (status == FERRY_JOURNAL_FULL) {
        /* Only the bootloader may make room, and does so at its start. */
        start_reset(engine, STAGE_TO_BOOTLOADER, now_ms);
        engine->failures++;
    } else if (status != FERRY_MORE) {
        sink_failed(engine, status, now_ms);
    }
}

static void step_data(struct gateway_engine *engine, uint32_t now_ms)
{
    struct ferry_sender_want want;
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    note_progress(engine);
    engine->source_waits = false;
    if (status == FERRY_OK) {
        engine->sink->close(engine->sink->ctx, now_ms);
        go_to(engine, STAGE_CLOSE);
        return;
    }
    if (status != FERRY_MORE) {
        sink_failed(engine, status, now_ms);
        return;
    }
    if (!engine->sink->wants(engine->sink->ctx, &want)) {
        return;
    }
    uint32_t got = 0;
    enum gateway_answer answer = engine->source->read(engine->source->ctx, engine->index,
                                                      want.offset, want.buffer, want.size, &got);
    engine->source_waits = true; /* ask again at once, whatever came */
    if (answer == GATEWAY_OK) {
        engine->sink->supply(engine->sink->ctx, got, now_ms);
    } else if (answer != GATEWAY_MORE) {
        source_failed(engine, answer, now_ms);
    }
}

static void step_close(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    if (status != FERRY_OK) {
        sink_failed(engine, status, now_ms);
        return;
    }
    tell(engine, GATEWAY_EVENT_INSTALLED);
    if (engine->options.no_reset) {
        end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
    } else {
        start_reset(engine, STAGE_RESET, now_ms);
    }
}

/* --- trial -------------------------------------------------------------------------------- */

static void step_reset(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return; /* any end will do: what counts is what INFO says afterwards */
    }
    if (engine->options.confirm_ms == 0) {
        end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
    } else {
        start_watch(engine, now_ms);
    }
}

/* After a reset that got lost: the watch goes on, its time is not extended. */
static void step_watch_rest(struct gateway_engine *engine, uint32_t now_ms)
{
    if (now_ms - engine->watch_since_ms >= engine->options.confirm_ms) {
        give_up_image(engine, FERRY_TIMEOUT, now_ms);
        return;
    }
    if (engine->sink->step(engine->sink->ctx, now_ms) == FERRY_MORE ||
        now_ms - engine->rest_since_ms < WATCH_PAUSE_MS) {
        return;
    }
    start_query(engine, STAGE_WATCH, now_ms);
}

static bool is_confirmed(const struct gateway_engine *engine)
{
    const struct ferry_info *info = &engine->info;
    return info->running == engine->slot && info->confirmed == engine->slot &&
           info->phase == FERRY_PHASE_NONE &&
           memcmp(info->slots[engine->slot].hash, engine->hash, sizeof engine->hash) == 0;
}

static void judge(struct gateway_engine *engine, uint32_t now_ms)
{
    const struct ferry_info *info = &engine->info;
    if (is_confirmed(engine)) {
        succeed(engine, now_ms);
        return;
    }
    if (info->phase == FERRY_PHASE_NONE && info->outcome != 0 && is_candidate(engine)) {
        give_up_image(engine, -(int)info->outcome, now_ms);
        return;
    }
    if (info->phase == FERRY_PHASE_PENDING && now_ms - engine->reset_ms >= RESET_AGAIN_MS) {
        start_reset(engine, STAGE_WATCH_REST, now_ms);
    }
}

static void step_watch(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    engine->rest_since_ms = now_ms;
    go_to(engine, STAGE_WATCH_REST);
    if (status == FERRY_OK) {
        engine->info = *engine->sink->info(engine->sink->ctx);
        judge(engine, now_ms);
    }
}

static void step_abort(struct gateway_engine *engine, uint32_t now_ms)
{
    if (engine->sink->step(engine->sink->ctx, now_ms) != FERRY_MORE) {
        fail(engine, FERRY_ABORTED, "", now_ms);
    }
}

/* --- the machine -------------------------------------------------------------------------- */

static void (*const steps[])(struct gateway_engine *, uint32_t) = {
    [STAGE_REST] = step_rest,
    [STAGE_QUERY] = step_query,
    [STAGE_CHECK] = step_check,
    [STAGE_HEADER] = step_header,
    [STAGE_VECTORS] = step_vectors,
    [STAGE_TLVS] = step_tlvs,
    [STAGE_TO_BOOTLOADER] = step_to_bootloader,
    [STAGE_CATCH] = step_catch,
    [STAGE_OPEN] = step_open,
    [STAGE_DATA] = step_data,
    [STAGE_CLOSE] = step_close,
    [STAGE_RESET] = step_reset,
    [STAGE_WATCH_REST] = step_watch_rest,
    [STAGE_WATCH] = step_watch,
    [STAGE_ABORT] = step_abort,
};

void gateway_engine_step(struct gateway_engine *engine, uint32_t now_ms)
{
    steps[engine->stage](engine, now_ms);
}

void gateway_engine_wake(struct gateway_engine *engine)
{
    engine->rest_ms = 0;
}

void gateway_engine_abort(struct gateway_engine *engine, uint32_t now_ms)
{
    if (engine->stage == STAGE_OPEN || engine->stage == STAGE_DATA ||
        engine->stage == STAGE_CLOSE) {
        engine->sink->abort(engine->sink->ctx, now_ms);
        go_to(engine, STAGE_ABORT);
    } else {
        fail(engine, FERRY_ABORTED, "", now_ms);
    }
}

uint32_t gateway_engine_wait_ms(const struct gateway_engine *engine, uint32_t now_ms)
{
    uint32_t gone = now_ms - engine->rest_since_ms;
    switch (engine->stage) {
    case STAGE_REST:
        return gone < engine->rest_ms ? engine->rest_ms - gone : 0;
    case STAGE_WATCH_REST:
        return gone < WATCH_PAUSE_MS ? WATCH_PAUSE_MS - gone : 10;
    case STAGE_CHECK:
    case STAGE_HEADER:
    case STAGE_VECTORS:
    case STAGE_TLVS:
        return 0; /* the source does the waiting */
    case STAGE_DATA:
        return engine->source_waits ? 0 : engine->sink->wait_ms(engine->sink->ctx, now_ms);
    default:
        return engine->sink->wait_ms(engine->sink->ctx, now_ms);
    }
}
