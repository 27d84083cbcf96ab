/* Takes the place of core/boot/confirm.c: a bootloader runs no image, so there is no trial. */
#include "ferry/install.h"

int ferry_install_confirm(struct ferry_install *install, const uint8_t hash[FERRY_HASH_SIZE])
{
    (void)install;
    (void)hash;
    return FERRY_NOT_TRIAL;
}
