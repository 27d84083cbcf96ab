#include "token.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

enum { TOKEN_RANDOM_SIZE = 32 };

/* RFC 4648, section 5, without padding: 32 bytes give 43 characters. */
static void base64url(const uint8_t bytes[TOKEN_RANDOM_SIZE], char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < TOKEN_RANDOM_SIZE; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 6; count -= 6) {
            *out++ = alphabet[bits >> (count - 6) & 63];
        }
    }
    *out++ = alphabet[bits << (6 - count) & 63];
    *out = '\0';
}

bool token_make(const char *kind, char text[TOKEN_TEXT_SIZE])
{
    uint8_t random[TOKEN_RANDOM_SIZE];
    if (RAND_bytes(random, sizeof random) != 1) {
        return false;
    }
    snprintf(text, TOKEN_TEXT_SIZE, "%.4s_", kind);
    base64url(random, text + 5);
    OPENSSL_cleanse(random, sizeof random);
    return true;
}

void token_hash(const char *text, uint8_t hash[TOKEN_HASH_SIZE])
{
    SHA256((const unsigned char *)text, strlen(text), hash);
}

bool token_equal(const uint8_t a[TOKEN_HASH_SIZE], const uint8_t b[TOKEN_HASH_SIZE])
{
    return CRYPTO_memcmp(a, b, TOKEN_HASH_SIZE) == 0;
}
