/* The commands of the control socket: a table, one small function each. */
#define _POSIX_C_SOURCE 200809L
#include "app.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct call {
    struct app *app;
    struct app_client *client;
    const cJSON *in;
    cJSON *out;
    const char *error; /* NULL: ok */
};

/* ---- arguments: what is missing or wrong sets the error ---- */

static double number(struct call *c, const char *name, double low, double high, double fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->in, name);
    if (!item)
        return fallback;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= low && item->valuedouble <= high)) {
        c->error = "argument is no number or out of range";
        return fallback;
    }
    return item->valuedouble;
}

static const char *text(struct call *c, const char *name, const char *fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->in, name);
    if (item && !cJSON_IsString(item))
        c->error = "argument is no string";
    return item && cJSON_IsString(item) ? item->valuestring : fallback;
}

static bool flag(const struct call *c, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->in, name));
}

static void put_hex(struct call *c, const char *name, uint32_t value)
{
    char buffer[16];
    snprintf(buffer, sizeof buffer, "0x%08" PRIX32, value);
    cJSON_AddStringToObject(c->out, name, buffer);
}

static void put_number(struct call *c, const char *name, uint64_t value)
{
    cJSON_AddNumberToObject(c->out, name, (double)value); /* exact below 2^53: 104 days in ns */
}

/* ---- commands ---- */

static void do_status(struct call *c)
{
    struct ferry_sim *sim = c->app->sim;
    struct ferry_sim_cpu cpu;
    ferry_sim_cpu(sim, &cpu);
    put_number(c, "time_ns", ferry_sim_time_ns(sim));
    cJSON_AddStringToObject(c->out, "board", c->app->options.board);
    cJSON_AddBoolToObject(c->out, "power", ferry_sim_powered(sim));
    cJSON_AddBoolToObject(c->out, "paused", c->app->paused);
    cJSON_AddBoolToObject(c->out, "sleeping", cpu.sleeping);
    cJSON_AddBoolToObject(c->out, "lockup", cpu.lockup);
    put_hex(c, "pc", cpu.r[15]);
    put_hex(c, "sp", cpu.r[13]);
    put_number(c, "hclk_hz", cpu.hclk_hz);
    put_hex(c, "option_bytes", ferry_sim_option_bytes(sim));
    put_number(c, "uart_queued", ferry_sim_uart_queued(sim, 0));
    cJSON_AddNumberToObject(c->out, "speed", c->app->options.speed);
    cJSON *leds = cJSON_AddObjectToObject(c->out, "leds");
    for (size_t i = 0; i < ferry_sim_led_count(sim); i++)
        cJSON_AddBoolToObject(leds, ferry_sim_led_name(sim, i), ferry_sim_led_lit(sim, i));
}

static void do_reset(struct call *c)
{
    if (ferry_sim_reset(c->app->sim) != FERRY_SIM_OK)
        c->error = "power is off";
}

static void do_power_off(struct call *c)
{
    ferry_sim_power_off(c->app->sim);
}

static void do_power_on(struct call *c)
{
    ferry_sim_power_on(c->app->sim);
}

static void do_power_cycle(struct call *c)
{
    ferry_sim_power_off(c->app->sim);
    ferry_sim_power_on(c->app->sim);
}

static enum ferry_sim_cut cut_mode(struct call *c)
{
    const char *mode = text(c, "mode", "torn");
    if (strcmp(mode, "lost") == 0)
        return FERRY_SIM_CUT_LOST;
    if (strcmp(mode, "done") == 0)
        return FERRY_SIM_CUT_DONE;
    if (strcmp(mode, "torn") != 0)
        c->error = "mode is lost, torn or done";
    return FERRY_SIM_CUT_TORN;
}

static void do_power_cut(struct call *c)
{
    struct ferry_sim_cut_plan plan = {
        .mode = cut_mode(c),
        .after_flash_ops = (uint64_t)number(c, "after_flash_ops", 0, 1e12, 0),
        .seed = (uint32_t)number(c, "seed", 0, UINT32_MAX, 1),
        .unstable = flag(c, "unstable"),
    };
    if (c->error)
        return;
    if (cJSON_HasObjectItem(c->in, "after_flash_ops"))
        ferry_sim_plan_cut(c->app->sim, &plan);
    else
        ferry_sim_power_off(c->app->sim);
}

