/*
 * Strict DER for the one structure that a node reads: SEQUENCE { INTEGER r, INTEGER s }.
 * Everything is shorter than 128 bytes, so that every length is one byte. One signature has one
 * accepted encoding: leading zeros, long lengths and trailing bytes are refused.
 */
#include "ferry/crypto.h"

#include <string.h>

enum { DER_INTEGER = 0x02, DER_SEQUENCE = 0x30, SCALAR_SIZE = FERRY_SIGNATURE_SIZE / 2 };

struct der_cursor {
    const uint8_t *at;
    size_t left;
};

/* Enters an element of this tag: its content becomes `content`, `cursor` moves behind it. */
static bool take_element(struct der_cursor *cursor, uint8_t tag, struct der_cursor *content)
{
    if (cursor->left < 2 || cursor->at[0] != tag) {
        return false;
    }
    size_t length = cursor->at[1];
    if (length >= 0x80 || length > cursor->left - 2) {
        return false;
    }
    content->at = cursor->at + 2;
    content->left = length;
    cursor->at += 2 + length;
    cursor->left -= 2 + length;
    return true;
}

/* A positive INTEGER in its shortest form, written big-endian to `out`. */
static bool take_scalar(struct der_cursor *cursor, uint8_t out[SCALAR_SIZE])
{
    struct der_cursor digits;
    if (!take_element(cursor, DER_INTEGER, &digits) || digits.left == 0) {
        return false;
    }
    if ((digits.at[0] & 0x80) != 0) { /* negative */
        return false;
    }
    if (digits.at[0] == 0) { /* only there to keep the number positive */
        digits.at++;
        digits.left--;
        if (digits.left == 0 || (digits.at[0] & 0x80) == 0) {
            return false;
        }
    }
    if (digits.left > SCALAR_SIZE) {
        return false;
    }
    memset(out, 0, SCALAR_SIZE);
    memcpy(out + SCALAR_SIZE - digits.left, digits.at, digits.left);
    return true;
}

int ferry_signature_from_der(const uint8_t *der, size_t size_bytes,
                             uint8_t signature[FERRY_SIGNATURE_SIZE])
{
    struct der_cursor file = {der, size_bytes};
    struct der_cursor pair;
    if (!take_element(&file, DER_SEQUENCE, &pair) || file.left != 0 ||
        !take_scalar(&pair, signature) || !take_scalar(&pair, signature + SCALAR_SIZE) ||
        pair.left != 0) {
        return FERRY_IMAGE_SIGNATURE;
    }
    return FERRY_OK;
}
