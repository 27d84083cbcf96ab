#include "boot_text.h"
#include "clock.h"
#include "node_session.h"
#include "version_text.h"

#include "ferry/decide.h"

#include <inttypes.h>
#include <stdio.h>

static int run(int argc, char **argv);

const struct cli_command cmd_log = {
    .name = "log",
    .summary = "show the last starts of a node",
    .usage =
        "--port PORT [--baud N]\n\n"
        "The newest start comes first. Logged are starts of an application, and those that found\n"
        "none and listen; one in which the bootloader was spoken to counts when it starts the\n"
        "application. A start that repeats the newest entry writes none: a crash loop is one\n"
        "entry, and the number counts entries. A node keeps as many as its journal has room for;\n"
        "where that is full, the newest starts may be missing.\n\n" NODE_SESSION_USAGE,
    .run = run,
};

enum { LOG_MAX = 1024 }; /* more than any journal holds: ends the loop on a node that never does */

static const char *action_text(uint8_t action)
{
    switch (action) {
    case FERRY_ACTION_BOOT_CONFIRMED:
        return "confirmed image started";
    case FERRY_ACTION_START_TRIAL:
        return "trial started";
    case FERRY_ACTION_CONTINUE_TRIAL:
        return "trial continued";
    case FERRY_ACTION_REVERT_EXHAUSTED:
        return "reverted: no attempts left";
    case FERRY_ACTION_REVERT_BAD:
        return "reverted: does not verify";
    case FERRY_ACTION_ADOPT_PREFERRED:
        return "unconfirmed image tried";
    case FERRY_ACTION_ADOPT_FALLBACK:
        return "confirmed image corrupt, other tried";
    case FERRY_ACTION_LISTEN:
        return "nothing bootable, listening";
    default:
        return "unknown";
    }
}

static void print_entry(const struct ferry_boot_log *entry)
{
    char version[FERRY_VERSION_TEXT_SIZE] = "-";
    if (entry->slot != FERRY_SLOT_NONE) {
        ferry_version_print(&entry->version, version);
    }
    printf("%8" PRIu32 "  %-9s  %-4s  %-12s  %-36s", entry->boot,
           ferry_reset_cause_name(entry->reset_cause), node_slot_name(entry->slot), version,
           action_text(entry->action));
    if (entry->error != 0) {
        printf("  %s", ferry_status_name(entry->error));
    }
    putchar('\n');
}

static int print_log(struct node_session *session)
{
    uint16_t first = 0;
    const struct ferry_log_answer *log = &session->link.sender.result.log;
    printf("%8s  %-9s  %-4s  %-12s  %s\n", "start", "reset", "slot", "version", "what was done");
    do {
        ferry_sender_log(&session->link.sender, first, ferry_posix_now_ms());
        int status = node_session_run(session);
        if (status != FERRY_OK) {
            return node_session_result(session, session->path, status);
        }
        for (uint8_t i = 0; i < log->count; i++) {
            print_entry(&log->entries[i]);
        }
        first = (uint16_t)(first + log->count);
    } while (log->count > 0 && first < LOG_MAX);
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    return node_session_command(&cmd_log, argc, argv, print_log);
}
