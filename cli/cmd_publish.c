#include "args.h"
#include "cli.h"
#include "file.h"
#include "progress.h"
#include "server_client.h"
#include "version_text.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const struct cli_command cmd_publish = {
    .name = "publish",
    .summary = "upload signed images and make them a release",
    .usage =
        "--server URL --token T [--ca FILE] [--insecure-http] [--name NAME] IMAGE...\n\n"
        "All images carry the same version, which becomes the release's. Publishing the same\n"
        "again changes nothing; other content for a published version is refused.\n\n" SERVER_USAGE
        "  --name NAME    name of the release (default: its version)\n",
    .run = run,
};

enum { IMAGES_MAX = 32 };

static void show_progress(void *ctx, size_t sent, size_t total)
{
    (void)total;
    progress_update(ctx, sent);
}

static void end_progress(void *ctx)
{
    progress_end(ctx);
}

/* Without its folders: a line has little room. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Reads the claims of an image, for its version. Returns false after a message. */
static bool read_version(const char *path, struct file_bytes *file,
                         char version[FERRY_VERSION_TEXT_SIZE])
{
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];
    struct ferry_image image;
    if (!file_read(path, file)) {
        return false;
    }
    struct ferry_image_source source = file_image_source(file);
    int status = ferry_image_read(&source, scratch, &image);
    if (status != FERRY_OK) {
        cli_fail_status(path, status);
        file_free(file);
        return false;
    }
    ferry_version_print(&image.header.version, version);
    return true;
}

/* All images have one version. Checked before the first upload. */
static bool find_version(const struct cli_operands *images, char version[FERRY_VERSION_TEXT_SIZE])
{
    for (size_t i = 0; i < images->count; i++) {
        struct file_bytes file;
        char found[FERRY_VERSION_TEXT_SIZE];
        if (!read_version(images->list[i], &file, found)) {
            return false;
        }
        file_free(&file);
        if (i == 0) {
            memcpy(version, found, sizeof found);
        } else if (strcmp(version, found) != 0) {
            cli_fail("%s has version %s, %s has %s: a release has one version", images->list[0],
                     version, images->list[i], found);
            return false;
        }
    }
    return true;
}

/* Uploads one image and adds its SHA-256 to `hashes`. */
static bool upload_image(struct server_client *client, const char *path, cJSON *hashes)
{
    struct file_bytes file;
    struct progress progress;
    if (!file_read(path, &file)) {
        return false;
    }
    const struct server_upload upload = {.type = "application/octet-stream",
                                         .bytes = file.bytes,
                                         .size = file.size,
                                         .progress = show_progress,
                                         .end = end_progress,
                                         .ctx = &progress};
    progress_begin(&progress, file_name(path), 0, file.size);
    cJSON *answer = server_client_ask(client, "/api/v1/artifacts", &upload);
    progress_end(&progress); /* when it did not come to an exchange */
    file_free(&file);
    const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "sha256"));
    const char *board = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "board"));
    const char *slot = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "slot"));
    bool ok = hash != NULL && board != NULL && slot != NULL;
    if (ok) {
        printf("uploaded   %s (%s, slot %s)%s\n", path, board, slot,
               server_client_created(client) ? "" : ": already there");
        cJSON_AddItemToArray(hashes, cJSON_CreateString(hash));
    } else if (answer != NULL) {
        cli_fail("the server's answer to the upload of %s is not understood", path);
    }
    cJSON_Delete(answer);
    return ok;
}

static bool make_release(struct server_client *client, const cJSON *release)
{
    char *text = cJSON_PrintUnformatted(release);
    if (text == NULL) {
        cli_fail("out of memory");
        return false;
    }
    const struct server_upload upload = {
        .type = "application/json", .bytes = text, .size = strlen(text)};
    cJSON *answer = server_client_ask(client, "/api/v1/releases", &upload);
    cJSON_free(text);
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "version"));
    if (version != NULL) {
        printf("published  %s%s\n", version,
               server_client_created(client) ? "" : ": already there");
    } else if (answer != NULL) {
        cli_fail("the server's answer to the release is not understood");
    }
    bool ok = version != NULL;
    cJSON_Delete(answer);
    return ok;
}

static bool publish(const struct server_options *options, const char *name,
                    const struct cli_operands *images)
{
    char version[FERRY_VERSION_TEXT_SIZE];
    if (!find_version(images, version)) {
        return false;
    }
    struct server_client *client = server_client_open(options);
    if (client == NULL) {
        return false;
    }
    cJSON *release = cJSON_CreateObject();
    cJSON_AddStringToObject(release, "version", version);
    if (name != NULL) {
        cJSON_AddStringToObject(release, "name", name);
    }
    cJSON *hashes = cJSON_AddArrayToObject(release, "artifacts");
    bool ok = true;
    for (size_t i = 0; ok && i < images->count; i++) {
        ok = upload_image(client, images->list[i], hashes);
    }
    ok = ok && make_release(client, release);
    cJSON_Delete(release);
    server_client_close(client);
    return ok;
}

static int run(int argc, char **argv)
{
    struct server_options server = {0};
    const char *name = NULL;
    const char *paths[IMAGES_MAX];
    struct cli_operands images = {paths, IMAGES_MAX, 0};
    const struct cli_option options[] = {
        {"--server", &server.url, NULL}, {"--token", &server.token, NULL},
        {"--ca", &server.ca, NULL},      {"--insecure-http", NULL, &server.insecure_http},
        {"--name", &name, NULL},
    };
    if (!cli_parse(&cmd_publish, argc, argv, options, sizeof options / sizeof options[0],
                   &images)) {
        return CLI_USAGE;
    }
    if (images.count == 0) {
        return cli_usage(&cmd_publish, "name at least one image");
    }
    if (!server_options_complete(&server)) {
        return CLI_USAGE;
    }
    return publish(&server, name, &images) ? CLI_OK : CLI_FAILED;
}
