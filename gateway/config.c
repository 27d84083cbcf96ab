#include "config.h"

#include "gpio.h"
#include "ini_file.h"
#include "sources/http_url.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct config *config;
    const char *path;
    struct ferry_ini ini;
    struct node_config *node; /* whose keys are being read */
};

/* Returns false. */
__attribute__((format(printf, 3, 4))) static bool fail(struct loader *loader, int line,
                                                       const char *format, ...)
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

static bool parse_source(const char *text, enum config_source *source)
{
    *source = strcmp(text, "http") == 0  ? CONFIG_SOURCE_HTTP
              : strcmp(text, "ddi") == 0 ? CONFIG_SOURCE_DDI
                                         : CONFIG_SOURCE_NONE;
    return *source != CONFIG_SOURCE_NONE;
}

enum key_type { KEY_TEXT, KEY_NUMBER, KEY_BOOL, KEY_UID, KEY_SOURCE, KEY_LINE };

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
    {"nrst", KEY_LINE, KEY_FIELD(nrst), 0, 0, "CHIP:LINE, as gpiochip0:17"},
    {"boot0", KEY_LINE, KEY_FIELD(boot0), 0, 0, "CHIP:LINE, as gpiochip0:27"},
    {"source", KEY_SOURCE, KEY_FIELD(source), 0, 0, "ddi or http"},
    {"url", KEY_TEXT, KEY_FIELD(url), 0, 0, "a URL"},
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

/* Where a fault of this key is: the line that gave it, maybe among the defaults, or the section. */
static int line_of(const struct node_config *node, const char *name)
{
    size_t i = find_key(name);
    return i < KEY_COUNT && node->key_lines[i] > 0 ? node->key_lines[i] : node->line;
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
    char chip[FERRY_GPIO_CHIP_SIZE];
    unsigned offset;
    return ferry_gpio_parse(value, chip, &offset) && set_text(out, size, value);
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
        return parse_source(value, field);
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
static bool begin_node(struct loader *loader, const char *section)
{
    struct config *config = loader->config;
    const char *name = section + 5;
    int line = loader->ini.line;
    if (strncmp(section, "node ", 5) != 0) {
        return fail(loader, line, "unknown section [%.64s]; it should be [node NAME]", section);
    }
    name += strspn(name, " \t");
    if (!is_name(name)) {
        return fail(loader, line, "[%.80s]: a name has 1 to %d characters of A-Z a-z 0-9 - _ .",
                    section, CONFIG_NAME_SIZE - 1);
    }
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->nodes[i].name, name) == 0) {
            return fail(loader, line, "[node %s] is there twice, first in line %d", name,
                        config->nodes[i].line);
        }
    }
    if (config->count == CONFIG_NODES_MAX) {
        return fail(loader, line, "more than %d nodes", CONFIG_NODES_MAX);
    }
    struct node_config *node = &config->nodes[config->count++];
    *node = config->defaults;
    memcpy(node->name, name, strlen(name) + 1);
    node->line = line;
    loader->node = node;
    return true;
}

static bool take_key(struct loader *loader, const char *name, const char *value)
{
    struct node_config *node = loader->node;
    size_t i = find_key(name);
    int line = loader->ini.line;
    if (i == KEY_COUNT) {
        return fail(loader, line, "unknown key %.64s", name);
    }
    if (node->key_lines[i] > node->line) { /* what a node has from the defaults stands above it */
        return fail(loader, line, "%s is given twice, first in line %d", name, node->key_lines[i]);
    }
    node->key_lines[i] = line;
    return set_value(node, &keys[i], value) ||
           fail(loader, line, "%s: should be %s", name, keys[i].wanted);
}

/* --- checks of the whole ------------------------------------------------------------------- */

static bool read_token(struct loader *loader, struct node_config *node)
{
    int line = line_of(node, "token_file");
    FILE *file = fopen(node->token_file, "re");
    if (file == NULL) {
        return fail(loader, line, "[node %s]: %.200s: %s", node->name, node->token_file,
                    strerror(errno));
    }
    bool read = fgets(node->token, sizeof node->token, file) != NULL;
    fclose(file);
    node->token[strcspn(node->token, "\r\n")] = '\0';
    return (read && node->token[0] != '\0') ||
           fail(loader, line, "[node %s]: %.200s: the first line has no token", node->name,
                node->token_file);
}

/* No server of the DDI API serves devices that it does not know. */
static bool check_token(struct loader *loader, struct node_config *node)
{
    if (node->token_file[0] != '\0' && node->token[0] != '\0') {
        return fail(loader, line_of(node, "token_file"),
                    "[node %s]: token and token_file exclude each other", node->name);
    }
    if (node->token_file[0] != '\0') {
        return read_token(loader, node);
    }
    return node->token[0] != '\0' || node->source != CONFIG_SOURCE_DDI ||
           fail(loader, node->line, "[node %s]: source ddi needs token or token_file", node->name);
}

