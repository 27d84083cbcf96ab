#include "pubkey_pem.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

int ferry_pubkey_from_evp(const EVP_PKEY *pkey, struct ferry_pubkey *key)
{
    char group[32];
    uint8_t encoded[1 + FERRY_POINT_SIZE]; /* SEC 1, 2.3.3: 04 | X | Y */
    size_t size = 0;
    if (EVP_PKEY_get_group_name(pkey, group, sizeof group, &size) != 1 ||
        strcmp(group, "prime256v1") != 0) {
        return FERRY_IMAGE_KEY;
    }
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded,
                                        &size) != 1 ||
        size != sizeof encoded || encoded[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return FERRY_IMAGE_KEY;
    }
    memcpy(key->point, encoded + 1, FERRY_POINT_SIZE);
    ferry_pubkey_hash(key->point, key->hash);
    return FERRY_OK;
}

int ferry_pubkey_load_pem(const char *path, struct ferry_pubkey *key)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return FERRY_IO;
    }
    EVP_PKEY *pkey = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    fclose(file);
    int status = pkey != NULL ? ferry_pubkey_from_evp(pkey, key) : FERRY_IMAGE_KEY;
    EVP_PKEY_free(pkey);
    return status;
}
