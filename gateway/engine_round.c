/* How a round ends or is interrupted: reports, pauses, and which failures may heal. */
#include "engine_internal.h"

#include "ferry/rom.h"

#include <string.h>

enum { LOST_PAUSE_MAX_MS = 6 * 3600 * 1000 };

/* As far as the node said when it was asked last. */
bool engine_is_on_trial(const struct gateway_engine *engine)
{
    const struct ferry_info *info = &engine->info;
    return engine->watch_heard && info->phase == FERRY_PHASE_TRIAL && info->running == engine->slot;
}

static void report(const struct gateway_engine *engine, enum gateway_event event, int status,
                   const char *text, bool final, uint32_t wait_ms)
{
    const struct gateway_report message = {.event = event,
                                           .status = status,
                                           .text = text,
                                           .final = final,
                                           .info = &engine->info,
                                           .version = &engine->image.version,
                                           .done = engine->done,
                                           .total = engine->total,
                                           .wait_ms = wait_ms,
                                           .read_back = engine->sink->reads_back,
                                           .on_trial = engine_is_on_trial(engine),
                                           .boots = engine->boots,
                                           .boot_count = engine->boot_count};
    for (uint8_t i = 0; i < engine->reporter_count; i++) {
        engine->reporters[i]->report(engine->reporters[i]->ctx, &message);
    }
}

void engine_tell(const struct gateway_engine *engine, enum gateway_event event)
{
    report(engine, event, FERRY_OK, "", false, 0);
}

void engine_go_to(struct gateway_engine *engine, enum stage stage)
{
    engine->stage = (uint8_t)stage;
    engine->got = 0;
}

void engine_rest(struct gateway_engine *engine, uint32_t pause_ms, uint32_t now_ms)
{
    engine->rest_since_ms = now_ms;
    engine->rest_ms = pause_ms;
    engine_go_to(engine, STAGE_REST);
}

/* xorshift32: spreads gateways that lost the same server. */
static uint32_t next_random(struct gateway_engine *engine)
{
    engine->random ^= engine->random << 13;
    engine->random ^= engine->random >> 17;
    engine->random ^= engine->random << 5;
    return engine->random;
}

/* A number from middle - spread to middle + spread. */
static uint32_t jitter(struct gateway_engine *engine, uint32_t middle, uint32_t spread)
{
    return middle - spread + next_random(engine) % (2 * spread + 1);
}

/* Doubled so many times, as long as it is below `most_ms`. */
static uint32_t doubled(uint32_t pause_ms, uint32_t times, uint32_t most_ms)
{
    for (uint32_t i = 0; i < times && pause_ms < most_ms; i++) {
        pause_ms = pause_ms <= most_ms / 2 ? pause_ms * 2 : most_ms;
    }
    return pause_ms;
}

/* Longer for each round that was lost in the middle of writing in place: each erases a page again,
 * and flash that takes 10,000 erases has to outlast a wire that stays bad. */
static uint32_t round_pause_ms(const struct gateway_engine *engine)
{
    uint32_t pause = engine->offer.poll_ms != 0 ? engine->offer.poll_ms : engine->options.poll_ms;
    return doubled(pause, engine->lost_rounds, LOST_PAUSE_MAX_MS);
}

void engine_end_round(struct gateway_engine *engine, enum gateway_result result, uint32_t now_ms)
{
    if (result != GATEWAY_RESULT_FAILED) {
        engine->lost_rounds = 0;
    }
    engine->result = (uint8_t)result;
    engine->working = false;
    engine->watch_heard = false;
    engine->failures = 0;
    engine->best_done = 0;
    engine->starting = 0;
    engine->room_made = false;
    engine->pulsed = false;
    engine->pulses = 0;
    engine->hung = false;
    uint32_t pause = round_pause_ms(engine);
    engine_rest(engine, jitter(engine, pause, pause / 10), now_ms);
}

void engine_succeed(struct gateway_engine *engine, uint32_t now_ms)
{
    engine_tell(engine, GATEWAY_EVENT_SUCCEEDED);
    engine_end_round(engine, GATEWAY_RESULT_SUCCEEDED, now_ms);
}

