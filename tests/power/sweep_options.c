#include "sweep_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sweep_die(const char *what)
{
    fprintf(stderr, "board_sweep: %s\n", what);
    exit(2);
}

enum kind { TEXT, NUMBER, FLAG, PART };

static const struct known_option {
    const char *name;
    enum kind kind;
    size_t at; /* in struct sweep_options */
} known_options[] = {
#define OPTION(name, kind, member)                                                                 \
    {                                                                                              \
        name, kind, offsetof(struct sweep_options, member)                                         \
    }
    OPTION("board", TEXT, board),       OPTION("factory", TEXT, factory),
    OPTION("image", TEXT, image),       OPTION("bad", TEXT, bad),
    OPTION("silent", TEXT, silent),     OPTION("stories", TEXT, stories),
    OPTION("results", TEXT, results),   OPTION("trace", TEXT, trace),
    OPTION("only", TEXT, only),         OPTION("verify", TEXT, verify),
    OPTION("seeds", NUMBER, seeds),     OPTION("step", NUMBER, step),
    OPTION("double", NUMBER, doubles),  OPTION("word-seeds", NUMBER, word_seeds),
    OPTION("seconds", NUMBER, seconds), OPTION("seed", NUMBER, seed),
    OPTION("check", NUMBER, check),     OPTION("part", PART, part),
    OPTION("trials", NUMBER, trials),   OPTION("word-every", NUMBER, word_every),
    OPTION("full", FLAG, full),         OPTION("no-shortcuts", FLAG, no_shortcuts),
    OPTION("stop", FLAG, stop),
#undef OPTION
};
enum { OPTIONS = sizeof(known_options) / sizeof(known_options[0]) };

/* ADDRESS/R0/R1/R2, with commas: the address is hexadecimal, the sizes are bytes. */
void sweep_read_pure(const char *text, struct sweep_pure pure[SWEEP_PURE])
{
    for (size_t i = 0; i < SWEEP_PURE && text != NULL; i++) {
        unsigned at, r0, r1, r2;
        if (sscanf(text, "%x/%u/%u/%u", &at, &r0, &r1, &r2) != 4) {
            sweep_die("--verify wants ADDRESS/SIZE/SIZE/SIZE");
        }
        pure[i] = (struct sweep_pure){at, {r0, r1, r2, 0}};
        text = strchr(text, ',');
        text = text == NULL ? NULL : text + 1;
    }
}

_Noreturn static void refuse(void)
{
    sweep_die("see the head of board_sweep.c for the options");
}

static void take(struct sweep_options *options, const struct known_option *option, char *text)
{
    void *member = (char *)options + option->at;
    switch (option->kind) {
    case TEXT:
        memcpy(member, &text, sizeof(text));
        break;
    case NUMBER:
        *(uint32_t *)member = (uint32_t)strtoul(text, NULL, 10);
        break;
    case FLAG:
        *(bool *)member = true;
        break;
    case PART:
        if (sscanf(text, "%u/%u", &options->part, &options->parts) != 2) {
            refuse();
        }
        break;
    }
}

struct sweep_options sweep_options_read(int argc, char **argv)
{
    struct sweep_options options = {.seeds = 16,
                                    .step = 1,
                                    .word_seeds = 1,
                                    .word_every = 1,
                                    .seed = 1,
                                    .parts = 1,
                                    .stories =
                                        "bootloader,application,compact,compact-pending,revert"};
    struct option long_options[OPTIONS + 1] = {{NULL, 0, NULL, 0}};
    int option, index;

    for (size_t i = 0; i < OPTIONS; i++) {
        long_options[i] =
            (struct option){known_options[i].name, known_options[i].kind != FLAG, NULL, 0};
    }
    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
        if (option != 0) {
            refuse();
        }
        take(&options, &known_options[index], optarg);
    }
    if (options.board == NULL || options.factory == NULL || options.image == NULL ||
        options.step == 0 || options.word_every == 0 || options.part >= options.parts) {
        sweep_die("--board, --factory and --image are needed, and numbers that make sense");
    }
    if (options.full) {
        options.step = 1;
        options.doubles = options.doubles > 0 ? options.doubles : 1;
    }
    return options;
}
