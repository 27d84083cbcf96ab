#include "boot_text.h"

#include "version_text.h"

#include "ferry/decide.h"

#include <inttypes.h>
#include <stdio.h>

const char *ferry_reset_cause_name(uint8_t cause)
{
    if ((cause & FERRY_RESET_WATCHDOG) != 0) {
        return "watchdog";
    }
    if ((cause & FERRY_RESET_FAULT) != 0) {
        return "fault";
    }
    if ((cause & FERRY_RESET_UPDATE) != 0) {
        return "update";
    }
    if ((cause & FERRY_RESET_SOFTWARE) != 0) {
        return "software";
    }
    if ((cause & FERRY_RESET_BROWNOUT) != 0 && (cause & FERRY_RESET_POWER) == 0) {
        return "brown-out";
    }
    if ((cause & FERRY_RESET_POWER) != 0) {
        return "power";
    }
    return (cause & FERRY_RESET_PIN) != 0 ? "pin" : "unknown";
}

static const char *action_name(uint8_t action)
{
    static const char *const names[] = {[FERRY_ACTION_BOOT_CONFIRMED] = "boot_confirmed",
                                        [FERRY_ACTION_START_TRIAL] = "start_trial",
                                        [FERRY_ACTION_CONTINUE_TRIAL] = "continue_trial",
                                        [FERRY_ACTION_REVERT_EXHAUSTED] = "revert_exhausted",
                                        [FERRY_ACTION_REVERT_BAD] = "revert_bad",
                                        [FERRY_ACTION_ADOPT_PREFERRED] = "adopt_preferred",
                                        [FERRY_ACTION_ADOPT_FALLBACK] = "adopt_fallback",
                                        [FERRY_ACTION_LISTEN] = "listen"};
    bool known = action < sizeof names / sizeof names[0] && names[action] != NULL;
    return known ? names[action] : "unknown";
}

void ferry_boot_print(const struct ferry_boot_log *boot, char text[FERRY_BOOT_TEXT_SIZE])
{
    char version[FERRY_VERSION_TEXT_SIZE] = "-";
    const char *slot = boot->slot == FERRY_SLOT_A ? "a" : boot->slot == FERRY_SLOT_B ? "b" : "-";
    if (slot[0] != '-') {
        ferry_version_print(&boot->version, version);
    }
    snprintf(text, FERRY_BOOT_TEXT_SIZE, "%" PRIu32 " %s %s %s %s %u %s", boot->boot,
             ferry_reset_cause_name(boot->reset_cause), action_name(boot->action), slot, version,
             boot->attempts, ferry_status_name(boot->error));
}
