/* How fast the virtual board runs plain code (SHA-256 in a loop). Prints a figure, judges nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include "ferry_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef SIM_MIPS_PROGRAM
#define SIM_MIPS_PROGRAM "sha.bin"
#endif

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static unsigned char image[65536];
    struct ferry_sim *sim;
    struct ferry_sim_counters c;
    FILE *f = fopen(argc == 2 ? argv[1] : SIM_MIPS_PROGRAM, "rb");
    if (!f) {
        fprintf(stderr, "usage: sim_mips [sha.bin]\n");
        return 2;
    }
    size_t size = fread(image, 1, sizeof image, f);
    fclose(f);
    if (ferry_sim_create(&sim, "stm32f411_blackpill", NULL) != FERRY_SIM_OK ||
        ferry_sim_load(sim, 0x08000000u, image, size) != FERRY_SIM_OK)
        return 1;
    ferry_sim_power_on(sim);
    ferry_sim_run_for(sim, 100000000u); /* translate first */
    ferry_sim_counters_reset(sim);
    double start = seconds();
    ferry_sim_run_for(sim, 2000000000u);
    double took = seconds() - start;
    ferry_sim_counters(sim, &c);
    printf("ferry-sim: %.0f million halfwords a second (%.2f virtual seconds in %.2f s)\n",
           (double)c.halfwords / took / 1e6, 2.0, took);
    ferry_sim_destroy(sim);
    return 0;
}
