/*
 * cli.h - what every command of `ferry` shares. One command a file, cmd_<name>.c, which defines
 *
 *     const struct cli_command cmd_<name> = {"<name>", usage, summary, run};
 *
 * The build finds the file and puts it in the table; nothing else names it.
 */
#ifndef FERRY_CLI_H
#define FERRY_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLI_OK = 0,
    CLI_FAILED = 1,       /* the command could not do its work; the reason is on stderr */
    CLI_USAGE = 2,        /* the command line is wrong; nothing was done */
    CLI_INTERRUPTED = 130 /* Ctrl-C */
};

struct cli_command {
    const char *name;
    const char *usage;                 /* arguments in one line, then "\n" and any further help */
    const char *summary;               /* one line for the overview */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns CLI_... */
    /* Commands of a command, as `ferry rom read`; NULL: it has none. The last entry is NULL. */
    const struct cli_command *const *parts;
};

/* "ferry: " and a message with a line end, on stderr. Returns CLI_FAILED. */
__attribute__((format(printf, 1, 2))) int cli_fail(const char *format, ...);

/* The same for a wrong command line: names `ferry help <command>`. Returns CLI_USAGE. */
__attribute__((format(printf, 2, 3))) int cli_usage(const struct cli_command *command,
                                                    const char *format, ...);

/* "ferry: <what>: <sentence>; <remedy> (<NAME>)" for a ferry_status. Returns CLI_FAILED. */
int cli_fail_status(const char *what, int status);

#endif
