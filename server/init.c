#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "artifacts.h"
#include "http.h"
#include "image_check.h"
#include "store.h"
#include "token.h"

enum { EXIT_OK, EXIT_FAILED };

static const char config_text[] =
    "# Configuration of ferry-server. Relative paths count from this file's folder.\n"
    "\n"
    "# Without a certificate only loopback addresses are allowed, unless insecure_http = true.\n"
    "listen_address = 127.0.0.1\n"
    "listen_port = 8480\n"
    "#tls_cert = server.crt.pem\n"
    "#tls_key = server.key.pem\n"
    "#insecure_http = false\n"
    "\n"
    "# Base of the links that devices get, where a proxy stands before this server.\n"
    "#public_url = https://updates.example.org\n"
    "\n"
    "# Images must be signed with one of these keys (PEM, P-256). A list with commas.\n"
    "%spublic_keys = %s\n"
    "\n"
    "# How often devices ask, HH:MM:SS.\n"
    "poll_interval = 00:05:00\n"
    "\n"
    "# /version and /firmware without a token.\n"
    "#legacy_open = false\n"
    "\n"
    "#max_artifact_bytes = 16777216\n"
    "#max_connections = 256\n"
    "\n"
    "# error, warn, info or debug\n"
    "log_level = info\n";

static int fail(const char *what, const char *name)
{
    fprintf(stderr, "ferry-server: %s: %s: %s\n", name, what, strerror(errno));
    return EXIT_FAILED;
}

static bool copy_file(const char *from, const char *to)
{
    char bytes[16384];
    FILE *in = fopen(from, "rb");
    FILE *out = in != NULL ? fopen(to, "wbx") : NULL;
    size_t size = out != NULL ? fread(bytes, 1, sizeof bytes, in) : 0;
    bool ok = size > 0 && size < sizeof bytes && fwrite(bytes, 1, size, out) == size;
    if (in != NULL) {
        fclose(in);
    }
    if (out != NULL) {
        ok = fclose(out) == 0 && ok;
    }
    return ok;
}

/* Checks a key, copies it to keys/<number>.pem and adds that name to the list. */
static bool add_key(const char *data, const char *path, size_t number, char *list, size_t size)
{
    char target[ARTIFACTS_PATH_SIZE];
    struct image_keys keys = {.count = 0};
    const char *reason;
    size_t used = strlen(list);
    if (!image_keys_add(&keys, path, &reason)) {
        fprintf(stderr, "ferry-server: %s: %s\n", path, reason);
        return false;
    }
    snprintf(target, sizeof target, "%s/keys/%zu.pub.pem", data, number);
    snprintf(list + used, size - used, "%skeys/%zu.pub.pem", used > 0 ? ", " : "", number);
    if (copy_file(path, target)) {
        return true;
    }
    fail("cannot copy the key", target);
    return false;
}

static bool write_config(const char *path, const char *key_list)
{
    FILE *file = fopen(path, "wx");
    if (file == NULL) {
        return false;
    }
    bool has_keys = key_list[0] != '\0';
    int length = fprintf(file, config_text, has_keys ? "" : "#",
                         has_keys ? key_list : "keys/release.pub.pem");
    return fclose(file) == 0 && length > 0;
}

struct token_kind {
    const char *name;
    const char *prefix;
    const char *use;
};

static const struct token_kind token_kinds[] = {
    {"publish", "fpub", "for `ferry publish` and the status page"},
    {"enrol", "fenr", "for gateways: TargetToken or GatewayToken"},
};
enum { TOKEN_KINDS = sizeof token_kinds / sizeof token_kinds[0] };

/* Makes a token, stores its hash in place of all others of its kind, prints it. */
static bool issue(struct store *store, const struct token_kind *kind)
{
    char token[TOKEN_TEXT_SIZE];
    uint8_t hash[TOKEN_HASH_SIZE];
    if (!token_make(kind->prefix, token)) {
        return false;
    }
    token_hash(token, hash);
    bool ok = store_replace_tokens(store, kind->name, hash);
    if (ok) {
        printf("%-8s %s  (%s)\n", kind->name, token, kind->use);
    }
    OPENSSL_cleanse(token, sizeof token);
    return ok;
}

