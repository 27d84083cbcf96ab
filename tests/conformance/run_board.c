/*
 * run_board - runs the conformance application on the virtual board and tells its verdict.
 *
 *   run_board BOARD conformance.bin
 *
 * The binary is linked for slot A, behind the place of an image header (where the board has a
 * bootloader). Its vectors are also put where the core looks for them after a reset, into a sector
 * that is then write-protected: there is no bootloader. The board's UART is connected to itself:
 * every byte comes back.
 */
#include "ferry/board.h"
#include "ferry/image.h"
#include "ferry_sim.h"

#include <stdio.h>

enum { MARK = 0x434F4E46, BINARY_MAX = 1 << 16, VECTOR_BYTES = 0x200, FIRST_WRP = 16 };
static const uint64_t limit_ns = 60000000000;

static void on_uart(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    (void)ctx;
    ferry_sim_uart_send(sim, port, &byte, 1);
}

/* What passes here and fails on a chip: too few wait states, a cache that is reset while on. */
static void on_event(void *ctx, const struct ferry_sim_event *event)
{
    unsigned *misuses = ctx;
    if (event->kind == FERRY_SIM_EV_FAULT || event->kind == FERRY_SIM_EV_MISUSE ||
        event->kind == FERRY_SIM_EV_LOCKUP) {
        fprintf(stderr, "%s at 0x%08x: %s\n", ferry_sim_event_name(event->kind), (unsigned)event->b,
                event->text);
        *misuses += 1;
    }
}

static bool is_over(void *ctx, struct ferry_sim *sim)
{
    struct ferry_sim_cpu *cpu = ctx;
    ferry_sim_cpu(sim, cpu);
    return cpu->sleeping && cpu->r[1] == MARK;
}

static size_t read_binary(const char *path, uint8_t *bytes)
{
    FILE *in = fopen(path, "rb");
    size_t size = in == NULL ? 0 : fread(bytes, 1, BINARY_MAX, in);

    if (in != NULL) {
        fclose(in);
    }
    return size;
}

/* The option bytes of an L4 name ranges of pages, those of an F4 have a bit for each sector. */
static void protect_first_sector(struct ferry_sim *sim)
{
    static const uint32_t first_page[2] = {0, 0xFF};

    ferry_sim_set_write_protection(sim, first_page);
    if (!ferry_sim_sector_protected(sim, 0)) {
        ferry_sim_set_option_bytes(sim, ferry_sim_option_bytes(sim) & ~(1U << FIRST_WRP));
    }
}

static int run(struct ferry_sim *sim)
{
    static const char *const parts[] = {"?", "flash", "clock", "stream"};
    struct ferry_sim_cpu cpu;

    ferry_sim_power_on(sim);
    ferry_sim_run_while_not(sim, is_over, &cpu, limit_ns);
    if (!is_over(&cpu, sim)) {
        fprintf(stderr, "no verdict within 60 s of virtual time, pc 0x%08x\n", (unsigned)cpu.r[15]);
        return 1;
    }
    uint32_t part = cpu.r[0] >> 16 & 3, line = cpu.r[0] & 0xFFFF;
    if (cpu.r[0] != 0) {
        fprintf(stderr, "%s: conformance.c:%u\n", parts[part], (unsigned)line);
        return 1;
    }
    printf("flash, clock, stream conform\n");
    return 0;
}

int main(int argc, char **argv)
{
    static uint8_t binary[BINARY_MAX];
    struct ferry_sim *sim;
    unsigned misuses = 0;

    const struct ferry_board *board = argc == 3 ? ferry_board_find(argv[1]) : NULL;
    if (board == NULL) {
        fprintf(stderr, "usage: run_board BOARD conformance.bin\n");
        return 2;
    }
    size_t size = read_binary(argv[2], binary);
    if (size == 0) {
        fprintf(stderr, "%s is not built: run `make boards`\n", argv[2]);
        return 2;
    }
    uint32_t address = board->slots[FERRY_SLOT_A].start +
                       (ferry_board_has_bootloader(board) ? FERRY_IMAGE_PADDED_SIZE : 0U);
    if (ferry_sim_create(&sim, argv[1], NULL) != FERRY_SIM_OK ||
        ferry_sim_load(sim, address, binary, size) != FERRY_SIM_OK ||
        ferry_sim_load(sim, ferry_sim_flash_base(sim), binary,
                       size < VECTOR_BYTES ? size : VECTOR_BYTES) != FERRY_SIM_OK) {
        fprintf(stderr, "run_board: the board cannot be made\n");
        return 2;
    }
    protect_first_sector(sim);
    ferry_sim_on_uart(sim, 0, on_uart, NULL);
    ferry_sim_on_event(sim, on_event, &misuses);
    int verdict = run(sim);
    ferry_sim_destroy(sim);
    return misuses == 0 ? verdict : 1;
}
