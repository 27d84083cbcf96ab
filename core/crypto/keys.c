#include "ferry/crypto.h"

/*
 * DER SubjectPublicKeyInfo of an uncompressed P-256 point up to the point itself (RFC 5480):
 * SEQUENCE { SEQUENCE { OID ecPublicKey, OID prime256v1 }, BIT STRING { 0x04 | X | Y } }.
 */
static const uint8_t spki_prefix[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

void ferry_hash_copy(uint8_t to[FERRY_HASH_SIZE], const uint8_t from[FERRY_HASH_SIZE])
{
    memcpy(to, from, FERRY_HASH_SIZE);
}

bool ferry_hash_equal(const uint8_t a[FERRY_HASH_SIZE], const uint8_t b[FERRY_HASH_SIZE])
{
    return ferry_equal(a, b, FERRY_HASH_SIZE);
}

void ferry_pubkey_hash(const uint8_t point[FERRY_POINT_SIZE], uint8_t hash[FERRY_HASH_SIZE])
{
    struct ferry_sha256 sha;
    ferry_sha256_init(&sha);
    ferry_sha256_feed(&sha, spki_prefix, sizeof spki_prefix);
    ferry_sha256_feed(&sha, point, FERRY_POINT_SIZE);
    ferry_sha256_finish(&sha, hash);
}

const struct ferry_pubkey *ferry_keys_find(const struct ferry_keys *keys,
                                           const uint8_t hash[FERRY_HASH_SIZE])
{
    for (size_t i = 0; i < keys->count; i++) {
        if (ferry_hash_equal(keys->list[i].hash, hash)) {
            return &keys->list[i];
        }
    }
    return NULL;
}
