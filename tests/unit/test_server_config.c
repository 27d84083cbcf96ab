/* The configuration file: defaults, every key, and errors that name the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static char path[] = "/tmp/ferry-config-XXXXXX";
static struct server_config config;
static char error[CONFIG_ERROR_SIZE];

static bool load(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    error[0] = '\0';
    return config_load(path, &config, error);
}

static void refused(const char *text, const char *reason)
{
    assert_false(load(text));
    if (strstr(error, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error, reason);
    }
}

static void an_empty_file_gives_safe_defaults(void **state)
{
    (void)state;
    assert_true(load("# nothing\n"));
    assert_string_equal(config.listen_address, "127.0.0.1");
    assert_int_equal(config.listen_port, 8480);
    assert_string_equal(config.data, "/tmp");
    assert_string_equal(config.poll_interval, "00:05:00");
    assert_int_equal(config.max_artifact_bytes, 16 << 20);
    assert_false(config.insecure_http);
    assert_false(config.legacy_open);
    assert_int_equal(config.public_key_count, 0);
}

static void every_key_is_read(void **state)
{
    (void)state;
    assert_true(load("listen_address = ::1\nlisten_port = 0\ndata = /srv/ferry\n"
                     "tls_cert = cert.pem\ntls_key = /etc/key.pem\ninsecure_http = true\n"
                     "public_url = https://example.org\nlegacy_open = true\n"
                     "poll_interval = 23:59:59\nmax_artifact_bytes = 1024\n"
                     "max_connections = 8\nlog_level = debug\n"
                     "public_keys = a.pem ,  /b.pem,c.pem\n"));
    assert_string_equal(config.listen_address, "::1");
    assert_int_equal(config.listen_port, 0);
    assert_string_equal(config.data, "/srv/ferry");
    assert_string_equal(config.tls_cert, "/tmp/cert.pem");
    assert_string_equal(config.tls_key, "/etc/key.pem");
    assert_string_equal(config.public_url, "https://example.org");
    assert_true(config.insecure_http && config.legacy_open);
    assert_string_equal(config.poll_interval, "23:59:59");
    assert_int_equal(config.log_level, LEVEL_DEBUG);
    assert_int_equal(config.public_key_count, 3);
    assert_string_equal(config.public_keys[0], "/tmp/a.pem");
    assert_string_equal(config.public_keys[1], "/b.pem");
    assert_string_equal(config.public_keys[2], "/tmp/c.pem");
}

static void errors_name_the_line(void **state)
{
    (void)state;
    refused("\n\ncolour = red\n", "line 3: unknown key colour");
    refused("listen_port = 1\nlisten_port = 1\n", "line 2: listen_port is given twice");
    refused("listen_port\n", "line 1");
    refused("[tls]\nlisten_port = 1\n", "line 1: sections are not used");
    assert_false(config_load("/nonexistent/server.conf", &config, error));
}

static void values_outside_their_range_are_refused(void **state)
{
    static const char *const lines[] = {"listen_port = 65536",
                                        "listen_port = -1",
                                        "listen_port = 1x",
                                        "listen_port =",
                                        "listen_address = local",
                                        "listen_address = 1.2.3",
                                        "insecure_http = yes",
                                        "legacy_open = 1",
                                        "poll_interval = 0:05:00",
                                        "poll_interval = 00:60:00",
                                        "poll_interval = 00:00:60",
                                        "poll_interval = 00:00:00",
                                        "poll_interval = 00-05-00",
                                        "max_artifact_bytes = 1023",
                                        "max_artifact_bytes = 1073741825",
                                        "max_connections = 7",
                                        "log_level = noisy",
                                        "public_url = ftp://x",
                                        "public_url = http://x/",
                                        "data =",
                                        "max_artifact_bytes = 99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s\n", lines[i]);
        refused(text, "line 1");
    }
}

static void plain_http_stays_on_loopback(void **state)
{
    (void)state;
    refused("listen_address = 0.0.0.0\n", "loopback");
    refused("listen_address = ::\n", "loopback");
    assert_true(load("listen_address = 127.9.9.9\n"));
    assert_true(load("listen_address = 0.0.0.0\ninsecure_http = true\n"));
    assert_true(load("listen_address = 0.0.0.0\ntls_cert = a\ntls_key = b\n"));
    refused("tls_cert = a\n", "belong together");
    refused("tls_key = a\n", "belong together");
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_safe_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(values_outside_their_range_are_refused),
        cmocka_unit_test(plain_http_stays_on_loopback),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
