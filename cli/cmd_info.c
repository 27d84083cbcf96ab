#include "args.h"
#include "cli.h"
#include "file.h"
#include "hex.h"
#include "version_text.h"

#include "ferry/image.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(int argc, char **argv);

const struct cli_command cmd_info = {
    .name = "info",
    .summary = "show what an image says about itself",
    .usage = "IMAGE [--json]\n\n"
             "Needs no key, and so proves nothing about who made the image: `ferry verify` does.\n",
    .run = run,
};

/* The image's claims as text, once for both outputs. */
struct facts {
    char board[FERRY_BOARD_NAME_MAX + 1];
    char slot[16];
    char version[FERRY_VERSION_TEXT_SIZE];
    char hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    char key_hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    bool content_ok; /* the content matches the hash */
};

static void set_slot(struct ferry_image *image, struct facts *facts)
{
    const struct ferry_board *board = ferry_board_find(facts->board);
    uint8_t slot = FERRY_SLOT_NONE;
    if (board != NULL) {
        slot = ferry_board_slot_at(board, image->header.load_address);
    }
    if (slot == FERRY_SLOT_NONE) {
        snprintf(facts->slot, sizeof facts->slot, "unknown");
    } else {
        snprintf(facts->slot, sizeof facts->slot, "%c", 'a' + slot);
    }
}

static bool content_matches(const struct ferry_image *image,
                            const struct ferry_image_source *source)
{
    uint8_t buffer[4096];
    struct ferry_image_hasher hasher;
    ferry_image_hash_begin(&hasher, image);
    return ferry_image_hash_step(&hasher, image, source, UINT32_MAX, buffer, sizeof buffer) ==
           FERRY_OK;
}

static void set_facts(struct ferry_image *image, const struct ferry_image_source *source,
                      struct facts *facts)
{
    memset(facts, 0, sizeof *facts);
    memcpy(facts->board, image->board, image->board_size);
    set_slot(image, facts);
    ferry_version_print(&image->header.version, facts->version);
    hex_text(image->hash, sizeof image->hash, facts->hash);
    hex_text(image->key_hash, sizeof image->key_hash, facts->key_hash);
    facts->content_ok = content_matches(image, source);
}

static void print_text(const struct ferry_image *image, const struct facts *facts)
{
    printf("board             %s\n", facts->board);
    printf("slot              %s (0x%08" PRIX32 ")\n", facts->slot, image->header.load_address);
    printf("version           %s\n", facts->version);
    printf("security counter  %" PRIu32 "\n", image->security_counter);
    printf(
        "size              %" PRIu32 " bytes (header %u, payload %" PRIu32 ", TLVs %" PRIu32 ")\n",
        image->total_size, image->header.header_size, image->header.payload_size, image->tlv_size);
    printf("stack pointer     0x%08" PRIX32 "\n", image->stack_pointer);
    printf("reset vector      0x%08" PRIX32 "\n", image->reset_vector);
    printf("hash              %s (%s)\n", facts->hash,
           facts->content_ok ? "the content matches" : "THE CONTENT DIFFERS");
    printf("key hash          %s\n", facts->key_hash);
}

static bool print_json(const struct ferry_image *image, const struct facts *facts)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "board", facts->board);
    cJSON_AddStringToObject(json, "slot", facts->slot);
    cJSON_AddStringToObject(json, "version", facts->version);
    cJSON_AddNumberToObject(json, "security_counter", image->security_counter);
    cJSON_AddNumberToObject(json, "load_address", image->header.load_address);
    cJSON_AddNumberToObject(json, "header_size", image->header.header_size);
    cJSON_AddNumberToObject(json, "payload_size", image->header.payload_size);
    cJSON_AddNumberToObject(json, "tlv_size", image->tlv_size);
    cJSON_AddNumberToObject(json, "total_size", image->total_size);
    cJSON_AddNumberToObject(json, "stack_pointer", image->stack_pointer);
    cJSON_AddNumberToObject(json, "reset_vector", image->reset_vector);
    cJSON_AddStringToObject(json, "hash", facts->hash);
    cJSON_AddStringToObject(json, "key_hash", facts->key_hash);
    cJSON_AddBoolToObject(json, "content_ok", facts->content_ok);
    char *text = cJSON_Print(json);
    if (text != NULL) {
        puts(text);
    }
    cJSON_free(text);
    cJSON_Delete(json);
    return text != NULL;
}

static int show(const char *path, struct file_bytes *file, bool as_json)
{
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    struct ferry_image image;
    struct facts facts;
    const struct ferry_image_source source = file_image_source(file);
    int status = ferry_image_read(&source, scratch, &image);
    if (status != FERRY_OK) {
        return cli_fail_status(path, status);
    }
    set_facts(&image, &source, &facts);
    if (as_json && !print_json(&image, &facts)) {
        return cli_fail("out of memory");
    }
    if (!as_json) {
        print_text(&image, &facts);
    }
    return facts.content_ok ? CLI_OK : cli_fail_status(path, FERRY_IMAGE_HASH);
}

static int run(int argc, char **argv)
{
    const char *path = NULL;
    bool as_json = false;
    const struct cli_option options[] = {{"--json", NULL, &as_json}};
    struct cli_operands operands = {&path, 1, 0};
    if (!cli_parse(&cmd_info, argc, argv, options, 1, &operands)) {
        return CLI_USAGE;
    }
    if (path == NULL) {
        return cli_usage(&cmd_info, "which image?");
    }
    struct file_bytes file;
    if (!file_read(path, &file)) {
        return CLI_FAILED;
    }
    int result = show(path, &file, as_json);
    file_free(&file);
    return result;
}
