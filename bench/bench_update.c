/*
 * bench_update - how fast an update is: the real sender against the real bootloader (or
 * application) on the virtual board, in virtual time. Prints rows of a table; tools/bench makes the
 * files.
 *
 *   bench_update FACTORY.hex IMAGE.img uart|spi|i2c
 *
 * The slot is filled with noise before, so every sector has to be erased. Flash times are the
 * typical ones of the data sheet; execution is one halfword a clock: virtual time, not
 * cycle-accurate.
 */
#include "bench_wire.h"

#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAUD = 921600, QUANTUM_NS = 50000, SLOT_B_SECTOR = 6 };
static const double ns_per_s = 1e9;

struct file {
    uint8_t *bytes;
    size_t size;
};

/* One run: the board, the peer, and what was seen. */
struct run {
    struct ferry_sim *sim;
    const struct bench_wire *wire;
    struct ferry_sender sender;
    struct file image;
    uint64_t erase_started_ns, erase_ns;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_update: %s\n", what);
    exit(1);
}

static struct file read_file(const char *path)
{
    struct file file = {NULL, 0};
    FILE *in = fopen(path, "rb");

    if (in == NULL || fseek(in, 0, SEEK_END) != 0) {
        die(path);
    }
    file.size = (size_t)ftell(in);
    file.bytes = malloc(file.size + 1);
    rewind(in);
    if (file.bytes == NULL || fread(file.bytes, 1, file.size, in) != file.size) {
        die(path);
    }
    fclose(in);
    return file;
}

static uint32_t now_ms(const struct run *run)
{
    return (uint32_t)(ferry_sim_time_ns(run->sim) / 1000000);
}

static void on_uart(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    struct run *run = ctx;
    (void)sim;
    (void)port;
    ferry_sender_input(&run->sender, &byte, 1, now_ms(run));
}

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    struct run *run = ctx;

    if (event->kind == FERRY_SIM_EV_ERASE_START) {
        run->erase_started_ns = event->time_ns;
    } else if (event->kind == FERRY_SIM_EV_ERASE_END && event->a >= SLOT_B_SECTOR) {
        run->erase_ns += event->time_ns - run->erase_started_ns;
    }
}

/* Supplies image bytes and moves what the sender has to say onto the wire. */
static void pump(struct run *run)
{
    struct ferry_sender_want want;

    while (ferry_sender_wants(&run->sender, &want)) {
        memcpy(want.buffer, run->image.bytes + want.offset, want.size);
        ferry_sender_supply(&run->sender, want.size, now_ms(run));
    }
    run->wire->pump(run->sim, &run->sender);
}

/* Runs the request in hand to its end; returns the virtual time it took. */
static uint64_t finish(struct run *run, const char *what)
{
    uint64_t started_ns = ferry_sim_time_ns(run->sim);
    int status;

    while ((status = ferry_sender_step(&run->sender, now_ms(run))) == FERRY_MORE) {
        pump(run);
        ferry_sim_run_for(run->sim, QUANTUM_NS);
    }
    if (status != FERRY_OK) {
        fprintf(stderr, "bench_update: %s: %s\n", what, ferry_status_name(status));
        exit(1);
    }
    return ferry_sim_time_ns(run->sim) - started_ns;
}

static uint64_t words_in_slot(const struct run *run)
{
    struct ferry_sim_counters counters;
    uint64_t words = 0;

    ferry_sim_counters(run->sim, &counters);
    for (size_t sector = SLOT_B_SECTOR; sector < ferry_sim_sector_count(run->sim); sector++) {
        words += counters.words_programmed[sector];
    }
    return words;
}

static bool runs_application(void *ctx, struct ferry_sim *sim)
{
    struct ferry_sim_cpu cpu;
    (void)ctx;
    ferry_sim_cpu(sim, &cpu);
    return cpu.r[15] - 0x08010000 < 0x70000; /* not: the bootloader in RAM */
}

