#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ini_file.h"

struct reader {
    struct server_config *config;
    struct ferry_ini ini;
    char folder[CONFIG_PATH_SIZE]; /* of the file, with a '/' at its end; or empty */
    uint32_t seen;                 /* bit i: keys[i] was given */
};

typedef bool set_fn(struct reader *reader, const char *value);

static bool copy_text(char *out, size_t size, const char *value)
{
    return (size_t)snprintf(out, size, "%s", value) < size;
}

static bool copy_path(const struct reader *reader, char out[CONFIG_PATH_SIZE], const char *value)
{
    const char *folder = value[0] == '/' || value[0] == '\0' ? "" : reader->folder;
    int length = snprintf(out, CONFIG_PATH_SIZE, "%s%s", folder, value);
    return length > 0 && length < CONFIG_PATH_SIZE;
}

static bool parse_number(const char *value, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    errno = 0;
    if (value[0] < '0' || value[0] > '9') {
        return false;
    }
    unsigned long long number = strtoull(value, &end, 10);
    if (*end != '\0' || errno != 0 || number < low || number > high) {
        return false;
    }
    *out = number;
    return true;
}

static bool parse_bool(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0;
}

static bool set_address(struct reader *reader, const char *value)
{
    unsigned char binary[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, value, binary) != 1 && inet_pton(AF_INET6, value, binary) != 1) {
        return false;
    }
    return copy_text(reader->config->listen_address, sizeof reader->config->listen_address, value);
}

static bool set_port(struct reader *reader, const char *value)
{
    uint64_t port;
    if (!parse_number(value, 0, UINT16_MAX, &port)) {
        return false;
    }
    reader->config->listen_port = (uint16_t)port;
    return true;
}

static bool set_data(struct reader *reader, const char *value)
{
    return copy_path(reader, reader->config->data, value);
}

static bool set_tls_cert(struct reader *reader, const char *value)
{
    return copy_path(reader, reader->config->tls_cert, value);
}

static bool set_tls_key(struct reader *reader, const char *value)
{
    return copy_path(reader, reader->config->tls_key, value);
}

static bool set_public_url(struct reader *reader, const char *value)
{
    bool is_http = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    size_t length = strlen(value);
    return is_http && value[length - 1] != '/' &&
           copy_text(reader->config->public_url, sizeof reader->config->public_url, value);
}

static bool set_insecure_http(struct reader *reader, const char *value)
{
    return parse_bool(value, &reader->config->insecure_http);
}

static bool set_legacy_open(struct reader *reader, const char *value)
{
    return parse_bool(value, &reader->config->legacy_open);
}

/* Eight characters: Zephyr's client takes no other length. */
static bool set_poll_interval(struct reader *reader, const char *value)
{
    static const char pattern[] = "dd:dd:dd";
    if (strlen(value) != sizeof pattern - 1) {
        return false;
    }
    for (size_t i = 0; pattern[i] != '\0'; i++) {
        bool is_digit = value[i] >= '0' && value[i] <= '9';
        if (pattern[i] == 'd' ? !is_digit : value[i] != ':') {
            return false;
        }
    }
    if (value[3] > '5' || value[6] > '5' || strcmp(value, "00:00:00") == 0) {
        return false;
    }
    return copy_text(reader->config->poll_interval, sizeof reader->config->poll_interval, value);
}

static bool set_max_artifact_bytes(struct reader *reader, const char *value)
{
    return parse_number(value, 1024, 1U << 30, &reader->config->max_artifact_bytes);
}

static bool set_max_connections(struct reader *reader, const char *value)
{
    uint64_t count;
    if (!parse_number(value, 8, 10000, &count)) {
        return false;
    }
    reader->config->max_connections = (uint32_t)count;
    return true;
}

/* A list with commas. */
static bool set_public_keys(struct reader *reader, const char *value)
{
    struct server_config *config = reader->config;
    while (*value != '\0') {
        size_t length = strcspn(value, ",");
        char name[CONFIG_PATH_SIZE];
        if (length >= sizeof name || config->public_key_count == CONFIG_KEYS_MAX) {
            return false;
        }
        memcpy(name, value, length);
        while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\t')) {
            length--;
        }
        name[length] = '\0';
        if (length == 0 ||
            !copy_path(reader, config->public_keys[config->public_key_count], name)) {
            return false;
        }
        config->public_key_count++;
        value += strcspn(value, ",");
        value += strspn(value, ", \t");
    }
    return true;
}

static bool set_log_level(struct reader *reader, const char *value)
{
    return log_level_parse(value, &reader->config->log_level);
}

