/*
 * Strict DER for the one structure that a node reads: SEQUENCE { INTEGER r, INTEGER s }.
 * Everything is shorter than 128 bytes, so that every length is one byte. One signature has one
 * accepted encoding: leading zeros, long lengths and trailing bytes are refused.
 */
#include "ferry/crypto.h"

#include <string.h>

enum { DER_INTEGER = 0x02, DER_SEQUENCE = 0x30, DER_HEADER_SIZE = 2 };
enum { SCALAR_SIZE = FERRY_SIGNATURE_SIZE / 2 };

/* Takes a positive INTEGER in its shortest form from `*at`, writes it big-endian to `out`. */
static bool take_scalar(const uint8_t **at, const uint8_t *end, uint8_t out[SCALAR_SIZE])
{
    if (end - *at <= DER_HEADER_SIZE || (*at)[0] != DER_INTEGER) {
        return false;
    }
    const uint8_t *digits = *at + DER_HEADER_SIZE;
    size_t length = (*at)[1];
    if (length == 0 || length > (size_t)(end - digits) || (digits[0] & 0x80) != 0) {
        return false; /* 0x80: negative */
    }
    *at = digits + length;
    if (digits[0] == 0) { /* only there to keep the number positive */
        digits++;
        length--;
        if (length == 0 || (digits[0] & 0x80) == 0) {
            return false;
        }
    }
    if (length > SCALAR_SIZE) {
        return false;
    }
    memset(out, 0, SCALAR_SIZE);
    memcpy(out + SCALAR_SIZE - length, digits, length);
    return true;
}

int ferry_signature_from_der(const uint8_t *der, size_t size_bytes,
                             uint8_t signature[FERRY_SIGNATURE_SIZE])
{
    if (size_bytes < DER_HEADER_SIZE || der[0] != DER_SEQUENCE ||
        der[1] != size_bytes - DER_HEADER_SIZE) {
        return FERRY_IMAGE_SIGNATURE;
    }
    const uint8_t *at = der + DER_HEADER_SIZE, *end = der + size_bytes;
    /* A length in more than one byte would announce more than two scalars can fill. */
    bool ok = take_scalar(&at, end, signature) && take_scalar(&at, end, signature + SCALAR_SIZE) &&
              at == end;
    return ok ? FERRY_OK : FERRY_IMAGE_SIGNATURE;
}
