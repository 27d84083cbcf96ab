/* The loop that joins virtual time to the clock on the wall. */
#define _GNU_SOURCE /* ppoll */
#include "app.h"

#include <time.h>

/* Virtual time between two looks outside. No whole part of a millisecond, or who looks would find a
 * core that wakes each millisecond in the same place each time, perhaps in an interrupt. */
#define SLICE_NS   997000ull
#define SCREEN_NS  100000000ll /* the status line, in time on the wall */
#define MAX_LAG_NS 200000000ll /* a slow host does not have to catch up more than this */
#define GRAIN_NS   1000000ll   /* a board at the pace of the clock is looked after this often, */
#define FINE_NS    100000ll    /* and this often while somebody has it do something, */
#define BUSY_NS    5000000ll   /* and so long after it */
#define PAUSED_NS  100000000ll

struct pace {
    int64_t origin_ns;    /* wall time of virtual time 0 at the present speed */
    int64_t idle_debt_ns; /* sleep of the core that the wall has not seen yet */
    int64_t screen_ns;
    int64_t used_ns; /* when somebody had the board do something last */
    double speed;
};

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t virtual_ns(const struct app *app)
{
    return (int64_t)ferry_sim_time_ns(app->sim);
}

static void rebase(const struct app *app, struct pace *p)
{
    p->speed = app->options.speed;
    p->idle_debt_ns = 0;
    if (p->speed > 0)
        p->origin_ns = wall_ns() - (int64_t)((double)virtual_ns(app) / p->speed);
}

/* How far the board is behind the clock, in time on the wall; < 0: ahead of it. */
static int64_t lag_ns(struct app *app, struct pace *p)
{
    if (p->speed != app->options.speed || app->time_jumped)
        rebase(app, p);
    app->time_jumped = false;
    if (p->speed <= 0)
        return -p->idle_debt_ns;
    int64_t lag = wall_ns() - p->origin_ns - (int64_t)((double)virtual_ns(app) / p->speed);
    if (lag > MAX_LAG_NS)
        rebase(app, p);
    return lag;
}

/* Is it behind by a slice or more? */
static bool is_slice_due(const struct pace *p, int64_t lag)
{
    return p->speed > 0 && (double)lag * p->speed >= (double)SLICE_NS;
}

/* Time on the wall until the board has to run again, if nobody asks for anything before. */
static int64_t to_wait_ns(struct app *app, struct pace *p)
{
    int64_t lag = lag_ns(app, p);
    int64_t grain = wall_ns() - p->used_ns < BUSY_NS ? FINE_NS : GRAIN_NS;
    if (app->paused)
        return PAUSED_NS;
    if (p->speed <= 0) /* under 1 ms: carry on, the debt stays */
        return -lag / 1000000ll * 1000000ll;
    return is_slice_due(p, lag) || lag >= grain ? 0 : grain - lag;
}

/* @return whether somebody asked for something */
static bool wait_outside(struct app *app, int64_t wait_ns)
{
    struct pollfd fds[2 + APP_PTYS + APP_MAX_CLIENTS + APP_BUS_CLIENTS];
    struct timespec timeout = {.tv_nsec = wait_ns < PAUSED_NS ? wait_ns : PAUSED_NS};
    size_t n = app_control_poll(app, fds, 1 + APP_MAX_CLIENTS);
    n += app_bus_poll(app, fds + n);
    n += app_pty_poll(app, fds + n);
    return ppoll(fds, (nfds_t)n, &timeout, NULL) > 0;
}

static void wait_for_clock(struct app *app, struct pace *p)
{
    int64_t before = wall_ns(), wait = to_wait_ns(app, p);
    bool used = wait_outside(app, wait) || app_bus_busy(app) || app_pty_busy(app);
    int64_t after = wall_ns(), waited = wait > 0 ? after - before : 0;
    p->idle_debt_ns = p->idle_debt_ns > waited ? p->idle_debt_ns - waited : 0;
    p->used_ns = used ? after : p->used_ns;
}

static uint64_t idle_ns(const struct app *app)
{
    struct ferry_sim_counters c;
    ferry_sim_counters(app->sim, &c);
    return c.sleeping_ns;
}

/* The end of the next slice. At the pace of the clock, whoever asks for something does not hurry
 * the board: it runs up to the present moment and no further. */
static uint64_t slice_end_ns(struct app *app, struct pace *p)
{
    uint64_t now = ferry_sim_time_ns(app->sim), end = now + SLICE_NS;
    int64_t lag = lag_ns(app, p);
    if (p->speed > 0 && !is_slice_due(p, lag))
        end = lag > 0 ? now + (uint64_t)((double)lag * p->speed) : now;
    if (app->options.until_ns && end > app->options.until_ns)
        end = app->options.until_ns;
    return end;
}

static void run_slice(struct app *app, struct pace *p)
{
    bool attended =
        app->options.uart || app->options.rom_uart || app->options.control || app->options.bus;
    uint64_t start = ferry_sim_time_ns(app->sim), end = slice_end_ns(app, p);
    uint64_t idle = idle_ns(app);
    bool off = !ferry_sim_powered(app->sim);
    ferry_sim_run_until(app->sim, end);
    uint64_t slept = off ? end - start : idle_ns(app) - idle;
    if (attended)
        p->idle_debt_ns += (int64_t)slept;
}

static void serve(struct app *app)
{
    app_pty_serve(app);
    app_control_serve(app);
    app_bus_serve(app);
}

void app_loop(struct app *app, const volatile sig_atomic_t *stop)
{
    struct pace pace = {0};
    rebase(app, &pace);
    while (!app->quit && !*stop) {
        wait_for_clock(app, &pace);
        if (pace.speed > 0 && !app->paused)
            run_slice(app, &pace); /* towards the moment in which it is asked */
        serve(app);
        if (app->options.until_ns && ferry_sim_time_ns(app->sim) >= app->options.until_ns)
            return;
        if (app->paused)
            rebase(app, &pace);
        else
            run_slice(app, &pace);
        serve(app);
        if (app->tty && wall_ns() - pace.screen_ns > SCREEN_NS) {
            pace.screen_ns = wall_ns();
            app_screen_status(app);
        }
    }
}
