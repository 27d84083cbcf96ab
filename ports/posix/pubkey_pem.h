/*
 * pubkey_pem.h - the public key of a PEM file as a node knows it. For host programs.
 */
#ifndef FERRY_POSIX_PUBKEY_PEM_H
#define FERRY_POSIX_PUBKEY_PEM_H

#include "ferry/crypto.h"

#include <openssl/evp.h>

/*
 * Point and hash of a P-256 key object, public or private.
 * Returns OK, or IMAGE_KEY where it is not on that curve.
 */
int ferry_pubkey_from_evp(const EVP_PKEY *pkey, struct ferry_pubkey *key);

/*
 * Reads a PEM "PUBLIC KEY" file.
 * Returns OK, IO (cannot be opened; see errno) or IMAGE_KEY (no PEM public key on P-256).
 */
int ferry_pubkey_load_pem(const char *path, struct ferry_pubkey *key);

#endif
