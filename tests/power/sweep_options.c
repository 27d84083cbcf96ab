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

static const struct option long_options[] = {{"board", required_argument, NULL, 'b'},
                                             {"factory", required_argument, NULL, 'f'},
                                             {"image", required_argument, NULL, 'i'},
                                             {"bad", required_argument, NULL, 'x'},
                                             {"silent", required_argument, NULL, 'y'},
                                             {"stories", required_argument, NULL, 't'},
                                             {"results", required_argument, NULL, 'r'},
                                             {"only", required_argument, NULL, 'o'},
                                             {"seeds", required_argument, NULL, 's'},
                                             {"step", required_argument, NULL, 'n'},
                                             {"double", required_argument, NULL, 'd'},
                                             {"word-seeds", required_argument, NULL, 'w'},
                                             {"seconds", required_argument, NULL, 'l'},
                                             {"seed", required_argument, NULL, 'e'},
                                             {"part", required_argument, NULL, 'p'},
                                             {"full", no_argument, NULL, 'F'},
                                             {"no-shortcuts", no_argument, NULL, 'N'},
                                             {"check", required_argument, NULL, 'c'},
                                             {"stop", no_argument, NULL, 'S'},
                                             {"verify", required_argument, NULL, 'v'},
                                             {NULL, 0, NULL, 0}};

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

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static void take(struct sweep_options *options, int option, char *text)
{
    switch (option) {
    case 'b':
        options->board = text;
        break;
    case 'f':
        options->factory = text;
        break;
    case 'i':
        options->image = text;
        break;
    case 'x':
        options->bad = text;
        break;
    case 'y':
        options->silent = text;
        break;
    case 't':
        options->stories = text;
        break;
    case 'r':
        options->results = text;
        break;
    case 'o':
        options->only = text;
        break;
    case 's':
        options->seeds = number(text);
        break;
    case 'n':
        options->step = number(text);
        break;
    case 'd':
        options->doubles = number(text);
        break;
    case 'w':
        options->word_seeds = number(text);
        break;
    case 'l':
        options->seconds = number(text);
        break;
    case 'e':
        options->seed = number(text);
        break;
    case 'F':
        options->full = true;
        break;
    case 'v':
        options->verify = text;
        break;
    case 'c':
        options->check = number(text);
        break;
    case 'S':
        options->stop = true;
        break;
    case 'N':
        options->no_shortcuts = true;
        break;
    case 'p':
        if (sscanf(text, "%u/%u", &options->part, &options->parts) == 2) {
            break;
        } /* fall through */
    default:
        sweep_die("see the head of board_sweep.c for the options");
    }
}

struct sweep_options sweep_options_read(int argc, char **argv)
{
    struct sweep_options options = {.seeds = 16,
                                    .step = 1,
                                    .word_seeds = 1,
                                    .seed = 1,
                                    .parts = 1,
                                    .stories =
                                        "bootloader,application,compact,compact-pending,revert"};
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        take(&options, option, optarg);
    }
    if (options.board == NULL || options.factory == NULL || options.image == NULL ||
        options.step == 0 || options.parts == 0) {
        sweep_die("--board, --factory and --image are needed");
    }
    if (options.full) {
        options.step = 1;
        options.doubles = options.doubles > 0 ? options.doubles : 1;
    }
    return options;
}