static int line_number(const char *name)
{
    int pin = ferry_sim_pin_number(name);
    if (strcmp(name, "NRST") == 0)
        return FERRY_SIM_LINE_NRST;
    if (strcmp(name, "BOOT0") == 0)
        return FERRY_SIM_LINE_BOOT0;
    return pin < 0 ? -1 : (int)FERRY_SIM_LINE_PIN + pin;
}

static void do_pin(struct call *c)
{
    const char *name = text(c, "pin", NULL);
    int line = name ? line_number(name) : -1;
    if (line < 0) {
        c->error = "pin is a name like PA0, NRST or BOOT0";
        return;
    }
    const cJSON *level = cJSON_GetObjectItemCaseSensitive(c->in, "level");
    if (cJSON_IsNull(level))
        ferry_sim_line_set(c->app->sim, (unsigned)line, -1);
    else if (level)
        ferry_sim_line_set(c->app->sim, (unsigned)line, number(c, "level", 0, 1, 0) > 0.5);
    cJSON_AddNumberToObject(c->out, "level", ferry_sim_line_get(c->app->sim, (unsigned)line));
}

static void put_sectors(struct call *c, const struct ferry_sim_counters *k)
{
    cJSON *erases = cJSON_AddArrayToObject(c->out, "erases");
    cJSON *words = cJSON_AddArrayToObject(c->out, "words_programmed");
    for (size_t i = 0; i < ferry_sim_sector_count(c->app->sim); i++) {
        cJSON_AddItemToArray(erases, cJSON_CreateNumber(k->erases[i]));
        cJSON_AddItemToArray(words, cJSON_CreateNumber((double)k->words_programmed[i]));
    }
}

static void do_counters(struct call *c)
{
    struct ferry_sim_counters k;
    ferry_sim_counters(c->app->sim, &k);
    put_number(c, "time_ns", ferry_sim_time_ns(c->app->sim));
    put_number(c, "uart_to_node", k.uart_to_node[0]);
    put_number(c, "uart_from_node", k.uart_from_node[0]);
    put_number(c, "uart_overrun", k.uart_overrun[0]);
    put_number(c, "uart_framing", k.uart_framing[0]);
    put_number(c, "spi_bytes", k.spi_bytes);
    put_number(c, "spi_unheard", k.spi_unheard);
    put_number(c, "spi_overrun", k.spi_overrun);
    put_number(c, "spi_underrun", k.spi_underrun);
    put_number(c, "i2c_to_node", k.i2c_to_node);
    put_number(c, "i2c_from_node", k.i2c_from_node);
    put_number(c, "i2c_overrun", k.i2c_overrun);
    put_number(c, "i2c_nack", k.i2c_nack);
    put_number(c, "i2c_stretched_ns", k.i2c_stretched_ns);
    put_number(c, "bytes_programmed", k.bytes_programmed);
    put_number(c, "flash_ops", k.flash_ops);
    put_number(c, "flash_errors", k.flash_errors);
    put_number(c, "halfwords", k.halfwords);
    put_number(c, "exceptions", k.exceptions);
    put_number(c, "stalled_ns", k.stalled_ns);
    put_number(c, "sleeping_ns", k.sleeping_ns);
    put_number(c, "resets", k.resets);
    put_sectors(c, &k);
}

static void do_counters_reset(struct call *c)
{
    ferry_sim_counters_reset(c->app->sim);
}

/* "address" (default: start of flash) and "size" (default: the rest). NULL with error set. */
static const uint8_t *flash_range(struct call *c, size_t *size)
{
    size_t total;
    const uint8_t *flash = ferry_sim_flash(c->app->sim, &total);
    uint32_t base = ferry_sim_flash_base(c->app->sim);
    uint32_t address = (uint32_t)number(c, "address", 0, UINT32_MAX, base);
    size_t offset = address - base; /* below base: wraps to more than total */
    if (c->error || address < base || offset > total) {
        c->error = "address is outside the flash";
        return NULL;
    }
    *size = (size_t)number(c, "size", 0, (double)total, (double)(total - offset));
    if (c->error || *size > total - offset) {
        c->error = "size reaches beyond the flash";
        return NULL;
    }
    return flash + offset;
}

