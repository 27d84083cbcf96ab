/*
 * ferry/crypto.h - the seam to the hash and the signature check.
 *
 * Implementations (the build links one): core/crypto/crypto_mbedtls.c (Mbed TLS 3.6's sha256.c and
 * p256-m; nodes and host tests) and ports/posix/crypto_openssl.c (host programs). No heap.
 */
#ifndef FERRY_CRYPTO_H
#define FERRY_CRYPTO_H

#include "ferry/base.h"

enum { FERRY_HASH_SIZE = 32, FERRY_POINT_SIZE = 64, FERRY_SIGNATURE_SIZE = 64 };

void ferry_hash_copy(uint8_t to[FERRY_HASH_SIZE], const uint8_t from[FERRY_HASH_SIZE]);
bool ferry_hash_equal(const uint8_t a[FERRY_HASH_SIZE], const uint8_t b[FERRY_HASH_SIZE]);

/* Running hash, of less than 4 GB. Opaque; large enough for either implementation. May be copied.
 */
struct ferry_sha256 {
    uint64_t opaque[16];
};

void ferry_sha256_init(struct ferry_sha256 *sha);
void ferry_sha256_feed(struct ferry_sha256 *sha, const void *data, size_t size_bytes);
void ferry_sha256_finish(struct ferry_sha256 *sha, uint8_t hash[FERRY_HASH_SIZE]);

/*
 * ECDSA P-256 over a SHA-256 digest (FIPS 186-5).
 *   point: public key, X | Y, big-endian.
 *   signature: r | s, big-endian, 32 bytes each.
 * Returns OK or IMAGE_SIGNATURE (also for a point that is not on the curve).
 */
int ferry_p256_verify(const uint8_t point[FERRY_POINT_SIZE], const uint8_t hash[FERRY_HASH_SIZE],
                      const uint8_t signature[FERRY_SIGNATURE_SIZE]);

/*
 * Reads a DER ECDSA-Sig-Value (RFC 3279, section 2.2.3) into r | s.
 * Returns OK or IMAGE_SIGNATURE (malformed, too long, trailing bytes).
 */
int ferry_signature_from_der(const uint8_t *der, size_t size_bytes,
                             uint8_t signature[FERRY_SIGNATURE_SIZE]);

/* A public key that a node accepts. `hash` is SHA-256 over the DER SubjectPublicKeyInfo. */
struct ferry_pubkey {
    uint8_t hash[FERRY_HASH_SIZE];
    uint8_t point[FERRY_POINT_SIZE];
};

struct ferry_keys {
    const struct ferry_pubkey *list;
    size_t count;
};

/* The key with this hash, or NULL. */
const struct ferry_pubkey *ferry_keys_find(const struct ferry_keys *keys,
                                           const uint8_t hash[FERRY_HASH_SIZE]);

/* SHA-256 over the DER SubjectPublicKeyInfo of this point: the value of a KEYHASH TLV. */
void ferry_pubkey_hash(const uint8_t point[FERRY_POINT_SIZE], uint8_t hash[FERRY_HASH_SIZE]);

#endif
