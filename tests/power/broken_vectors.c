/* An update that writes its vectors where they stand, before the rest: cuts have to find that. It
 * stands before the archive, with the sound step under another name behind it. */
#include "rom_update.h"

enum { WRITE = 3 }; /* of enum work in rom_update.c */

int sound_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action);

int ferry_rom_update_step(struct ferry_rom_update *update, uint32_t now_ms,
                          struct ferry_rom_action *action)
{
    const bool early = update->ready && update->work == WRITE &&
                       update->phase == FERRY_ROM_UPDATE_PROGRAM &&
                       update->at < FERRY_ROM_VECTORS_SIZE;
    if (early) {
        update->phase = FERRY_ROM_UPDATE_COMPARE; /* so that the chunk is not kept for later */
    }
    const int status = sound_rom_update_step(update, now_ms, action);
    if (early) {
        update->phase = FERRY_ROM_UPDATE_PROGRAM;
    }
    return status;
}
