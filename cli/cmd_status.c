#include "args.h"
#include "hex.h"
#include "node_session.h"
#include "version_text.h"

#include "ferry/board.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const struct cli_command cmd_status = {
    .name = "status",
    .summary = "show what a node says about itself",
    .usage =
        "--port PORT [--baud N] [--json]\n\n" NODE_SESSION_USAGE "  --json         for programs\n",
    .run = run,
};

enum { WARNINGS_MAX = 8, TEXT_SIZE = 128, BOR_LEVEL_SHIPPED = 3 };

static const char *const content_names[] = {"not verified since the reset", "verified", "damaged",
                                            "empty"};
static const char *const phase_names[] = {"none", "filling", "pending", "trial"};

static const char *name_of(const char *const *names, size_t count, uint8_t number)
{
    return number < count ? names[number] : "unknown";
}

/* What a slot holds while it is being filled is the start of an image: no version, not damaged. */
static bool is_filling(const struct ferry_info *info, uint8_t slot)
{
    return info->phase == FERRY_PHASE_FILLING && slot == info->candidate;
}

static bool has_image(const struct ferry_info *info, uint8_t slot)
{
    return info->slots[slot].content != FERRY_CONTENT_EMPTY && !is_filling(info, slot);
}

static const char *content_name(uint8_t content)
{
    return name_of(content_names, sizeof content_names / sizeof content_names[0], content);
}

static const char *phase_name(uint8_t phase)
{
    return name_of(phase_names, sizeof phase_names / sizeof phase_names[0], phase);
}

/* "power, pin" */
static void reset_text(uint8_t cause, char text[TEXT_SIZE])
{
    static const char *const names[] = {"power",     "pin",   "software",   "watchdog",
                                        "brown-out", "fault", "update mode"};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((cause >> i & 1) != 0) {
            size_t used = strlen(text);
            snprintf(text + used, TEXT_SIZE - used, "%s%s", used > 0 ? ", " : "", names[i]);
        }
    }
    if (text[0] == '\0') {
        snprintf(text, TEXT_SIZE, "unknown");
    }
}

static void bootloader_text(uint32_t version, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, version >> 24,
             version >> 16 & 0xFF, version & 0xFFFF);
}

/* The board is updated through the bootloader in its chip's ROM. */
static bool has_rom_only(const struct ferry_info *info)
{
    const struct ferry_board *board = ferry_board_find(info->board);
    return board != NULL && !ferry_board_has_bootloader(board);
}

/* True when every sector of the bootloader is write-protected; also if the board is unknown and
 * anything at all is. */
static bool is_bootloader_protected(const struct ferry_info *info)
{
    const struct ferry_board *board = ferry_board_find(info->board);
    if (board == NULL) {
        return info->write_protected != 0;
    }
    uint32_t end = board->bootloader.start + board->bootloader.size;
    for (uint8_t i = 0; i < board->sector_count; i++) {
        uint32_t start = board->sectors[i];
        if (start >= board->bootloader.start && start < end &&
            (info->write_protected >> i & 1) == 0) {
            return false;
        }
    }
    return true;
}

/* What a shipped product should not look like. */
static size_t find_warnings(const struct ferry_info *info, const char *warnings[WARNINGS_MAX])
{
    size_t count = 0;
    bool options = (info->flags & FERRY_INFO_OPTIONS) != 0;
    if ((info->flags & FERRY_INFO_DEV_KEY) != 0) {
        warnings[count++] = "DEV KEY: the bootloader accepts a throw-away key; provision it with "
                            "your own before you ship";
    }
    if (info->key_count == 0 && !has_rom_only(info)) {
        warnings[count++] = "the bootloader has no key: it boots nothing until it is provisioned";
    }
    if (options && !is_bootloader_protected(info)) {
        warnings[count++] = "the bootloader is not write-protected";
    }
    if (options && info->rdp_level == 0) {
        warnings[count++] = "read-out protection is off (RDP 0): a debugger can read and replace "
                            "everything";
    }
    if (options && info->bor_level < BOR_LEVEL_SHIPPED) {
        warnings[count++] = "brown-out reset is below level 3: flash is written by words, which "
                            "needs 2.7 V";
    }
    if ((info->flags & FERRY_INFO_JOURNAL_LOST) != 0) {
        warnings[count++] = "no journal record was found at the last start";
    }
    if ((info->flags & FERRY_INFO_NO_CRYSTAL) != 0) {
        warnings[count++] = "the crystal did not start: the node runs on its internal oscillator";
    }
    return count;
}

/* --- for people --------------------------------------------------------------------------- */

