#include "config_internal.h"

#include "sinks/lines.h"
#include "sources/http_url.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool config_fail(struct config_loader *loader, int line, const char *format, ...)
{
    char *out = loader->config->error;
    int used = line > 0 ? snprintf(out, CONFIG_ERROR_SIZE, "%s:%d: ", loader->path, line)
                        : snprintf(out, CONFIG_ERROR_SIZE, "%s: ", loader->path);
    if (used >= 0 && used < CONFIG_ERROR_SIZE) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(out + used, (size_t)(CONFIG_ERROR_SIZE - used), format, arguments);
        va_end(arguments);
    }
    return false;
}

#define STATE_DIR "/var/lib/ferry-gateway"
enum { CONFIRM_ROM_S = 60 };

/* --- values ------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long value = strtoul(text, &end, text[1] == 'x' ? 16 : 10);
    *number = (uint32_t)value;
    return errno == 0 && *end == '\0' && value >= lowest && value <= highest;
}

static bool parse_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    return *value || strcmp(text, "false") == 0 || strcmp(text, "no") == 0;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c | 0x20) : NULL;
    return found != NULL && c != ' ' ? (int)(found - digits) : -1;
}

static bool parse_uid(const char *text, uint8_t uid[FERRY_UID_SIZE])
{
    if (strlen(text) != 2 * FERRY_UID_SIZE) {
        return false;
    }
    for (size_t i = 0; i < FERRY_UID_SIZE; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        uid[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Words by the number that the enum gives them; "" is none of them. */
static const char *const source_words[] = {"", "http", "ddi", "file", NULL};
static const char *const sink_words[] = {"link", "rom", NULL};
static const char *const confirm_words[] = {"", "link", "readback", NULL};

static bool parse_word(const char *text, const char *const *words, unsigned *number)
{
    unsigned i = 0;
    while (words[i] != NULL && strcmp(words[i], text) != 0) {
        i++;
    }
    *number = i;
    return words[i] != NULL && text[0] != '\0';
}

enum key_type {
    KEY_TEXT,
    KEY_NUMBER,
    KEY_BOOL,
    KEY_UID,
    KEY_SOURCE,
    KEY_SINK,
    KEY_CONFIRM,
    KEY_LINE
};

#define KEY_FIELD(field) offsetof(struct node_config, field), sizeof((struct node_config *)0)->field

