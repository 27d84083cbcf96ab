#include "keyfile.h"

#include "cli.h"
#include "file.h"
#include "pubkey_pem.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

EVP_PKEY *keyfile_generate(void)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    if (pkey == NULL) {
        cli_fail("cannot make a key");
    }
    return pkey;
}

/* "path/key.pem" -> "path/key.pub.pem" */
static char *public_name(const char *path)
{
    static const char ending[] = ".pem";
    size_t stem = strlen(path);
    if (stem > strlen(ending) && strcmp(path + stem - strlen(ending), ending) == 0) {
        stem -= strlen(ending);
    }
    size_t size = stem + sizeof ".pub.pem";
    char *name = malloc(size);
    if (name != NULL) {
        snprintf(name, size, "%.*s.pub.pem", (int)stem, path);
    }
    return name;
}

static bool save_bio(BIO *bio, const char *path, mode_t mode, bool overwrite)
{
    char *text = NULL;
    long size = BIO_get_mem_data(bio, &text);
    return file_write(path, text, (size_t)size, mode, overwrite);
}

bool keyfile_save(EVP_PKEY *pkey, const char *path, bool overwrite, char **public_path)
{
    *public_path = public_name(path);
    BIO *secret = BIO_new(BIO_s_secmem()); /* wiped when freed */
    BIO *public = BIO_new(BIO_s_mem());
    bool ok = *public_path != NULL && secret != NULL && public != NULL &&
              PEM_write_bio_PKCS8PrivateKey(secret, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
              PEM_write_bio_PUBKEY(public, pkey) == 1;
    if (!ok) {
        cli_fail("cannot encode the key");
    } else if (!overwrite && access(*public_path, F_OK) == 0) {
        cli_fail("%s exists; --force replaces it", *public_path);
        ok = false;
    } else {
        ok = save_bio(secret, path, 0600, overwrite) &&
             save_bio(public, *public_path, 0644, overwrite);
    }
    BIO_free(secret);
    BIO_free(public);
    return ok;
}

EVP_PKEY *keyfile_load_private(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        cli_fail("cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    struct ferry_pubkey public;
    if (pkey == NULL || ferry_pubkey_from_evp(pkey, &public) != FERRY_OK) {
        cli_fail("%s holds no private P-256 key; `ferry keygen` makes one", path);
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return pkey;
}

bool keyfile_load_public(const char *path, struct ferry_pubkey *key)
{
    int status = ferry_pubkey_load_pem(path, key);
    if (status == FERRY_IO) {
        cli_fail("cannot open %s: %s", path, strerror(errno));
    } else if (status != FERRY_OK) {
        cli_fail("%s holds no public P-256 key; `ferry keygen -o KEY.pem` writes KEY.pub.pem too",
                 path);
    }
    return status == FERRY_OK;
}

size_t keyfile_sign(EVP_PKEY *pkey, const uint8_t hash[FERRY_HASH_SIZE],
                    uint8_t der[KEYFILE_DER_MAX])
{
    size_t size = KEYFILE_DER_MAX;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
              EVP_PKEY_sign(ctx, der, &size, hash, FERRY_HASH_SIZE) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!ok) {
        cli_fail("signing failed");
        return 0;
    }
    return size;
}