static const struct {
    const char *name;
    set_fn *set;
    const char *expected;
} keys[] = {
    {"listen_address", set_address, "a numeric IPv4 or IPv6 address"},
    {"listen_port", set_port, "a number 0..65535"},
    {"data", set_data, "a folder"},
    {"tls_cert", set_tls_cert, "a PEM file"},
    {"tls_key", set_tls_key, "a PEM file"},
    {"public_url", set_public_url, "http://... or https://... without a / at the end"},
    {"insecure_http", set_insecure_http, "true or false"},
    {"legacy_open", set_legacy_open, "true or false"},
    {"poll_interval", set_poll_interval, "HH:MM:SS"},
    {"max_artifact_bytes", set_max_artifact_bytes, "a number 1024..1073741824"},
    {"max_connections", set_max_connections, "a number 8..10000"},
    {"public_keys", set_public_keys, "at most 16 PEM files, with commas between them"},
    {"log_level", set_log_level, "error, warn, info or debug"},
};

/* Sets one key. Returns false with the reason in `problem`. */
static bool set_key(struct reader *reader, const char *name, const char *value, char *problem,
                    size_t problem_size)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(name, keys[i].name) != 0) {
            continue;
        }
        if ((reader->seen >> i & 1) != 0) {
            snprintf(problem, problem_size, "%s is given twice", name);
            return false;
        }
        reader->seen |= 1U << i;
        if (keys[i].set(reader, value)) {
            return true;
        }
        snprintf(problem, problem_size, "%s: expected %s", name, keys[i].expected);
        return false;
    }
    snprintf(problem, problem_size, "unknown key %.64s", name);
    return false;
}

/* Reads the whole file. Returns false with `error` set. */
static bool read_lines(struct reader *reader, const char *path, char error[CONFIG_ERROR_SIZE])
{
    char problem[256] = "expected name = value";
    struct ferry_ini *ini = &reader->ini;
    for (;;) {
        enum ferry_ini_kind kind = ferry_ini_next(ini);
        if (kind == FERRY_INI_END) {
            return true;
        }
        if (kind == FERRY_INI_FAILED) {
            snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", path, strerror(errno));
            return false;
        }
        if (kind == FERRY_INI_SECTION) {
            snprintf(problem, sizeof problem, "sections are not used, remove [%.64s]", ini->name);
        } else if (kind == FERRY_INI_VALUE &&
                   set_key(reader, ini->name, ini->value, problem, sizeof problem)) {
            continue;
        }
        snprintf(error, CONFIG_ERROR_SIZE, "%s, line %d: %s", path, ini->line, problem);
        return false;
    }
}

static void set_defaults(struct reader *reader)
{
    struct server_config *config = reader->config;
    memset(config, 0, sizeof *config);
    strcpy(config->listen_address, "127.0.0.1");
    strcpy(config->poll_interval, "00:05:00");
    config->listen_port = 8480;
    config->max_artifact_bytes = 16U << 20;
    config->max_connections = 256;
    config->log_level = LEVEL_INFO;
    size_t length = strlen(reader->folder);
    while (length > 1 && reader->folder[length - 1] == '/') {
        length--;
    }
    snprintf(config->data, sizeof config->data, "%.*s", length > 0 ? (int)length : 1,
             length > 0 ? reader->folder : ".");
}

/* What single lines cannot tell. Returns NULL or the sentence. */
static const char *check_whole(const struct server_config *config)
{
    bool has_cert = config->tls_cert[0] != '\0';
    bool has_key = config->tls_key[0] != '\0';
    if (has_cert != has_key) {
        return "tls_cert and tls_key belong together: set both or neither";
    }
    if (!has_cert && !config->insecure_http && !config_is_loopback(config->listen_address)) {
        return "without tls_cert and tls_key the server listens on loopback only; configure TLS, "
               "or set insecure_http = true where the network itself is protected";
    }
    return NULL;
}

bool config_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool config_load(const char *path, struct server_config *config, char error[CONFIG_ERROR_SIZE])
{
    struct reader reader = {.config = config};
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    if (length >= sizeof reader.folder) {
        snprintf(error, CONFIG_ERROR_SIZE, "the path of the configuration file is too long");
        return false;
    }
    memcpy(reader.folder, path, length);
    set_defaults(&reader);
    reader.ini.file = fopen(path, "re");
    if (reader.ini.file == NULL) {
        snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", path, strerror(errno));
        return false;
    }
    bool read = read_lines(&reader, path, error);
    fclose(reader.ini.file);
    if (!read) {
        return false;
    }
    const char *problem = check_whole(config);
    if (problem != NULL) {
        snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", path, problem);
    }
    return problem == NULL;
}
