/*
 * Takes the place of device/bootloader/confirm.c in a bootloader for test_stack_guard.py: a CONFIRM
 * makes it recurse until its stack is used up.
 */
#include "ferry/install.h"

static volatile uint32_t deepest = UINT32_MAX; /* nobody writes it: the compiler cannot know */

/* As large as the bootloader's largest frame, and touched at its two ends only. */
enum { FRAME = 528, WORDS = (FRAME - 24) / 4 };

static uint32_t recurse(uint32_t depth)
{
    volatile uint32_t here[WORDS];
    here[0] = depth;
    return depth == deepest ? 0 : recurse(depth + 1) + here[0];
}

int ferry_install_confirm(struct ferry_install *install, const uint8_t hash[FERRY_HASH_SIZE])
{
    (void)install;
    return recurse(hash[0]) == 0 ? FERRY_OK : FERRY_NOT_TRIAL;
}
