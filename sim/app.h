/** The program ferry-sim: what its files share. One struct, made in main(), passed to everybody. */
#ifndef FERRY_SIM_APP_H
#define FERRY_SIM_APP_H

#include "ferry_sim.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#define APP_SPEED_MIN      1e-3
#define APP_SPEED_MAX      1e6
#define APP_PTYS           2
#define APP_MAX_FILES      16
#define APP_MAX_CLIENTS    16
#define APP_MAX_SHOTS      16
#define APP_LINE_MAX       65536u
#define APP_CLIENT_OUT_MAX (4u * 1024u * 1024u)
#define APP_PTY_OUT        65536u
#define APP_SHA256_TEXT    65u
#define APP_BUS_CLIENTS    8
#define APP_BUS_MAX        65535u /* bytes of a payload */
#define APP_BUS_MESSAGES   42u    /* of one I2C transfer: as many as I2C_RDWR takes */

struct app_options {
    const char *board;
    const char *flash[APP_MAX_FILES];
    int flash_count;
    const char *state, *uart, *rom_uart, *control, *bus, *events;
    const char *rom_quirks[APP_MAX_FILES];
    int rom_quirk_count;
    struct ferry_sim_options sim;
    uint8_t uid[FERRY_SIM_UID_BYTES];
    double speed;      /**< 0: as fast as possible */
    uint64_t until_ns; /**< 0: for ever */
    bool quiet, paused, all_events;
};

struct app_client {
    int fd; /**< -1: free */
    bool events, all_events;
    char *in;
    size_t in_used;
    char *out;
    size_t out_used, out_size;
};

enum app_bus_state { APP_BUS_READ, APP_BUS_PENDING, APP_BUS_TRANSFER, APP_BUS_ANSWER };

struct app_bus_client {
    int fd; /**< -1: gone; free when state is APP_BUS_READ */
    enum app_bus_state state;
    uint8_t in[4u + APP_BUS_MAX];
    size_t in_used;
    uint8_t out[4u + APP_BUS_MAX];
    size_t out_size, out_sent;
    size_t reading; /**< payload bytes that a transfer which succeeds answers with */
    struct ferry_sim_i2c_message messages[APP_BUS_MESSAGES];
};

struct app_shot {
    char name[32];
    struct ferry_sim_snapshot *shot;
};

struct app_lock {
    int fd;     /**< -1: none */
    char *path; /**< owned */
};

struct app_pty {
    int master, slave; /**< -1: no UART outside */
    char path[128];
    const char *link;
    struct app_lock lock; /**< of link */
    struct ferry_sim *sim;
    unsigned port;
    uint8_t out[APP_PTY_OUT];
    size_t out_head, out_count;
};

struct app {
    struct app_options options;
    struct ferry_sim *sim;
    struct app_pty pty[APP_PTYS]; /* the console, and ST's boot loader where it has other pins */
    struct app_lock state_lock;
    int listener;
    struct app_client clients[APP_MAX_CLIENTS];
    int bus_listener;
    struct app_bus_client bus_clients[APP_BUS_CLIENTS];
    struct app_shot shots[APP_MAX_SHOTS];
    FILE *events_file;
    FILE *info; /**< text for people: stdout, or stderr when the events go to stdout */
    bool tty, quit, paused;
    bool time_jumped; /**< a restore or a resume: the pace starts anew */
    int exit_code;
};

/* pty.c */
int app_pty_open(struct app *app);
void app_pty_close(struct app *app);
/** Move bytes between the ptys and the board, as far as both have room. */
void app_pty_serve(struct app *app);
/** Are bytes on their way to the board? */
bool app_pty_busy(const struct app *app);
/** Fill in what to wait for, APP_PTYS at most. @return entries used */
size_t app_pty_poll(const struct app *app, struct pollfd *fds);

/* pty_speed.c */
/** Baud that the client of a pty (either end) has set; 0 if there is none. */
uint32_t app_pty_speed(int fd);

/* lock.c */
/** Lock FILE.lock beside a file, which need not exist. @return false if it cannot be had (told) */
bool app_lock(struct app_lock *lock, const char *path);
/** Also of a lock that was not had. */
void app_unlock(struct app_lock *lock);

/* control.c */
int app_control_open(struct app *app);
void app_control_close(struct app *app);
/** Fill in what to wait for. @return entries used */
size_t app_control_poll(const struct app *app, struct pollfd *fds, size_t room);
/** Accept, read, execute, answer: never blocks. */
void app_control_serve(struct app *app);
void app_control_event(struct app *app, const struct ferry_sim_event *event, const char *json);

/* listen.c */
/** @return a socket that listens at path, or -1 (told) */
int app_listen(const char *path);
/** @return a new connection, -1: none */
int app_accept(int listener);
void app_unlisten(int *listener, const char *path);

/* bus_socket.c */
int app_bus_open(struct app *app);
void app_bus_close(struct app *app);
/** Fill in what to wait for, 1 + APP_BUS_CLIENTS at most. @return entries used */
size_t app_bus_poll(const struct app *app, struct pollfd *fds);
/** Accept, read, begin transfers, answer those that are over: never blocks. */
void app_bus_serve(struct app *app);
/** Does a client wait for the end of a transfer? */
bool app_bus_busy(const struct app *app);

/* pace.c */
/** Run the board at the pace that the options ask for, and serve all who are outside, until a
 * client or *stop ends it, or the time of --until-ms is reached. */
void app_loop(struct app *app, const volatile sig_atomic_t *stop);

/* commands.c */
struct cJSON;
/** Execute one request. @return the answer, owned by the caller; NULL: out of memory */
struct cJSON *app_command(struct app *app, struct app_client *client, const char *line);

/* files.c */
/** The whole file, owned by the caller; NULL and *size 0 on error (errno tells). */
uint8_t *app_read_file(const char *path, size_t *size);
void app_sha256(const void *data, size_t size, char out[APP_SHA256_TEXT]);
/** Load FILE or FILE@ADDRESS. Says what it did, or what is wrong. */
bool app_load_flash(struct app *app, const char *spec);
/** @return 1 loaded, 0 there is none yet, -1 error (told) */
int app_load_state(struct app *app);
bool app_save_state(const struct app *app);
/** Write a file so that it is there whole or not at all. */
bool app_write_file(const char *path, const void *head, size_t head_size, const void *body,
                    size_t body_size);

/* screen.c */
void app_screen_event(struct app *app, const struct ferry_sim_event *event);
void app_screen_status(struct app *app);
void app_screen_end(struct app *app);

#endif
