/* Does to flash what the test tells: one erase, one word, or a long look at a word. */
#include "fw.h"

enum { IDLE, ERASE, WORD, LOOK, TIMES = 2000 };

/* RESULTS[3]: bits of the word that did not always read the same. */
static void look(uint32_t address)
{
    uint32_t once = 0, always = 0xFFFFFFFFu;
    for (uint32_t i = 0; i < TIMES; i++) {
        uint32_t word = REG(address);
        once |= word;
        always &= word;
    }
    RESULTS[3] = once & ~always;
}

int main(void)
{
    RESULTS[0] = IDLE;
    fw_flash_unlock();
    for (;;) {
        uint32_t what;
        while ((what = RESULTS[0]) == IDLE)
            ;
        if (what == ERASE)
            fw_flash_erase(RESULTS[1]);
        else if (what == WORD)
            fw_flash_word(RESULTS[1], RESULTS[2]);
        else if (what == LOOK)
            look(RESULTS[1]);
        RESULTS[0] = IDLE;
    }
}
