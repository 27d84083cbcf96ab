/* Events: made here, turned into JSON here. Counters and status texts. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sim_event(struct ferry_sim *b, enum ferry_sim_event_kind kind, uint32_t a, uint32_t x,
               uint32_t c, const char *text)
{
    b->cycle.disturbed = true; /* a host that listens shall hear of each */
    if (!b->event_fn)
        return;
    struct ferry_sim_event event = {b->s.now_ps / SIM_PS_PER_NS, kind, a, x, c, text};
    b->event_fn(b->event_ctx, &event);
}

void sim_misuse(struct ferry_sim *b, const char *text)
{
    sim_event(b, FERRY_SIM_EV_MISUSE, 0, 0, 0, text);
}

const char *ferry_sim_event_name(enum ferry_sim_event_kind kind)
{
    switch (kind) {
#define FERRY_SIM_X(name, text)                                                                    \
    case name:                                                                                     \
        return text;
        FERRY_SIM_EVENT_MAP(FERRY_SIM_X)
#undef FERRY_SIM_X
    case FERRY_SIM_EV_COUNT:
        break;
    }
    return "?";
}

const char *ferry_sim_status_text(int status)
{
    switch (status) {
#define FERRY_SIM_X(name, value, text)                                                             \
    case value:                                                                                    \
        return text;
        FERRY_SIM_STATUS_MAP(FERRY_SIM_X)
#undef FERRY_SIM_X
    default:
        return "unknown status";
    }
}

static const char *cut_name(uint32_t mode)
{
    static const char *const names[] = {"none", "lost", "torn", "done"};
    return mode < 4 ? names[mode] : "?";
}

static int fields_json(const struct ferry_sim_event *e, char *out, size_t size)
{
    switch (e->kind) {
    case FERRY_SIM_EV_POWER:
        return snprintf(out, size, "\"on\":%s", e->a ? "true" : "false");
    case FERRY_SIM_EV_RESET:
        return snprintf(out, size, "\"cause\":\"%s\",\"flags\":\"0x%08" PRIX32 "\"", e->text, e->a);
    case FERRY_SIM_EV_LED:
        return snprintf(out, size, "\"led\":\"%s\",\"on\":%s", e->text, e->b ? "true" : "false");
    case FERRY_SIM_EV_PIN:
        return snprintf(out, size, "\"pin\":\"P%c%" PRIu32 "\",\"level\":%" PRIu32,
                        (char)('A' + e->a / 16u % 26u), e->a % 16u, e->b);
    case FERRY_SIM_EV_ERASE_START:
    case FERRY_SIM_EV_ERASE_END:
        return snprintf(out, size,
                        "\"sector\":%" PRIu32 ",\"address\":\"0x%08" PRIX32 "\",\"size\":%" PRIu32,
                        e->a, e->b, e->c);
    case FERRY_SIM_EV_PROGRAM:
        return snprintf(out, size,
                        "\"address\":\"0x%08" PRIX32 "\",\"value\":\"0x%" PRIX32
                        "\",\"size\":%" PRIu32,
                        e->a, e->b, e->c);
    case FERRY_SIM_EV_OPTION:
        return snprintf(out, size, "\"optcr\":\"0x%08" PRIX32 "\"", e->a);
    case FERRY_SIM_EV_FLASH_ERROR:
        return snprintf(out, size,
                        "\"flags\":\"0x%" PRIX32 "\",\"address\":\"0x%08" PRIX32
                        "\",\"text\":\"%s\"",
                        e->a, e->b, e->text);
    case FERRY_SIM_EV_FAULT:
    case FERRY_SIM_EV_LOCKUP:
        return snprintf(out, size,
                        "\"exception\":%" PRIu32 ",\"pc\":\"0x%08" PRIX32
                        "\",\"cfsr\":\"0x%08" PRIX32 "\",\"text\":\"%s\"",
                        e->a, e->b, e->c, e->text);
    case FERRY_SIM_EV_CUT:
        return snprintf(out, size,
                        "\"op\":%" PRIu32 ",\"mode\":\"%s\",\"address\":\"0x%08" PRIX32 "\"", e->a,
                        cut_name(e->b), e->c);
    default:
        return snprintf(out, size, "\"address\":\"0x%08" PRIX32 "\",\"text\":\"%s\"", e->a,
                        e->text);
    }
}

int ferry_sim_event_json(const struct ferry_sim_event *event, char *out, size_t out_size)
{
    char fields[192];
    int n = fields_json(event, fields, sizeof fields);
    if (n < 0 || (size_t)n >= sizeof fields)
        return -1;
    n = snprintf(out, out_size, "{\"t_ns\":%" PRIu64 ",\"event\":\"%s\",%s}", event->time_ns,
                 ferry_sim_event_name(event->kind), fields);
    return n < 0 || (size_t)n >= out_size ? -1 : n;
}

void ferry_sim_on_event(struct ferry_sim *sim, ferry_sim_event_fn fn, void *ctx)
{
    sim->event_fn = fn;
    sim->event_ctx = ctx;
}

void ferry_sim_on_flash_op(struct ferry_sim *sim, ferry_sim_flash_op_fn fn, void *ctx)
{
    sim->flash_op_fn = fn;
    sim->flash_op_ctx = ctx;
}

int ferry_sim_on_enter(struct ferry_sim *sim, uint32_t address, ferry_sim_enter_fn fn, void *ctx)
{
    struct sim_enter *enter = &sim->enter;
    if (enter->count == SIM_ENTER_FUNCTIONS)
        return FERRY_SIM_E_ARGUMENT;
    enter->address[enter->count++] = address & ~1u;
    enter->fn = fn;
    enter->ctx = ctx;
    return FERRY_SIM_OK;
}

void sim_entered(struct ferry_sim *b, uint32_t address)
{
    for (uint32_t i = 0; i < b->enter.count; i++) {
        if (b->enter.address[i] == address)
            b->enter.fn(b->enter.ctx, b, address);
    }
}

void ferry_sim_counters(const struct ferry_sim *sim, struct ferry_sim_counters *out)
{
    *out = sim->s.counters;
}

void ferry_sim_counters_reset(struct ferry_sim *sim)
{
    memset(&sim->s.counters, 0, sizeof sim->s.counters);
}