static const struct key {
    const char *name;
    enum key_type type;
    size_t offset, size;
    uint32_t lowest, highest;
    const char *wanted; /* for people */
} keys[] = {
    {"port", KEY_TEXT, KEY_FIELD(port), 0, 0, "a path"},
    {"baud", KEY_NUMBER, KEY_FIELD(baud), 300, 12000000, "300 to 12000000"},
    {"speed_hz", KEY_NUMBER, KEY_FIELD(speed_hz), 1000, 100000000, "1000 to 100000000"},
    {"i2c_address", KEY_NUMBER, KEY_FIELD(i2c_address), NODE_PORT_I2C_LOWEST, NODE_PORT_I2C_HIGHEST,
     "0x08 to 0x77"},
    {"nrst", KEY_LINE, KEY_FIELD(nrst), 0, 0,
     "CHIP:LINE, as gpiochip0:17 (sink rom: or dtr, rts, !dtr, !rts)"},
    {"boot0", KEY_LINE, KEY_FIELD(boot0), 0, 0,
     "CHIP:LINE, as gpiochip0:27 (sink rom: or dtr, rts, !dtr, !rts)"},
    {"sink", KEY_SINK, KEY_FIELD(sink), 0, 0, "link or rom"},
    {"rom_baud", KEY_NUMBER, KEY_FIELD(rom_baud), ROM_WIRE_BAUD_MIN, ROM_WIRE_BAUD_MAX,
     "1200 to 115200"},
    {"chunk", KEY_NUMBER, KEY_FIELD(chunk), FERRY_ROM_CHUNK_MIN, FERRY_ROM_CHUNK_MAX,
     "16 to 256, a multiple of 16"},
    {"gap_ms", KEY_NUMBER, KEY_FIELD(gap_ms), 0, ROM_WIRE_GAP_MAX_MS, "0 to 100 milliseconds"},
    {"address", KEY_NUMBER, KEY_FIELD(address), 0x08000000, 0x081FFFFF,
     "an address of flash, as 0x08000000"},
    {"confirm", KEY_CONFIRM, KEY_FIELD(confirm), 0, 0, "link or readback"},
    {"pubkey", KEY_TEXT, KEY_FIELD(pubkey), 0, 0, "a path, or several with spaces between"},
    {"state_dir", KEY_TEXT, KEY_FIELD(state_dir), 0, 0, "a path"},
    {"source", KEY_SOURCE, KEY_FIELD(source), 0, 0, "ddi, http or file"},
    {"url", KEY_TEXT, KEY_FIELD(url), 0, 0, "a URL"},
    {"path", KEY_TEXT, KEY_FIELD(path), 0, 0, "a path, or several with spaces between"},
    {"tenant", KEY_TEXT, KEY_FIELD(tenant), 0, 0, "a name"},
    {"controller_id", KEY_TEXT, KEY_FIELD(controller_id), 0, 0, "a name"},
    {"token", KEY_TEXT, KEY_FIELD(token), 0, 0, "a token"},
    {"token_file", KEY_TEXT, KEY_FIELD(token_file), 0, 0, "a path"},
    {"ca_file", KEY_TEXT, KEY_FIELD(ca_file), 0, 0, "a path"},
    {"poll_s", KEY_NUMBER, KEY_FIELD(poll_s), 1, 604800, "1 to 604800 seconds"},
    {"confirm_s", KEY_NUMBER, KEY_FIELD(confirm_s), 1, 86400, "1 to 86400 seconds"},
    {"retries", KEY_NUMBER, KEY_FIELD(retries), 0, 100, "0 to 100"},
    {"insecure_http", KEY_BOOL, KEY_FIELD(insecure_http), 0, 0, "true or false"},
    {"bootloader", KEY_BOOL, KEY_FIELD(bootloader), 0, 0, "true or false"},
    {"uid", KEY_UID, KEY_FIELD(uid), 0, 0, "24 hexadecimal digits, as `ferry status` shows"},
    {"board", KEY_TEXT, KEY_FIELD(board), 0, 0, "the name of a board, at most 32 bytes"},
};
enum { KEY_COUNT = sizeof keys / sizeof keys[0] };
_Static_assert((int)KEY_COUNT <= (int)CONFIG_KEYS_MAX,
               "node_config.key_lines has a place for each");

/* KEY_COUNT where there is none of that name. */
static size_t find_key(const char *name)
{
    size_t i = 0;
    while (i < KEY_COUNT && strcmp(keys[i].name, name) != 0) {
        i++;
    }
    return i;
}

int config_line_of(const struct node_config *node, const char *name)
{
    size_t i = find_key(name);
    return i < KEY_COUNT && node->key_lines[i] > 0 ? node->key_lines[i] : node->line;
}

bool config_gives(const struct node_config *node, const char *key)
{
    return config_line_of(node, key) > node->line;
}

size_t config_split(char *text, const char **parts, size_t most)
{
    char *rest = NULL;
    size_t count = 0;
    for (char *part = strtok_r(text, " \t", &rest); part != NULL;
         part = strtok_r(NULL, " \t", &rest)) {
        if (count < most) {
            parts[count] = part;
        }
        count++;
    }
    return count;
}

static bool set_text(char *out, size_t size, const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(out, value, length + 1);
    return true;
}

static bool set_line(char *out, size_t size, const char *value)
{
    return gateway_line_is_valid(value) && set_text(out, size, value);
}

