/*
 * The node's boot log: which starts are new, and who hears of them. Asked once a round, and once
 * when a trial was decided: INFO does not show a start between two polls. Whatever comes of the
 * question, the round goes on: an update does not depend on it.
 */
#include "engine_internal.h"

#include <string.h>

/* The struct has padding: no memcmp. */
static bool is_same(const struct ferry_boot_log *a, const struct ferry_boot_log *b)
{
    return a->boot == b->boot && a->reset_cause == b->reset_cause && a->action == b->action &&
           a->slot == b->slot && a->attempts == b->attempts && a->error == b->error &&
           ferry_version_compare(&a->version, &b->version) == 0;
}

/* Numbers begin again where a journal was lost, so the newest one that was told is looked for, as a
 * whole, and not what has a larger number. */
static bool was_told(const struct gateway_engine *engine, const struct ferry_boot_log *boot)
{
    return engine->boot_known && is_same(boot, &engine->last_boot);
}

/* Adds a page, newest first. True when another page may have more that is new. */
static bool take_page(struct gateway_engine *engine, const struct ferry_log_answer *page)
{
    for (uint8_t i = 0; i < page->count && i < FERRY_LOG_ENTRIES_MAX; i++) {
        if (engine->boot_count == GATEWAY_BOOTS_MAX || was_told(engine, &page->entries[i])) {
            return false;
        }
        engine->boots[engine->boot_count++] = page->entries[i];
    }
    return page->count == FERRY_LOG_ENTRIES_MAX && engine->boot_count < GATEWAY_BOOTS_MAX;
}

static void tell_boots(struct gateway_engine *engine)
{
    if (engine->boot_count > 0) {
        engine->last_boot = engine->boots[0];
        engine->boot_known = true;
        engine_tell(engine, GATEWAY_EVENT_BOOTS);
    }
}

void engine_ask_boots(struct gateway_engine *engine, enum stage after, uint32_t now_ms)
{
    engine->boot_count = 0;
    bool early = after == STAGE_VERDICT && engine->info.running == FERRY_SLOT_NONE;
    if (!engine->options.boot_log || engine->no_boot_log || engine->sink->log == NULL || early) {
        engine_go_to(engine, after); /* early: the bootloader logs a start when it ends there */
        return;
    }
    engine->after_log = (uint8_t)after;
    engine->sink->log(engine->sink->ctx, 0, now_ms);
    engine_go_to(engine, STAGE_LOG);
}

void engine_step_log(struct gateway_engine *engine, uint32_t now_ms)
{
    int status = engine->sink->step(engine->sink->ctx, now_ms);
    if (status == FERRY_MORE) {
        return;
    }
    if (status == FERRY_OK) {
        const struct ferry_log_answer *page = engine->sink->logged(engine->sink->ctx);
        engine->no_boot_log = page->count == 0 && engine->boot_count == 0;
        if (take_page(engine, page)) {
            engine->sink->log(engine->sink->ctx, engine->boot_count, now_ms);
            return;
        }
        tell_boots(engine);
    } else if (status != FERRY_TIMEOUT && status != FERRY_IO) {
        engine->no_boot_log = true; /* it said no: asked again after its next start */
    }
    engine_go_to(engine, (enum stage)engine->after_log);
}
