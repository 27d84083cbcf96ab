/* rom_commands.h - the parts of `ferry rom`, one const entry each; their files define them. */
#ifndef FERRY_CLI_ROM_COMMANDS_H
#define FERRY_CLI_ROM_COMMANDS_H

#include "cli.h"

extern const struct cli_command rom_info;      /* rom_info.c */
extern const struct cli_command rom_read;      /* rom_read.c */
extern const struct cli_command rom_write;     /* rom_write.c */
extern const struct cli_command rom_verify;    /* rom_write.c */
extern const struct cli_command rom_erase;     /* rom_erase.c */
extern const struct cli_command rom_go;        /* rom_start.c */
extern const struct cli_command rom_protect;   /* rom_protect.c */
extern const struct cli_command rom_unprotect; /* rom_protect.c */
extern const struct cli_command rom_reset;     /* rom_start.c */

#endif
