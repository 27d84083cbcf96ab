/*
 * bench_rom - how fast an image gets through ST's ROM bootloader, and what it costs the flash: the
 * shipped wire and order of work (rom_wire, rom_update) against the ROM of the virtual F411, in
 * virtual time. Prints rows of a table; exit code 1 when one is above its limit.
 *
 *   bench_rom uart|i2c [IMAGE]    IMAGE: where to put the image, for other programs
 *
 * Flash holds another image before. "Needed" are the bytes of one WRITE and one READ for each 256
 * bytes, at 11 bits a byte on UART (8E1) and 9 on I2C; what was on the wire is counted by the
 * board, on I2C with each "busy" that was read. Erases and programming are those of the board's
 * model, taken from its events and counters.
 */
#include "bench_host.h"

#include "clock.h"
#include "rom_update.h"
#include "rom_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IMAGE_SIZE = 128 * 1024,
    PROGRAM_NS = 16000, /* one byte: the ROM of an F4 programs at x8 */
    COMMAND = 2 + 1,    /* with its ACK, as all of these */
    ADDRESS = 5 + 1,
    LENGTH = 2 + 1,
    DATA = 1 + FERRY_ROM_CHUNK_MAX + 1 + 1,
    WRITE_BYTES = COMMAND + ADDRESS + DATA,
    READ_BYTES = COMMAND + ADDRESS + LENGTH + FERRY_ROM_CHUNK_MAX
};

static const double ns_per_s = 1e9;

struct way {
    const char *name, *title, *port;
    double bytes_per_s;
    double bytes_limit; /* of the bytes but for "busy" / those needed */
    double whole_limit; /* of the whole / (needed bytes + erase + program) */
};

static const struct way ways[] = {
    {"uart", "bytes needed, at 115,200 baud, 8E1", "/dev/ttyS0", 115200 / 11.0, 1.01, 1.03},
    {"i2c", "bytes needed, at 400 kHz", "i2c:/dev/i2c-1:0x39@400000", 400000 / 9.0, 1.02, 1.05},
};

static struct run {
    const struct way *way;
    struct ferry_sim *sim;
    struct rom_wire wire;
    struct ferry_rom rom;
    uint64_t erase_started_ns, erase_ns;
    uint8_t image[IMAGE_SIZE];
} run;

/* What one pass took. */
struct pass {
    double whole_s, erase_s, program_s;
    uint64_t wire_bytes, busy_bytes, programmed, transfers;
    uint32_t erases;
};

static _Noreturn void die(const char *what, int status)
{
    fprintf(stderr, "bench_rom: %s: %s %s\n", what, ferry_status_name(status), run.wire.error);
    exit(1);
}

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    (void)ctx;
    if (event->kind == FERRY_SIM_EV_ERASE_START) {
        run.erase_started_ns = event->time_ns;
    } else if (event->kind == FERRY_SIM_EV_ERASE_END) {
        run.erase_ns += event->time_ns - run.erase_started_ns;
    }
}

/* No page of it is like another, nor like the 0x5A that flash holds. */
static void make_image(void)
{
    uint32_t noise = 1;
    for (size_t i = 0; i < IMAGE_SIZE; i++) {
        noise = noise * 1664525u + 1013904223u;
        run.image[i] = (uint8_t)(noise >> 24);
    }
    ferry_put_u32(run.image, 0x20020000);
    ferry_put_u32(run.image + 4, 0x08000201);
}

static void keep_image(const char *path)
{
    FILE *out = fopen(path, "wb");
    if (out == NULL || fwrite(run.image, 1, IMAGE_SIZE, out) != IMAGE_SIZE || fclose(out) != 0) {
        die(path, FERRY_IO);
    }
}

/* ---- the board ---------------------------------------------------------------------------- */

static void start_board(void)
{
    static uint8_t other[512 * 1024];
    const struct rom_wire_config config = {
        .port = run.way->port, .nrst = "gpiochip0:0", .boot0 = "gpiochip0:1"};

    memset(other, 0x5A, sizeof other);
    if (ferry_sim_create(&run.sim, "stm32f411_blackpill", NULL) != FERRY_SIM_OK ||
        ferry_sim_load(run.sim, FERRY_ROM_FLASH_BASE, other, sizeof other) != FERRY_SIM_OK) {
        die("the board cannot be made", FERRY_IO);
    }
    ferry_sim_on_event(run.sim, on_event, NULL);
    bench_host_use(run.sim);
    ferry_sim_power_on(run.sim);
    if (rom_wire_init(&run.wire, &config) != NULL || rom_wire_open(&run.wire) != FERRY_OK ||
        rom_wire_reset(&run.wire, true, NULL) != FERRY_OK) {
        die("the wire cannot be opened", FERRY_IO);
    }
    ferry_rom_init(&run.rom, &run.wire.traits);
}

/* As a gateway does it, with the image at hand. */
static int do_action(struct ferry_rom_update *update, const struct ferry_rom_action *action)
{
    if (action->type == FERRY_ROM_SUPPLY) {
        memcpy(action->bytes, run.image + action->offset, action->size);
        ferry_rom_update_supply(update);
        return FERRY_OK;
    }
    if (action->type == FERRY_ROM_APPROVE) {
        ferry_rom_update_approve(update);
        return FERRY_OK;
    }
    const int status = rom_wire_do(&run.wire, &run.rom, action);
    if (status == FERRY_MORE) {
        rom_wire_wait(&run.wire, action, -1);
    }
    return status;
}

