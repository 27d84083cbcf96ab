/* The crypto seam by Mbed TLS 3.6: its sha256.c, and p256-m for the signature. */
#include "ferry/crypto.h"

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "mbedtls/platform_util.h"
#include "mbedtls/sha256.h"
#include "p256-m.h"
#include "psa/crypto.h"

#include <string.h>

enum { BLOCK_SIZE = 64 };

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct ferry_sha256), "hash state fits");

/* The library's context lives in the opaque words: its members need no more than their alignment.
 */
static mbedtls_sha256_context *context(struct ferry_sha256 *sha)
{
    return (mbedtls_sha256_context *)(void *)sha;
}

/* FIPS 180-4, 5.3.3. */
static const uint32_t first_state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/*
 * Only the library's compression function is used: 200 bytes of flash less than its calls, which
 * serve SHA-224 too. total[0] counts bytes; it fails only where an accelerator does, here is none.
 */
void ferry_sha256_init(struct ferry_sha256 *sha)
{
    memcpy(context(sha)->state, first_state, sizeof(first_state));
    context(sha)->total[0] = 0;
}

void ferry_sha256_feed(struct ferry_sha256 *sha, const void *data, size_t size_bytes)
{
    mbedtls_sha256_context *to = context(sha);
    const uint8_t *bytes = data;

    while (size_bytes > 0) {
        size_t at = to->total[0] % BLOCK_SIZE;
        size_t size = size_bytes < BLOCK_SIZE - at ? size_bytes : BLOCK_SIZE - at;
        memcpy(to->buffer + at, bytes, size);
        to->total[0] += (uint32_t)size;
        bytes += size;
        size_bytes -= size;
        if (at + size == BLOCK_SIZE) {
            (void)mbedtls_internal_sha256_process(to, to->buffer);
        }
    }
}

static void put_big(uint8_t *out, uint32_t value)
{
    ferry_put_u32(out, __builtin_bswap32(value));
}

/* Padding (5.1.1): a one bit, zeros, and the length in bits as the last eight bytes of a block. */
void ferry_sha256_finish(struct ferry_sha256 *sha, uint8_t hash[FERRY_HASH_SIZE])
{
    uint32_t size = context(sha)->total[0];
    uint8_t pad = 0x80, length[8];

    put_big(length, size >> 29);
    put_big(length + 4, size << 3);
    do {
        ferry_sha256_feed(sha, &pad, 1);
        pad = 0;
    } while (context(sha)->total[0] % BLOCK_SIZE != BLOCK_SIZE - sizeof(length));
    ferry_sha256_feed(sha, length, sizeof(length));
    for (int i = 0; i < 8; i++) {
        put_big(hash + 4 * i, context(sha)->state[i]);
    }
}

int ferry_p256_verify(const uint8_t point[FERRY_POINT_SIZE], const uint8_t hash[FERRY_HASH_SIZE],
                      const uint8_t signature[FERRY_SIGNATURE_SIZE])
{
    if (p256_ecdsa_verify(signature, point, hash, FERRY_HASH_SIZE) != P256_SUCCESS) {
        return FERRY_IMAGE_SIGNATURE;
    }
    return FERRY_OK;
}

/* What p256-m and sha256.c ask for. No secret passes here: a node knows public keys only. */
void mbedtls_platform_zeroize(void *buf, size_t len)
{
    volatile uint8_t *bytes = buf;
    while (len-- > 0) {
        *bytes++ = 0;
    }
}

/* p256-m's key generation and signing refer to it; no such function is ever called. */
psa_status_t psa_generate_random(uint8_t *output, size_t output_size)
{
    (void)output;
    (void)output_size;
    return PSA_ERROR_NOT_SUPPORTED;
}
