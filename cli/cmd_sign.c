#include "args.h"
#include "cli.h"
#include "hex.h"
#include "image_build.h"
#include "keyfile.h"
#include "pubkey_pem.h"
#include "version_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const struct cli_command cmd_sign = {
    .name = "sign",
    .summary = "make a signed image from an application's binary",
    .usage =
        "--key KEY.pem --board BOARD --slot a|b --version 1.2.3[+4]\n"
        "                  [--security-counter N|auto] [--this-slot-only] IN.bin -o OUT.img\n\n"
        "IN.bin is a raw binary (`objcopy -O binary`), linked to start 0x200 bytes behind the\n"
        "start of the slot, its vector table first. A board without Ferry's bootloader has one\n"
        "slot, a, and the binary is linked to its start. The image is checked as a node checks it\n"
        "before it is written.\n\n"
        "  --key FILE              private key of `ferry keygen`\n"
        "  --board NAME            the board; an image boots on no other\n"
        "  --slot a|b              the slot the application is linked for\n"
        "  --version V             shown by nodes and servers\n"
        "  --security-counter N    once an image with N is confirmed, none below N boots any "
        "more;\n"
        "                          auto: from the version, so that nothing older boots\n"
        "                          (default 0: older releases stay installable)\n"
        "  --this-slot-only        allow an image that the board's smaller slot cannot hold: its\n"
        "                          release can never be installed there\n"
        "  -o FILE                 the image to write\n",
    .run = run,
};

struct sign_options {
    const char *key, *board, *slot, *version, *counter, *input, *output;
    bool this_slot_only;
};

static bool parse(int argc, char **argv, struct sign_options *given)
{
    const struct cli_option options[] = {
        {"--key", &given->key, NULL},
        {"--board", &given->board, NULL},
        {"--slot", &given->slot, NULL},
        {"--version", &given->version, NULL},
        {"--security-counter", &given->counter, NULL},
        {"-o", &given->output, NULL},
        {"--this-slot-only", NULL, &given->this_slot_only},
    };
    struct cli_operands operands = {&given->input, 1, 0};
    if (!cli_parse(&cmd_sign, argc, argv, options, sizeof options / sizeof options[0], &operands)) {
        return false;
    }
    if (given->key == NULL || given->board == NULL || given->slot == NULL ||
        given->version == NULL || given->output == NULL || operands.count == 0) {
        cli_usage(&cmd_sign, "--key, --board, --slot, --version, IN.bin and -o are all needed");
        return false;
    }
    return true;
}

static bool parse_counter(const char *text, struct image_build *build)
{
    if (text == NULL) {
        build->security_counter = 0;
        return true;
    }
    if (strcmp(text, "auto") == 0) {
        build->security_counter = image_build_auto_counter(&build->version);
        return true;
    }
    return cli_parse_u32(text, &build->security_counter);
}

/* Text to values. Returns false after a message. */
static bool understand(const struct sign_options *given, struct image_build *build)
{
    build->board = cli_find_board(&cmd_sign, given->board);
    if (build->board == NULL) {
        return false;
    }
    bool one_letter = given->slot[0] != '\0' && given->slot[1] == '\0';
    build->slot = (uint8_t)(given->slot[0] - 'a');
    if (!one_letter || build->slot >= build->board->slot_count) {
        cli_usage(&cmd_sign, "%s has no slot %s", given->board, given->slot);
        return false;
    }
    if (!ferry_version_parse(given->version, &build->version)) {
        cli_usage(&cmd_sign, "--version wants 1.2.3 or 1.2.3+4 (255.255.65535 at most), not %s",
                  given->version);
        return false;
    }
    if (!parse_counter(given->counter, build)) {
        cli_usage(&cmd_sign, "--security-counter wants a 32-bit number or auto, not %s",
                  given->counter);
        return false;
    }
    return true;
}

/* What people hand in by mistake, told by its first bytes. */
static bool check_input(const char *path, const struct file_bytes *input)
{
    if (input->size < FERRY_IMAGE_VECTORS_SIZE) {
        cli_fail("%s is too short for a vector table", path);
        return false;
    }
    if (memcmp(input->bytes, "\177ELF", 4) == 0) {
        cli_fail("%s is an ELF file; `objcopy -O binary` makes the raw binary of it", path);
        return false;
    }
    if (ferry_get_u32(input->bytes) == FERRY_IMAGE_MAGIC_WORD) {
        cli_fail("%s is an image already; sign the raw binary", path);
        return false;
    }
    return true;
}