static bool set_value(struct node_config *node, const struct key *key, const char *value)
{
    void *field = (char *)node + key->offset;
    switch (key->type) {
    case KEY_TEXT:
        return set_text(field, key->size, value);
    case KEY_NUMBER:
        return parse_number(value, key->lowest, key->highest, field);
    case KEY_BOOL:
        return parse_bool(value, field);
    case KEY_SOURCE:
        return parse_word(value, source_words, field);
    case KEY_SINK:
        return parse_word(value, sink_words, field);
    case KEY_CONFIRM:
        return parse_word(value, confirm_words, field);
    case KEY_LINE:
        return set_line(field, key->size, value);
    default:
        node->check_uid = true;
        return parse_uid(value, field);
    }
}

/* --- sections ----------------------------------------------------------------------------- */

static bool is_name(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length < CONFIG_NAME_SIZE &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               length;
}

/* [node NAME]: a new node. */
static bool begin_node(struct config_loader *loader, const char *section)
{
    struct config *config = loader->config;
    const char *name = section + 5;
    int line = loader->ini.line;
    if (strncmp(section, "node ", 5) != 0) {
        return config_fail(loader, line, "unknown section [%.64s]; it should be [node NAME]",
                           section);
    }
    name += strspn(name, " \t");
    if (!is_name(name)) {
        return config_fail(loader, line,
                           "[%.80s]: a name has 1 to %d characters of A-Z a-z 0-9 - _ .", section,
                           CONFIG_NAME_SIZE - 1);
    }
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->nodes[i].name, name) == 0) {
            return config_fail(loader, line, "[node %s] is there twice, first in line %d", name,
                               config->nodes[i].line);
        }
    }
    if (config->count == CONFIG_NODES_MAX) {
        return config_fail(loader, line, "more than %d nodes", CONFIG_NODES_MAX);
    }
    struct node_config *node = &config->nodes[config->count++];
    *node = config->defaults;
    memcpy(node->name, name, strlen(name) + 1);
    node->line = line;
    loader->node = node;
    return true;
}

static bool take_key(struct config_loader *loader, const char *name, const char *value)
{
    struct node_config *node = loader->node;
    size_t i = find_key(name);
    int line = loader->ini.line;
    if (i == KEY_COUNT) {
        return config_fail(loader, line, "unknown key %.64s", name);
    }
    if (node->key_lines[i] > node->line) { /* what a node has from the defaults stands above it */
        return config_fail(loader, line, "%s is given twice, first in line %d", name,
                           node->key_lines[i]);
    }
    node->key_lines[i] = line;
    return set_value(node, &keys[i], value) ||
           config_fail(loader, line, "%s: should be %s", name, keys[i].wanted);
}

/* --- checks of the whole ------------------------------------------------------------------- */

static bool read_token(struct config_loader *loader, struct node_config *node)
{
    int line = config_line_of(node, "token_file");
    FILE *file = fopen(node->token_file, "re");
    if (file == NULL) {
        return config_fail(loader, line, "[node %s]: %.200s: %s", node->name, node->token_file,
                           strerror(errno));
    }
    bool read = fgets(node->token, sizeof node->token, file) != NULL;
    fclose(file);
    node->token[strcspn(node->token, "\r\n")] = '\0';
    return (read && node->token[0] != '\0') ||
           config_fail(loader, line, "[node %s]: %.200s: the first line has no token", node->name,
                       node->token_file);
}

/* No server of the DDI API serves devices that it does not know. */
static bool check_token(struct config_loader *loader, struct node_config *node)
{
    if (node->token_file[0] != '\0' && node->token[0] != '\0') {
        return config_fail(loader, config_line_of(node, "token_file"),
                           "[node %s]: token and token_file exclude each other", node->name);
    }
    if (node->token_file[0] != '\0') {
        return read_token(loader, node);
    }
    return node->token[0] != '\0' || node->source != CONFIG_SOURCE_DDI ||
           config_fail(loader, node->line, "[node %s]: source ddi needs token or token_file",
                       node->name);
}