static void load(struct run *run, const struct file *factory)
{
    uint8_t noise[4096];

    if (ferry_sim_create(&run->sim, "stm32f411_blackpill", NULL) != FERRY_SIM_OK ||
        ferry_sim_load_hex(run->sim, (const char *)factory->bytes, factory->size) != FERRY_SIM_OK) {
        die("the board cannot be made");
    }
    memset(noise, 0x5A, sizeof(noise));
    for (uint32_t at = 0x08040000; at < 0x08080000; at += sizeof(noise)) {
        ferry_sim_load(run->sim, at, noise, sizeof(noise));
    }
    ferry_sim_on_uart(run->sim, 0, on_uart, run);
    ferry_sim_on_event(run->sim, on_event, run);
    ferry_sim_uart_baud(run->sim, 0, BAUD);
    ferry_sender_init(&run->sender, 1);
}

/* Reset to the application's first instruction. */
static double start_s(struct ferry_sim *sim)
{
    ferry_sim_power_on(sim);
    uint64_t started_ns = ferry_sim_time_ns(sim);
    ferry_sim_run_while_not(sim, runs_application, NULL, 5000000000U);
    double taken_s = (double)(ferry_sim_time_ns(sim) - started_ns) / ns_per_s;
    ferry_sim_power_off(sim);
    return taken_s;
}

/* What hashing the image costs: a start with a small image takes so much less. */
static double hash_s(double large_s, size_t large_size, const char *small_hex,
                     const char *small_img)
{
    static struct run small;
    struct file factory = read_file(small_hex), image = read_file(small_img);

    load(&small, &factory);
    double more_s = large_s - start_s(small.sim), more = (double)(large_size - image.size);
    ferry_sim_destroy(small.sim);
    free(factory.bytes);
    free(image.bytes);
    return more_s * (double)large_size / more;
}

static bool print_start(double whole_s, double of_hash_s)
{
    printf("%-44s %8.3f s   (limit 0.5)\n", "reset to the application's first instruction",
           whole_s);
    printf("%-44s %8.3f s\n", "  hash", of_hash_s);
    printf("%-44s %8.3f s\n", "  signature, with clock start and journal", whole_s - of_hash_s);
    printf("%-44s %8.3f s\n", "  listen window of 50 ms: meanwhile", 0.0);
    return whole_s <= 0.5;
}

struct figures {
    double hash_s, open_s, data_s, whole_s;
    uint64_t wire_bytes;
};

static struct figures update(struct run *run)
{
    const struct file *image = &run->image;
    struct ferry_image_header header;
    struct figures figures;

    if (ferry_image_parse_header(image->bytes, &header) != FERRY_OK) {
        die("not an image");
    }
    uint32_t tlvs = header.header_size + header.payload_size;
    struct ferry_open open = {.protocol = FERRY_PROTOCOL_VERSION,
                              .total_size = (uint32_t)image->size,
                              .tlv_size = (uint16_t)(image->size - tlvs),
                              .header = image->bytes,
                              .vectors = image->bytes + header.header_size,
                              .tlvs = image->bytes + tlvs};
    uint64_t started_ns = ferry_sim_time_ns(run->sim);
    ferry_sender_open(&run->sender, &open, now_ms(run));
    figures.open_s = (double)finish(run, "OPEN") / ns_per_s;

