/* ferry-sim: options and set-up. */
#define _POSIX_C_SOURCE 200809L
#include "app.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef FERRY_VERSION
#define FERRY_VERSION "unknown"
#endif

#define EXIT_USAGE 2

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
    stop_signal = number;
}

static const char help[] =
    "usage: ferry-sim --board NAME [--flash FILE[@ADDRESS]]... [options]\n"
    "A virtual board that runs the files you would flash, byte for byte.\n"
    "\n"
    "  --board NAME          stm32f411_blackpill, stm32f411_single, stm32f407_discovery,\n"
    "                        nucleo_l432kc\n"
    "  --flash FILE.bin@ADDR raw bytes at an address (default: start of flash)\n"
    "  --flash FILE.hex      Intel HEX, option bytes included\n"
    "  --state FILE          keep the flash there across runs; --flash is used only while FILE\n"
    "                        does not exist\n"
    "  --uart pty[:LINK]     console UART on a pseudo-terminal, with a symbolic link LINK to it\n"
    "  --rom-uart pty[:LINK] UART of ST's boot loader, where it is not the console\n"
    "  --rom-quirk NAME      a habit of that boot loader, or no-NAME; repeatable (same document)\n"
    "  --boot0               BOOT0 is high: ST's boot loader starts\n"
    "  --control SOCKET      control socket, JSON lines (docs/VIRTUAL_BOARD.md)\n"
    "  --bus SOCKET          SPI, I2C and lines for a gateway outside (same document)\n"
    "  --events FILE         events as JSON lines; - is standard output\n"
    "  --all-events          program operations too\n"
    "  --realtime            one virtual second takes one second\n"
    "  --speed X             X virtual seconds take one second\n"
    "  --until-ms N          stop at that virtual time\n"
    "  --paused              do not run until the control socket says so\n"
    "  --uid HEX             unique id, 24 hex digits\n"
    "  --no-hse, --no-pll    the crystal never starts, the PLL never locks\n"
    "  --seed N              noise: RAM at power-on, torn words, UART noise\n"
    "  --quiet               no text, only errors\n"
    "  --help, --version\n"
    "\n"
    "Without --realtime or --speed the core runs as fast as it can; with --uart, --control or\n"
    "--bus its sleep (WFI) takes as long as it says: people and programs outside can follow.\n"
    "Exit codes: 0 done, 1 failure, 2 usage.\n";

enum {
    OPT_BOARD = 1,
    OPT_FLASH,
    OPT_STATE,
    OPT_UART,
    OPT_CONTROL,
    OPT_BUS,
    OPT_EVENTS,
    OPT_ALL_EVENTS,
    OPT_REALTIME,
    OPT_SPEED,
    OPT_UNTIL,
    OPT_PAUSED,
    OPT_UID,
    OPT_NO_HSE,
    OPT_NO_PLL,
    OPT_BOOT0,
    OPT_ROM_UART,
    OPT_ROM_QUIRK,
    OPT_SEED,
    OPT_QUIET,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"board", required_argument, NULL, OPT_BOARD},
    {"flash", required_argument, NULL, OPT_FLASH},
    {"state", required_argument, NULL, OPT_STATE},
    {"uart", required_argument, NULL, OPT_UART},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"bus", required_argument, NULL, OPT_BUS},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"all-events", no_argument, NULL, OPT_ALL_EVENTS},
    {"realtime", no_argument, NULL, OPT_REALTIME},
    {"speed", required_argument, NULL, OPT_SPEED},
    {"until-ms", required_argument, NULL, OPT_UNTIL},
    {"paused", no_argument, NULL, OPT_PAUSED},
    {"uid", required_argument, NULL, OPT_UID},
    {"no-hse", no_argument, NULL, OPT_NO_HSE},
    {"no-pll", no_argument, NULL, OPT_NO_PLL},
    {"boot0", no_argument, NULL, OPT_BOOT0},
    {"rom-uart", required_argument, NULL, OPT_ROM_UART},
    {"rom-quirk", required_argument, NULL, OPT_ROM_QUIRK},
    {"seed", required_argument, NULL, OPT_SEED},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "ferry-sim: %s%s%s (see ferry-sim --help)\n", what, value ? ": " : "",
            value ? value : "");
    return EXIT_USAGE;
}

static bool parse_uid(const char *text, uint8_t *uid)
{
    if (strlen(text) != 2u * FERRY_SIM_UID_BYTES ||
        strspn(text, "0123456789abcdefABCDEF") != 2u * FERRY_SIM_UID_BYTES)
        return false;
    for (unsigned i = 0; i < FERRY_SIM_UID_BYTES; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], 0};
        uid[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    *out = value;
    return end != text && *end == 0 && errno == 0 && text[0] != '-' && value <= max;
}

