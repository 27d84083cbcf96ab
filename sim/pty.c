/* UARTs of the board on pseudo-terminals. */
#define _GNU_SOURCE
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define QUEUE_AHEAD 256u /* bytes taken from the pty ahead of the wire: the rest waits in it */

static void on_byte(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    (void)sim;
    (void)port;
    struct app_pty *p = ctx;
    if (p->out_count == APP_PTY_OUT) { /* nobody reads: as on a wire, the bytes are gone */
        p->out_head = (p->out_head + 1u) % APP_PTY_OUT;
        p->out_count--;
    }
    p->out[(p->out_head + p->out_count++) % APP_PTY_OUT] = byte;
}

static bool make_link(struct app_pty *p)
{
    struct stat info;
    if (!app_lock(&p->lock, p->link))
        return false;
    if (lstat(p->link, &info) == 0 && !S_ISLNK(info.st_mode)) {
        fprintf(stderr, "ferry-sim: %s exists and is no symbolic link\n", p->link);
        return false;
    }
    unlink(p->link);
    if (symlink(p->path, p->link) == 0)
        return true;
    fprintf(stderr, "ferry-sim: %s: %s\n", p->link, strerror(errno));
    return false;
}

/* The slave stays open here, so that a client that closes it does not hang up the line. */
static bool open_pair(struct app_pty *p)
{
    struct termios t;
    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (p->master < 0 || grantpt(p->master) != 0 || unlockpt(p->master) != 0 ||
        ptsname_r(p->master, p->path, sizeof p->path) != 0)
        return false;
    p->slave = open(p->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p->slave < 0 || tcgetattr(p->slave, &t) != 0 || ioctl(p->master, TIOCPKT, &(int){1}) != 0)
        return false;
    cfmakeraw(&t);
    cfsetspeed(&t, B921600);
    return tcsetattr(p->slave, TCSANOW, &t) == 0;
}

static int open_pty(struct app *app, struct app_pty *p, const char *name, const char *spec)
{
    if (!open_pair(p)) {
        fprintf(stderr, "ferry-sim: pty: %s\n", strerror(errno));
        return -1;
    }
    if (strncmp(spec, "pty:", 4) == 0) {
        p->link = spec + 4;
        if (!make_link(p)) {
            p->link = NULL;
            return -1;
        }
    }
    p->sim = app->sim;
    ferry_sim_on_uart(app->sim, p->port, on_byte, p);
    if (!app->options.quiet)
        fprintf(app->info, "%-6s %s%s%s\n", name, p->path, p->link ? " = " : "",
                p->link ? p->link : "");
    return 0;
}

int app_pty_open(struct app *app)
{
    const struct app_options *o = &app->options;
    int rom_port = ferry_sim_rom_port(app->sim);
    if (o->uart && open_pty(app, &app->pty[0], "uart", o->uart) != 0)
        return -1;
    if (!o->rom_uart)
        return 0;
    if (rom_port < 0 || (rom_port == 0 && o->uart)) {
        fprintf(stderr, rom_port < 0 ? "ferry-sim: ST's boot loader has no UART on this board\n"
                                     : "ferry-sim: on this board ST's boot loader is on the "
                                       "console's pins: use --uart alone\n");
        return -1;
    }
    app->pty[1].port = (unsigned)rom_port;
    return open_pty(app, &app->pty[1], "rom", o->rom_uart);
}

static void close_pty(struct app_pty *p)
{
    if (p->link)
        unlink(p->link);
    app_unlock(&p->lock);
    if (p->slave >= 0)
        close(p->slave);
    if (p->master >= 0)
        close(p->master);
    p->link = NULL;
    p->master = p->slave = -1;
}

void app_pty_close(struct app *app)
{
    for (size_t i = 0; i < APP_PTYS; i++)
        close_pty(&app->pty[i]);
}

/* The client's termios says at which rate it sends and hears: asked for each time, as a client that
 * only listens sends nothing that would tell. */
static void follow_baud(struct app_pty *p)
{
    uint32_t baud = app_pty_speed(p->master);
    if (baud != 0) /* 0 hangs up, or nothing is known: as before */
        ferry_sim_uart_baud(p->sim, p->port, baud);
}

static bool wants_input(const struct app_pty *p)
{
    return p->master >= 0 && ferry_sim_uart_queued(p->sim, p->port) < QUEUE_AHEAD;
}

size_t app_pty_poll(const struct app *app, struct pollfd *fds)
{
    size_t n = 0;
    for (size_t i = 0; i < APP_PTYS; i++) {
        if (wants_input(&app->pty[i]))
            fds[n++] = (struct pollfd){.fd = app->pty[i].master, .events = POLLIN};
    }
    return n;
}

/* The client flushed its output (tcflush): what is not on the wire yet never goes there. */
static void drop_input(struct app_pty *p)
{
    tcflush(p->master, TCIFLUSH);
    ferry_sim_uart_flush(p->sim, p->port);
}

/* In packet mode each read begins with a byte that is 0 before data (ioctl_tty(2), TIOCPKT). Others
 * stand alone, and data may be behind them: a client that drops its input before it sends. */
static ssize_t read_packet(struct app_pty *p, uint8_t *buffer, size_t size)
{
    ssize_t n;
    while ((n = read(p->master, buffer, size)) > 0 && buffer[0] != TIOCPKT_DATA) {
        if ((buffer[0] & TIOCPKT_FLUSHWRITE) != 0)
            drop_input(p);
    }
    return n;
}

static void to_board(struct app_pty *p)
{
    uint8_t packet[1 + QUEUE_AHEAD];
    ssize_t n = wants_input(p) ? read_packet(p, packet, sizeof packet) : 0;
    follow_baud(p); /* after the read: a client sets its rate, then sends */
    if (n > 0)
        ferry_sim_uart_send(p->sim, p->port, packet + 1, (size_t)n - 1);
}

static void from_board(struct app_pty *p)
{
    while (p->out_count) {
        size_t run = APP_PTY_OUT - p->out_head;
        run = run < p->out_count ? run : p->out_count;
        ssize_t n = write(p->master, p->out + p->out_head, run);
        if (n <= 0)
            return;
        p->out_head = (p->out_head + (size_t)n) % APP_PTY_OUT;
        p->out_count -= (size_t)n;
    }
}

bool app_pty_busy(const struct app *app)
{
    for (size_t i = 0; i < APP_PTYS; i++) {
        if (app->pty[i].master >= 0 && ferry_sim_uart_queued(app->sim, app->pty[i].port) > 0)
            return true;
    }
    return false;
}

void app_pty_serve(struct app *app)
{
    for (size_t i = 0; i < APP_PTYS; i++) {
        if (app->pty[i].master < 0)
            continue;
        to_board(&app->pty[i]);
        from_board(&app->pty[i]);
    }
}