static bool check_ca_file(struct loader *loader, const struct node_config *node)
{
    int line = line_of(node, "ca_file");
    if (node->ca_file[0] == '\0') {
        return true;
    }
    FILE *file = fopen(node->ca_file, "re");
    if (file == NULL) {
        return fail(loader, line, "[node %s]: %.200s: %s", node->name, node->ca_file,
                    strerror(errno));
    }
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    bool found = certificate != NULL;
    X509_free(certificate);
    fclose(file);
    return found || fail(loader, line, "[node %s]: %.200s: there is no PEM certificate in it",
                         node->name, node->ca_file);
}

static bool check_urls(struct loader *loader, struct node_config *node)
{
    char *rest = NULL;
    int line = line_of(node, "url");
    for (char *url = strtok_r(node->url, " \t", &rest); url != NULL;
         url = strtok_r(NULL, " \t", &rest)) {
        if (node->url_count == CONFIG_URLS_MAX) {
            return fail(loader, line, "[node %s]: more than %d URLs", node->name, CONFIG_URLS_MAX);
        }
        if (!http_url_is_safe(url) && !(node->insecure_http && strncmp(url, "http://", 7) == 0)) {
            return fail(loader, line,
                        "[node %s]: url must be https (http only to this machine, or with "
                        "insecure_http = true)",
                        node->name);
        }
        node->urls[node->url_count++] = url;
    }
    return node->source != CONFIG_SOURCE_DDI || node->url_count == 1 ||
           fail(loader, line, "[node %s]: source ddi takes one url", node->name);
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
static bool check_bus_keys(struct loader *loader, struct node_config *node)
{
    struct node_port_name *name = &node->port_name;
    const char *misplaced = NULL;
    const char *wrong = node_port_parse(node->port, name);
    if (wrong != NULL) {
        return fail(loader, line_of(node, "port"), "[node %s]: port: %s", node->name, wrong);
    }
    if (line_of(node, "speed_hz") > node->line && name->transport == NODE_UART) {
        misplaced = "speed_hz";
    } else if (line_of(node, "i2c_address") > node->line && name->transport != NODE_I2C) {
        misplaced = "i2c_address";
    } else if (line_of(node, "baud") > node->line && name->transport != NODE_UART) {
        misplaced = "baud";
    }
    if (misplaced != NULL) {
        return fail(loader, line_of(node, misplaced), "[node %s]: %s does not fit this port",
                    node->name, misplaced);
    }
    name->baud = node->baud;
    name->speed_hz = node->speed_hz != 0 && !name->speed_given ? node->speed_hz : name->speed_hz;
    name->i2c_address =
        node->i2c_address != 0 && !name->address_given ? node->i2c_address : name->i2c_address;
    if (node->boot0[0] != '\0' && node->nrst[0] == '\0') {
        return fail(loader, line_of(node, "boot0"), "[node %s]: boot0 is of use with nrst only",
                    node->name);
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
static bool check_port(struct loader *loader, struct node_config *node)
{
    if (!check_bus_keys(loader, node)) {
        return false;
    }
    for (const struct node_config *other = loader->config->nodes; other < node; other++) {
        if (is_same_node(&other->port_name, &node->port_name)) {
            return fail(loader, line_of(node, "port"), "[node %s]: [node %s] has the same port",
                        node->name, other->name);
        }
    }
    return true;
}

static bool check_node(struct loader *loader, struct node_config *node)
{
    const char *missing = node->port[0] == '\0'                ? "port"
                          : node->source == CONFIG_SOURCE_NONE ? "source"
                          : node->url[0] == '\0'               ? "url"
                                                               : NULL;
    if (missing != NULL) {
        return fail(loader, node->line, "[node %s]: %s is missing", node->name, missing);
    }
    if (node->controller_id[0] == '\0') {
        memcpy(node->controller_id, node->name, sizeof node->name);
    }
    return check_port(loader, node) && check_token(loader, node) && check_ca_file(loader, node) &&
           check_urls(loader, node);
}

static bool read_file(struct loader *loader)
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
            return fail(loader, 0, "%s", strerror(errno));
        default:
            return fail(loader, ini->line,
                        "not understood; it should be `key = value` or [node NAME]");
        }
    }
}

bool config_load(struct config *config, const char *path)
{
    memset(config, 0, sizeof *config);
    struct loader loader = {.config = config, .path = path, .node = &config->defaults};
    config->defaults.baud = 921600;
    config->defaults.confirm_s = 420;
    config->defaults.retries = 8;
    memcpy(config->defaults.tenant, "DEFAULT", sizeof "DEFAULT");
    loader.ini.file = fopen(path, "re");
    if (loader.ini.file == NULL) {
        return fail(&loader, 0, "%s", strerror(errno));
    }
    bool ok = read_file(&loader);
    fclose(loader.ini.file);
    if (ok && config->count == 0) {
        return fail(&loader, 0, "no [node NAME] section");
    }
    for (size_t i = 0; ok && i < config->count; i++) {
        ok = check_node(&loader, &config->nodes[i]);
    }
    return ok;
}