/* Says more than the status where an application is linked for another place. */
static int explain(const char *path, const struct image_build *build,
                   const struct ferry_image *image, int status)
{
    cli_fail_status(path, status);
    const struct ferry_range *slot = &build->board->slots[build->slot];
    if (status == FERRY_IMAGE_VECTORS) {
        uint8_t linked = ferry_board_slot_of(build->board, image->reset_vector);
        fprintf(stderr, "  stack pointer 0x%08" PRIX32 ", reset vector 0x%08" PRIX32 "\n",
                image->stack_pointer, image->reset_vector);
        fprintf(stderr, "  slot %c wants its code from 0x%08" PRIX32 " on\n", 'a' + build->slot,
                ferry_image_payload_start(&image->header, build->board));
        if (linked != FERRY_SLOT_NONE && linked != build->slot) {
            fprintf(stderr, "  this application is linked for slot %c\n", 'a' + linked);
        }
    }
    if (status == FERRY_IMAGE_TOO_BIG) {
        fprintf(stderr,
                "  %" PRIu32 " bytes with header and signature; slot %c holds %" PRIu32 "\n",
                image->total_size, 'a' + build->slot, slot->size);
    }
    return CLI_FAILED;
}

/* The node's own verdict on what is about to be written. */
static int check_output(const char *path, const struct image_build *build,
                        struct file_bytes *output, struct ferry_image *image)
{
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    struct ferry_pubkey key;
    const struct ferry_keys keys = {&key, 1};
    const struct ferry_image_source source = file_image_source(output);
    int status = ferry_pubkey_from_evp(build->key, &key);
    if (status == FERRY_OK) {
        status =
            ferry_image_verify(&source, build->board, &keys, 0, image, scratch, sizeof scratch);
    }
    return status == FERRY_OK ? CLI_OK : explain(path, build, image, status);
}

/* Slots may differ: what only the larger one holds has no update for the other. */
static int check_slots(const struct sign_options *given, const struct ferry_board *board,
                       const struct ferry_image *image)
{
    uint32_t most = ferry_board_image_max(board);
    if (given->this_slot_only || image->total_size <= most) {
        return CLI_OK;
    }
    return cli_fail("%s: %" PRIu32 " bytes with header and signature fit slot %s, but the smaller "
                    "slot of %s holds %" PRIu32 ": updates alternate between the slots, so this "
                    "release could not be installed there (--this-slot-only signs it all the same)",
                    given->input, image->total_size, given->slot, board->name, most);
}

static void report(const char *path, const struct ferry_image *image)
{
    char version[FERRY_VERSION_TEXT_SIZE];
    char hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    ferry_version_print(&image->header.version, version);
    printf("%s: version %s, slot %c, security counter %" PRIu32 ", %" PRIu32 " bytes\n", path,
           version, 'a' + image->slot, image->security_counter, image->total_size);
    printf("hash %s\n", hex_text(image->hash, sizeof image->hash, hash));
}

static int sign(const struct sign_options *given, struct image_build *build)
{
    struct file_bytes input = {NULL, 0};
    struct file_bytes output = {NULL, 0};
    struct ferry_image image = {0};
    int result = CLI_FAILED;
    if (!file_read(given->input, &input)) {
        return CLI_FAILED;
    }
    if (!check_input(given->input, &input) || !image_build(build, &input, &output)) {
        goto fail_input;
    }
    result = check_output(given->input, build, &output, &image);
    if (result == CLI_OK) {
        result = check_slots(given, build->board, &image);
    }
    if (result == CLI_OK && !file_write(given->output, output.bytes, output.size, 0666, true)) {
        result = CLI_FAILED;
    }
    if (result == CLI_OK) {
        report(given->output, &image);
    }
    file_free(&output);
fail_input:
    file_free(&input);
    return result;
}

static int run(int argc, char **argv)
{
    struct sign_options given = {0};
    struct image_build build = {0};
    if (!parse(argc, argv, &given) || !understand(&given, &build)) {
        return CLI_USAGE;
    }
    build.key = keyfile_load_private(given.key);
    if (build.key == NULL) {
        return CLI_FAILED;
    }
    int result = sign(&given, &build);
    EVP_PKEY_free(build.key);
    return result;
}
