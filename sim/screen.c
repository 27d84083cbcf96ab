/* What people see: a line for each thing that happens, and on a terminal the LEDs below. */
#include "app.h"

#include <inttypes.h>
#include <string.h>

static void clear_line(const struct app *app)
{
    if (app->tty)
        fputs("\r\033[K", app->info);
}

static void print_time(const struct app *app, uint64_t time_ns)
{
    fprintf(app->info, "%11.6f s  ", (double)time_ns / 1e9);
}

static void print_event(const struct app *app, const struct ferry_sim_event *e)
{
    FILE *f = app->info;
    print_time(app, e->time_ns);
    switch (e->kind) {
    case FERRY_SIM_EV_POWER:
        fprintf(f, "power %s\n", e->a ? "on" : "off");
        break;
    case FERRY_SIM_EV_RESET:
        fprintf(f, "reset: %s\n", e->text);
        break;
    case FERRY_SIM_EV_ERASE_START:
        fprintf(f, "erase sector %" PRIu32 " (0x%08" PRIX32 ", %" PRIu32 " KB)\n", e->a, e->b,
                e->c / 1024u);
        break;
    case FERRY_SIM_EV_LED:
        fprintf(f, "LED %s %s\n", e->text, e->b ? "on" : "off");
        break;
    case FERRY_SIM_EV_CUT:
        fprintf(f, "power cut in flash operation %" PRIu32 "\n", e->a);
        break;
    case FERRY_SIM_EV_FAULT:
    case FERRY_SIM_EV_LOCKUP:
        fprintf(f, "%s: %s (exception %" PRIu32 ", pc 0x%08" PRIX32 ", CFSR 0x%08" PRIX32 ")\n",
                ferry_sim_event_name(e->kind), e->text, e->a, e->b, e->c);
        break;
    default:
        fprintf(f, "%s: %s (0x%" PRIX32 ", 0x%08" PRIX32 ")\n", ferry_sim_event_name(e->kind),
                e->text, e->a, e->b);
        break;
    }
}

void app_screen_event(struct app *app, const struct ferry_sim_event *event)
{
    bool noise = event->kind == FERRY_SIM_EV_PROGRAM || event->kind == FERRY_SIM_EV_PIN ||
                 event->kind == FERRY_SIM_EV_ERASE_END;
    if (app->options.quiet || noise)
        return;
    if (event->kind == FERRY_SIM_EV_LED && app->tty) {
        app_screen_status(app); /* the line below shows it */
        return;
    }
    clear_line(app);
    print_event(app, event);
    app_screen_status(app);
}

/* LEDs that are named by their colour shine in it, others in blue. */
static int colour(const char *name)
{
    static const struct {
        const char *name;
        int ansi;
    } colours[] = {{"red", 31}, {"green", 32}, {"orange", 33}};
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++) {
        if (strcmp(colours[i].name, name) == 0)
            return colours[i].ansi;
    }
    return 34;
}

void app_screen_status(struct app *app)
{
    struct ferry_sim_counters c;
    if (!app->tty || app->options.quiet)
        return;
    ferry_sim_counters(app->sim, &c);
    clear_line(app);
    print_time(app, ferry_sim_time_ns(app->sim));
    for (size_t i = 0; i < ferry_sim_led_count(app->sim); i++) {
        const char *name = ferry_sim_led_name(app->sim, i);
        if (ferry_sim_led_lit(app->sim, i))
            fprintf(app->info, "\033[1;%dm(*)\033[0m %s  ", colour(name), name);
        else
            fprintf(app->info, "\033[2m( )\033[0m %s  ", name);
    }
    fprintf(app->info, "%s  in %" PRIu64 "  out %" PRIu64 "  programmed %" PRIu64 " B",
            ferry_sim_powered(app->sim) ? "on " : "off", c.uart_to_node[0], c.uart_from_node[0],
            c.bytes_programmed);
    fflush(app->info);
}

void app_screen_end(struct app *app)
{
    clear_line(app);
    fflush(app->info);
}
