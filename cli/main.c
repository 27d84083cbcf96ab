/* `ferry`: finds the command and runs it. The table is made by the build from cmd_*.c. */
#include "cli.h"
#include "table.h"

#include "ferry/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void message(const char *format, va_list arguments)
{
    fflush(stdout);
    fputs("ferry: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int cli_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    message(format, arguments);
    va_end(arguments);
    return CLI_FAILED;
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    message(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try `ferry help %s`.\n", command->name);
    return CLI_USAGE;
}

int cli_fail_status(const char *what, int status)
{
    return cli_fail("%s: %s; %s (%s)", what, ferry_status_text(status), ferry_status_remedy(status),
                    ferry_status_name(status));
}

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < cli_table_size; i++) {
        if (strcmp(cli_table[i]->name, name) == 0) {
            return cli_table[i];
        }
    }
    return NULL;
}

static void print_overview(FILE *out)
{
    fputs("Usage: ferry COMMAND [OPTIONS]\n\nCommands:\n", out);
    for (size_t i = 0; i < cli_table_size; i++) {
        fprintf(out, "  %-10s %s\n", cli_table[i]->name, cli_table[i]->summary);
    }
    fputs("\n`ferry help COMMAND` tells more; `ferry --version` names the version.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted.\n",
          out);
}

static int unknown_command(const char *name)
{
    cli_fail("unknown command %s", name);
    fputs("Try `ferry help`.\n", stderr);
    return CLI_USAGE;
}

static const struct cli_command *find_part(const struct cli_command *command, const char *name)
{
    const size_t length = strlen(command->name) + 1; /* a part is named "rom read" */
    for (size_t i = 0; command->parts != NULL && command->parts[i] != NULL; i++) {
        if (strcmp(command->parts[i]->name + length, name) == 0) {
            return command->parts[i];
        }
    }
    return NULL;
}

/* `part`: the word behind the command, or NULL; others than its parts do not matter. */
static int print_help(const char *name, const char *part)
{
    const struct cli_command *command = find(name);
    if (command == NULL) {
        return unknown_command(name);
    }
    const struct cli_command *found = part != NULL ? find_part(command, part) : NULL;
    command = found != NULL ? found : command;
    printf("%s\n\nUsage: ferry %s %s\n", command->summary, command->name, command->usage);
    return CLI_OK;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `ferry COMMAND --help`, but not behind "--". */
static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 && argc > 2) {
        return print_help(argv[2], argc > 3 ? argv[3] : NULL);
    }
    if (strcmp(name, "help") == 0 || is_help(name)) {
        print_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(name, "--version") == 0) {
        puts("ferry " FERRY_VERSION);
        return CLI_OK;
    }
    const struct cli_command *command = find(name);
    if (command == NULL) {
        return unknown_command(name);
    }
    if (asks_help(argc - 1, argv + 1)) {
        return print_help(name, argv[2]);
    }
    return command->run(argc - 1, argv + 1);
}
