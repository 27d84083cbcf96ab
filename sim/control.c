/* Control socket: lines of JSON in, lines of JSON out, many clients, never blocking. */
#define _GNU_SOURCE
#include "app.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void drop(struct app_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    free(c->in);
    free(c->out);
    *c = (struct app_client){.fd = -1};
}

int app_control_open(struct app *app)
{
    const char *path = app->options.control;
    if (!path)
        return 0;
    app->listener = app_listen(path);
    if (app->listener >= 0 && !app->options.quiet)
        fprintf(app->info, "control %s\n", path);
    return app->listener >= 0 ? 0 : -1;
}

void app_control_close(struct app *app)
{
    for (size_t i = 0; i < APP_MAX_CLIENTS; i++)
        drop(&app->clients[i]);
    app_unlisten(&app->listener, app->options.control);
}

size_t app_control_poll(const struct app *app, struct pollfd *fds, size_t room)
{
    size_t n = 0;
    if (app->listener >= 0 && n < room)
        fds[n++] = (struct pollfd){.fd = app->listener, .events = POLLIN};
    for (size_t i = 0; i < APP_MAX_CLIENTS && n < room; i++) {
        const struct app_client *c = &app->clients[i];
        if (c->fd >= 0)
            fds[n++] = (struct pollfd){.fd = c->fd,
                                       .events = (short)(POLLIN | (c->out_used ? POLLOUT : 0))};
    }
    return n;
}

/* Queue a line. A client that does not read what it asked for is dropped. */
static void send_line(struct app_client *c, const char *line)
{
    size_t length = strlen(line);
    if (c->fd < 0)
        return;
    if (length + 1u > APP_CLIENT_OUT_MAX - c->out_used) {
        drop(c);
        return;
    }
    if (c->out_used + length + 1u > c->out_size) {
        size_t size = 2u * (c->out_used + length + 1u);
        char *bigger = realloc(c->out, size);
        if (!bigger) {
            drop(c);
            return;
        }
        c->out = bigger;
        c->out_size = size;
    }
    memcpy(c->out + c->out_used, line, length);
    c->out[c->out_used + length] = '\n';
    c->out_used += length + 1u;
}

static void flush(struct app_client *c)
{
    if (c->fd < 0 || c->out_used == 0)
        return;
    ssize_t n = send(c->fd, c->out, c->out_used, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    if (n > 0) {
        c->out_used -= (size_t)n;
        memmove(c->out, c->out + n, c->out_used);
    }
}

static void answer(struct app *app, struct app_client *c, const char *line)
{
    cJSON *json = app_command(app, c, line);
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    send_line(c, text ? text : "{\"ok\":false,\"error\":\"out of memory\"}");
    cJSON_free(text);
    cJSON_Delete(json);
}

static void split_lines(struct app *app, struct app_client *c)
{
    char *end;
    while (c->fd >= 0 && c->in_used && (end = memchr(c->in, '\n', c->in_used)) != NULL) {
        size_t length = (size_t)(end - c->in) + 1u;
        *end = 0;
        if (c->in[0] != 0 && c->in[0] != '\r')
            answer(app, c, c->in);
        if (c->fd < 0)
            return;
        c->in_used -= length;
        memmove(c->in, c->in + length, c->in_used);
    }
    if (c->in_used == APP_LINE_MAX) {
        send_line(c, "{\"ok\":false,\"error\":\"line too long\"}");
        flush(c);
        drop(c);
    }
}

static void receive(struct app *app, struct app_client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_used, APP_LINE_MAX - c->in_used, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(c);
        return;
    }
    if (n > 0) {
        c->in_used += (size_t)n;
        split_lines(app, c);
    }
}

static void accept_client(struct app *app)
{
    int fd = app_accept(app->listener);
    if (fd < 0)
        return;
    for (size_t i = 0; i < APP_MAX_CLIENTS; i++) {
        struct app_client *c = &app->clients[i];
        if (c->fd >= 0)
            continue;
        c->in = malloc(APP_LINE_MAX);
        if (!c->in)
            break;
        c->fd = fd;
        return;
    }
    close(fd);
}

void app_control_serve(struct app *app)
{
    if (app->listener < 0)
        return;
    accept_client(app);
    for (size_t i = 0; i < APP_MAX_CLIENTS; i++) {
        if (app->clients[i].fd >= 0)
            receive(app, &app->clients[i]);
        flush(&app->clients[i]);
    }
}

void app_control_event(struct app *app, const struct ferry_sim_event *event, const char *json)
{
    bool frequent = event->kind == FERRY_SIM_EV_PROGRAM || event->kind == FERRY_SIM_EV_PIN;
    for (size_t i = 0; i < APP_MAX_CLIENTS; i++) {
        struct app_client *c = &app->clients[i];
        if (c->fd >= 0 && c->events && (!frequent || c->all_events))
            send_line(c, json);
    }
}