static void do_flash_hash(struct call *c)
{
    size_t size;
    char sha[APP_SHA256_TEXT];
    const uint8_t *data = flash_range(c, &size);
    if (!data)
        return;
    app_sha256(data, size, sha);
    put_number(c, "size", size);
    cJSON_AddStringToObject(c->out, "sha256", sha);
}

static void do_flash_dump(struct call *c)
{
    size_t size;
    const uint8_t *data = flash_range(c, &size);
    const char *path = text(c, "file", NULL);
    if (!data)
        return;
    if (!path)
        c->error = "file is missing";
    else if (!app_write_file(path, NULL, 0, data, size))
        c->error = strerror(errno);
    else
        do_flash_hash(c);
}

static int digit(char d)
{
    if (d >= '0' && d <= '9')
        return d - '0';
    if (d >= 'a' && d <= 'f')
        return d - 'a' + 10;
    return d >= 'A' && d <= 'F' ? d - 'A' + 10 : -1;
}

/* @return bytes, 0: no hex digits in pairs. The text holds at most APP_LINE_MAX characters. */
static size_t parse_hex(const char *text, uint8_t *out)
{
    size_t n = 0;
    for (; text[0] != 0; text += 2) {
        int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
        if (low < 0)
            return 0;
        out[n++] = (uint8_t)(high << 4 | low);
    }
    return n;
}

/* The argument hex; NULL with c->error set. Valid until the next call. */
static const uint8_t *hex_bytes(struct call *c, size_t *size)
{
    static uint8_t data[APP_LINE_MAX / 2u];
    *size = parse_hex(text(c, "hex", ""), data);
    if (!c->error && *size == 0)
        c->error = "hex is pairs of hex digits";
    return c->error ? NULL : data;
}

/* The programmer's hand: bytes change as they are, power on or off. */
static void do_flash_load(struct call *c)
{
    size_t size;
    uint32_t address = (uint32_t)number(c, "address", 0, UINT32_MAX, 0);
    const uint8_t *data = hex_bytes(c, &size);
    if (!data)
        return;
    if (ferry_sim_load(c->app->sim, address, data, size) != FERRY_SIM_OK)
        c->error = "address is outside flash and option bytes";
    else
        put_number(c, "size", size);
}

/* The debugger's hand: what a stray pointer would have done. */
static void do_ram_load(struct call *c)
{
    size_t size;
    uint32_t address = (uint32_t)number(c, "address", 0, UINT32_MAX, 0);
    const uint8_t *data = hex_bytes(c, &size);
    if (!data)
        return;
    uint8_t *ram = ferry_sim_ram(c->app->sim, address, size);
    if (!ram) {
        c->error = "address is outside RAM";
        return;
    }
    memcpy(ram, data, size);
    put_number(c, "size", size);
}

/* Without value: only tell. A value counts from the next reset on. */
static void do_option_bytes(struct call *c)
{
    struct ferry_sim *sim = c->app->sim;
    uint32_t value = (uint32_t)number(c, "value", 0, UINT32_MAX, 0);
    if (c->error)
        return;
    if (cJSON_HasObjectItem(c->in, "value"))
        ferry_sim_set_option_bytes(sim, value);
    value = ferry_sim_option_bytes(sim);
    put_hex(c, "option_bytes", value);
    put_number(c, "bor_level", ferry_sim_bor_level(sim));
    put_number(c, "rdp_level", ferry_sim_rdp_level(sim));
    cJSON *list = cJSON_AddArrayToObject(c->out, "protected_sectors");
    for (size_t i = 0; i < ferry_sim_sector_count(sim); i++) {
        if (ferry_sim_sector_protected(sim, i))
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)i));
    }
}

static struct app_shot *find_shot(struct app *app, const char *name)
{
    for (size_t i = 0; i < APP_MAX_SHOTS; i++) {
        if (strcmp(app->shots[i].name, name) == 0 && (app->shots[i].shot || name[0] == 0))
            return &app->shots[i];
    }
    return NULL;
}

