#include "args.h"
#include "cli.h"
#include "factory.h"
#include "hex.h"
#include "keyfile.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(int argc, char **argv);

const struct cli_command cmd_provision = {
    .name = "provision",
    .summary = "make the first flash content of a node",
    .usage =
        "--board BOARD --pubkey KEY.pub.pem [--image IMG] -o FACTORY.hex\n\n"
        "Puts the key into the bootloader, fills slot A, and sets the option bytes: one Intel HEX\n"
        "file for any flash programmer.\n\n"
        "  --board NAME          the node's board\n"
        "  --pubkey FILE         the public key whose images the node accepts\n"
        "  --second-pubkey FILE  another one, to change keys later\n"
        "  --image FILE          first application, signed for slot a with one of these keys\n"
        "  --bootloader FILE     bootloader.bin (default: the one built or installed with ferry)\n"
        "  --dev                 mark the key as a throw-away key; INFO then says DEV KEY\n"
        "  --rdp 0|1             read protection level (default 0: a debugger may read the chip;\n"
        "                        leaving level 1 again erases it)\n"
        "  --no-option-bytes     leave write protection, BOR and RDP as they are\n"
        "  -o FILE               the Intel HEX file to write\n",
    .run = run,
};

struct provision_options {
    const char *board, *pubkey, *second, *image, *bootloader, *rdp, *output;
    bool dev, no_option_bytes;
};

static bool parse(int argc, char **argv, struct provision_options *given)
{
    const struct cli_option options[] = {
        {"--board", &given->board, NULL},
        {"--pubkey", &given->pubkey, NULL},
        {"--second-pubkey", &given->second, NULL},
        {"--image", &given->image, NULL},
        {"--bootloader", &given->bootloader, NULL},
        {"--rdp", &given->rdp, NULL},
        {"-o", &given->output, NULL},
        {"--dev", NULL, &given->dev},
        {"--no-option-bytes", NULL, &given->no_option_bytes},
    };
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_provision, argc, argv, options, sizeof options / sizeof options[0],
                   &operands)) {
        return false;
    }
    if (given->board == NULL || given->pubkey == NULL || given->output == NULL) {
        cli_usage(&cmd_provision, "--board, --pubkey and -o are all needed");
        return false;
    }
    return true;
}

static bool understand(const struct provision_options *given, struct factory *factory)
{
    factory->board = cli_find_board(&cmd_provision, given->board);
    if (factory->board == NULL) {
        return false;
    }
    if (!ferry_board_has_bootloader(factory->board)) {
        cli_usage(&cmd_provision,
                  "%s has no bootloader of Ferry's to provision: its ROM takes an application",
                  given->board);
        return false;
    }
    const char *rdp = given->rdp != NULL ? given->rdp : "0";
    if (strcmp(rdp, "2") == 0) {
        cli_usage(&cmd_provision,
                  "--rdp 2 can never be undone and locks every debugger out for ever; "
                  "ferry does not write it");
        return false;
    }
    if (strcmp(rdp, "0") != 0 && strcmp(rdp, "1") != 0) {
        cli_usage(&cmd_provision, "--rdp wants 0 or 1, not %s", rdp);
        return false;
    }
    factory->read_protection = (uint8_t)(rdp[0] - '0');
    factory->dev_key = given->dev;
    factory->option_bytes = !given->no_option_bytes;
    return true;
}

static bool load_keys(const struct provision_options *given,
                      struct ferry_pubkey keys[FERRY_BOOT_BLOCK_KEYS], struct factory *factory)
{
    factory->keys = (struct ferry_keys){keys, given->second != NULL ? 2 : 1};
    return keyfile_load_public(given->pubkey, &keys[0]) &&
           (given->second == NULL || keyfile_load_public(given->second, &keys[1]));
}

/* Where a build and an installation keep bootloader.bin, seen from the folder of this program. */
static bool find_bootloader(const char *board, char path[PATH_MAX])
{
    static const char *const places[] = {"../../%s/bootloader.bin",
                                         "../share/ferry/%s/bootloader.bin"};
    char folder[PATH_MAX];
    char place[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (size < 0) {
        return false;
    }
    folder[size] = '\0';
    *(strrchr(folder, '/') + 1) = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(place, sizeof place, places[i], board);
        int length = snprintf(path, PATH_MAX, "%s%s", folder, place);
        if (length > 0 && length < PATH_MAX && access(path, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool load_files(const struct provision_options *given, struct factory *factory)
{
    char found[PATH_MAX];
    const char *bootloader = given->bootloader;
    factory->image_path = given->image;
    if (bootloader == NULL && find_bootloader(given->board, found)) {
        bootloader = found;
    }
    if (bootloader == NULL) {
        cli_fail("no bootloader for %s was built or installed; build it, or use --bootloader",
                 given->board);
        return false;
    }
    return file_read(bootloader, &factory->bootloader) &&
           (given->image == NULL || file_read(given->image, &factory->image));
}

static void print_table(const struct factory *factory)
{
    char text[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    for (size_t i = 0; i < factory->chunk_count; i++) {
        printf("0x%08" PRIX32 " %7zu bytes  %s\n", factory->chunks[i].address,
               factory->chunks[i].size, factory->texts[i]);
    }
    for (size_t i = 0; i < factory->keys.count; i++) {
        printf("accepts key %s\n", hex_text(factory->keys.list[i].hash, FERRY_HASH_SIZE, text));
    }
}

static int write_hex(const struct factory *factory, const char *path)
{
    size_t size = 0;
    char *text = ihex_write(factory->chunks, factory->chunk_count, &size);
    if (text == NULL) {
        return cli_fail("out of memory");
    }
    bool ok = file_write(path, text, size, 0666, true);
    free(text);
    return ok ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    struct provision_options given = {0};
    struct ferry_pubkey keys[FERRY_BOOT_BLOCK_KEYS];
    struct factory factory = {0};
    if (!parse(argc, argv, &given) || !understand(&given, &factory)) {
        return CLI_USAGE;
    }
    int result = CLI_FAILED;
    if (load_keys(&given, keys, &factory) && load_files(&given, &factory)) {
        result = factory_fill(&factory);
    }
    if (result == CLI_OK) {
        result = write_hex(&factory, given.output);
    }
    if (result == CLI_OK) {
        print_table(&factory);
        printf("%s written\n", given.output);
    }
    file_free(&factory.bootloader);
    file_free(&factory.image);
    return result;
}