    /* The wire's share: up to the last byte of DATA; the last ACK comes when flash is done. */
    uint64_t data_ns = ferry_sim_time_ns(run->sim), last_ns = data_ns;
    uint32_t before = run->sender.counts.wire_bytes;
    ferry_sender_data(&run->sender, now_ms(run));
    int status;
    while ((status = ferry_sender_step(&run->sender, now_ms(run))) == FERRY_MORE) {
        pump(run);
        ferry_sim_run_for(run->sim, QUANTUM_NS);
        bool all = run->sender.sent == run->sender.total && run->wire->sent(run->sim);
        if (all && last_ns == data_ns) {
            last_ns = ferry_sim_time_ns(run->sim);
            figures.wire_bytes = run->sender.counts.wire_bytes - before;
        }
    }
    if (status != FERRY_OK) {
        die(ferry_status_name(status));
    }
    figures.data_s = (double)(last_ns - data_ns) / ns_per_s;
    ferry_sender_close(&run->sender, now_ms(run));
    finish(run, "CLOSE");
    figures.whole_s = (double)(ferry_sim_time_ns(run->sim) - started_ns) / ns_per_s;
    return figures;
}

static bool print_update(const struct run *run, const struct figures *figures)
{
    double rate = run->wire->bytes_per_s, size = (double)run->image.size;
    double wire_s = (double)figures->wire_bytes / rate;
    double erase_s = (double)run->erase_ns / ns_per_s;
    double program_s = (double)words_in_slot(run) * 16e-6;
    double verify_s = figures->open_s + figures->hash_s;
    double flash_s = erase_s + program_s + verify_s;
    double longest_s = wire_s > flash_s ? wire_s : flash_s;
    double busy = 100.0 * wire_s / figures->data_s, payload = 100.0 * size / rate / figures->data_s;

    printf("%-44s %8.0f bytes\n", "image", size);
    printf("%-44s %8.3f s\n", run->wire->title, wire_s);
    printf("%-44s %8.3f s\n", "flash: erase", erase_s);
    printf("%-44s %8.3f s\n", "flash: program", program_s);
    printf("%-44s %8.3f s   (limit 0.6)\n", "verify: signature (OPEN), hash", verify_s);
    printf("%-44s %8.1f %%\n", "first to last DATA byte: wire busy", busy);
    printf("%-44s %8.1f %%", "first to last DATA byte: image bytes", payload);
    if (run->wire->payload_percent > 0) {
        printf("   (limit %.0f)", run->wire->payload_percent);
    }
    putchar('\n');
    printf("%-44s %8.3f s\n", "whole update: OPEN to CLOSED", figures->whole_s);
    printf("%-44s %8.3f     (limit %.2f)\n", "  / max(wire, erase + program + verify)",
           figures->whole_s / longest_s, run->wire->whole_limit);
    return payload >= run->wire->payload_percent && verify_s <= 0.6 &&
           figures->whole_s <= run->wire->whole_limit * longest_s;
}

static void print_gateway(void)
{
    printf("%-44s %8zu bytes (limit 8192)\n", "gateway: engine and sender state",
           sizeof(struct gateway_engine) + sizeof(struct ferry_sender));
}

int main(int argc, char **argv)
{
    static struct run run;

    run.wire = argc == 6 ? bench_wire_find(argv[3]) : NULL;
    if (run.wire == NULL) {
        fprintf(stderr,
                "usage: bench_update FACTORY.hex IMAGE.img uart|spi|i2c SMALL.hex SMALL.img\n");
        return 2;
    }
    struct file factory = read_file(argv[1]);
    run.image = read_file(argv[2]);
    load(&run, &factory);
    double whole_start_s = start_s(run.sim);
    double of_hash_s = hash_s(whole_start_s, run.image.size, argv[4], argv[5]);
    bool fast_start = print_start(whole_start_s, of_hash_s);

    ferry_sim_power_on(run.sim);
    ferry_sender_query(&run.sender, 20, 5000, now_ms(&run));
    finish(&run, "QUERY");
    if (run.sender.result.info.running != FERRY_SLOT_NONE) {
        die("the application answered, not the bootloader");
    }
    struct figures figures = update(&run);
    figures.hash_s = of_hash_s;
    bool fast_update = print_update(&run, &figures);
    print_gateway();
    ferry_sim_destroy(run.sim);
    free(factory.bytes);
    free(run.image.bytes);
    return fast_start && fast_update ? 0 : 1;
}
