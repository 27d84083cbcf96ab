/* The gateway's step machine. One function a stage; a stage is left only by engine_go_to,
 * engine_rest, or through the ends of a round in engine_round.c. */
#include "engine_internal.h"

#include <string.h>

/*
 * A bootloader goes on listening for a second after each valid message (ferry/supervisor.h): asked
 * more often than that, it would start the application late.
 */
enum {
    WATCH_PAUSE_MS = 500,
    WATCH_BOOT_PAUSE_MS = 1500,
    RESET_AGAIN_MS = 8000,
    CATCH_MS = 3000,
    PULSES_MAX = 3, /* resets by NRST without progress: more would not help */
    LEAVE_MS = 30,  /* a node resets as soon as its answer has left the wire */
    ATTEMPTS_UNKNOWN = UINT8_MAX,
    STARTING_MAX = 3, /* questions to a bootloader before it is taken for what runs */
};

struct gateway_options gateway_options_default(void)
{
    return (struct gateway_options){.poll_ms = 300000,
                                    .retry_first_ms = 1000,
                                    .retry_max_ms = 60000,
                                    .confirm_ms = 420000,
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

/* --- node and source ---------------------------------------------------------------------- */

static void start_query(struct gateway_engine *engine, enum stage stage, uint32_t now_ms)
{
    engine->sink->query(engine->sink->ctx, stage == STAGE_CATCH, now_ms);
    engine_go_to(engine, stage);
}

bool engine_can_pulse(const struct gateway_engine *engine)
{
    return engine->pulses < PULSES_MAX && engine->sink->can_pulse != NULL &&
           engine->sink->can_pulse(engine->sink->ctx);
}

void engine_start_pulse(struct gateway_engine *engine, enum stage after, uint32_t now_ms)
{
    engine->after_pulse = (uint8_t)after;
    engine->pulsed = true;
    engine->pulses++;
    engine->no_boot_log = false;
    engine_tell(engine, GATEWAY_EVENT_PULSE);
    engine->sink->pulse(engine->sink->ctx, now_ms);
    engine_go_to(engine, STAGE_PULSE);
}

static void step_rest(struct gateway_engine *engine, uint32_t now_ms)
{
    if (now_ms - engine->rest_since_ms >= engine->rest_ms) {
        engine->result = GATEWAY_RESULT_NONE;
        start_query(engine, STAGE_QUERY, now_ms);
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

/*
 * Right after a start the bootloader answers, and soon the application will: only then is known
 * what runs. A bootloader that has nothing to start, or that goes on answering, is updated as it
 * is.
 */
static bool is_starting(const struct gateway_engine *engine)
{
    const struct ferry_info *info = &engine->info;
    return info->running == FERRY_SLOT_NONE && info->phase == FERRY_PHASE_NONE &&
           info->confirmed < info->slot_count &&
           info->slots[info->confirmed].content != FERRY_CONTENT_BAD && !engine->hung &&
           engine->starting < STARTING_MAX;
}

/* The node answered: is it the right one, and is it up? */
static void take_info(struct gateway_engine *engine, uint32_t now_ms)
{
    engine->info = *engine->sink->info(engine->sink->ctx);
    engine->hung = engine->pulsed || (engine->hung && engine->info.running == FERRY_SLOT_NONE);
    engine->pulsed = false;
    const char *wrong = wrong_node(engine);
    if (wrong != NULL) {
        engine_put_off(engine, FERRY_IMAGE_BOARD, wrong, now_ms);
    } else if (is_starting(engine)) {
        engine->starting++;
        engine->no_boot_log = false;
        engine_rest(engine, WATCH_BOOT_PAUSE_MS, now_ms);
    } else {
        engine->starting = 0;
        engine_tell(engine, GATEWAY_EVENT_NODE);
        engine_ask_boots(engine, STAGE_CHECK, now_ms);
    }
}

static void step_query(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_OK) {
        take_info(engine, now_ms);
    } else if (status == FERRY_TIMEOUT && !engine->pulsed && engine_can_pulse(engine)) {
        engine_start_pulse(engine, STAGE_QUERY, now_ms);
    } else if (status != FERRY_MORE) {
        const char *text = engine->sink->error(engine->sink->ctx);
        engine->no_boot_log = false; /* it may come back from a restart */
        bool silent = engine->pulsed && status == FERRY_TIMEOUT && text[0] == '\0';
        engine->pulsed = false;
        engine_retry_later(
            engine, status,
            silent ? "the node does not answer, also not after a reset by NRST" : text, now_ms);
    }
}

static void step_check(struct gateway_engine *engine, uint32_t now_ms)
{
    memset(&engine->offer, 0, sizeof engine->offer);
    enum gateway_answer answer =
        engine->source->check(engine->source->ctx, &engine->info, &engine->offer);
    engine->source_waits = answer == GATEWAY_MORE;
    if (answer == GATEWAY_MORE) {
        return;
    }
    if (answer == GATEWAY_NOTHING) {
        engine_end_round(engine, GATEWAY_RESULT_NOTHING, now_ms);
        return;
    }
    if (answer != GATEWAY_OK) {
        engine_source_failed(engine, answer, now_ms);
        return;
    }
    engine->working = true;
    engine->index = 0;
    engine->done = 0;
    engine_go_to(engine, STAGE_HEADER);
}

bool engine_is_candidate(const struct gateway_engine *engine)
{
    return memcmp(engine->info.candidate_hash, engine->hash, sizeof engine->hash) == 0;
}

void engine_start_reset(struct gateway_engine *engine, enum stage stage, uint32_t now_ms)
{
    if (stage == STAGE_TO_BOOTLOADER) {
        engine->sink->update_mode(engine->sink->ctx, now_ms);
    } else {
        engine->sink->reset(engine->sink->ctx, now_ms);
    }
    engine->reset_ms = now_ms;
    engine->no_boot_log = false;
    engine->rest_since_ms = now_ms;
    engine->watch_pause_ms = WATCH_BOOT_PAUSE_MS;
    engine_go_to(engine, stage);
}

void engine_start_watch(struct gateway_engine *engine, uint32_t now_ms)
{
    engine->watch_since_ms = now_ms;
    engine->watch_heard = false;
    engine->attempts = ATTEMPTS_UNKNOWN;
    engine->rest_since_ms = now_ms;
    engine_tell(engine, GATEWAY_EVENT_TRIAL);
    engine_go_to(engine, STAGE_WATCH_REST);
}

void engine_start_open(struct gateway_engine *engine, uint32_t now_ms)
{
    const struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                                    .capabilities = 0,
                                    .total_size = engine->total,
                                    .tlv_size = engine->tlv_size,
                                    .header = engine->header,
                                    .vectors = engine->vectors,
                                    .tlvs = engine->tlvs};
    engine->sink->open(engine->sink->ctx, &open, now_ms);
    engine_go_to(engine, STAGE_OPEN);
}

/* --- into the bootloader ------------------------------------------------------------------ */

static void step_to_bootloader(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_IO) {
        engine_sink_failed(engine, status, now_ms);
    } else if (status == FERRY_TIMEOUT && engine_can_pulse(engine)) {
        engine_start_pulse(engine, STAGE_CATCH, now_ms);
    } else if (status != FERRY_MORE) { /* also when the reset was faster than its answer */
        engine->rest_since_ms = now_ms;
        engine_go_to(engine, STAGE_LEAVE);
    }
}

/*
 * The program that answered RESET may answer one question more while its answer leaves the wire: it
 * is not asked. The link is still served: on a bus that is what takes the answer off the node.
 */
static void step_leave(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_IO) {
        engine_sink_failed(engine, status, now_ms);
    } else if (now_ms - engine->rest_since_ms >= LEAVE_MS) {
        engine->catch_since_ms = now_ms;
        start_query(engine, STAGE_CATCH, now_ms);
    }
}

