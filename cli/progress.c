#include "progress.h"

#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    REDRAW_MS = 100,
    PLAIN_MS = 1000,
    BAR_MAX = 30, /* characters between the brackets */
    BAR_MIN = 8,  /* a shorter one says nothing: left out */
    COLUMNS_MIN = 40,
    COLUMNS_DEFAULT = 80,
    TAIL_SIZE = 128
};

const char *progress_size(uint64_t bytes, char text[PROGRESS_SIZE_TEXT])
{
    if (bytes < 1000) {
        snprintf(text, PROGRESS_SIZE_TEXT, "%" PRIu64 " bytes", bytes);
    } else if (bytes < 1024 * 1024) {
        snprintf(text, PROGRESS_SIZE_TEXT, "%.1f KB", (double)bytes / 1024);
    } else {
        snprintf(text, PROGRESS_SIZE_TEXT, "%.1f MB", (double)bytes / (1024 * 1024));
    }
    return text;
}

/* Bytes a second since the beginning of this run. */
static double rate(const struct progress *progress, uint32_t now_ms)
{
    uint32_t gone_ms = now_ms - progress->started_ms;
    return gone_ms == 0 ? 0 : (double)(progress->done - progress->first) * 1000 / gone_ms;
}

static uint32_t percent(const struct progress *progress)
{
    return progress->total == 0 ? 100 : (uint32_t)(progress->done * 100 / progress->total);
}

/* "57 %  108.2 KB of 190.1 KB  90.0 KB/s  0:01 left"; returns its length. */
static int make_tail(const struct progress *progress, uint32_t now_ms, char tail[TAIL_SIZE])
{
    char done[PROGRESS_SIZE_TEXT];
    char total[PROGRESS_SIZE_TEXT];
    double speed = rate(progress, now_ms);
    int used = snprintf(tail, TAIL_SIZE, "%3" PRIu32 " %%  %s of %s", percent(progress),
                        progress_size(progress->done, done), progress_size(progress->total, total));
    if (speed >= 1) {
        uint64_t left_s = (uint64_t)((double)(progress->total - progress->done) / speed + 0.5);
        used += snprintf(tail + used, TAIL_SIZE - (size_t)used,
                         "  %s/s  %" PRIu64 ":%02" PRIu64 " left",
                         progress_size((uint64_t)speed, done), left_s / 60, left_s % 60);
    }
    return used < TAIL_SIZE ? used : TAIL_SIZE - 1;
}

/* The last column stays free: some terminals wrap as soon as it is written. */
static int line_width(void)
{
    struct winsize window;
    int columns = COLUMNS_DEFAULT;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
        columns = window.ws_col < COLUMNS_MIN ? COLUMNS_MIN : window.ws_col;
    }
    return columns - 1;
}

/* Where the line gets narrow, first the bar shrinks and goes, then the label, then the end. */
static void draw(struct progress *progress, uint32_t now_ms)
{
    char tail[TAIL_SIZE];
    char bar[BAR_MAX + 1] = "";
    int width = line_width();
    int tail_size = make_tail(progress, now_ms, tail);
    int label_size = (int)strnlen(progress->label, (size_t)width / 2);
    int room = width - label_size - tail_size - 5; /* two spaces, brackets, a space */
    if (room >= BAR_MIN) {
        size_t size = (size_t)(room < BAR_MAX ? room : BAR_MAX);
        memset(bar, '.', size);
        memset(bar, '#', (size_t)percent(progress) * size / 100);
        bar[size] = '\0';
        printf("\r%.*s  [%s] %s", label_size, progress->label, bar, tail);
    } else {
        printf("\r%.*s  %.*s", label_size, progress->label, width - label_size - 2, tail);
    }
    fputs("\033[K", stdout);
    fflush(stdout);
    progress->shown_ms = now_ms;
    progress->active = true;
}

static void print_line(struct progress *progress, uint32_t now_ms)
{
    char tail[TAIL_SIZE];
    make_tail(progress, now_ms, tail);
    printf("%s  %s\n", progress->label, tail);
    fflush(stdout);
    progress->shown_ms = now_ms;
    progress->shown_tenth = percent(progress) / 10;
    progress->active = false;
}

void progress_begin(struct progress *progress, const char *label, uint64_t done, uint64_t total)
{
    *progress = (struct progress){.label = label,
                                  .total = total,
                                  .done = done,
                                  .first = done,
                                  .started_ms = ferry_posix_now_ms(),
                                  .terminal = isatty(STDOUT_FILENO) != 0};
    progress->shown_ms = progress->started_ms;
    progress->shown_tenth = percent(progress) / 10;
    if (progress->terminal) {
        draw(progress, progress->started_ms);
    }
}

void progress_update(struct progress *progress, uint64_t done)
{
    uint32_t now_ms = ferry_posix_now_ms();
    progress->done = done;
    if (done < progress->first) {
        progress->first = done; /* the node asked for a sector again */
    }
    if (progress->terminal) {
        progress->active = true;
        if (now_ms - progress->shown_ms >= REDRAW_MS) {
            draw(progress, now_ms);
        }
        return;
    }
    progress->active = true;
    if (percent(progress) / 10 > progress->shown_tenth && now_ms - progress->shown_ms >= PLAIN_MS) {
        print_line(progress, now_ms);
    }
}

void progress_end(struct progress *progress)
{
    if (!progress->active) {
        return;
    }
    progress->active = false;
    if (progress->terminal) {
        draw(progress, ferry_posix_now_ms());
        progress->active = false;
        putchar('\n');
        fflush(stdout);
    } else {
        print_line(progress, ferry_posix_now_ms());
    }
}
