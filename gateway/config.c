#include "config.h"

#include "sources/http_client.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loader {
    struct config *config;
    const char *path;
    FILE *file;
    int line; /* being read */
    bool failed;
};

/* The first error counts; later ones are often its consequences. Returns 0, as inih wants it. */
__attribute__((format(printf, 3, 4))) static int fail(struct loader *loader, int line,
                                                      const char *format, ...)
{
    char *out = loader->config->error;
    if (loader->failed) {
        return 0;
    }
    loader->failed = true;
    int used = line > 0 ? snprintf(out, CONFIG_ERROR_SIZE, "%s:%d: ", loader->path, line)
                        : snprintf(out, CONFIG_ERROR_SIZE, "%s: ", loader->path);
    if (used >= 0 && used < CONFIG_ERROR_SIZE) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(out + used, (size_t)(CONFIG_ERROR_SIZE - used), format, arguments);
        va_end(arguments);
    }
    return 0;
}

/* --- values ------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *number)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
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

enum key_type { KEY_TEXT, KEY_NUMBER, KEY_BOOL, KEY_UID, KEY_SOURCE };

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

static bool set_text(char *out, size_t size, const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(out, value, length + 1);
    return true;
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

/* The node of section "node NAME", made when it is new. NULL after a message. */
static struct node_config *find_node(struct loader *loader, const char *section)
{
    struct config *config = loader->config;
    const char *name = section + 5;
    if (strncmp(section, "node ", 5) != 0 || !is_name(name)) {
        fail(loader, loader->line, "unknown section [%.64s]; it should be [node NAME]", section);
        return NULL;
    }
    for (size_t i = 0; i < config->count; i++) {
        if (strcmp(config->nodes[i].name, name) == 0) {
            return &config->nodes[i];
        }
    }
    if (config->count == CONFIG_NODES_MAX) {
        fail(loader, loader->line, "more than %d nodes", CONFIG_NODES_MAX);
        return NULL;
    }
    struct node_config *node = &config->nodes[config->count++];
    *node = config->defaults;
    memcpy(node->name, name, strlen(name) + 1);
    node->line = loader->line;
    return node;
}

static int on_key(void *ctx, const char *section, const char *name, const char *value)
{
    struct loader *loader = ctx;
    struct node_config *node =
        section[0] == '\0' ? &loader->config->defaults : find_node(loader, section);
    if (node == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return set_value(node, &keys[i], value)
                       ? 1
                       : fail(loader, loader->line, "%s: should be %s", name, keys[i].wanted);
        }
    }
    return fail(loader, loader->line, "unknown key %.64s", name);
}

/* fgets that counts lines: inih does not tell its handler where it stands. */
static char *read_line(char *out, int size, void *ctx)
{
    struct loader *loader = ctx;
    loader->line++;
    return fgets(out, size, loader->file);
}

/* --- checks of the whole ------------------------------------------------------------------- */

static bool load_token(struct loader *loader, struct node_config *node)
{
    if (node->token_file[0] == '\0') {
        return true;
    }
    if (node->token[0] != '\0') {
        fail(loader, node->line, "[node %s]: token and token_file exclude each other", node->name);
        return false;
    }
    FILE *file = fopen(node->token_file, "re");
    if (file == NULL) {
        fail(loader, node->line, "[node %s]: %.200s: %s", node->name, node->token_file,
             strerror(errno));
        return false;
    }
    bool read = fgets(node->token, sizeof node->token, file) != NULL;
    fclose(file);
    node->token[strcspn(node->token, "\r\n")] = '\0';
    if (!read || node->token[0] == '\0') {
        fail(loader, node->line, "[node %s]: %.200s: the first line has no token", node->name,
             node->token_file);
        return false;
    }
    return true;
}

static bool cut_urls(struct loader *loader, struct node_config *node)
{
    char *rest = NULL;
    for (char *url = strtok_r(node->url, " \t", &rest); url != NULL;
         url = strtok_r(NULL, " \t", &rest)) {
        if (node->url_count == CONFIG_URLS_MAX) {
            fail(loader, node->line, "[node %s]: more than %d URLs", node->name, CONFIG_URLS_MAX);
            return false;
        }
        if (!http_url_is_safe(url) && !(node->insecure_http && strncmp(url, "http://", 7) == 0)) {
            fail(loader, node->line,
                 "[node %s]: url must be https (http only to this machine, or with "
                 "insecure_http = true)",
                 node->name);
            return false;
        }
        node->urls[node->url_count++] = url;
    }
    if (node->source == CONFIG_SOURCE_DDI && node->url_count > 1) {
        fail(loader, node->line, "[node %s]: source ddi takes one url", node->name);
        return false;
    }
    return true;
}

/* One port cannot have two nodes. */
static bool is_port_free(struct loader *loader, const struct node_config *node)
{
    for (const struct node_config *other = loader->config->nodes; other < node; other++) {
        if (strcmp(other->port, node->port) == 0) {
            fail(loader, node->line, "[node %s]: [node %s] has the same port", node->name,
                 other->name);
            return false;
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
        fail(loader, node->line, "[node %s]: %s is missing", node->name, missing);
        return false;
    }
    if (node->controller_id[0] == '\0') {
        memcpy(node->controller_id, node->name, sizeof node->name);
    }
    return is_port_free(loader, node) && load_token(loader, node) && cut_urls(loader, node);
}

static bool parse_file(struct loader *loader)
{
    int line = ini_parse_stream(read_line, loader, on_key, loader);
    if (line < 0) {
        fail(loader, 0, "out of memory");
    } else if (line > 0) {
        fail(loader, line, "not understood; it should be `key = value` or [node NAME]");
    }
    return !loader->failed;
}

bool config_load(struct config *config, const char *path)
{
    struct loader loader = {.config = config, .path = path};
    memset(config, 0, sizeof *config);
    config->defaults.baud = 921600;
    config->defaults.confirm_s = 180;
    config->defaults.retries = 8;
    memcpy(config->defaults.tenant, "DEFAULT", sizeof "DEFAULT");
    loader.file = fopen(path, "re");
    if (loader.file == NULL) {
        fail(&loader, 0, "%s", strerror(errno));
        return false;
    }
    bool ok = parse_file(&loader);
    fclose(loader.file);
    if (ok && config->count == 0) {
        fail(&loader, 0, "no [node NAME] section");
        return false;
    }
    for (size_t i = 0; ok && i < config->count; i++) {
        ok = check_node(&loader, &config->nodes[i]);
    }
    return ok;
}