static void step_pulse(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_OK) {
        engine->catch_since_ms = now_ms;
        engine->sink->query(engine->sink->ctx, true, now_ms); /* its bootloader listens 50 ms */
        engine_go_to(engine, (enum stage)engine->after_pulse);
    } else if (status != FERRY_MORE) {
        engine->pulsed = false;
        engine_retry_later(engine, FERRY_IO, engine->sink->error(engine->sink->ctx), now_ms);
    }
}

static void step_catch(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    if (status == FERRY_OK && engine->sink->info(engine->sink->ctx)->running == FERRY_SLOT_NONE) {
        engine->pulsed = false;
        engine_start_open(engine, now_ms);
    } else if (status == FERRY_OK && now_ms - engine->catch_since_ms < CATCH_MS) {
        start_query(engine, STAGE_CATCH, now_ms); /* still the old application, or already */
    } else {
        engine->pulsed = false;
        engine_retry_later(engine, FERRY_TIMEOUT, "the bootloader was not reached after the reset",
                           now_ms);
    }
}

/* --- transfer ----------------------------------------------------------------------------- */

/* Getting further than ever before is what clears the count of failures. */
static void set_done(struct gateway_engine *engine, uint32_t done)
{
    engine->done = done;
    if (done > engine->best_done) {
        engine->best_done = done;
        engine->failures = 0;
        engine->pulses = 0;
        engine->room_made = false;
    }
}