static bool check_ca_file(struct config_loader *loader, const struct node_config *node)
{
    int line = config_line_of(node, "ca_file");
    if (node->ca_file[0] == '\0') {
        return true;
    }
    FILE *file = fopen(node->ca_file, "re");
    if (file == NULL) {
        return config_fail(loader, line, "[node %s]: %.200s: %s", node->name, node->ca_file,
                           strerror(errno));
    }
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    bool found = certificate != NULL;
    X509_free(certificate);
    fclose(file);
    return found ||
           config_fail(loader, line, "[node %s]: %.200s: there is no PEM certificate in it",
                       node->name, node->ca_file);
}

static bool check_urls(struct config_loader *loader, struct node_config *node)
{
    int line = config_line_of(node, "url");
    node->url_count = config_split(node->url, node->urls, CONFIG_URLS_MAX);
    if (node->url_count > CONFIG_URLS_MAX) {
        return config_fail(loader, line, "[node %s]: more than %d URLs", node->name,
                           CONFIG_URLS_MAX);
    }
    for (size_t i = 0; i < node->url_count; i++) {
        const char *url = node->urls[i];
        if (!http_url_is_safe(url) && !(node->insecure_http && strncmp(url, "http://", 7) == 0)) {
            return config_fail(loader, line,
                               "[node %s]: url must be https (http only to this machine, or with "
                               "insecure_http = true)",
                               node->name);
        }
    }
    return node->source != CONFIG_SOURCE_DDI || node->url_count == 1 ||
           config_fail(loader, line, "[node %s]: source ddi takes one url", node->name);
}

/* What a server needs, or the files of source file. */
static bool check_source(struct config_loader *loader, struct node_config *node)
{
    bool file = node->source == CONFIG_SOURCE_FILE;
    const char *misplaced = file ? "url" : "path";
    if (config_gives(node, misplaced)) {
        return config_fail(loader, config_line_of(node, misplaced),
                           "[node %s]: %s is %s source file", node->name, misplaced,
                           file ? "not for" : "for");
    }
    if (!file) {
        return check_token(loader, node) && check_ca_file(loader, node) && check_urls(loader, node);
    }
    node->path_count = config_split(node->path, node->paths, CONFIG_URLS_MAX);
    return node->path_count <= CONFIG_URLS_MAX ||
           config_fail(loader, config_line_of(node, "path"), "[node %s]: more than %d files",
                       node->name, CONFIG_URLS_MAX);
}

/* Also under two names, as /dev/ttyUSB0 and /dev/serial/by-id/...: as far as they exist now. */
static bool is_same_port(const char *a, const char *b)
{
    char *first = realpath(a, NULL);
    char *second = realpath(b, NULL);
    bool same =
        strcmp(a, b) == 0 || (first != NULL && second != NULL && strcmp(first, second) == 0);
    free(first);
    free(second);
    return same;
}

/* The keys that only one kind of port knows. A default above the sections is for those it fits. */
static bool check_bus_keys(struct config_loader *loader, struct node_config *node)
{
    struct node_port_name *name = &node->port_name;
    const char *misplaced = NULL;
    const char *wrong = node_port_parse(node->port, name);
    if (wrong != NULL) {
        return config_fail(loader, config_line_of(node, "port"), "[node %s]: port: %s", node->name,
                           wrong);
    }
    if (config_gives(node, "speed_hz") && name->transport == NODE_UART) {
        misplaced = "speed_hz";
    } else if (config_gives(node, "i2c_address") && name->transport != NODE_I2C) {
        misplaced = "i2c_address";
    } else if (config_gives(node, "baud") && name->transport != NODE_UART) {
        misplaced = "baud";
    }
    if (misplaced != NULL) {
        return config_fail(loader, config_line_of(node, misplaced),
                           "[node %s]: %s does not fit this port", node->name, misplaced);
    }
    name->baud = node->baud;
    name->speed_hz = node->speed_hz != 0 && !name->speed_given ? node->speed_hz : name->speed_hz;
    name->i2c_address =
        node->i2c_address != 0 && !name->address_given ? node->i2c_address : name->i2c_address;
    if (node->boot0[0] != '\0' && node->nrst[0] == '\0') {
        return config_fail(loader, config_line_of(node, "boot0"),
                           "[node %s]: boot0 is of use with nrst only", node->name);
    }
    return true;
}

