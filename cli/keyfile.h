/*
 * keyfile.h - P-256 keys in PEM files, by OpenSSL 3. Keys are opaque here and wiped when freed.
 */
#ifndef FERRY_CLI_KEYFILE_H
#define FERRY_CLI_KEYFILE_H

#include "ferry/crypto.h"

#include <openssl/evp.h>

enum { KEYFILE_DER_MAX = 72 }; /* longest DER ECDSA signature on P-256 */

/* A new key from the system's random numbers, or NULL after a message. Freed by EVP_PKEY_free. */
EVP_PKEY *keyfile_generate(void);

/*
 * Writes KEY.pem (PKCS#8, mode 0600) and the public key beside it: KEY.pub.pem where `path` ends
 * in .pem, else `path`.pub.pem, returned in `public_path` (freed by the caller).
 * Returns false after a message; without `overwrite` existing files are left alone.
 */
bool keyfile_save(EVP_PKEY *pkey, const char *path, bool overwrite, char **public_path);

/* Reads a private P-256 key (a passphrase is asked for), or NULL after a message. */
EVP_PKEY *keyfile_load_private(const char *path);

/* Reads a public P-256 key. Returns false after a message. */
bool keyfile_load_public(const char *path, struct ferry_pubkey *key);

/* Signs a SHA-256 digest. Returns the size of the DER signature, 0 after a message. */
size_t keyfile_sign(EVP_PKEY *pkey, const uint8_t hash[FERRY_HASH_SIZE],
                    uint8_t der[KEYFILE_DER_MAX]);

#endif