static void note_progress(struct gateway_engine *engine)
{
    uint32_t done = engine->sink->received(engine->sink->ctx);
    if (done == engine->done) {
        return;
    }
    set_done(engine, done);
    engine_tell(engine, GATEWAY_EVENT_PROGRESS);
}

static void step_open(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_OK) {
        set_done(engine, engine->sink->received(engine->sink->ctx));
        engine->given_up_known = false; /* what comes of it counts from now on */
        engine_tell(engine, GATEWAY_EVENT_OPENED);
        engine->sink->data(engine->sink->ctx, now_ms);
        engine_go_to(engine, STAGE_DATA);
    } else if (status != FERRY_MORE) {
        engine_sink_failed(engine, status, now_ms);
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
        engine_go_to(engine, STAGE_CLOSE);
        return;
    }
    if (status != FERRY_MORE) {
        engine_sink_failed(engine, status, now_ms);
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
    } else if (answer != GATEWAY_MORE && engine->sink->release != NULL) {
        engine->answer = (uint8_t)answer;
        engine->sink->release(engine->sink->ctx, now_ms);
        engine_go_to(engine, STAGE_RELEASE);
    } else if (answer != GATEWAY_MORE) {
        engine_source_failed(engine, answer, now_ms);
    }
}

/* The node is let go; then what the source said counts. */
static void step_release(struct gateway_engine *engine, uint32_t now_ms)
{
    if (engine->sink->step(engine->sink->ctx, now_ms) != FERRY_MORE) {
        engine_source_failed(engine, (enum gateway_answer)engine->answer, now_ms);
    }
}

static void step_close(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    if (status != FERRY_OK) {
        engine_sink_failed(engine, status, now_ms);
        return;
    }
    engine_tell(engine, GATEWAY_EVENT_INSTALLED);
    if (engine->options.no_reset) {
        engine_end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
    } else {
        engine_start_reset(engine, STAGE_RESET, now_ms);
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
        engine_end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
    } else {
        engine_start_watch(engine, now_ms);
    }
}

/* Why the watch ended without a verdict. */
static const char *watch_verdict(const struct gateway_engine *engine)
{
    if (!engine->watch_heard) {
        return "the node does not answer any more";
    }
    if (engine_is_on_trial(engine)) {
        return "the new version runs but did not confirm itself in time; it is still on trial";
    }
    return "the new version did not come to run in time";
}

