#include "sim_internal.h"
bool sim_flash_l4_blank(const struct ferry_sim *b, uint32_t offset)
{
    (void)b;
    (void)offset;
    return true;
}
void sim_flash_l4_protect(struct ferry_sim *b, const uint8_t *pages, uint32_t count)
{
    (void)b;
    (void)pages;
    (void)count;
}
