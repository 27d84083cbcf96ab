/* The program ferry-sim from outside: exit codes, control and bus sockets, pty, state file. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64], socket_path[96], bus_path[96], link_path[96], state_path[96],
    flash_arg[512];

static pid_t start(const char *const *extra)
{
    const char *argv[24] = {getenv("FERRY_SIM"), "--quiet"};
    size_t n = 2;
    for (; *extra && n < 23; extra++)
        argv[n++] = *extra;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static int finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(const char *const *extra)
{
    return finish(start(extra));
}

static void nap(void)
{
    struct timespec t = {0, 10000000};
    nanosleep(&t, NULL);
}

static int dial_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    for (unsigned tries = 0; tries < 500; tries++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        close(fd);
        nap();
    }
    fail();
    return -1;
}

static int dial(void)
{
    return dial_to(socket_path);
}

static void ask(int fd, const char *line, const char *expected_part)
{
    char answer[8192];
    size_t used = 0;
    assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
    assert_int_equal(write(fd, "\n", 1), 1);
    while (used < sizeof answer - 1 && (used == 0 || answer[used - 1] != '\n')) {
        assert_int_equal(read(fd, answer + used, 1), 1);
        used++;
    }
    answer[used] = 0;
    if (!strstr(answer, expected_part))
        fail_msg("%s answered %s", line, answer);
}

static void usage_and_failure(void **state)
{
    (void)state;
    const char *board = "stm32f411_blackpill";
    assert_int_equal(run((const char *[]){"--help", NULL}), 0);
    assert_int_equal(run((const char *[]){"--version", NULL}), 0);
    assert_int_equal(run((const char *[]){NULL}), 2);
    assert_int_equal(run((const char *[]){"--nonsense", NULL}), 2);
    assert_int_equal(run((const char *[]){"--board", "toaster", NULL}), 2);
    assert_int_equal(run((const char *[]){"--board", board, "--speed", "-1", NULL}), 2);
    assert_int_equal(run((const char *[]){"--board", board, "--uid", "12", NULL}), 2);
    assert_int_equal(run((const char *[]){"--board", board, "--uart", "tcp", NULL}), 2);
    assert_int_equal(run((const char *[]){"--board", board, "--flash", "/no/such@0", NULL}), 1);
    assert_int_equal(run((const char *[]){"--board", board, "--control", "/no/such/dir/s", NULL}),
                     1);
    assert_int_equal(
        run((const char *[]){"--board", board, "--flash", flash_arg, "--until-ms", "20", NULL}), 0);
}

static void control_socket_answers_everything(void **state)
{
    (void)state;
    pid_t pid = start((const char *[]){"--board", "stm32f411_blackpill", "--flash", flash_arg,
                                       "--control", socket_path, "--paused", NULL});
    int fd = dial();
    ask(fd, "nonsense", "\"ok\":false");
    ask(fd, "[1]", "\"ok\":false");
    ask(fd, "{\"cmd\":7}", "cmd is missing");
    ask(fd, "{\"cmd\":\"fly\"}", "unknown command");
    ask(fd, "{\"cmd\":\"pin\",\"pin\":\"PX1\"}", "\"ok\":false");
    ask(fd, "{\"cmd\":\"pin\"}", "\"ok\":false");
    ask(fd, "{\"cmd\":\"run\",\"ms\":-1}", "\"ok\":false");
    ask(fd, "{\"cmd\":\"run\",\"ms\":\"x\"}", "\"ok\":false");
    ask(fd, "{\"cmd\":\"flash_hash\",\"address\":1}", "outside");
    ask(fd, "{\"cmd\":\"flash_hash\",\"address\":134217728,\"size\":524289}", "beyond");
    ask(fd, "{\"cmd\":\"flash_hash\",\"size\":1e300}", "beyond");
    ask(fd, "{\"cmd\":\"restore\",\"name\":\"none\"}", "no snapshot");
    ask(fd, "{\"cmd\":\"power_cut\",\"mode\":\"soft\"}", "lost, torn or done");
    ask(fd, "{\"cmd\":\"save\"}", "without --state");
    ask(fd, "{\"cmd\":\"status\"}", "\"time_ns\":0,");
    ask(fd, "{\"cmd\":\"snapshot\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"run\",\"ms\":600}", "\"time_ns\":600");
    ask(fd, "{\"cmd\":\"status\"}", "\"C13\":true");
    ask(fd, "{\"cmd\":\"restore\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"status\"}", "\"time_ns\":0,");
    ask(fd, "{\"cmd\":\"power_off\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"reset\"}", "power is off");
    ask(fd, "{\"cmd\":\"power_cycle\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"counters\"}", "\"resets\":2");
    ask(fd, "{\"cmd\":\"quit\"}", "\"ok\":true");
    close(fd);
    assert_int_equal(finish(pid), 0);
    assert_int_not_equal(access(socket_path, F_OK), 0);
}

static void events_stream(void **state)
{
    (void)state;
    pid_t pid = start((const char *[]){"--board", "stm32f411_blackpill", "--flash", flash_arg,
                                       "--control", socket_path, "--paused", NULL});
    int fd = dial(), events = dial();
    ask(events, "{\"cmd\":\"events\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"run\",\"ms\":600}", "\"ok\":true");
    ask(events, "", "\"event\":\"led\",\"led\":\"C13\",\"on\":true");
    kill(pid, SIGTERM);
    close(fd);
    close(events);
    assert_int_equal(finish(pid), 0);
    assert_int_not_equal(access(socket_path, F_OK), 0);
}

static void flash_and_option_bytes_by_hand(void **state)
{
    (void)state;
    pid_t pid = start((const char *[]){"--board", "stm32f407_discovery", "--control", socket_path,
                                       "--paused", NULL});
    int fd = dial();
    ask(fd, "{\"cmd\":\"flash_load\"}", "pairs of hex digits");
    ask(fd, "{\"cmd\":\"flash_load\",\"address\":134217728,\"hex\":\"123\"}",
        "pairs of hex digits");
    ask(fd, "{\"cmd\":\"flash_load\",\"address\":1,\"hex\":\"12\"}", "outside");
    ask(fd, "{\"cmd\":\"flash_load\",\"address\":135266303,\"hex\":\"1234\"}", "outside");
    ask(fd, "{\"cmd\":\"power_off\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"flash_load\",\"address\":135266302,\"hex\":\"Ab34\"}", "\"size\":2");
    ask(fd, "{\"cmd\":\"flash_hash\",\"address\":135266302}", /* SHA-256 of AB 34 */
        "4e12f1493623c3785c5681dc5b91ece8cebeade8391156952dfd020aa5167c79");
    ask(fd, "{\"cmd\":\"option_bytes\"}",
        "\"option_bytes\":\"0x0FFFAAEC\",\"bor_level\":0,\"rdp_level\":0,\"protected_sectors\":[]");
    ask(fd, "{\"cmd\":\"option_bytes\",\"value\":201217505}", /* 0x0BFE55E1 */
        "\"bor_level\":3,\"rdp_level\":1,\"protected_sectors\":[0,10]");
    ask(fd, "{\"cmd\":\"flash_load\",\"address\":536854528,\"hex\":\"f3aa\"}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"option_bytes\"}", "\"bor_level\":3,\"rdp_level\":0");
    ask(fd, "{\"cmd\":\"quit\"}", "\"ok\":true");
    close(fd);
    assert_int_equal(finish(pid), 0);
}

