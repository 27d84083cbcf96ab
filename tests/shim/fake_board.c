#include "fake_board.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINES = 256, WIRE_SIZE = 64, OP_SET = 3, OP_GET = 4, HEADER = 4, BAD_REQUEST = 4 };

static struct {
    pthread_mutex_t lock;
    pthread_t thread;
    int listener;
    char folder[32];
    struct sockaddr_un address;
    char wires[LINES][WIRE_SIZE];
    bool pulled_low[LINES];
} board = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char letter_of(uint8_t level)
{
    return level == 0 ? '0' : level == 1 ? '1' : 'z';
}

static uint8_t level_of(uint8_t line)
{
    size_t length = strlen(board.wires[line]);
    char last = length > 0 ? board.wires[line][length - 1] : 'z';
    return last == 'z' ? !board.pulled_low[line] : last == '1';
}

/* The request's header and its payload, at most one byte. Returns the answer's size. */
static size_t handle(const uint8_t *request, uint8_t payload, uint8_t *answer)
{
    uint8_t op = request[0], line = request[1];
    size_t length = strlen(board.wires[line]);
    memset(answer, 0, HEADER);
    if (op == OP_SET && request[2] == 1 && length < WIRE_SIZE - 1) {
        board.wires[line][length] = letter_of(payload);
        return HEADER;
    }
    if (op == OP_GET && request[2] == 0) {
        answer[2] = 1;
        answer[HEADER] = level_of(line);
        return HEADER + 1;
    }
    answer[0] = BAD_REQUEST;
    return HEADER;
}

static void serve(int fd)
{
    uint8_t request[HEADER], answer[HEADER + 1], payload = 0;
    while (recv(fd, request, sizeof request, MSG_WAITALL) == HEADER) {
        if (request[2] > 1 || request[3] != 0 ||
            (request[2] == 1 && recv(fd, &payload, 1, MSG_WAITALL) != 1)) {
            return;
        }
        pthread_mutex_lock(&board.lock);
        size_t size = handle(request, payload, answer);
        pthread_mutex_unlock(&board.lock);
        if (send(fd, answer, size, MSG_NOSIGNAL) != (ssize_t)size) {
            return;
        }
    }
}

static void *run(void *context)
{
    int fd;
    while ((fd = accept(board.listener, NULL, NULL)) >= 0) {
        serve(fd);
        close(fd);
    }
    return context;
}

void fake_board_start(void)
{
    memset(board.wires, 0, sizeof board.wires);
    memset(board.pulled_low, 0, sizeof board.pulled_low);
    snprintf(board.folder, sizeof board.folder, "/tmp/ferry-gpio-XXXXXX");
    bool made = mkdtemp(board.folder) != NULL;
    assert(made);
    board.address.sun_family = AF_UNIX;
    snprintf(board.address.sun_path, sizeof board.address.sun_path, "%s/bus", board.folder);
    board.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int bound = bind(board.listener, (const struct sockaddr *)&board.address, sizeof board.address);
    assert(bound == 0);
    int listening = listen(board.listener, 1);
    assert(listening == 0);
    setenv("FERRY_BUS_SOCKET", board.address.sun_path, 1);
    int started = pthread_create(&board.thread, NULL, run, NULL);
    assert(started == 0);
}

void fake_board_stop(void)
{
    char lines[sizeof board.address.sun_path + 8];
    shutdown(board.listener, SHUT_RDWR); /* ends accept() */
    pthread_join(board.thread, NULL);
    close(board.listener);
    snprintf(lines, sizeof lines, "%s.lines", board.address.sun_path);
    unlink(lines);
    unlink(board.address.sun_path);
    rmdir(board.folder);
}

char *fake_board_wire(unsigned line, char *wire)
{
    pthread_mutex_lock(&board.lock);
    memcpy(wire, board.wires[line], WIRE_SIZE);
    pthread_mutex_unlock(&board.lock);
    return wire;
}

void fake_board_pull_low(unsigned line)
{
    pthread_mutex_lock(&board.lock);
    board.pulled_low[line] = true;
    pthread_mutex_unlock(&board.lock);
}
