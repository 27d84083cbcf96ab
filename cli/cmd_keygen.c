#include "args.h"
#include "cli.h"
#include "hex.h"
#include "keyfile.h"
#include "pubkey_pem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int run(int argc, char **argv);

const struct cli_command cmd_keygen = {
    .name = "keygen",
    .summary = "make a signing key",
    .usage =
        "-o KEY.pem [--force]\n\n"
        "Makes a P-256 key pair: KEY.pem, the private key (PKCS#8, readable by you alone), and\n"
        "KEY.pub.pem, the public key for `ferry provision`, `ferry verify` and the server.\n"
        "Keep KEY.pem secret and backed up: whoever has it can sign firmware, and without it no\n"
        "node that trusts it can be updated.\n\n"
        "  -o FILE   where to write the private key\n"
        "  --force   replace existing files\n",
    .run = run,
};

static int make_key(const char *path, bool force)
{
    char *public_path = NULL;
    EVP_PKEY *pkey = keyfile_generate();
    bool ok = pkey != NULL && keyfile_save(pkey, path, force, &public_path);
    if (ok) {
        struct ferry_pubkey key;
        char text[HEX_TEXT_SIZE(FERRY_HASH_SIZE)];
        ferry_pubkey_from_evp(pkey, &key);
        printf("private key  %s\npublic key   %s\nkey hash     %s\n", path, public_path,
               hex_text(key.hash, sizeof key.hash, text));
    }
    free(public_path);
    EVP_PKEY_free(pkey);
    return ok ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    const char *output = NULL;
    bool force = false;
    const struct cli_option options[] = {{"-o", &output, NULL}, {"--force", NULL, &force}};
    struct cli_operands operands = {NULL, 0, 0};
    if (!cli_parse(&cmd_keygen, argc, argv, options, 2, &operands)) {
        return CLI_USAGE;
    }
    if (output == NULL) {
        return cli_usage(&cmd_keygen, "-o KEY.pem is missing");
    }
    if (!force && access(output, F_OK) == 0) {
        return cli_fail("%s exists; --force replaces it", output);
    }
    return make_key(output, force);
}