/* One request to the bus socket. @return the status; the payload of the answer in out */
static unsigned request(int fd, uint8_t op, uint8_t arg, const void *data, size_t size,
                        uint8_t *out, size_t *out_size)
{
    uint8_t head[4] = {op, arg, (uint8_t)size, (uint8_t)(size >> 8)};
    assert_int_equal(write(fd, head, 4), 4);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(recv(fd, head, 4, MSG_WAITALL), 4);
    *out_size = (size_t)(head[2] | head[3] << 8);
    assert_int_equal(head[1], 0);
    if (*out_size)
        assert_int_equal(recv(fd, out, *out_size, MSG_WAITALL), (ssize_t)*out_size);
    return head[0];
}

static unsigned line(int fd, uint8_t number, int level)
{
    uint8_t out[8], value = (uint8_t)level;
    size_t n;
    unsigned status =
        request(fd, level == -2 ? 4 : 3, number, &value, level == -2 ? 0 : 1, out, &n);
    return status == 0 && n == 1 ? 100u + out[0] : status;
}

static pid_t start_bus(const char *program)
{
    static char flash[512];
    snprintf(flash, sizeof flash, "%s/%s.bin", getenv("SIM_TEST_FIRMWARE"), program);
    return start((const char *[]){"--board", "stm32f411_blackpill", "--flash", flash, "--bus",
                                  bus_path, "--control", socket_path, NULL});
}

