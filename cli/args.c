#include "args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The option that `word` names, with or without "=VALUE". */
static const struct cli_option *find_option(const struct cli_option *options, size_t count,
                                            const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, word, length) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

/* Takes argv[*at], and the word after it where that is its value. */
static bool take_option(const struct cli_command *command, const struct cli_option *option,
                        int argc, char **argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');
    if (option->flag != NULL) {
        if (equals != NULL) {
            cli_usage(command, "%s takes no value", option->name);
            return false;
        }
        *option->flag = true;
        return true;
    }
    if (*option->value != NULL) {
        cli_usage(command, "%s is given twice", option->name);
        return false;
    }
    if (equals == NULL && *at + 1 >= argc) {
        cli_usage(command, "%s needs a value", option->name);
        return false;
    }
    *option->value = equals != NULL ? equals + 1 : argv[++*at];
    return true;
}

bool cli_parse(const struct cli_command *command, int argc, char **argv,
               const struct cli_option *options, size_t option_count, struct cli_operands *operands)
{
    bool only_operands = false;
    operands->count = 0;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            if (operands->count == operands->max) {
                cli_usage(command, "too many arguments: %s", word);
                return false;
            }
            operands->list[operands->count++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_operands = true;
            continue;
        }
        const struct cli_option *option = find_option(options, option_count, word);
        if (option == NULL) {
            cli_usage(command, "unknown option %s", word);
            return false;
        }
        if (!take_option(command, option, argc, argv, &i)) {
            return false;
        }
    }
    return true;
}

bool cli_parse_u32(const char *text, uint32_t *value)
{
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, hex ? 16 : 10);
    if (errno != 0 || *end != '\0' || number > UINT32_MAX) {
        return false;
    }
    *value = (uint32_t)number;
    return true;
}

const struct ferry_board *cli_find_board(const struct cli_command *command, const char *name)
{
    const struct ferry_board *board = ferry_board_find(name);
    if (board != NULL) {
        return board;
    }
    char known[512] = "";
    for (size_t i = 0; (board = ferry_board_list(i)) != NULL; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", board->name);
    }
    cli_usage(command, "unknown board %s; known are %s", name, known);
    return NULL;
}