/* Nodes may share an I2C bus, each with its own address. */
static bool is_same_node(const struct node_port_name *a, const struct node_port_name *b)
{
    bool both_i2c = a->transport == NODE_I2C && b->transport == NODE_I2C;
    return is_same_port(a->path, b->path) && !(both_i2c && a->i2c_address != b->i2c_address);
}

/* One port cannot have two nodes. */
static bool check_port(struct config_loader *loader, struct node_config *node)
{
    if (!check_bus_keys(loader, node)) {
        return false;
    }
    for (const struct node_config *other = loader->config->nodes; other < node; other++) {
        if (is_same_node(&other->port_name, &node->port_name)) {
            return config_fail(loader, config_line_of(node, "port"),
                               "[node %s]: [node %s] has the same port", node->name, other->name);
        }
    }
    return true;
}

static bool check_node(struct config_loader *loader, struct node_config *node)
{
    const char *what = node->source == CONFIG_SOURCE_FILE ? "path" : "url";
    const char *place = node->source == CONFIG_SOURCE_FILE ? node->path : node->url;
    const char *missing = node->port[0] == '\0'                ? "port"
                          : node->source == CONFIG_SOURCE_NONE ? "source"
                          : place[0] == '\0'                   ? what
                                                               : NULL;
    if (missing != NULL) {
        return config_fail(loader, node->line, "[node %s]: %s is missing", node->name, missing);
    }
    if (node->controller_id[0] == '\0') {
        memcpy(node->controller_id, node->name, sizeof node->name);
    }
    if (node->sink == CONFIG_SINK_ROM && config_line_of(node, "confirm_s") == node->line) {
        node->confirm_s = CONFIRM_ROM_S; /* a start takes milliseconds, and there is no trial */
    }
    return check_port(loader, node) && config_check_rom(loader, node) && check_source(loader, node);
}

static bool read_file(struct config_loader *loader)
{
    struct ferry_ini *ini = &loader->ini;
    for (;;) {
        switch (ferry_ini_next(ini)) {
        case FERRY_INI_SECTION:
            if (!begin_node(loader, ini->name)) {
                return false;
            }
            break;
        case FERRY_INI_VALUE:
            if (!take_key(loader, ini->name, ini->value)) {
                return false;
            }
            break;
        case FERRY_INI_END:
            return true;
        case FERRY_INI_FAILED:
            return config_fail(loader, 0, "%s", strerror(errno));
        default:
            return config_fail(loader, ini->line,
                               "not understood; it should be `key = value` or [node NAME]");
        }
    }
}

bool config_load(struct config *config, const char *path)
{
    memset(config, 0, sizeof *config);
    struct config_loader loader = {.config = config, .path = path, .node = &config->defaults};
    config->defaults.baud = 921600;
    config->defaults.confirm_s = 420;
    config->defaults.address = FERRY_ROM_FLASH_BASE;
    memcpy(config->defaults.state_dir, STATE_DIR, sizeof STATE_DIR);
    config->defaults.retries = 8;
    memcpy(config->defaults.tenant, "DEFAULT", sizeof "DEFAULT");
    loader.ini.file = fopen(path, "re");
    if (loader.ini.file == NULL) {
        return config_fail(&loader, 0, "%s", strerror(errno));
    }
    bool ok = read_file(&loader);
    fclose(loader.ini.file);
    if (ok && config->count == 0) {
        return config_fail(&loader, 0, "no [node NAME] section");
    }
    for (size_t i = 0; ok && i < config->count; i++) {
        ok = check_node(&loader, &config->nodes[i]);
    }
    return ok;
}
