#include "args.h"
#include "cli.h"
#include "server_client.h"

#include <stdio.h>
#include <time.h>

static int run(int argc, char **argv);

const struct cli_command cmd_releases = {
    .name = "releases",
    .summary = "list what a server has published, newest first",
    .usage = "--server URL --token T [--ca FILE] [--insecure-http] [--json]\n\n" SERVER_USAGE
             "  --json         the server's answer as it is\n",
    .run = run,
};

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "?";
}

static double number_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void print_release(const cJSON *release)
{
    char when[32] = "?";
    const cJSON *artifact;
    double created = number_of(release, "created");
    time_t seconds = created > 0 && created < 1e12 ? (time_t)created : 0;
    struct tm local;
    if (localtime_r(&seconds, &local) != NULL) {
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &local);
    }
    printf("%-12s  %s  %s\n", text_of(release, "version"), when, text_of(release, "name"));
    cJSON_ArrayForEach(artifact, cJSON_GetObjectItemCaseSensitive(release, "artifacts"))
    {
        printf("    %-24s slot %s  %8.0f bytes  counter %.0f  %.12s\n", text_of(artifact, "board"),
               text_of(artifact, "slot"), number_of(artifact, "size"),
               number_of(artifact, "security_counter"), text_of(artifact, "sha256"));
    }
}

static int print_text(const cJSON *answer)
{
    const cJSON *releases = cJSON_GetObjectItemCaseSensitive(answer, "releases");
    const cJSON *release;
    if (!cJSON_IsArray(releases)) {
        return cli_fail("the server's answer is not understood");
    }
    cJSON_ArrayForEach(release, releases)
    {
        print_release(release);
    }
    if (cJSON_HasObjectItem(answer, "next")) {
        puts("(older ones are not shown)");
    }
    return CLI_OK;
}

static int print_json(const cJSON *answer)
{
    char *text = cJSON_Print(answer);
    if (text == NULL) {
        return cli_fail("out of memory");
    }
    puts(text);
    cJSON_free(text);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    struct server_options server = {0};
    bool as_json = false;
    struct cli_operands none = {NULL, 0, 0};
    const struct cli_option options[] = {
        {"--server", &server.url, NULL}, {"--token", &server.token, NULL},
        {"--ca", &server.ca, NULL},      {"--insecure-http", NULL, &server.insecure_http},
        {"--json", NULL, &as_json},
    };
    if (!cli_parse(&cmd_releases, argc, argv, options, sizeof options / sizeof options[0], &none) ||
        !server_options_complete(&server)) {
        return CLI_USAGE;
    }
    struct server_client *client = server_client_open(&server);
    cJSON *answer = client != NULL ? server_client_ask(client, "/api/v1/releases", NULL) : NULL;
    int code = CLI_FAILED;
    if (answer != NULL) {
        code = as_json ? print_json(answer) : print_text(answer);
    }
    cJSON_Delete(answer);
    server_client_close(client);
    return code;
}