static void do_snapshot(struct call *c)
{
    const char *name = text(c, "name", "default");
    struct app_shot *slot = find_shot(c->app, name);
    if (strlen(name) == 0 || strlen(name) >= sizeof slot->name) {
        c->error = "name has 1 to 31 characters";
        return;
    }
    if (!slot)
        slot = find_shot(c->app, "");
    struct ferry_sim_snapshot *shot = slot ? ferry_sim_snapshot(c->app->sim) : NULL;
    if (!shot) {
        c->error = slot ? "out of memory" : "all snapshot slots are in use";
        return;
    }
    ferry_sim_snapshot_free(slot->shot);
    slot->shot = shot;
    memcpy(slot->name, name, strlen(name) + 1u);
}

static void do_restore(struct call *c)
{
    const struct app_shot *slot = find_shot(c->app, text(c, "name", "default"));
    if (!slot || !slot->shot)
        c->error = "no snapshot of that name";
    else if (ferry_sim_restore(c->app->sim, slot->shot) != FERRY_SIM_OK)
        c->error = "restore failed";
    c->app->time_jumped = true;
}

static void do_speed(struct call *c)
{
    double x = number(c, "x", 0, APP_SPEED_MAX, c->app->options.speed);
    if (x > 0 && x < APP_SPEED_MIN)
        c->error = "x is 0, or 0.001 and more";
    if (!c->error)
        c->app->options.speed = x;
    cJSON_AddNumberToObject(c->out, "x", c->app->options.speed);
}

static void do_pause(struct call *c)
{
    c->app->paused = true;
    put_number(c, "time_ns", ferry_sim_time_ns(c->app->sim));
}

static void do_resume(struct call *c)
{
    c->app->paused = false;
    c->app->time_jumped = true; /* nothing of the pause is caught up, nothing of a run waited for */
}

static void do_run(struct call *c)
{
    double ms = number(c, "ms", 0, 60e3, 0);
    if (!c->app->paused)
        c->error = "run is for a paused board";
    if (c->error)
        return;
    uint64_t end = ferry_sim_time_ns(c->app->sim) + (uint64_t)(ms * 1e6);
    /* A transfer of the bus socket that ends stops the run, so that its answer goes out. */
    while (ferry_sim_run_until(c->app->sim, end) == FERRY_SIM_STOP_REQUESTED)
        app_bus_serve(c->app);
    app_pty_serve(c->app);
    put_number(c, "time_ns", ferry_sim_time_ns(c->app->sim));
}

static void do_events(struct call *c)
{
    c->client->events = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(c->in, "on"));
    c->client->all_events = flag(c, "all");
}

static void do_uart_noise(struct call *c)
{
    uint32_t n = (uint32_t)number(c, "one_in", 0, UINT32_MAX, 0);
    if (!c->error)
        ferry_sim_uart_noise(c->app->sim, 0, n);
}

static void do_spi_glitch(struct call *c)
{
    uint32_t bits = (uint32_t)number(c, "bits", 1, 7, 1);
    if (!c->error && ferry_sim_spi_glitch(c->app->sim, bits) != FERRY_SIM_OK)
        c->error = "the node's SPI is off";
}

static void do_unplug(struct call *c)
{
    ferry_sim_uart_plug(c->app->sim, 0, false);
}

static void do_plug(struct call *c)
{
    ferry_sim_uart_plug(c->app->sim, 0, true);
}

static void do_rom(struct call *c)
{
    struct ferry_sim_rom_state s;
    ferry_sim_rom_state(c->app->sim, &s);
    cJSON_AddBoolToObject(c->out, "active", s.active);
    cJSON_AddBoolToObject(c->out, "ready", s.ready);
    cJSON_AddBoolToObject(c->out, "busy", s.busy);
    cJSON_AddBoolToObject(c->out, "empty", s.empty);
    cJSON_AddBoolToObject(c->out, "disturbed", s.disturbed);
    cJSON_AddStringToObject(c->out, "spoken_to_on", s.uart ? "uart" : s.i2c ? "i2c" : "");
    put_number(c, "bytes_to", s.bytes_to);
    put_number(c, "bytes_from", s.bytes_from);
    cJSON *quirks = cJSON_AddObjectToObject(c->out, "quirks");
    for (unsigned i = 0; ferry_sim_rom_quirk_name(i); i++)
        cJSON_AddBoolToObject(quirks, ferry_sim_rom_quirk_name(i),
                              ferry_sim_rom_quirk_on(c->app->sim, i));
}