static bool issue_all(const char *data)
{
    struct store *store = store_open(data, true);
    if (store == NULL) {
        return false;
    }
    puts("Tokens, shown only now:");
    bool ok = true;
    for (size_t i = 0; ok && i < TOKEN_KINDS; i++) {
        ok = issue(store, &token_kinds[i]);
    }
    store_close(store);
    return ok;
}

int init_data(const char *data, const char *const keys[], size_t key_count)
{
    char path[ARTIFACTS_PATH_SIZE - 64];
    char list[64 * IMAGE_CHECK_KEYS_MAX] = "";
    char config[ARTIFACTS_PATH_SIZE];
    if (snprintf(path, sizeof path, "%s/ferry.db", data) >= (int)sizeof path) {
        return fail("the path is too long", "init");
    }
    if (mkdir(data, 0700) != 0 && errno != EEXIST) {
        return fail("cannot make the folder", data);
    }
    snprintf(config, sizeof config, "%s/server.conf", data);
    if (access(path, F_OK) == 0 || access(config, F_OK) == 0) {
        fprintf(stderr,
                "ferry-server: %s is in use: it has the data of a server already; start that by "
                "`ferry-server --config %s`, or give another folder\n",
                data, config);
        return EXIT_FAILED;
    }
    if (!artifacts_open_folder(data)) {
        return fail("cannot make its folders", data);
    }
    snprintf(path, sizeof path, "%s/keys", data);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail("cannot make the folder", path);
    }
    for (size_t i = 0; i < key_count; i++) {
        if (!add_key(data, keys[i], i + 1, list, sizeof list)) {
            return EXIT_FAILED;
        }
    }
    if (!issue_all(data)) {
        return EXIT_FAILED;
    }
    if (!write_config(config, list)) {
        return fail("cannot write", config);
    }
    if (key_count == 0) {
        printf("No public key yet: set public_keys in %s, or no image is accepted.\n", config);
    }
    printf("Start with: ferry-server --config %s\n", config);
    return EXIT_OK;
}

/* NULL after a message. */
static struct store *open_existing(const char *data)
{
    struct store *store = store_open(data, false);
    if (store == NULL) {
        fprintf(stderr, "ferry-server: no database in %s; make it by `ferry-server init`\n", data);
    }
    return store;
}

int init_renew_token(const char *data, const char *kind)
{
    const struct token_kind *found = NULL;
    for (size_t i = 0; i < TOKEN_KINDS; i++) {
        if (strcmp(kind, token_kinds[i].name) == 0) {
            found = &token_kinds[i];
        }
    }
    if (found == NULL) {
        fprintf(stderr, "ferry-server: the kinds of tokens are publish and enrol\n");
        return EXIT_FAILED;
    }
    struct store *store = open_existing(data);
    bool ok = store != NULL && issue(store, found);
    store_close(store);
    return ok ? EXIT_OK : EXIT_FAILED;
}

int init_add_target(const char *data, const char *controller)
{
    char token[TOKEN_TEXT_SIZE];
    uint8_t hash[TOKEN_HASH_SIZE];
    if (!http_is_name(controller)) {
        fprintf(stderr, "ferry-server: a target's name has 1 to 64 characters of "
                        "A-Z a-z 0-9 . _ -\n");
        return EXIT_FAILED;
    }
    struct store *store = open_existing(data);
    if (store == NULL || !token_make("ftgt", token)) {
        store_close(store);
        return EXIT_FAILED;
    }
    token_hash(token, hash);
    enum store_result result = store_add_target(store, controller, hash);
    store_close(store);
    if (result == STORE_CREATED) {
        printf("%s  (TargetToken of %s, shown only now)\n", token, controller);
    } else {
        fprintf(stderr, "ferry-server: %s: %s\n", controller,
                result == STORE_CONFLICT ? "this target exists already" : "not added");
    }
    OPENSSL_cleanse(token, sizeof token);
    return result == STORE_CREATED ? EXIT_OK : EXIT_FAILED;
}
