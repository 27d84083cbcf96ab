/*
 * config.h - the gateway's configuration file: INI, keys before the first section are defaults, one
 * [node NAME] section for each node. gateway.conf.example shows every key; docs/GATEWAY.md tells
 * more. Strict: what is unknown, missing, out of range or there twice is an error with its line.
 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "ferry/message.h"
#include "sinks/node_port.h"
#include "sinks/rom_wire.h"

enum {
    CONFIG_NODES_MAX = 64,
    CONFIG_URLS_MAX = 8,
    CONFIG_KEYS_MAX = 32,
    CONFIG_PUBKEYS_MAX = 4,
    CONFIG_PATH_SIZE = 1024,
    CONFIG_NAME_SIZE = 64,
    CONFIG_TEXT_SIZE = 256,
    CONFIG_URL_SIZE = 2048,
    CONFIG_ERROR_SIZE = 512
};

enum config_source {
    CONFIG_SOURCE_NONE,
    CONFIG_SOURCE_HTTP,
    CONFIG_SOURCE_DDI,
    CONFIG_SOURCE_FILE
};
enum config_sink { CONFIG_SINK_LINK, CONFIG_SINK_ROM };
enum config_confirm { CONFIG_CONFIRM_NONE, CONFIG_CONFIRM_LINK, CONFIG_CONFIRM_READBACK };

struct node_config {
    char name[CONFIG_NAME_SIZE];
    int line;                       /* of its section */
    int key_lines[CONFIG_KEYS_MAX]; /* where each key was given, 0: nowhere; as `keys` in config.c
                                     */
    char port[CONFIG_TEXT_SIZE];
    struct node_port_name port_name; /* what the keys above and below mean together */
    uint32_t baud;                   /* UART; default 921600 */
    uint32_t speed_hz;               /* SPI, I2C; 0: not given */
    uint32_t i2c_address;            /* 0: not given */
    char nrst[CONFIG_NAME_SIZE];     /* CHIP:LINE, "" not connected */
    char boot0[CONFIG_NAME_SIZE];
    enum config_sink sink;            /* default link. The next ones are of rom: */
    struct rom_wire_config rom_wire;  /* what these keys mean together */
    uint32_t rom_baud, chunk, gap_ms; /* 0: the wire's default */
    uint32_t address;                 /* default: the start of flash */
    enum config_confirm confirm;
    char pubkey[CONFIG_PATH_SIZE]; /* PEM files, separated by spaces */
    struct ferry_pubkey keys[CONFIG_PUBKEYS_MAX];
    size_t key_count;
    char state_dir[CONFIG_TEXT_SIZE]; /* default /var/lib/ferry-gateway */
    enum config_source source;
    char url[CONFIG_URL_SIZE]; /* http: several, separated by spaces; cut into `urls` */
    const char *urls[CONFIG_URLS_MAX];
    size_t url_count;
    char path[CONFIG_PATH_SIZE]; /* file: several, separated by spaces; cut into `paths` */
    const char *paths[CONFIG_URLS_MAX];
    size_t path_count;
    char tenant[CONFIG_NAME_SIZE];        /* default DEFAULT */
    char controller_id[CONFIG_TEXT_SIZE]; /* default: the section's name */
    char token[CONFIG_TEXT_SIZE];         /* never logged */
    char token_file[CONFIG_TEXT_SIZE];
    char ca_file[CONFIG_TEXT_SIZE];
    uint32_t poll_s;    /* default 0: DDI as the server says, else 300 */
    uint32_t confirm_s; /* default 420, sink rom: 60 */
    uint32_t retries;   /* default 8 */
    bool insecure_http;
    bool bootloader; /* reset into the bootloader for each update */
    bool check_uid;
    uint8_t uid[FERRY_UID_SIZE];
    char board[FERRY_BOARD_NAME_MAX + 1];
};

struct config {
    struct node_config defaults;
    struct node_config nodes[CONFIG_NODES_MAX];
    size_t count;
    char error[CONFIG_ERROR_SIZE]; /* "FILE:LINE: what is wrong" */
};

/* Reads and checks a file. Returns false with `error` set. `config` is large: not on a stack. */
bool config_load(struct config *config, const char *path);

#endif