static void print_slot(const struct ferry_info *info, uint8_t slot)
{
    const struct ferry_slot_info *of = &info->slots[slot];
    char version[FERRY_VERSION_TEXT_SIZE] = "-";
    if (has_image(info, slot)) {
        ferry_version_print(&of->version, version);
    }
    printf("Slot %s       %-10s %s%s%s, 0x%08" PRIX32 ", %" PRIu32 " KB\n", node_slot_name(slot),
           version, is_filling(info, slot) ? "being filled" : content_name(of->content),
           slot == info->running ? ", running" : "", slot == info->confirmed ? ", confirmed" : "",
           of->range.start, of->range.size / 1024);
}

static void print_update(const struct ferry_info *info)
{
    switch (info->phase) {
    case FERRY_PHASE_FILLING:
        printf("Update       slot %s is being filled: %" PRIu32 " bytes are safe%s\n",
               node_slot_name(info->candidate), info->durable,
               (info->flags & FERRY_INFO_OPEN) != 0 ? "" : ", no transfer is open");
        break;
    case FERRY_PHASE_PENDING:
        printf("Update       slot %s is tried at the next start, %u attempts\n",
               node_slot_name(info->candidate), info->attempts);
        break;
    case FERRY_PHASE_TRIAL:
        printf("Update       slot %s is on trial, %u attempts left\n",
               node_slot_name(info->candidate), info->attempts);
        break;
    default:
        printf("Update       none under way\n");
    }
    if (info->phase == FERRY_PHASE_NONE && info->outcome != 0) {
        int status = info->outcome;
        printf("Last update  slot %s was given up: %s (%s)\n", node_slot_name(info->candidate),
               ferry_status_text(status), ferry_status_name(status));
    }
}

static void print_bootloader(const struct ferry_info *info)
{
    char text[TEXT_SIZE];
    char hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    if (has_rom_only(info)) {
        printf("Bootloader   none of Ferry's: updated through the one in the chip's ROM\n");
        return;
    }
    bootloader_text(info->bootloader_version, text);
    printf("Bootloader   %s, security counter %" PRIu32 "\n", text, info->security_counter);
    for (uint8_t i = 0; i < info->key_count; i++) {
        printf("Key          %s\n", hex_text(info->key_hash[i], FERRY_HASH_SIZE, hash));
    }
    if ((info->flags & FERRY_INFO_OPTIONS) != 0) {
        printf("Protection   RDP %u, BOR %u, write-protected sectors 0x%" PRIX32 "\n",
               info->rdp_level, info->bor_level, info->write_protected);
    }
}

static void print_text(const struct ferry_info *info)
{
    char text[TEXT_SIZE];
    const char *warnings[WARNINGS_MAX];
    char uid[HEX_TEXT_SIZE(FERRY_UID_SIZE)];
    printf("Board        %s, unique id %s\n", info->board,
           hex_text(info->uid, sizeof info->uid, uid));
    if (info->running == FERRY_SLOT_NONE) {
        printf("Running      the bootloader\n");
    } else {
        printf("Running      slot %s\n", node_slot_name(info->running));
    }
    for (uint8_t i = 0; i < info->slot_count; i++) {
        print_slot(info, i);
    }
    print_update(info);
    print_bootloader(info);
    reset_text(info->reset_cause, text);
    printf("Last reset   %s\n", text);
    printf("Link         window %" PRIu32 " bytes, DATA up to %u bytes\n", info->window,
           info->data_max);
    size_t count = find_warnings(info, warnings);
    for (size_t i = 0; i < count; i++) {
        printf("Warning      %s\n", warnings[i]);
    }
}

/* --- for programs ------------------------------------------------------------------------- */

static void add_slots(cJSON *json, const struct ferry_info *info)
{
    cJSON *list = cJSON_AddArrayToObject(json, "slots");
    for (uint8_t i = 0; i < info->slot_count; i++) {
        const struct ferry_slot_info *of = &info->slots[i];
        char version[FERRY_VERSION_TEXT_SIZE];
        char hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
        cJSON *slot = cJSON_CreateObject();
        ferry_version_print(&of->version, version);
        cJSON_AddStringToObject(slot, "name", node_slot_name(i));
        cJSON_AddNumberToObject(slot, "start", of->range.start);
        cJSON_AddNumberToObject(slot, "size", of->range.size);
        cJSON_AddStringToObject(slot, "content",
                                is_filling(info, i) ? "filling" : content_name(of->content));
        if (!has_image(info, i)) {
            cJSON_AddNullToObject(slot, "version");
            cJSON_AddNullToObject(slot, "hash");
        } else {
            cJSON_AddStringToObject(slot, "version", version);
            cJSON_AddStringToObject(slot, "hash", hex_text(of->hash, FERRY_HASH_SIZE, hash));
        }
        cJSON_AddItemToArray(list, slot);
    }
}

