/* `ferry rom`: finds its part and runs it. */
#include "rom_commands.h"
#include "rom_session.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

static const struct cli_command *const parts[] = {
    &rom_info, &rom_read,    &rom_write,     &rom_verify, &rom_erase,
    &rom_go,   &rom_protect, &rom_unprotect, &rom_reset,  NULL};

const struct cli_command cmd_rom = {
    .name = "rom",
    .summary = "work on a chip that has only ST's ROM bootloader",
    .usage = "PART " ROM_SESSION_PORT " [OPTIONS]\n\n"
             "Parts, each with its own `ferry rom PART --help`:\n"
             "  info       which chip, which bootloader, what flash holds\n"
             "  read       flash or other memory into a file\n"
             "  write      a program into flash, read back; also after an interruption\n"
             "  verify     compare flash with a file\n"
             "  erase      pages or everything, and look that they are blank\n"
             "  go         start the program in flash by the bootloader\n"
             "  protect    forbid writing of sectors, or reading\n"
             "  unprotect  allow it again\n"
             "  reset      start the program by NRST, BOOT0 low\n\n"
             "Over USART (AN3155) and I2C (AN4221); STM32F401, F405/407, F411, "
             "L43x/L44x.\n\n" ROM_SESSION_USAGE,
    .run = run,
    .parts = parts,
};

static int run(int argc, char **argv)
{
    const size_t prefix = strlen(cmd_rom.name) + 1;
    if (argc < 2) {
        return cli_usage(&cmd_rom, "what to do is missing: info, read, write, ...");
    }
    for (size_t i = 0; parts[i] != NULL; i++) {
        if (strcmp(parts[i]->name + prefix, argv[1]) == 0) {
            return parts[i]->run(argc - 1, argv + 1);
        }
    }
    return cli_usage(&cmd_rom, "unknown part %s", argv[1]);
}