/* Waits for the next question. Also after a reset that got lost, whose time is not added. */
static void step_watch_rest(struct gateway_engine *engine, uint32_t now_ms)
{
    if (now_ms - engine->watch_since_ms >= engine->options.confirm_ms) {
        engine_put_off(engine, FERRY_TIMEOUT, watch_verdict(engine), now_ms);
        return;
    }
    if (engine->sink->step(engine->sink->ctx, now_ms) == FERRY_MORE ||
        now_ms - engine->rest_since_ms < engine->watch_pause_ms) {
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

static bool is_given_up(const struct gateway_engine *engine)
{
    const struct ferry_info *info = &engine->info;
    return info->phase == FERRY_PHASE_NONE && info->outcome != 0 && engine_is_candidate(engine);
}

/* The verdict of the node, after its boot log: by that the reporters know how it came to it. */
static void step_verdict(struct gateway_engine *engine, uint32_t now_ms)
{
    if (is_confirmed(engine)) {
        engine_succeed(engine, now_ms);
    } else {
        /* No node says TIMEOUT itself: the sink does, where nobody else gives up a trial. */
        bool late = engine->info.outcome == FERRY_TIMEOUT;
        engine_give_up_image(engine, engine->info.outcome, late ? watch_verdict(engine) : "",
                             now_ms);
    }
}

static void judge(struct gateway_engine *engine, uint32_t now_ms)
{
    const struct ferry_info *info = &engine->info;
    if (is_confirmed(engine) || is_given_up(engine)) {
        engine_ask_boots(engine, STAGE_VERDICT, now_ms);
        return;
    }
    if (info->phase == FERRY_PHASE_PENDING && info->running != FERRY_SLOT_NONE &&
        now_ms - engine->reset_ms >= RESET_AGAIN_MS) {
        engine_start_reset(engine, STAGE_WATCH_REST, now_ms);
    }
}

/* Attempts only fall, so this extends the watch a few times at most. */
static void note_attempts(struct gateway_engine *engine, uint32_t now_ms)
{
    uint8_t left = engine->info.attempts;
    if (engine->attempts != ATTEMPTS_UNKNOWN && left < engine->attempts) {
        engine->watch_since_ms = now_ms;
    }
    if (left < engine->attempts) {
        engine->attempts = left;
    }
}

static void step_watch(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    engine->rest_since_ms = now_ms;
    engine->watch_heard = status == FERRY_OK;
    engine_go_to(engine, STAGE_WATCH_REST);
    if (status == FERRY_OK) {
        engine->info = *engine->sink->info(engine->sink->ctx);
        note_attempts(engine, now_ms);
        engine->watch_pause_ms =
            engine->info.running == FERRY_SLOT_NONE ? WATCH_BOOT_PAUSE_MS : WATCH_PAUSE_MS;
        judge(engine, now_ms);
    }
}

static void step_abort(struct gateway_engine *engine, uint32_t now_ms)
{
    if (engine->sink->step(engine->sink->ctx, now_ms) != FERRY_MORE) {
        engine_put_off(engine, FERRY_ABORTED, "", now_ms);
    }
}

/* --- the machine -------------------------------------------------------------------------- */

static void (*const steps[])(struct gateway_engine *, uint32_t) = {
    [STAGE_REST] = step_rest,
    [STAGE_QUERY] = step_query,
    [STAGE_LOG] = engine_step_log,
    [STAGE_CHECK] = step_check,
    [STAGE_HEADER] = engine_step_header,
    [STAGE_VECTORS] = engine_step_vectors,
    [STAGE_TLVS] = engine_step_tlvs,
    [STAGE_TO_BOOTLOADER] = step_to_bootloader,
    [STAGE_LEAVE] = step_leave,
    [STAGE_PULSE] = step_pulse,
    [STAGE_CATCH] = step_catch,
    [STAGE_OPEN] = step_open,
    [STAGE_DATA] = step_data,
    [STAGE_RELEASE] = step_release,
    [STAGE_CLOSE] = step_close,
    [STAGE_RESET] = step_reset,
    [STAGE_WATCH_REST] = step_watch_rest,
    [STAGE_WATCH] = step_watch,
    [STAGE_VERDICT] = step_verdict,
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
        engine_go_to(engine, STAGE_ABORT);
    } else {
        engine_put_off(engine, FERRY_ABORTED, "", now_ms);
    }
}

bool gateway_engine_is_resting(const struct gateway_engine *engine)
{
    return engine->stage == STAGE_REST || engine->stage == STAGE_WATCH_REST;
}

uint32_t gateway_engine_wait_ms(const struct gateway_engine *engine, uint32_t now_ms)
{
    uint32_t gone = now_ms - engine->rest_since_ms;
    switch (engine->stage) {
    case STAGE_REST:
        return gone < engine->rest_ms ? engine->rest_ms - gone : 0;
    case STAGE_WATCH_REST:
        return gone < engine->watch_pause_ms ? engine->watch_pause_ms - gone : 10;
    case STAGE_LEAVE:
        return gone < LEAVE_MS ? LEAVE_MS - gone : 0;
    case STAGE_CHECK:
    case STAGE_HEADER:
    case STAGE_VECTORS:
    case STAGE_TLVS:
    case STAGE_VERDICT:
        return 0; /* nothing to wait for, or the source does the waiting */
    case STAGE_DATA:
        return engine->source_waits ? 0 : engine->sink->wait_ms(engine->sink->ctx, now_ms);
    default:
        return engine->sink->wait_ms(engine->sink->ctx, now_ms);
    }
}
