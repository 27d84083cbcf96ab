/* An update that voids stack pointer and reset vector only: the handler of the fault that this
 * leads to still stands when the page is erased, and cuts in that erase have to find it. */
#include "rom_update.h"

enum { DISARM = 5, VOID = 6, LAST_SIZE = 8 }; /* of rom_update.c */

int sound_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action);

int ferry_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action)
{
    const bool begins = update->ready && update->work >= DISARM;
    const int status = sound_rom_update_step(update, now_ms, action);
    if (begins) {
        update->rom->request.count = update->work == VOID ? LAST_SIZE : LAST_SIZE / 2;
    }
    return status;
}
