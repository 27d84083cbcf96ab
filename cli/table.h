/* table.h - all commands in the order of the overview. table.c is made by the build. */
#ifndef FERRY_CLI_TABLE_H
#define FERRY_CLI_TABLE_H

#include "cli.h"

extern const struct cli_command *const cli_table[];
extern const size_t cli_table_size;

#endif