static bool parse_speed(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == 0 && *out >= APP_SPEED_MIN && *out <= APP_SPEED_MAX;
}

/* Options with a number or hex value. @return 0, or EXIT_USAGE */
static int take_value(struct app_options *o, int option, const char *value)
{
    uint64_t number = 0;
    switch (option) {
    case OPT_SPEED:
        return parse_speed(value, &o->speed)
                   ? 0
                   : usage("--speed wants a number from 0.001 to 1000000", value);
    case OPT_UNTIL:
        if (!parse_number(value, 1000000000000ull, &number))
            return usage("--until-ms wants milliseconds", value);
        o->until_ns = number * 1000000u;
        return 0;
    case OPT_SEED:
        if (!parse_number(value, UINT32_MAX, &number))
            return usage("--seed wants a 32-bit number", value);
        o->sim.seed = (uint32_t)number;
        return 0;
    default:
        if (!parse_uid(value, o->uid))
            return usage("--uid wants 24 hex digits", value);
        o->sim.uid = o->uid;
        return 0;
    }
}

static int take_text(struct app_options *o, int option, const char *value)
{
    switch (option) {
    case OPT_BOARD:
        o->board = value;
        return 0;
    case OPT_FLASH:
        if (o->flash_count == APP_MAX_FILES)
            return usage("too many --flash", NULL);
        o->flash[o->flash_count++] = value;
        return 0;
    case OPT_STATE:
        o->state = value;
        return 0;
    case OPT_UART:
    case OPT_ROM_UART:
        if (strcmp(value, "pty") != 0 && (strncmp(value, "pty:", 4) != 0 || value[4] == 0))
            return usage("--uart and --rom-uart want pty or pty:LINK", value);
        *(option == OPT_UART ? &o->uart : &o->rom_uart) = value;
        return 0;
    case OPT_ROM_QUIRK:
        if (o->rom_quirk_count == APP_MAX_FILES)
            return usage("too many --rom-quirk", NULL);
        o->rom_quirks[o->rom_quirk_count++] = value;
        return 0;
    case OPT_CONTROL:
        o->control = value;
        return 0;
    case OPT_BUS:
        o->bus = value;
        return 0;
    default:
        o->events = value;
        return 0;
    }
}

static void take_flag(struct app_options *o, int option)
{
    switch (option) {
    case OPT_ALL_EVENTS:
        o->all_events = true;
        break;
    case OPT_REALTIME:
        o->speed = 1.0;
        break;
    case OPT_PAUSED:
        o->paused = true;
        break;
    case OPT_NO_HSE:
        o->sim.no_hse = true;
        break;
    case OPT_NO_PLL:
        o->sim.no_pll = true;
        break;
    case OPT_BOOT0:
        o->sim.boot0_high = true;
        break;
    default:
        o->quiet = true;
        break;
    }
}

/* @return 0 go on, EXIT_USAGE, or -1 for "answered, exit 0" */
static int take_option(struct app_options *o, int option, const char *value)
{
    switch (option) {
    case OPT_HELP:
        fputs(help, stdout);
        return -1;
    case OPT_VERSION:
        puts("ferry-sim " FERRY_VERSION);
        return -1;
    case OPT_SPEED:
    case OPT_UNTIL:
    case OPT_SEED:
    case OPT_UID:
        return take_value(o, option, value);
    case '?':
        return EXIT_USAGE;
    default:
        if (value)
            return take_text(o, option, value);
        take_flag(o, option);
        return 0;
    }
}

static int parse(struct app_options *o, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int rc = take_option(o, option, optarg);
        if (rc != 0)
            return rc;
    }
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    return o->board ? 0 : usage("--board is missing", NULL);
}

/* ---- set-up ---- */

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    struct app *app = ctx;
    char json[320];
    int n = ferry_sim_event_json(event, json, sizeof json);
    bool frequent = event->kind == FERRY_SIM_EV_PROGRAM || event->kind == FERRY_SIM_EV_PIN;
    if (n < 0)
        return;
    if (app->events_file && (!frequent || app->options.all_events))
        fprintf(app->events_file, "%s\n", json);
    app_control_event(app, event, json);
    app_screen_event(app, event);
}

static bool open_events(struct app *app)
{
    const char *path = app->options.events;
    if (!path)
        return true;
    app->events_file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (!app->events_file) {
        fprintf(stderr, "ferry-sim: %s: %s\n", path, strerror(errno));
        return false;
    }
    setvbuf(app->events_file, NULL, _IOLBF, 0);
    return true;
}