static void do_rom_quirk(struct call *c)
{
    const char *name = text(c, "quirk", "");
    if (!c->error && ferry_sim_rom_quirk(c->app->sim, name) != FERRY_SIM_OK)
        c->error = "no such quirk: rom tells their names";
}

static void do_rom_disturb(struct call *c)
{
    static const char *const names[] = {"none", "drop", "repeat", "flip", "delay"};
    const char *fault = text(c, "fault", "");
    struct ferry_sim_rom_disturb plan = {
        .from_rom = flag(c, "from_rom"),
        .after = (uint64_t)number(c, "after", 0, 1e12, 0),
        .mask = (uint8_t)number(c, "mask", 1, 255, 1),
        .delay_ns = (uint64_t)(number(c, "ms", 0, 1e6, 0) * 1e6),
    };
    unsigned i = 0;
    while (i < sizeof names / sizeof names[0] && strcmp(names[i], fault) != 0)
        i++;
    if (i == sizeof names / sizeof names[0])
        c->error = "fault is none, drop, repeat, flip or delay";
    plan.fault = (enum ferry_sim_rom_fault)i;
    if (!c->error)
        ferry_sim_rom_disturb(c->app->sim, &plan);
}

static void do_save(struct call *c)
{
    if (!c->app->options.state)
        c->error = "started without --state";
    else if (!app_save_state(c->app))
        c->error = strerror(errno);
}

static void do_quit(struct call *c)
{
    c->app->quit = true;
}

static void do_help(struct call *c);

static const struct {
    const char *name;
    void (*run)(struct call *c);
} commands[] = {
    {"help", do_help},
    {"status", do_status},
    {"reset", do_reset},
    {"power_off", do_power_off},
    {"power_on", do_power_on},
    {"power_cycle", do_power_cycle},
    {"power_cut", do_power_cut},
    {"pin", do_pin},
    {"counters", do_counters},
    {"counters_reset", do_counters_reset},
    {"flash_dump", do_flash_dump},
    {"flash_hash", do_flash_hash},
    {"flash_load", do_flash_load},
    {"ram_load", do_ram_load},
    {"option_bytes", do_option_bytes},
    {"snapshot", do_snapshot},
    {"restore", do_restore},
    {"speed", do_speed},
    {"pause", do_pause},
    {"resume", do_resume},
    {"run", do_run},
    {"events", do_events},
    {"uart_noise", do_uart_noise},
    {"spi_glitch", do_spi_glitch},
    {"unplug", do_unplug},
    {"plug", do_plug},
    {"rom", do_rom},
    {"rom_quirk", do_rom_quirk},
    {"rom_disturb", do_rom_disturb},
    {"save", do_save},
    {"quit", do_quit},
};

static void do_help(struct call *c)
{
    cJSON *list = cJSON_AddArrayToObject(c->out, "commands");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(commands[i].name));
}

static void dispatch(struct call *c, const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(c);
            return;
        }
    }
    c->error = "unknown command: see {\"cmd\":\"help\"}";
}

cJSON *app_command(struct app *app, struct app_client *client, const char *line)
{
    cJSON *in = cJSON_Parse(line);
    struct call c = {.app = app, .client = client, .in = in, .out = cJSON_CreateObject()};
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(in, "cmd");
    if (!cJSON_IsObject(in))
        c.error = "expected one JSON object a line";
    else if (!cJSON_IsString(name))
        c.error = "cmd is missing";
    else
        dispatch(&c, name->valuestring);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "ok", c.error == NULL);
    if (c.error)
        cJSON_AddStringToObject(out, "error", c.error);
    while (!c.error && c.out && c.out->child) {
        cJSON *item = cJSON_DetachItemViaPointer(c.out, c.out->child);
        cJSON_AddItemToObject(out, item->string, item);
    }
    cJSON_Delete(c.out);
    cJSON_Delete(in);
    return out;
}
