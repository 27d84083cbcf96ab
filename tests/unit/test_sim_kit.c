#include "test_sim_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3ull; /* FNV-1a */
    return hash;
}

static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    struct kit *kit = ctx;
    kit->events[event->kind]++;
    kit->last[event->kind] = *event;
    kit->hash = mix(kit->hash, &event->time_ns, sizeof event->time_ns);
    kit->hash = mix(kit->hash, &event->a, sizeof event->a);
    kit->hash = mix(kit->hash, &event->b, sizeof event->b);
}

static void on_uart(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    struct kit *kit = ctx;
    uint64_t now = ferry_sim_time_ns(sim);
    assert_int_equal(port, 0);
    if (kit->rx_count < sizeof kit->rx) {
        kit->rx_ns[kit->rx_count] = now;
        kit->rx[kit->rx_count++] = byte;
    }
    kit->hash = mix(kit->hash, &now, sizeof now);
    kit->hash = mix(kit->hash, &byte, 1);
}

void kit_open(struct kit *kit, const char *program, const struct ferry_sim_options *options)
{
    kit_open_board(kit, "stm32f411_blackpill", program, options);
}

void kit_open_board(struct kit *kit, const char *board, const char *program,
                    const struct ferry_sim_options *options)
{
    static uint8_t image[65536];
    char path[512];
    memset(kit, 0, sizeof *kit);
    kit->hash = 0xCBF29CE484222325ull;
    snprintf(path, sizeof path, "%s/%s.bin", getenv("SIM_TEST_FIRMWARE"), program);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(image, 1, sizeof image, f);
    fclose(f);
    assert_int_equal(ferry_sim_create(&kit->sim, board, options), FERRY_SIM_OK);
    assert_int_equal(ferry_sim_load(kit->sim, 0x08000000u, image, size), FERRY_SIM_OK);
    ferry_sim_on_event(kit->sim, on_event, kit);
    ferry_sim_on_uart(kit->sim, 0, on_uart, kit);
}

void kit_close(struct kit *kit)
{
    ferry_sim_destroy(kit->sim);
    kit->sim = NULL;
}

uint32_t kit_result(struct kit *kit, unsigned i)
{
    uint32_t value;
    memcpy(&value, ferry_sim_ram(kit->sim, 0x20000000u + 4u * i, 4), 4);
    return value;
}

void kit_tell(struct kit *kit, unsigned i, uint32_t value)
{
    memcpy(ferry_sim_ram(kit->sim, 0x20000000u + 4u * i, 4), &value, 4);
}

uint64_t kit_state_hash(struct kit *kit)
{
    struct ferry_sim_cpu cpu;
    size_t size;
    const uint8_t *flash = ferry_sim_flash(kit->sim, &size);
    uint64_t hash = mix(kit->hash, flash, size);
    memset(&cpu, 0, sizeof cpu);
    ferry_sim_cpu(kit->sim, &cpu);
    hash = mix(hash, cpu.r, sizeof cpu.r);
    return mix(hash, ferry_sim_ram(kit->sim, 0x20000000u, 128 * 1024), 128 * 1024);
}
