#include "args.h"
#include "cli.h"
#include "file.h"
#include "hex.h"
#include "keyfile.h"

#include "ferry/image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const struct cli_command cmd_verify = {
    .name = "verify",
    .summary = "check an image against a public key, as a node does",
    .usage = "--key KEY.pub.pem [--board BOARD] IMAGE\n\n"
             "Prints one line a check and stops at the first that fails.\n\n"
             "  --key FILE     the public key that the node accepts\n"
             "  --board NAME   the node's board (default: the board the image names)\n",
    .run = run,
};

/* One image on its way through the checks; `detail` is what the last check has to say. */
struct check {
    struct file_bytes file;
    struct ferry_image_source source;
    struct ferry_pubkey key;
    const char *board_name; /* NULL: the one that the image names */
    const struct ferry_board *board;
    struct ferry_image image;
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    char detail[128];
};

static int check_format(struct check *check)
{
    int status = ferry_image_read(&check->source, check->scratch, &check->image);
    snprintf(check->detail, sizeof check->detail,
             "header, payload and TLV areas: %" PRIu32 " bytes", check->image.total_size);
    return status;
}

static int check_length(struct check *check)
{
    snprintf(check->detail, sizeof check->detail, "nothing follows the image");
    return check->image.total_size == check->file.size ? FERRY_OK : FERRY_IMAGE_SIZE;
}

static int check_place(struct check *check)
{
    char name[FERRY_BOARD_NAME_MAX + 1] = {0};
    memcpy(name, check->image.board, check->image.board_size);
    check->board = ferry_board_find(check->board_name != NULL ? check->board_name : name);
    if (check->board == NULL) {
        return FERRY_IMAGE_BOARD;
    }
    int status = ferry_image_check_place(&check->image, check->board);
    snprintf(check->detail, sizeof check->detail, "%s, slot %c, vectors in place", name,
             'a' + check->image.slot);
    return status;
}

static int check_key(struct check *check)
{
    char text[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    const struct ferry_keys keys = {&check->key, 1};
    snprintf(check->detail, sizeof check->detail, "key %s",
             hex_text(check->image.key_hash, sizeof check->image.key_hash, text));
    return ferry_image_check_signature(&check->image, &keys);
}

static int check_content(struct check *check)
{
    char text[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    struct ferry_image_hasher hasher;
    snprintf(check->detail, sizeof check->detail, "SHA-256 %s",
             hex_text(check->image.hash, sizeof check->image.hash, text));
    ferry_image_hash_begin(&hasher, &check->image);
    return ferry_image_hash_step(&hasher, &check->image, &check->source, UINT32_MAX, check->scratch,
                                 sizeof check->scratch);
}

static const struct {
    const char *name;
    int (*run)(struct check *check);
} steps[] = {
    {"format", check_format}, {"length", check_length},   {"place", check_place},
    {"signature", check_key}, {"content", check_content},
};

static int run_steps(const char *path, struct check *check)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int status = steps[i].run(check);
        if (status != FERRY_OK) {
            printf("%-10s FAILED  %s\n", steps[i].name, ferry_status_name(status));
            return cli_fail_status(path, status);
        }
        printf("%-10s ok      %s\n", steps[i].name, check->detail);
    }
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    const char *key = NULL;
    const char *path = NULL;
    struct check check = {0};
    const struct cli_option options[] = {{"--key", &key, NULL},
                                         {"--board", &check.board_name, NULL}};
    struct cli_operands operands = {&path, 1, 0};
    if (!cli_parse(&cmd_verify, argc, argv, options, 2, &operands)) {
        return CLI_USAGE;
    }
    if (key == NULL || path == NULL) {
        return cli_usage(&cmd_verify, "--key and an image are needed");
    }
    if (check.board_name != NULL && cli_find_board(&cmd_verify, check.board_name) == NULL) {
        return CLI_USAGE;
    }
    if (!keyfile_load_public(key, &check.key) || !file_read(path, &check.file)) {
        return CLI_FAILED;
    }
    check.source = file_image_source(&check.file);
    int result = run_steps(path, &check);
    file_free(&check.file);
    return result;
}
