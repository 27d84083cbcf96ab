/*
 * Bus socket: a gateway's SPI, I2C and lines, from outside (docs/VIRTUAL_BOARD.md). Little-endian
 * binary, one request, one answer, in order. Each client has one request under way at most; one
 * that finds its bus in use waits.
 */
#define _GNU_SOURCE
#include "app.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER       4u
#define SPI_HEAD     4u /* speed */
#define I2C_HEAD     8u /* speed, time-out */
#define MESSAGE_HEAD 3u /* flags, length */
#define FLAG_READ    1u
#define STEPS_MAX    64u /* a client that asks without end lets the others in between */

enum { OP_SPI = 1, OP_I2C, OP_SET, OP_GET };
enum { DONE, NACK_ADDRESS, NACK_DATA, TIMEOUT, IMPOSSIBLE };

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static void put16(uint8_t *p, size_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

/* The payload of the request that is complete. */
static const uint8_t *payload(const struct app_bus_client *c, size_t *size)
{
    *size = c->in_used - HEADER;
    return c->in + HEADER;
}

/* size bytes of payload are in c->out already. */
static void answer(struct app_bus_client *c, unsigned status, size_t size)
{
    c->out[0] = (uint8_t)status;
    c->out[1] = 0;
    put16(c->out + 2, size);
    c->out_size = HEADER + size;
    c->out_sent = 0;
    c->in_used = 0;
    c->state = APP_BUS_ANSWER;
}

static unsigned status_of(int rc)
{
    switch (rc) {
    case FERRY_SIM_OK:
        return DONE;
    case FERRY_SIM_E_NACK_ADDRESS:
        return NACK_ADDRESS;
    case FERRY_SIM_E_NACK_DATA:
        return NACK_DATA;
    case FERRY_SIM_E_TIMEOUT:
        return TIMEOUT;
    default:
        return IMPOSSIBLE;
    }
}

/* ---- transfers ---- */

static void on_done(void *ctx, struct ferry_sim *sim, int status, size_t count)
{
    struct app_bus_client *c = ctx;
    if (status == FERRY_SIM_E_NACK_DATA) {
        put16(c->out + HEADER, count);
        answer(c, NACK_DATA, 2);
    } else {
        answer(c, status_of(status), status == FERRY_SIM_OK ? c->reading : 0);
    }
    ferry_sim_stop(sim); /* the answer goes out now */
}

/* After _begin(): under way, to be tried again, or refused. */
static void began(struct app_bus_client *c, int rc)
{
    if (rc == FERRY_SIM_E_BUSY)
        c->state = APP_BUS_PENDING;
    else if (rc != FERRY_SIM_OK)
        answer(c, status_of(rc), 0);
}

static void do_spi(struct app *app, struct app_bus_client *c)
{
    size_t size;
    const uint8_t *p = payload(c, &size);
    if (size < SPI_HEAD) {
        answer(c, IMPOSSIBLE, 0);
        return;
    }
    c->reading = size - SPI_HEAD;
    struct ferry_sim_spi transfer = {.tx = p + SPI_HEAD,
                                     .rx = c->out + HEADER,
                                     .size = c->reading,
                                     .hz = get32(p),
                                     .mode = c->in[1]};
    c->state = APP_BUS_TRANSFER;
    began(c, ferry_sim_spi_begin(app->sim, &transfer, on_done, c));
}

/* Split the payload into messages; reads go one behind the other into the answer. */
static bool split_messages(struct app_bus_client *c, size_t *count)
{
    size_t size, at = I2C_HEAD, n = 0;
    uint8_t *p = c->in + HEADER;
    payload(c, &size);
    c->reading = 0;
    while (at < size) {
        if (n == APP_BUS_MESSAGES || size - at < MESSAGE_HEAD)
            return false;
        bool read = (p[at] & FLAG_READ) != 0;
        size_t length = get16(p + at + 1);
        at += MESSAGE_HEAD;
        if (read ? length > APP_BUS_MAX - c->reading : length > size - at)
            return false;
        uint8_t *data = read ? c->out + HEADER + c->reading : p + at;
        c->messages[n++] = (struct ferry_sim_i2c_message){read, (uint16_t)length, data};
        c->reading += read ? length : 0;
        at += read ? 0 : length;
    }
    *count = n;
    return n > 0;
}

static void do_i2c(struct app *app, struct app_bus_client *c)
{
    size_t size, count;
    const uint8_t *p = payload(c, &size);
    if (size < I2C_HEAD || !split_messages(c, &count)) {
        answer(c, IMPOSSIBLE, 0);
        return;
    }
    struct ferry_sim_i2c transfer = {.messages = c->messages,
                                     .count = count,
                                     .hz = get32(p),
                                     .timeout_ms = get32(p + 4),
                                     .address = c->in[1]};
    c->state = APP_BUS_TRANSFER;
    began(c, ferry_sim_i2c_begin(app->sim, &transfer, on_done, c));
}

/* ---- lines ---- */

static void do_set(struct app *app, struct app_bus_client *c)
{
    size_t size;
    const uint8_t *p = payload(c, &size);
    bool ok = size == 1 && (p[0] <= 1 || p[0] == 0xFF);
    ok = ok && ferry_sim_line_set(app->sim, c->in[1], p[0] == 0xFF ? -1 : p[0]) == FERRY_SIM_OK;
    answer(c, ok ? DONE : IMPOSSIBLE, 0);
}

static void do_get(struct app *app, struct app_bus_client *c)
{
    int level = ferry_sim_line_get(app->sim, c->in[1]);
    c->out[HEADER] = (uint8_t)level;
    answer(c, level < 0 ? IMPOSSIBLE : DONE, level < 0 ? 0 : 1);
}

static void execute(struct app *app, struct app_bus_client *c)
{
    switch (c->in[0]) {
    case OP_SPI:
        do_spi(app, c);
        break;
    case OP_I2C:
        do_i2c(app, c);
        break;
    case OP_SET:
        do_set(app, c);
        break;
    case OP_GET:
        do_get(app, c);
        break;
    default:
        answer(c, IMPOSSIBLE, 0);
        break;
    }
}

/* ---- clients ---- */

/* A transfer under way still uses the buffers: its end frees the place. */
static void hang_up(struct app_bus_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    if (c->state != APP_BUS_TRANSFER)
        c->state = APP_BUS_READ;
    c->in_used = 0;
}

/* @return true when a request is complete. Never reads beyond it: the next one waits outside. */
static bool receive(struct app_bus_client *c)
{
    size_t want = HEADER;
    if (c->in_used >= HEADER)
        want += get16(c->in + 2);
    if (c->in_used < want) {
        ssize_t n = recv(c->fd, c->in + c->in_used, want - c->in_used, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            hang_up(c);
        if (n <= 0)
            return false;
        c->in_used += (size_t)n;
    }
    return c->in_used >= HEADER && c->in_used == HEADER + get16(c->in + 2);
}

static void send_answer(struct app_bus_client *c)
{
    ssize_t n = 0;
    if (c->fd >= 0)
        n = send(c->fd, c->out + c->out_sent, c->out_size - c->out_sent,
                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        c->out_sent += (size_t)n;
    else if (c->fd < 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(c);
    if (c->out_sent == c->out_size)
        c->state = APP_BUS_READ;
}

/* One step of a client. @return false when it has to wait */
static bool serve_step(struct app *app, struct app_bus_client *c)
{
    size_t used = c->in_used;
    switch (c->state) {
    case APP_BUS_READ:
        if (c->fd < 0)
            return false;
        if (receive(c))
            execute(app, c);
        return c->state != APP_BUS_READ || c->in_used > used;
    case APP_BUS_PENDING:
        execute(app, c);
        return c->state != APP_BUS_PENDING;
    case APP_BUS_ANSWER:
        send_answer(c);
        return c->state != APP_BUS_ANSWER;
    default: /* APP_BUS_TRANSFER: on_done comes from the board */
        return false;
    }
}

int app_bus_open(struct app *app)
{
    const char *path = app->options.bus;
    if (!path)
        return 0;
    app->bus_listener = app_listen(path);
    if (app->bus_listener >= 0 && !app->options.quiet)
        fprintf(app->info, "bus    %s\n", path);
    return app->bus_listener >= 0 ? 0 : -1;
}

void app_bus_close(struct app *app)
{
    for (size_t i = 0; i < APP_BUS_CLIENTS; i++) {
        if (app->bus_clients[i].fd >= 0)
            close(app->bus_clients[i].fd);
    }
    app_unlisten(&app->bus_listener, app->options.bus);
}

size_t app_bus_poll(const struct app *app, struct pollfd *fds)
{
    size_t n = 0;
    if (app->bus_listener < 0)
        return 0;
    fds[n++] = (struct pollfd){.fd = app->bus_listener, .events = POLLIN};
    for (size_t i = 0; i < APP_BUS_CLIENTS; i++) {
        const struct app_bus_client *c = &app->bus_clients[i];
        if (c->fd >= 0 && c->state == APP_BUS_READ)
            fds[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
        else if (c->fd >= 0 && c->state == APP_BUS_ANSWER)
            fds[n++] = (struct pollfd){.fd = c->fd, .events = POLLOUT};
    }
    return n;
}

bool app_bus_busy(const struct app *app)
{
    for (size_t i = 0; i < APP_BUS_CLIENTS; i++) {
        if (app->bus_clients[i].state != APP_BUS_READ)
            return true;
    }
    return false;
}

static void accept_client(struct app *app)
{
    int fd = app_accept(app->bus_listener);
    if (fd < 0)
        return;
    for (size_t i = 0; i < APP_BUS_CLIENTS; i++) {
        struct app_bus_client *c = &app->bus_clients[i];
        if (c->fd >= 0 || c->state != APP_BUS_READ)
            continue;
        c->fd = fd;
        c->in_used = 0;
        return;
    }
    close(fd);
}

void app_bus_serve(struct app *app)
{
    if (app->bus_listener < 0)
        return;
    accept_client(app);
    for (size_t i = 0; i < APP_BUS_CLIENTS; i++) {
        for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
            if (!serve_step(app, &app->bus_clients[i]))
                break;
        }
    }
}
