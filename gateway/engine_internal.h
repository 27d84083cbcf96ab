/*
 * engine_internal.h - what engine.c (stages), engine_image.c (which image), engine_log.c (boot log)
 * and engine_round.c (how a round ends or is interrupted) share.
 */
#ifndef GATEWAY_ENGINE_INTERNAL_H
#define GATEWAY_ENGINE_INTERNAL_H

#include "engine.h"

enum stage {
    STAGE_REST,
    STAGE_QUERY,
    STAGE_LOG,
    STAGE_CHECK,
    STAGE_HEADER,
    STAGE_VECTORS,
    STAGE_TLVS,
    STAGE_TO_BOOTLOADER,
    STAGE_LEAVE,
    STAGE_PULSE,
    STAGE_CATCH,
    STAGE_OPEN,
    STAGE_DATA,
    STAGE_RELEASE,
    STAGE_CLOSE,
    STAGE_RESET,
    STAGE_WATCH_REST,
    STAGE_WATCH,
    STAGE_VERDICT,
    STAGE_ABORT
};

void engine_go_to(struct gateway_engine *engine, enum stage stage);
void engine_rest(struct gateway_engine *engine, uint32_t pause_ms, uint32_t now_ms);
void engine_tell(const struct gateway_engine *engine, enum gateway_event event);

/* The ends of a round. */
void engine_end_round(struct gateway_engine *engine, enum gateway_result result, uint32_t now_ms);
/* Final: what the source offers cannot be installed. */
void engine_fail(struct gateway_engine *engine, int status, const char *text, uint32_t now_ms);
/* Nothing is decided: the next round goes on. */
void engine_put_off(struct gateway_engine *engine, int status, const char *text, uint32_t now_ms);
/* Final because of the image: a source without memory must not offer it to us for ever. */
void engine_give_up_image(struct gateway_engine *engine, int status, const char *text,
                          uint32_t now_ms);
void engine_succeed(struct gateway_engine *engine, uint32_t now_ms);

/* What may heal is tried again after a pause, up to options.retries times; else the round ends. */
void engine_retry_later(struct gateway_engine *engine, int status, const char *text,
                        uint32_t now_ms);
void engine_source_failed(struct gateway_engine *engine, enum gateway_answer answer,
                          uint32_t now_ms);
void engine_sink_failed(struct gateway_engine *engine, int status, uint32_t now_ms);

/* True when the node's journal names the chosen image as its candidate, or as its last one. */
bool engine_is_candidate(const struct gateway_engine *engine);

/* True when the chosen image was running on trial as the node answered last. */
bool engine_is_on_trial(const struct gateway_engine *engine);

/* What may follow when an image was chosen. */
void engine_start_reset(struct gateway_engine *engine, enum stage stage, uint32_t now_ms);
/* A reset by NRST: is there that line, and is another try worth it? */
bool engine_can_pulse(const struct gateway_engine *engine);
void engine_start_pulse(struct gateway_engine *engine, enum stage after, uint32_t now_ms);
void engine_start_watch(struct gateway_engine *engine, uint32_t now_ms);
void engine_start_open(struct gateway_engine *engine, uint32_t now_ms);

/* Asks for starts that were not told yet, tells the reporters, and goes on with `after`, which does
 * not depend on what the sink last heard. */
void engine_ask_boots(struct gateway_engine *engine, enum stage after, uint32_t now_ms);
void engine_step_log(struct gateway_engine *engine, uint32_t now_ms);

/* Steps of engine_image.c. */
void engine_step_header(struct gateway_engine *engine, uint32_t now_ms);
void engine_step_vectors(struct gateway_engine *engine, uint32_t now_ms);
void engine_step_tlvs(struct gateway_engine *engine, uint32_t now_ms);

#endif
