/*
 * config.h - the configuration file of ferry-server (docs/SERVER.md lists the keys).
 *
 * Strict: an unknown key, a key given twice and a value outside its range are errors that name the
 * line. Relative paths count from the folder of the file, so a data folder can be moved.
 */
#ifndef FERRY_SERVER_CONFIG_H
#define FERRY_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

enum { CONFIG_PATH_SIZE = 512, CONFIG_KEYS_MAX = 16, CONFIG_ERROR_SIZE = 768 };

struct server_config {
    char listen_address[64];         /* numeric IPv4 or IPv6; default 127.0.0.1 */
    uint16_t listen_port;            /* 0: any free port; default 8480 */
    char data[CONFIG_PATH_SIZE];     /* data folder; default: the folder of the file */
    char tls_cert[CONFIG_PATH_SIZE]; /* PEM chain; empty: no TLS */
    char tls_key[CONFIG_PATH_SIZE];  /* PEM private key */
    char public_url[256];            /* base of links, e.g. behind a proxy; empty: from Host */
    bool insecure_http;              /* plain HTTP on addresses other than loopback */
    bool legacy_open;                /* /version and /firmware without a token */
    char poll_interval[9];           /* HH:MM:SS, told to devices; default 00:05:00 */
    uint64_t max_artifact_bytes;     /* 1 KiB..1 GiB; default 16 MiB */
    uint32_t max_connections;        /* 8..10000; default 256 */
    enum log_level log_level;
    size_t public_key_count;
    char public_keys[CONFIG_KEYS_MAX][CONFIG_PATH_SIZE]; /* PEM files */
};

/*
 * Reads and checks a file. On failure returns false and a sentence with the line number in `error`.
 */
bool config_load(const char *path, struct server_config *config, char error[CONFIG_ERROR_SIZE]);

/* True for 127.0.0.0/8 and ::1. */
bool config_is_loopback(const char *address);

#endif