static bool fill_flash(struct app *app)
{
    struct app_options *o = &app->options;
    if (o->state && !app_lock(&app->state_lock, o->state))
        return false;
    int state = o->state ? app_load_state(app) : 0;
    if (state < 0)
        return false;
    if (state > 0) {
        if (!o->quiet)
            fprintf(app->info, "state  %s%s\n", o->state,
                    o->flash_count ? " (--flash not used)" : "");
        return true;
    }
    for (int i = 0; i < o->flash_count; i++) {
        if (!app_load_flash(app, o->flash[i]))
            return false;
    }
    return true;
}

static void print_flash_hash(struct app *app)
{
    char sha[APP_SHA256_TEXT];
    size_t size;
    const uint8_t *flash = ferry_sim_flash(app->sim, &size);
    app_sha256(flash, size, sha);
    if (!app->options.quiet)
        fprintf(app->info, "whole flash (%zu bytes)\n       sha256 %s\n", size, sha);
}

static bool set_quirks(struct app *app)
{
    for (int i = 0; i < app->options.rom_quirk_count; i++) {
        const char *name = app->options.rom_quirks[i];
        if (ferry_sim_rom_quirk(app->sim, name) == FERRY_SIM_OK)
            continue;
        fprintf(stderr, "ferry-sim: --rom-quirk %s: no such habit; there is:\n", name);
        for (unsigned n = 0; ferry_sim_rom_quirk_name(n); n++)
            fprintf(stderr, "  %s\n", ferry_sim_rom_quirk_name(n));
        app->exit_code = EXIT_USAGE;
        return false;
    }
    return true;
}

/* Why there is no board. */
static void tell_create(const char *board, int rc)
{
    if (rc != FERRY_SIM_E_BOARD) {
        fprintf(stderr, "ferry-sim: %s: %s\n", board, ferry_sim_status_text(rc));
        return;
    }
    fprintf(stderr, "ferry-sim: unknown board %s; known are ", board);
    for (size_t i = 0; ferry_sim_board_name(i); i++)
        fprintf(stderr, "%s%s", i > 0 ? ", " : "", ferry_sim_board_name(i));
    fputc('\n', stderr);
}

static bool set_up(struct app *app)
{
    struct app_options *o = &app->options;
    int rc = ferry_sim_create(&app->sim, o->board, &o->sim);
    if (rc != FERRY_SIM_OK) {
        tell_create(o->board, rc);
        app->exit_code = rc == FERRY_SIM_E_BOARD ? EXIT_USAGE : EXIT_FAILURE;
        return false;
    }
    if (!set_quirks(app) || !fill_flash(app) || !open_events(app) || app_pty_open(app) != 0 ||
        app_control_open(app) != 0 || app_bus_open(app) != 0)
        return false;
    print_flash_hash(app);
    fflush(app->info);
    ferry_sim_on_event(app->sim, on_event, app);
    return true;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

static void tear_down(struct app *app)
{
    app_screen_end(app);
    if (app->sim && app->options.state && app->exit_code == 0 && !app_save_state(app)) {
        fprintf(stderr, "ferry-sim: %s: %s\n", app->options.state, strerror(errno));
        app->exit_code = EXIT_FAILURE;
    }
    app_control_close(app);
    app_bus_close(app);
    app_pty_close(app);
    app_unlock(&app->state_lock);
    for (size_t i = 0; i < APP_MAX_SHOTS; i++)
        ferry_sim_snapshot_free(app->shots[i].shot);
    ferry_sim_destroy(app->sim);
    if (app->events_file && app->events_file != stdout)
        fclose(app->events_file);
}

int main(int argc, char **argv)
{
    static struct app app; /* large; main is its owner */
    int rc = parse(&app.options, argc, argv);
    if (rc != 0)
        return rc < 0 ? EXIT_SUCCESS : rc;
    bool events_on_stdout = app.options.events && strcmp(app.options.events, "-") == 0;
    app.info = events_on_stdout ? stderr : stdout;
    app.tty = isatty(fileno(app.info)) == 1;
    app.listener = app.bus_listener = app.state_lock.fd = -1;
    for (size_t i = 0; i < APP_PTYS; i++)
        app.pty[i].master = app.pty[i].slave = app.pty[i].lock.fd = -1;
    for (size_t i = 0; i < APP_MAX_CLIENTS; i++)
        app.clients[i].fd = -1;
    for (size_t i = 0; i < APP_BUS_CLIENTS; i++)
        app.bus_clients[i].fd = -1;
    app.paused = app.options.paused;
    app.exit_code = EXIT_FAILURE;
    catch_signals();
    if (set_up(&app)) {
        app.exit_code = EXIT_SUCCESS;
        ferry_sim_power_on(app.sim);
        app_loop(&app, &stop_signal);
        app_screen_end(&app);
        print_flash_hash(&app);
    }
    tear_down(&app);
    return app.exit_code;
}
