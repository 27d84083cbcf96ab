/*
 * args.h - the command line of one command: a table of options in, values out.
 *
 * Understands --name VALUE, --name=VALUE, -o VALUE, flags, and "--" before operands.
 */
#ifndef FERRY_CLI_ARGS_H
#define FERRY_CLI_ARGS_H

#include "cli.h"

#include "ferry/board.h"

struct cli_option {
    const char *name;   /* as typed, with dashes: "--key", "-o" */
    const char **value; /* receives the value (borrowed from argv), or NULL for a flag */
    bool *flag;         /* set when the flag is given; NULL for an option with a value */
};

struct cli_operands {
    const char **list; /* borrowed from argv */
    size_t max;        /* places in `list` */
    size_t count;      /* filled */
};

/*
 * Parses argv[1..]. An option may be given once. Returns true, or false after a message: the caller
 * returns CLI_USAGE.
 */
bool cli_parse(const struct cli_command *command, int argc, char **argv,
               const struct cli_option *options, size_t option_count,
               struct cli_operands *operands);

/* A decimal or 0x number of 32 bits, nothing before or after. */
bool cli_parse_u32(const char *text, uint32_t *value);

/* The board of that name, or NULL after a message that lists them: the caller returns CLI_USAGE. */
const struct ferry_board *cli_find_board(const struct cli_command *command, const char *name);

#endif