void engine_fail(struct gateway_engine *engine, int status, const char *text, uint32_t now_ms)
{
    report(engine, GATEWAY_EVENT_FAILED, status, text, true, 0);
    engine_end_round(engine, GATEWAY_RESULT_FAILED, now_ms);
}

void engine_put_off(struct gateway_engine *engine, int status, const char *text, uint32_t now_ms)
{
    report(engine, GATEWAY_EVENT_FAILED, status, text, false, 0);
    engine_end_round(engine, GATEWAY_RESULT_FAILED, now_ms);
}

void engine_give_up_image(struct gateway_engine *engine, int status, const char *text,
                          uint32_t now_ms)
{
    memcpy(engine->given_up, engine->hash, sizeof engine->given_up);
    engine->given_up_known = true;
    engine_fail(engine, status, text, now_ms);
}

/* Doubled for each failure but the first, then 75 % to 125 % of it. */
static uint32_t backoff_ms(struct gateway_engine *engine)
{
    const uint32_t most = engine->options.retry_max_ms;
    uint32_t pause = doubled(engine->options.retry_first_ms, engine->failures - 1U, most);
    pause = pause < most ? pause : most;
    return jitter(engine, pause, pause / 4);
}

/* A wire that stays broken says nothing of the image; a flash that never takes it would wear out.
 */
static void end_retries(struct gateway_engine *engine, int status, const char *text,
                        uint32_t now_ms)
{
    if (status == FERRY_FLASH || status == FERRY_CRC || status == FERRY_ROM_VERIFY ||
        status == FERRY_ROM_ERASE) {
        engine_give_up_image(engine, status, text, now_ms);
    } else {
        const bool begun = engine->sink->writes_in_place && engine->best_done > 0;
        const uint8_t more = engine->lost_rounds < UINT8_MAX;
        engine->lost_rounds = begun ? (uint8_t)(engine->lost_rounds + more) : 0;
        engine_put_off(engine, status, text, now_ms);
    }
}

void engine_retry_later(struct gateway_engine *engine, int status, const char *text,
                        uint32_t now_ms)
{
    if (engine->failures >= engine->options.retries) {
        end_retries(engine, status, text, now_ms);
        return;
    }
    engine->failures++;
    uint32_t pause = backoff_ms(engine);
    report(engine, GATEWAY_EVENT_RETRY, status, text, false, pause);
    engine_rest(engine, pause, now_ms);
}

void engine_source_failed(struct gateway_engine *engine, enum gateway_answer answer,
                          uint32_t now_ms)
{
    const char *text = engine->source->error(engine->source->ctx);
    if (answer == GATEWAY_RETRY) {
        engine_retry_later(engine, FERRY_IO, text, now_ms);
    } else if (answer == GATEWAY_DENIED) {
        engine_put_off(engine, FERRY_IO, text, now_ms);
    } else {
        engine_fail(engine, FERRY_IO, text, now_ms);
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
    case FERRY_JOURNAL_FULL:
    case FERRY_ROM_NO_ANSWER:
    case FERRY_ROM_BUS:
    case FERRY_ROM_SILENT:
    case FERRY_ROM_LOST:
    case FERRY_ROM_REFUSED:
    case FERRY_ROM_UNKNOWN:
    case FERRY_ROM_REPLY:
    case FERRY_ROM_VERIFY:
    case FERRY_ROM_ERASE:
        return true;
    default:
        return false;
    }
}

void engine_sink_failed(struct gateway_engine *engine, int status, uint32_t now_ms)
{
    if (status == FERRY_JOURNAL_FULL && !engine->room_made) {
        /* Only the bootloader may make room, and does so at its start. */
        engine->room_made = true;
        engine_start_reset(engine, STAGE_TO_BOOTLOADER, now_ms);
    } else if (status == FERRY_NOT_OPEN || status == FERRY_BAD_SESSION) {
        engine_retry_later(engine, status, "the node restarted", now_ms); /* it forgot our OPEN */
    } else if (may_heal(status)) {
        engine_retry_later(engine, status, engine->sink->error(engine->sink->ctx), now_ms);
    } else {
        /* A node's own verdict says it all; what its link knows then is of the wire. */
        const bool judges = engine->sink->writes_in_place;
        engine_give_up_image(engine, status, judges ? engine->sink->error(engine->sink->ctx) : "",
                             now_ms);
    }
}
