/* Mbed TLS 3.6 as Ferry builds it: SHA-256 in its small form, and p256-m. */
#ifndef FERRY_MBEDTLS_CONFIG_H
#define FERRY_MBEDTLS_CONFIG_H

#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_PLATFORM_ZEROIZE_ALT
#define MBEDTLS_PSA_P256M_DRIVER_ENABLED

#endif