static void bus_socket_carries_spi_and_lines(void **state)
{
    (void)state;
    uint8_t out[256], spi[4 + 48] = {0x80, 0x96, 0x98, 0}; /* 10 MHz */
    size_t n;
    pid_t pid = start_bus("spi");
    int fd = dial_to(bus_path), control = dial();
    ask(control, "{\"cmd\":\"pause\"}", "\"ok\":true");
    ask(control, "{\"cmd\":\"run\",\"ms\":10}", "\"ok\":true");
    ask(control, "{\"cmd\":\"resume\"}", "\"ok\":true");
    assert_int_equal(request(fd, 1, 0, spi, sizeof spi, out, &n), 0);
    assert_int_equal(n, 48);
    for (unsigned i = 0; i < 48; i++)
        assert_int_equal(out[i], 0x40 + i);
    assert_int_equal(request(fd, 1, 0, spi, 4, out, &n), 0); /* only NSS */
    assert_int_equal(n, 0);
    assert_int_equal(request(fd, 1, 0, spi, 3, out, &n), 4);
    assert_int_equal(request(fd, 1, 9, spi, sizeof spi, out, &n), 4);
    assert_int_equal(request(fd, 77, 0, spi, 8, out, &n), 4);
    assert_int_equal(line(fd, 0, -2), 101);
    assert_int_equal(line(fd, 0, 0), 0);
    assert_int_equal(line(fd, 0, -2), 100);
    assert_int_equal(line(fd, 0, 0xFF), 0);
    assert_int_equal(line(fd, 1, -2), 100);
    assert_int_equal(line(fd, 16 + 18, 1), 0);
    assert_int_equal(line(fd, 16 + 18, -2), 101);
    assert_int_equal(line(fd, 5, 1), 4);
    assert_int_equal(line(fd, 0, 7), 4);
    ask(control, "{\"cmd\":\"pin\",\"pin\":\"NRST\",\"level\":0}", "\"level\":0");
    ask(control, "{\"cmd\":\"counters\"}", "\"spi_bytes\":48");
    ask(control, "{\"cmd\":\"power_off\"}", "\"ok\":true");
    assert_int_equal(request(fd, 1, 0, spi, sizeof spi, out, &n), 4);
    ask(control, "{\"cmd\":\"quit\"}", "\"ok\":true");
    close(fd);
    close(control);
    assert_int_equal(finish(pid), 0);
    assert_int_not_equal(access(bus_path, F_OK), 0);
}

#define I2C_HEAD 0x80, 0x1A, 0x06, 0, 50, 0, 0, 0 /* 400 kHz, 50 ms */

static void bus_socket_carries_i2c(void **state)
{
    (void)state;
    static const uint8_t both[] = {I2C_HEAD, 0, 3, 0, 'a', 'b', 'c', 1, 2, 0};
    static const uint8_t cut[] = {I2C_HEAD, 0, 9, 0, 'a'};
    static const uint8_t huge[] = {I2C_HEAD, 1, 0xFF, 0xFF, 1, 1, 0};
    uint8_t out[256];
    size_t n;
    pid_t pid = start_bus("i2c");
    int fd = dial_to(bus_path), other = dial_to(bus_path), control = dial();
    ask(control, "{\"cmd\":\"pause\"}", "\"ok\":true");
    ask(control, "{\"cmd\":\"run\",\"ms\":10}", "\"ok\":true");
    ask(control, "{\"cmd\":\"resume\"}", "\"ok\":true");
    assert_int_equal(request(fd, 2, 0x42, both, sizeof both, out, &n), 0);
    assert_int_equal(n, 2);
    assert_memory_equal(out, "\x80\x81", 2);
    assert_int_equal(request(other, 2, 0x43, both, sizeof both, out, &n), 1);
    assert_int_equal(n, 0);
    assert_int_equal(request(fd, 2, 0x42, both, 8, out, &n), 4); /* no message */
    assert_int_equal(request(fd, 2, 0x42, cut, sizeof cut, out, &n), 4);
    assert_int_equal(request(fd, 2, 0x42, huge, sizeof huge, out, &n), 4);
    assert_int_equal(request(fd, 2, 0x80, both, sizeof both, out, &n), 4);
    assert_int_equal(request(other, 2, 0x42, both, sizeof both, out, &n), 0);
    close(other); /* in the middle of nothing; and one in the middle of a request: */
    assert_int_equal(write(fd, "\x02\x42\x20", 3), 3);
    close(fd);
    fd = dial_to(bus_path);
    assert_int_equal(request(fd, 2, 0x42, both, sizeof both, out, &n), 0);
    ask(control, "{\"cmd\":\"quit\"}", "\"ok\":true");
    close(fd);
    close(control);
    assert_int_equal(finish(pid), 0);
}

static int open_link(void)
{
    for (unsigned tries = 0; tries < 500; tries++) {
        int fd = open(link_path, O_RDWR | O_NOCTTY);
        if (fd >= 0)
            return fd;
        nap();
    }
    fail();
    return -1;
}