static void update_image(void)
{
    uint8_t buffer[FERRY_ROM_UPDATE_BUFFER_SIZE];
    struct ferry_rom_update update;
    struct ferry_rom_action action;
    int status =
        ferry_rom_update_start(&update, &run.rom, FERRY_ROM_FLASH_BASE, IMAGE_SIZE, false, buffer);

    if (status != FERRY_OK) {
        die("start", status);
    }
    while ((status = ferry_rom_update_step(&update, ferry_posix_now_ms(), &action)) == FERRY_MORE) {
        const int done = do_action(&update, &action);
        if (done != FERRY_OK && done != FERRY_MORE) {
            die("wire", done);
        }
    }
    if (status != FERRY_OK) {
        die("update", status);
    }
}

/* ---- one pass ----------------------------------------------------------------------------- */

static void count(struct pass *pass)
{
    struct ferry_sim_counters counters;
    const int port = ferry_sim_rom_port(run.sim);

    ferry_sim_counters(run.sim, &counters);
    pass->wire_bytes = counters.i2c_to_node + counters.i2c_from_node;
    if (!run.wire.traits.framed && port >= 0) {
        pass->wire_bytes = counters.uart_to_node[port] + counters.uart_from_node[port];
    }
    pass->programmed = counters.bytes_programmed;
    for (size_t sector = 0; sector < FERRY_SIM_MAX_SECTORS; sector++) {
        pass->erases += counters.erases[sector];
    }
}

/* From a chip that listens to the last byte read back. */
static struct pass measure(void)
{
    const struct ferry_rom_request connect = {.kind = FERRY_ROM_CONNECT};
    struct pass pass = {0};
    const uint64_t transfers = bench_host_transfers();
    const uint64_t busies = bench_host_busies();
    const uint64_t started_ns = ferry_sim_time_ns(run.sim);

    ferry_sim_counters_reset(run.sim);
    run.erase_ns = 0;
    const int status = rom_wire_run(&run.wire, &run.rom, &connect, NULL);
    if (status != FERRY_OK) {
        die("connect", status);
    }
    update_image();
    count(&pass);
    pass.transfers = bench_host_transfers() - transfers;
    pass.busy_bytes = bench_host_busies() - busies;
    pass.whole_s = (double)(ferry_sim_time_ns(run.sim) - started_ns) / ns_per_s;
    pass.erase_s = (double)run.erase_ns / ns_per_s;
    pass.program_s = (double)(pass.programmed * PROGRAM_NS) / ns_per_s;
    return pass;
}

/* ---- what is printed ---------------------------------------------------------------------- */

static bool print_first(const struct pass *pass)
{
    const int needed = IMAGE_SIZE / FERRY_ROM_CHUNK_MAX * (WRITE_BYTES + READ_BYTES);
    const double needed_s = needed / run.way->bytes_per_s;
    const double share = (double)(pass->wire_bytes - pass->busy_bytes) / needed;
    const double ideal_s = needed_s + pass->erase_s + pass->program_s;
    const double ratio = pass->whole_s / ideal_s;

    printf("%-44s %8d bytes\n", "image, written and read back", IMAGE_SIZE);
    printf("%-44s %8.3f s   (%d bytes)\n", run.way->title, needed_s, needed);
    printf("%-44s %8.3f s   (%u sectors)\n", "flash: erase", pass->erase_s, pass->erases);
    printf("%-44s %8.3f s\n", "flash: program, byte by byte", pass->program_s);
    printf("%-44s %8.3f s   (%llu bytes)\n", "whole: connect to the last byte read back",
           pass->whole_s, (unsigned long long)pass->wire_bytes);
    printf("%-44s %8.4f    (limit %.2f)\n", "  / (bytes needed + erase + program)", ratio,
           run.way->whole_limit);
    printf("%-44s %8.4f    (limit %.2f)\n", "  bytes but for \"busy\" / bytes needed", share,
           run.way->bytes_limit);
    return ratio <= run.way->whole_limit && share <= run.way->bytes_limit;
}

/* Only reads. */
static bool print_second(const struct pass *pass)
{
    printf("%-44s %8.3f s   (%u erases, %llu bytes programmed; limit 0)\n", "the same image again",
           pass->whole_s, pass->erases, (unsigned long long)pass->programmed);
    return pass->erases == 0 && pass->programmed == 0;
}

static bool flash_is_right(void)
{
    size_t size;
    return memcmp(ferry_sim_flash(run.sim, &size), run.image, IMAGE_SIZE) == 0;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof ways[0]; i++) {
        run.way = strcmp(ways[i].name, argv[1]) == 0 ? &ways[i] : run.way;
    }
    if (run.way == NULL || argc > 3) {
        fprintf(stderr, "usage: bench_rom uart|i2c [IMAGE]\n");
        return 2;
    }
    make_image();
    if (argc == 3) {
        keep_image(argv[2]);
    }
    start_board();
    const struct pass first = measure();
    bool good = print_first(&first);
    if (rom_wire_reset(&run.wire, true, NULL) != FERRY_OK) {
        die("reset", FERRY_IO);
    }
    const struct pass second = measure();
    good = print_second(&second) && good;
    if (!flash_is_right()) {
        die("flash holds something else", FERRY_IO);
    }
    rom_wire_close(&run.wire);
    ferry_sim_destroy(run.sim);
    return good ? 0 : 1;
}
