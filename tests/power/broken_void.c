/* An update that erases vectors as they stand: cuts in that erase have to find it. */
#include "rom_update.h"

enum { ERASE = 1, DISARM = 5 }; /* of enum work in rom_update.c */

int sound_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action);

int ferry_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action)
{
    if (update->ready && update->work >= DISARM) {
        update->work = ERASE;
    }
    return sound_rom_update_step(update, now_ms, action);
}
