/* The configuration of sink rom: keys, lines, public keys and the folder of its memory. */
#include "config_internal.h"

#include "pubkey_pem.h"
#include "sinks/rom_state.h"

#include <errno.h>
#include <string.h>

/* The first of these keys that the node's section gives, or NULL. */
static const char *given(const struct node_config *node, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (config_gives(node, keys[i])) {
            return keys[i];
        }
    }
    return NULL;
}

static bool check_link_keys(struct config_loader *loader, const struct node_config *node)
{
    static const char *const rom_only[] = {"rom_baud", "chunk",  "gap_ms",   "address",
                                           "confirm",  "pubkey", "state_dir"};
    const char *key = given(node, rom_only, sizeof rom_only / sizeof rom_only[0]);
    if (key != NULL) {
        return config_fail(loader, config_line_of(node, key),
                           "[node %s]: %s is for sink = rom only", node->name, key);
    }
    if (gateway_line_is_modem(node->nrst) || gateway_line_is_modem(node->boot0)) {
        return config_fail(loader, config_line_of(node, "nrst"),
                           "[node %s]: dtr and rts are lines for sink = rom only", node->name);
    }
    return true;
}

static bool check_missing(struct config_loader *loader, const struct node_config *node)
{
    const char *missing = node->board[0] == '\0'                 ? "board"
                          : node->pubkey[0] == '\0'              ? "pubkey"
                          : node->nrst[0] == '\0'                ? "nrst"
                          : node->boot0[0] == '\0'               ? "boot0"
                          : node->confirm == CONFIG_CONFIRM_NONE ? "confirm"
                                                                 : NULL;
    return missing == NULL ||
           config_fail(loader, node->line, "[node %s]: sink rom needs %s", node->name, missing);
}

/* Keys that mean nothing to ST's ROM, or stand elsewhere. */
static bool check_misplaced(struct config_loader *loader, const struct node_config *node)
{
    static const char *const link_only[] = {"uid", "bootloader", "speed_hz", "i2c_address"};
    const char *key = given(node, link_only, sizeof link_only / sizeof link_only[0]);
    const bool bus = key != NULL && (strcmp(key, "speed_hz") == 0 || key[0] == 'i');
    if (key != NULL) {
        return config_fail(loader, config_line_of(node, key),
                           "[node %s]: %s does not fit sink = rom%s", node->name, key,
                           bus ? "; write port = i2c:/dev/i2c-1:0x48@100000" : "");
    }
    if (node->confirm == CONFIG_CONFIRM_LINK && node->port_name.transport != NODE_UART) {
        return config_fail(loader, config_line_of(node, "confirm"),
                           "[node %s]: confirm = link asks the application over a serial port; on "
                           "I2C take readback",
                           node->name);
    }
    if (node->confirm == CONFIG_CONFIRM_LINK &&
        (gateway_line_is_modem(node->nrst) || gateway_line_is_modem(node->boot0))) {
        return config_fail(
            loader, config_line_of(node, "confirm"),
            "[node %s]: confirm = link opens the port, which moves dtr and rts: take "
            "readback, or GPIO lines",
            node->name);
    }
    return true;
}

static bool check_wire(struct config_loader *loader, struct node_config *node)
{
    struct rom_wire wire;
    node->rom_wire = (struct rom_wire_config){.port = node->port,
                                              .baud = node->rom_baud,
                                              .chunk_bytes = (uint16_t)node->chunk,
                                              .gap_ms = (uint8_t)node->gap_ms,
                                              .nrst = node->nrst,
                                              .boot0 = node->boot0};
    const char *wrong = rom_wire_init(&wire, &node->rom_wire);
    return wrong == NULL || config_fail(loader, node->line, "[node %s]: %s", node->name, wrong);
}

static bool load_keys(struct config_loader *loader, struct node_config *node)
{
    const char *paths[CONFIG_PUBKEYS_MAX];
    const int line = config_line_of(node, "pubkey");
    const size_t count = config_split(node->pubkey, paths, CONFIG_PUBKEYS_MAX);
    if (count > CONFIG_PUBKEYS_MAX) {
        return config_fail(loader, line, "[node %s]: more than %d public keys", node->name,
                           CONFIG_PUBKEYS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        int status = ferry_pubkey_load_pem(paths[i], &node->keys[i]);
        if (status != FERRY_OK) {
            return config_fail(loader, line, "[node %s]: %.200s: %s", node->name, paths[i],
                               status == FERRY_IO ? strerror(errno)
                                                  : "there is no PEM public key on P-256 in it");
        }
    }
    node->key_count = count;
    return true;
}

static bool check_state(struct config_loader *loader, const struct node_config *node)
{
    struct rom_state state;
    const int line = config_line_of(node, "state_dir");
    const char *wrong = rom_state_check(node->state_dir);
    if (wrong == NULL && !rom_state_init(&state, node->state_dir, node->name)) {
        wrong = "the name is too long";
    }
    return wrong == NULL || config_fail(loader, line, "[node %s]: state_dir: %.200s: %s",
                                        node->name, node->state_dir, wrong);
}

bool config_check_rom(struct config_loader *loader, struct node_config *node)
{
    if (node->sink != CONFIG_SINK_ROM) {
        return check_link_keys(loader, node);
    }
    return check_missing(loader, node) && check_misplaced(loader, node) &&
           check_wire(loader, node) && load_keys(loader, node) && check_state(loader, node);
}
