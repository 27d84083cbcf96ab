/*
 * run_torn - cuts the power of the virtual board in the middle of a double word or of an erase, and
 * looks how the port reads what is left (main_torn.c).
 *
 *   run_torn BOARD torn.bin
 */
#include "ferry/board.h"
#include "ferry_sim.h"

#include <stdio.h>

enum { MARK = 0x4E524F54, BINARY_MAX = 1 << 16, SEEDS = 4 };
enum { ERASE = 256 }; /* flash operations before the first erase: a page of double words */
static const uint64_t limit_ns = 5000000000;

static bool is_over(void *ctx, struct ferry_sim *sim)
{
    struct ferry_sim_cpu *cpu = ctx;
    ferry_sim_cpu(sim, cpu);
    return cpu->sleeping && cpu->r[1] == MARK;
}

/* One life with a cut at flash operation `op`, and the next. @return double words that could not be
 * read; -1: it failed */
static int live_twice(struct ferry_sim *sim, uint64_t op, uint32_t seed)
{
    struct ferry_sim_cut_plan plan = {
        .mode = FERRY_SIM_CUT_TORN, .after_flash_ops = op, .seed = seed};
    struct ferry_sim_cpu cpu;

    ferry_sim_power_on(sim);
    ferry_sim_plan_cut(sim, &plan);
    ferry_sim_run_while_not(sim, is_over, &cpu, limit_ns);
    if (ferry_sim_powered(sim)) {
        fprintf(stderr, "operation %u: it was not cut\n", (unsigned)op);
        return -1;
    }
    ferry_sim_power_on(sim);
    ferry_sim_run_while_not(sim, is_over, &cpu, limit_ns);
    if (!is_over(&cpu, sim) || cpu.r[0] != 0) {
        fprintf(stderr, "operation %u, seed %u: main_torn.c:%u, pc 0x%08x\n", (unsigned)op,
                (unsigned)seed, (unsigned)cpu.r[0], (unsigned)cpu.r[15]);
        return -1;
    }
    ferry_sim_power_off(sim);
    return (int)cpu.r[2];
}

/* @return as live_twice */
static int try_cut(const struct ferry_board *board, const uint8_t *binary, size_t size, uint64_t op,
                   uint32_t seed)
{
    struct ferry_sim *sim;
    int refused = -1;

    if (ferry_sim_create(&sim, board->name, NULL) != FERRY_SIM_OK) {
        fprintf(stderr, "run_torn: the board cannot be made\n");
        return -1;
    }
    if (ferry_sim_load(sim, board->slots[FERRY_SLOT_A].start, binary, size) == FERRY_SIM_OK) {
        refused = live_twice(sim, op, seed);
    }
    ferry_sim_destroy(sim);
    return refused;
}

int main(int argc, char **argv)
{
    static const uint64_t ops[] = {0, 1, 100, ERASE - 1, ERASE};
    static uint8_t binary[BINARY_MAX];
    const struct ferry_board *board = argc == 3 ? ferry_board_find(argv[1]) : NULL;
    FILE *in = argc == 3 ? fopen(argv[2], "rb") : NULL;
    int torn = 0;

    if (board == NULL || in == NULL) {
        fprintf(stderr, "usage: run_torn BOARD torn.bin (`make boards` builds it)\n");
        return 2;
    }
    size_t size = fread(binary, 1, sizeof binary, in);
    fclose(in);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        for (uint32_t seed = 1; seed <= SEEDS; seed++) {
            int refused = try_cut(board, binary, size, ops[i], seed);
            if (refused < 0 || (ops[i] != ERASE && refused != 1)) {
                fprintf(stderr, "%d double words could not be read\n", refused);
                return 1;
            }
            torn += refused;
        }
    }
    printf("%d torn double words, none did harm\n", torn);
    return 0;
}
