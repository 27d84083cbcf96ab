/* The crypto seam by Mbed TLS 3.6: its sha256.c, and p256-m for the signature. */
#include "ferry/crypto.h"

#include "mbedtls/platform_util.h"
#include "mbedtls/sha256.h"
#include "p256-m.h"
#include "psa/crypto.h"

_Static_assert(sizeof(mbedtls_sha256_context) <= sizeof(struct ferry_sha256), "hash state fits");

/* The library's context lives in the opaque words: its members need no more than their alignment.
 */
static mbedtls_sha256_context *context(struct ferry_sha256 *sha)
{
    return (mbedtls_sha256_context *)(void *)sha;
}

/* The library's calls fail only for a null context or where an accelerator does; here is none. */
void ferry_sha256_init(struct ferry_sha256 *sha)
{
    mbedtls_sha256_init(context(sha));
    (void)mbedtls_sha256_starts(context(sha), 0);
}

void ferry_sha256_feed(struct ferry_sha256 *sha, const void *data, size_t size_bytes)
{
    (void)mbedtls_sha256_update(context(sha), data, size_bytes);
}

void ferry_sha256_finish(struct ferry_sha256 *sha, uint8_t hash[FERRY_HASH_SIZE])
{
    (void)mbedtls_sha256_finish(context(sha), hash);
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
