/*
 * The crypto seam by OpenSSL 3's libcrypto, for host programs.
 *
 * The hash keeps its state in the caller's struct, may be copied and is never freed: only the
 * SHA256_ calls of OpenSSL 1.1's API allow that, so that level is asked for here. The signature
 * check uses EVP.
 */
#define OPENSSL_API_COMPAT 10100

#include "ferry/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#include <string.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct ferry_sha256), "hash state fits");

static SHA256_CTX *context(struct ferry_sha256 *sha)
{
    return (SHA256_CTX *)(void *)sha;
}

void ferry_sha256_init(struct ferry_sha256 *sha)
{
    SHA256_Init(context(sha));
}

void ferry_sha256_feed(struct ferry_sha256 *sha, const void *data, size_t size_bytes)
{
    SHA256_Update(context(sha), data, size_bytes);
}

void ferry_sha256_finish(struct ferry_sha256 *sha, uint8_t hash[FERRY_HASH_SIZE])
{
    SHA256_Final(hash, context(sha));
}

/* The key object of a point, or NULL where it is not on the curve. The caller frees it. */
static EVP_PKEY *key_from_point(const uint8_t point[FERRY_POINT_SIZE])
{
    uint8_t uncompressed[1 + FERRY_POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(uncompressed + 1, point, FERRY_POINT_SIZE);
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, uncompressed,
                                          sizeof uncompressed),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* r | s as DER; returns its size, 0 on failure. The caller frees *der with OPENSSL_free. */
static size_t signature_to_der(const uint8_t signature[FERRY_SIGNATURE_SIZE], uint8_t **der)
{
    const int half = FERRY_SIGNATURE_SIZE / 2;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, half, NULL);
    BIGNUM *s = BN_bin2bn(signature + half, half, NULL);
    int size = 0;
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        size = i2d_ECDSA_SIG(pair, der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return size > 0 ? (size_t)size : 0;
}

int ferry_p256_verify(const uint8_t point[FERRY_POINT_SIZE], const uint8_t hash[FERRY_HASH_SIZE],
                      const uint8_t signature[FERRY_SIGNATURE_SIZE])
{
    int status = FERRY_IMAGE_SIGNATURE;
    uint8_t *der = NULL;
    size_t der_size = signature_to_der(signature, &der);
    EVP_PKEY *key = key_from_point(point);
    EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (ctx != NULL && der_size > 0 && EVP_PKEY_verify_init(ctx) == 1 &&
        EVP_PKEY_verify(ctx, der, der_size, hash, FERRY_HASH_SIZE) == 1) {
        status = FERRY_OK;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    return status;
}