static void pty_carries_the_console(void **state)
{
    (void)state;
    char uart[128], text[64] = {0};
    size_t used = 0;
    snprintf(uart, sizeof uart, "pty:%s", link_path);
    pid_t pid = start((const char *[]){"--board", "stm32f411_blackpill", "--flash", flash_arg,
                                       "--uart", uart, NULL});
    int fd = open_link();
    while (used < 15) {
        ssize_t n = read(fd, text + used, sizeof text - 1 - used);
        assert_true(n > 0);
        used += (size_t)n;
    }
    assert_string_equal(text, "hello 05f5e100\n");
    assert_int_equal(write(fd, "echo!", 5), 5);
    for (used = 0; used < 5;) {
        ssize_t n = read(fd, text + used, 5 - used);
        assert_true(n > 0);
        used += (size_t)n;
    }
    assert_memory_equal(text, "echo!", 5);
    close(fd);
    kill(pid, SIGINT);
    assert_int_equal(finish(pid), 0);
    struct stat info;
    assert_int_not_equal(lstat(link_path, &info), 0);
}

static void state_file_keeps_the_flash(void **state)
{
    (void)state;
    const char *board = "stm32f411_blackpill";
    assert_int_equal(run((const char *[]){"--board", board, "--flash", flash_arg, "--state",
                                          state_path, "--until-ms", "5", NULL}),
                     0);
    pid_t pid = start((const char *[]){"--board", board, "--state", state_path, "--control",
                                       socket_path, "--paused", NULL});
    int fd = dial();
    ask(fd, "{\"cmd\":\"run\",\"ms\":600}", "\"ok\":true");
    ask(fd, "{\"cmd\":\"status\"}", "\"C13\":true"); /* it has the program of the first run */
    ask(fd, "{\"cmd\":\"quit\"}", "\"ok\":true");
    close(fd);
    assert_int_equal(finish(pid), 0);
    assert_int_equal(truncate(state_path, 1000), 0);
    assert_int_equal(run((const char *[]){"--board", board, "--state", state_path, NULL}), 1);
}

/* One process for a state and for a link; what a killed one leaves behind bars nobody. */
static void files_in_use_are_refused(void **state)
{
    (void)state;
    char uart[128], target[2][128];
    struct stat info;
    snprintf(uart, sizeof uart, "pty:%s", link_path);
    const char *const common[] = {"--board", "stm32f411_blackpill", "--until-ms", "5"};
    const char *const with_state[] = {common[0], common[1],  common[2], common[3],
                                      "--state", state_path, NULL};
    const char *const with_link[] = {common[0], common[1], common[2], common[3],
                                     "--uart",  uart,      NULL};
    unlink(state_path);
    for (int signal_number = SIGKILL; signal_number != 0;
         signal_number = signal_number == SIGKILL ? SIGINT : 0) {
        pid_t pid = start((const char *[]){common[0], common[1], "--state", state_path, "--uart",
                                           uart, "--control", socket_path, "--paused", NULL});
        int fd = dial();
        ssize_t length = readlink(link_path, target[0], sizeof target[0]);
        assert_true(length > 0);
        assert_int_equal(run(with_state), 1);
        assert_int_equal(run(with_link), 1);
        assert_int_equal(readlink(link_path, target[1], sizeof target[1]), length);
        assert_memory_equal(target[0], target[1], (size_t)length);
        assert_int_not_equal(stat(state_path, &info), 0); /* nor did it save anything */
        close(fd);
        kill(pid, signal_number);
        finish(pid);
    }
    assert_int_equal(run(with_state), 0);
    assert_int_equal(run(with_link), 0);
    assert_int_equal(unlink(state_path), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ferry-sim-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(socket_path, sizeof socket_path, "%s/control", folder);
    snprintf(bus_path, sizeof bus_path, "%s/bus", folder);
    snprintf(link_path, sizeof link_path, "%s/uart", folder);
    snprintf(state_path, sizeof state_path, "%s/state", folder);
    snprintf(flash_arg, sizeof flash_arg, "%s/echo.bin@0x08000000", getenv("SIM_TEST_FIRMWARE"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(state_path);
    return rmdir(folder); /* nothing is left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_and_failure),
        cmocka_unit_test(control_socket_answers_everything),
        cmocka_unit_test(events_stream),
        cmocka_unit_test(flash_and_option_bytes_by_hand),
        cmocka_unit_test(bus_socket_carries_spi_and_lines),
        cmocka_unit_test(bus_socket_carries_i2c),
        cmocka_unit_test(pty_carries_the_console),
        cmocka_unit_test(files_in_use_are_refused),
        cmocka_unit_test(state_file_keeps_the_flash),
    };
    return cmocka_run_group_tests_name("sim_program", tests, set_up, tear_down);
}