static void add_update(cJSON *json, const struct ferry_info *info)
{
    char hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    cJSON *update = cJSON_AddObjectToObject(json, "update");
    cJSON_AddStringToObject(update, "phase", phase_name(info->phase));
    cJSON_AddStringToObject(update, "slot", node_slot_name(info->candidate));
    cJSON_AddNumberToObject(update, "attempts", info->attempts);
    cJSON_AddNumberToObject(update, "durable", info->durable);
    cJSON_AddBoolToObject(update, "open", (info->flags & FERRY_INFO_OPEN) != 0);
    cJSON_AddStringToObject(update, "outcome", ferry_status_name(info->outcome));
    cJSON_AddStringToObject(update, "hash", hex_text(info->candidate_hash, FERRY_HASH_SIZE, hash));
}

static void add_bootloader(cJSON *json, const struct ferry_info *info)
{
    char text[TEXT_SIZE];
    char hash[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
    if (has_rom_only(info)) {
        cJSON_AddNullToObject(json, "bootloader");
        return;
    }
    cJSON *part = cJSON_AddObjectToObject(json, "bootloader");
    bootloader_text(info->bootloader_version, text);
    cJSON_AddStringToObject(part, "version", text);
    cJSON_AddBoolToObject(part, "dev_key", (info->flags & FERRY_INFO_DEV_KEY) != 0);
    cJSON *keys = cJSON_AddArrayToObject(part, "keys");
    for (uint8_t i = 0; i < info->key_count; i++) {
        hex_text(info->key_hash[i], FERRY_HASH_SIZE, hash);
        cJSON_AddItemToArray(keys, cJSON_CreateString(hash));
    }
}

static void add_protection(cJSON *json, const struct ferry_info *info)
{
    if ((info->flags & FERRY_INFO_OPTIONS) == 0) {
        cJSON_AddNullToObject(json, "protection");
        return;
    }
    cJSON *part = cJSON_AddObjectToObject(json, "protection");
    cJSON_AddNumberToObject(part, "rdp", info->rdp_level);
    cJSON_AddNumberToObject(part, "bor", info->bor_level);
    cJSON_AddNumberToObject(part, "write_protected", info->write_protected);
    cJSON_AddBoolToObject(part, "bootloader_protected", is_bootloader_protected(info));
}

static cJSON *make_json(const struct ferry_info *info)
{
    char text[TEXT_SIZE];
    const char *warnings[WARNINGS_MAX];
    char uid[HEX_TEXT_SIZE(FERRY_UID_SIZE)];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "board", info->board);
    cJSON_AddStringToObject(json, "uid", hex_text(info->uid, sizeof info->uid, uid));
    cJSON_AddNumberToObject(json, "protocol", info->protocol);
    bool in_bootloader = info->running == FERRY_SLOT_NONE;
    cJSON_AddStringToObject(json, "running",
                            in_bootloader ? "bootloader" : node_slot_name(info->running));
    cJSON_AddStringToObject(json, "confirmed", node_slot_name(info->confirmed));
    add_slots(json, info);
    add_update(json, info);
    cJSON_AddNumberToObject(json, "security_counter", info->security_counter);
    add_bootloader(json, info);
    add_protection(json, info);
    reset_text(info->reset_cause, text);
    cJSON_AddStringToObject(json, "reset_cause", text);
    cJSON_AddNumberToObject(json, "window", info->window);
    cJSON_AddNumberToObject(json, "data_max", info->data_max);
    size_t count = find_warnings(info, warnings);
    cJSON_AddItemToObject(json, "warnings", cJSON_CreateStringArray(warnings, (int)count));
    return json;
}

static int print_json(const struct ferry_info *info)
{
    cJSON *json = make_json(info);
    char *text = cJSON_Print(json);
    if (text != NULL) {
        puts(text);
    }
    cJSON_free(text);
    cJSON_Delete(json);
    return text != NULL ? CLI_OK : cli_fail("out of memory");
}

static int run(int argc, char **argv)
{
    static struct node_session session;
    const char *port = NULL;
    const char *baud = NULL;
    bool as_json = false;
    struct ferry_info info;
    const struct cli_option options[] = {
        {"--port", &port, NULL}, {"--baud", &baud, NULL}, {"--json", NULL, &as_json}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_status, argc, argv, options, 3, &operands)) {
        return CLI_USAGE;
    }
    int result = node_session_open(&session, &cmd_status, port, baud);
    if (result != CLI_OK) {
        return result;
    }
    result = node_session_info(&session, &info);
    node_session_close(&session);
    if (result == CLI_OK && as_json) {
        return print_json(&info);
    }
    if (result == CLI_OK) {
        print_text(&info);
    }
    return result;
}
