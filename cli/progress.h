/*
 * progress.h - how far a transfer is: a bar that redraws itself within one line of the terminal,
 * else plain lines, at most one a second and one each 10 %. On stdout. Neither allocates nor fails.
 */
#ifndef FERRY_CLI_PROGRESS_H
#define FERRY_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label; /* borrowed */
    uint64_t total;    /* bytes */
    uint64_t done;     /* bytes */
    uint64_t first;    /* where this run began: the rate does not count what was there before */
    uint32_t started_ms, shown_ms;
    uint32_t shown_tenth;
    bool terminal;
    bool active; /* a bar stands in the current line */
};

/* `done`: bytes that need no transfer (resume). */
void progress_begin(struct progress *progress, const char *label, uint64_t done, uint64_t total);
void progress_update(struct progress *progress, uint64_t done);

/* Shows the last state and ends the line; does nothing when no bar is shown. Call it also before
 * anything else is printed. */
void progress_end(struct progress *progress);

/* "190.1 KB", "12.3 MB"; returns `text`. */
enum { PROGRESS_SIZE_TEXT = 24 };
const char *progress_size(uint64_t bytes, char text[PROGRESS_SIZE_TEXT]);

#endif
