/*
 * board_sweep - power cuts at every flash operation of a whole update of the real ARM binaries, on
 * the virtual board, in virtual time. After each cut the gateway brings the update to its end, and
 * the invariants of DESIGN.md are checked. tools/torture makes the files and runs it.
 *
 *   board_sweep --board NAME --factory FILE.hex --image GOOD.img --bad BAD.img [options]
 *
 *   --stories LIST   of: bootloader application compact revert silent (default: all)
 *   --seeds N        random outcomes of a torn erase or journal word (default 16)
 *   --step N         cut at every n-th data word only, by one random outcome (default 1)
 *   --word-seeds N   random outcomes of a torn data word (default 1)
 *   --word-every N   ... of every N-th of the data words that are cut (default 1); of the others
 * one
 *   --double N       pairs of cuts for each erase or journal operation, and for one data word in
 *                    16: how both are cut and where in the recovery the second one lies is taken
 *                    at random; some never come (default 0)
 *   --full           every operation with all seeds, and --double 1 at least
 *   --trials N       of each story so many trials only, taken at random; half of them cut an erase,
 *                    if it has so many of these
 *   --seconds N      stop after this time; the trials are then taken in random order
 *   --seed N         where the random numbers start (default 1)
 *   --part I/N       the I-th (from 0) of N shares of the trials, for several processes
 *   --verify LIST    ADDRESS/SIZE/SIZE/SIZE of the signature check in bootloader and old
 *                    application, with commas: where it stands, bytes behind r0, r1, r2
 *   --no-shortcuts   follow every trial to its end (see sweep_rig.h)
 *   --check N        the first trial and each N-th after it is run again the long way, and must
 *                    end alike: followed to its end, the core at its own speed; then from the
 *                    start of the story, with each wait executed and not: the same to the last bit
 *                    and nanosecond; or, one in 4, with each wait and signature check executed: the
 *                    same flash to the last bit
 *   --stop           at the first violation
 *   --only OP:MODE:SEED[:OP:MODE:SEED]   one trial of one story, as a violation report names it
 *   --results FILE   totals as JSON
 *   --trace FILE     a line for each trial with a digest of its end, to compare two programs
 *
 * Exit status: 0 no violation, 1 violations or, without --seconds and --stop, a planned trial that
 * was not run, 2 usage or files.
 */
#include "sweep_options.h"
#include "sweep_plan.h"
#include "sweep_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PROGRESS_S = 10,
    VIOLATIONS_SHOWN = 20,
    PACE = 12,
    LARGE_IMAGE = 0x10000,
    EXECUTED_STEP = 4 /* of trials run once more, also without replay of signature checks */
};

struct totals {
    uint64_t trials[SWEEP_MODES], same, shortened, doubles, came, checked, executed;
    uint64_t ops[SWEEP_CLASSES], cut_ops[SWEEP_CLASSES];
    uint64_t all_seeds_words; /* data words cut with all outcomes of --word-seeds */
    uint64_t listed;          /* trials of all parts */
    uint64_t chosen;          /* ... that --trials left */
    uint64_t planned, done;   /* ... of this part */
    uint32_t violations;
    struct sweep_resumes resumes;
    FILE *trace;
};

static const char *const mode_names[SWEEP_MODES] = {"lost", "torn", "done", "nrst", "wdog"};
static const char *const class_names[SWEEP_CLASSES] = {"erase", "journal", "data"};

/* `room` is relative: records above what the bootloader keeps free (0: a new journal). The words of
 * the image are written the same way in all of them: the first two cut at each, the others at some.
 */
static const struct sweep_story stories[] = {
    {"bootloader", false, true, 0, 1}, {"application", true, true, 0, 1},
    {"compact", false, true, 1, 16},   {"compact-pending", true, true, 8, 16},
    {"revert", false, false, 0, 16},   {"silent", false, false, 0, 64},
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL || fseek(in, 0, SEEK_END) != 0) {
        sweep_die(path);
    }
    *size = (size_t)ftell(in);
    uint8_t *bytes = malloc(*size + 1);
    rewind(in);
    if (bytes == NULL || fread(bytes, 1, *size, in) != *size) {
        sweep_die(path);
    }
    fclose(in);
    return bytes;
}

static int memory_read(void *ctx, uint32_t offset, void *out, size_t size)
{
    const struct sweep_image *image = ctx;
    if (!ferry_within(offset, (uint32_t)size, (uint32_t)image->size)) {
        return FERRY_IO;
    }
    memcpy(out, image->bytes + offset, size);
    return FERRY_OK;
}

static struct sweep_image read_image(const char *path)
{
    struct sweep_image image;
    struct ferry_image parsed;
    uint8_t scratch[FERRY_IMAGE_TLV_MAX];

    image.bytes = read_file(path, &image.size);
    struct ferry_image_source source = {
        .ctx = &image, .read = memory_read, .size = (uint32_t)image.size};
    if (ferry_image_read(&source, scratch, &parsed) != FERRY_OK) {
        sweep_die(path);
    }
    memcpy(image.hash, parsed.hash, sizeof(image.hash));
    return image;
}

/* ---- running --------------------------------------------------------------------------------- */

static void report(const struct sweep_rig *rig, const struct sweep_task *task, uint32_t number)
{
    const struct sweep_op *op = &rig->golden[task->first.op];

    if (number > VIOLATIONS_SHOWN) {
        return;
    }
    fprintf(stderr, "VIOLATION of %s\n  story %s, --only %u:%s:%u", rig->peer.violation,
            rig->story->name, (unsigned)task->first.op, mode_names[task->first.mode],
            (unsigned)task->first.seed);
    if (task->twice) {
        fprintf(stderr, ":%u:%s:%u", (unsigned)task->second.op, mode_names[task->second.mode],
                (unsigned)task->second.seed);
    }
    fprintf(stderr, "\n  cut in %s (%s) at 0x%08x, %u bytes; durable %u, accepted %d, tried %d\n",
            op->erase ? "an erase" : "a word", class_names[sweep_rig_class(rig, task->first.op)],
            (unsigned)op->address, (unsigned)op->size, (unsigned)rig->peer.durable,
            rig->peer.accepted, rig->peer.tried);
}

struct way {
    uint32_t pace;
    bool replay, whole, skip; /* signature checks replayed; from the story's start; waits skipped */
};

/* The trial followed to its end in another way: does it end in a violation? */
static bool violates(struct sweep_rig *rig, const struct sweep_task *task, const struct way *way)
{
    bool came, memo = rig->memo;
    uint32_t pace = rig->pace;

    rig->memo = false;
    rig->pace = way->pace;
    rig->whole = way->whole;
    sweep_rig_replay(rig, way->replay);
    ferry_sim_shortcuts(rig->sim, way->skip);
    enum sweep_verdict verdict =
        sweep_rig_trial(rig, &task->first, task->twice ? &task->second : NULL, &came);
    ferry_sim_shortcuts(rig->sim, memo);
    sweep_rig_replay(rig, memo);
    rig->memo = memo;
    rig->pace = pace;
    rig->whole = false;
    return verdict == SWEEP_VIOLATED;
}

/* From the start, signature checks and waits executed: the same flash. Interrupts come at other
 * moments of a signature check, so time may differ. */
static bool differs_executed(struct sweep_rig *rig, const struct sweep_task *task, bool violated)
{
    const struct way way = {.pace = 1, .whole = true};
    uint64_t flash = sweep_rig_flash(rig);

    return violates(rig, task, &way) != violated || sweep_rig_flash(rig) != flash;
}

/* From the start (the large erase comes early), at the trial's pace: skipped waits change nothing.
 */
static bool differs_by_skipping(struct sweep_rig *rig, const struct sweep_task *task, bool violated)
{
    struct way way = {.pace = rig->pace, .replay = true, .whole = true, .skip = true};

    bool differs = violates(rig, task, &way) != violated;
    uint64_t digest = sweep_rig_digest(rig);
    way.skip = false;
    return violates(rig, task, &way) != violated || differs || sweep_rig_digest(rig) != digest;
}

/* The journal's state at the end is compared in every trial, see sweep_rig.c. */
static void check_again(struct sweep_rig *rig, const struct sweep_task *task, bool violated,
                        struct totals *totals)
{
    const struct way own_speed = {.pace = 1, .replay = true, .skip = true};
    struct sweep_resumes resumes = rig->resumes;
    bool executed = totals->checked++ % EXECUTED_STEP == 0;

    totals->executed += executed;
    if (violates(rig, task, &own_speed) != violated ||
        (executed ? differs_executed : differs_by_skipping)(rig, task, violated)) {
        sweep_violation(&rig->peer, "the short cuts: the long way ends differently");
        report(rig, task, ++totals->violations);
    }
    rig->resumes = resumes;
}

static void trace(FILE *out, const struct sweep_rig *rig, const struct sweep_task *task,
                  enum sweep_verdict verdict)
{
    if (out != NULL) {
        fprintf(out, "%s %u:%s:%u %u %llu %016llx %s\n", rig->story->name, (unsigned)task->first.op,
                mode_names[task->first.mode], (unsigned)task->first.seed, verdict,
                (unsigned long long)ferry_sim_time_ns(rig->sim),
                (unsigned long long)sweep_rig_digest(rig), rig->peer.violation);
    }
}

static void run_task(struct sweep_rig *rig, const struct sweep_task *task,
                     const struct sweep_options *options, struct totals *totals)
{
    bool came;
    enum sweep_verdict verdict =
        sweep_rig_trial(rig, &task->first, task->twice ? &task->second : NULL, &came);

    totals->done++;
    totals->trials[task->first.mode]++;
    totals->same += verdict == SWEEP_SAME;
    totals->doubles += task->twice;
    totals->came += came;
    if (verdict == SWEEP_VIOLATED) {
        report(rig, task, ++totals->violations);
    }
    trace(totals->trace, rig, task, verdict);
    if (options->check > 0 && (totals->done - 1) % options->check == 0) {
        check_again(rig, task, verdict == SWEEP_VIOLATED, totals);
    }
}

static void progress(const struct sweep_rig *rig, const struct sweep_plan *plan, size_t at,
                     double started_s, double *told_s, const struct totals *totals)
{
    double now = now_s();
    if (now - *told_s >= PROGRESS_S) {
        double share = ((double)at + 1) / (double)plan->count;
        *told_s = now;
        fprintf(stderr, "%s %s: %3.0f %%, %zu of %zu trials, %.0f s, %.0f s to go, %u violations\n",
                rig->board->name, rig->story->name, share * 100, at, plan->count, now - started_s,
                (now - started_s) / share - (now - started_s), (unsigned)totals->violations);
    }
}

static struct sweep_task parse_only(const char *text)
{
    struct sweep_task task = {.twice = false};
    unsigned op, seed, op2, seed2;
    char mode[8], mode2[8];

    int got = sscanf(text, "%u:%4[a-z]:%u:%u:%4[a-z]:%u", &op, mode, &seed, &op2, mode2, &seed2);
    if (got != 3 && got != 6) {
        sweep_die("--only wants OP:MODE:SEED");
    }
    task.twice = got == 6;
    task.first = (struct sweep_cut){.op = op, .seed = seed};
    task.second = (struct sweep_cut){.op = got == 6 ? op2 : 0, .seed = got == 6 ? seed2 : 0};
    for (uint8_t i = 0; i < SWEEP_MODES; i++) {
        task.first.mode = strcmp(mode, mode_names[i]) == 0 ? i : task.first.mode;
        if (task.twice && strcmp(mode2, mode_names[i]) == 0) {
            task.second.mode = i;
        }
    }
    return task;
}

static void add_resumes(struct sweep_resumes *sum, const struct sweep_resumes *part)
{
    for (size_t i = 0; i < SWEEP_BUCKETS; i++) {
        sum->behind_durable[i] += part->behind_durable[i];
        sum->behind_received[i] += part->behind_received[i];
    }
    sum->again += part->again;
}

static void add_plan(struct totals *totals, const struct sweep_plan *plan)
{
    for (size_t i = 0; i < SWEEP_CLASSES; i++) {
        totals->ops[i] += plan->ops[i];
        totals->cut_ops[i] += plan->cut_ops[i];
    }
    totals->all_seeds_words += plan->all_seeds_words;
    totals->listed += plan->listed;
    totals->chosen += plan->count;
}

static void sweep(struct sweep_rig *rig, const struct sweep_options *options, double until_s,
                  struct totals *totals)
{
    double started_s = now_s(), told_s = started_s;

    if (!sweep_rig_start(rig)) {
        fprintf(stderr, "VIOLATION without any cut, story %s: %s\n", rig->story->name,
                rig->peer.violation);
        totals->violations++;
        return;
    }
    struct sweep_plan plan = sweep_plan_make(rig, options);
    add_plan(totals, &plan);
    if (options->only != NULL) {
        plan.list[0] = parse_only(options->only);
        if (plan.list[0].first.op >= rig->golden_count) {
            sweep_die("--only: the story has not so many operations");
        }
        plan.count = 1;
    }
    uint64_t before = totals->done;
    size_t planned = 0;
    for (size_t i = 0; i < plan.count; i++) {
        planned += sweep_plan_mine(options, i, plan.count);
    }
    totals->planned += planned;
    for (size_t i = 0;
         i < plan.count && now_s() < until_s && !(options->stop && totals->violations > 0); i++) {
        if (sweep_plan_mine(options, i, plan.count)) {
            run_task(rig, &plan.list[i], options, totals);
            progress(rig, &plan, i, started_s, &told_s, totals);
        }
    }
    printf("%-20s %-16s %5u operations %7llu of %7zu trials %6.0f s %4u violations\n",
           rig->board->name, rig->story->name, (unsigned)rig->golden_count,
           (unsigned long long)(totals->done - before), planned, now_s() - started_s,
           (unsigned)totals->violations);
    fflush(stdout);
    sweep_plan_free(&plan);
}

/* ---- results --------------------------------------------------------------------------------- */

static void write_list(FILE *out, const char *name, const uint32_t *list)
{
    fprintf(out, "  \"%s\": [", name);
    for (size_t i = 0; i < SWEEP_BUCKETS; i++) {
        fprintf(out, "%s%u", i > 0 ? ", " : "", (unsigned)list[i]);
    }
    fprintf(out, "],\n");
}

static void write_results(const struct sweep_options *options, const struct totals *totals,
                          double duration_s)
{
    if (options->results == NULL) {
        return;
    }
    FILE *out = fopen(options->results, "w");
    if (out == NULL) {
        sweep_die(options->results);
    }
    fprintf(out, "{\n  \"board\": \"%s\",\n  \"stories\": \"%s\",\n", options->board,
            options->stories);
    for (size_t i = 0; i < SWEEP_CLASSES; i++) {
        fprintf(out, "  \"%s_operations\": %llu,\n  \"%s_operations_cut\": %llu,\n", class_names[i],
                (unsigned long long)totals->ops[i], class_names[i],
                (unsigned long long)totals->cut_ops[i]);
    }
    for (size_t i = 0; i < SWEEP_MODES; i++) {
        fprintf(out, "  \"%s\": %llu,\n", mode_names[i], (unsigned long long)totals->trials[i]);
    }
    write_list(out, "behind_durable", totals->resumes.behind_durable);
    write_list(out, "behind_received", totals->resumes.behind_received);
    fprintf(out,
            "  \"erased_again\": %u,\n  \"all_seeds_words\": %llu,\n  \"listed\": %llu,\n"
            "  \"chosen\": %llu,\n  \"planned\": %llu,\n  \"trials\": %llu,\n  \"same\": %llu,\n"
            "  \"shortened\": %llu,\n  \"checked\": %llu,\n  \"executed\": %llu,\n"
            "  \"pairs_each\": %u,\n  \"double\": %llu,\n  \"second_cuts\": %llu,\n"
            "  \"seeds\": %u,\n  \"word_seeds\": %u,\n  \"step\": %u,\n  \"seed\": %u,\n"
            "  \"pace\": %u,\n  \"idle_pace\": %u,\n"
            "  \"duration_s\": %.0f,\n  \"violations\": %u\n}\n",
            (unsigned)totals->resumes.again, (unsigned long long)totals->all_seeds_words,
            (unsigned long long)totals->listed, (unsigned long long)totals->chosen,
            (unsigned long long)totals->planned, (unsigned long long)totals->done,
            (unsigned long long)totals->same, (unsigned long long)totals->shortened,
            (unsigned long long)totals->checked, (unsigned long long)totals->executed,
            (unsigned)options->doubles, (unsigned long long)totals->doubles,
            (unsigned long long)totals->came, (unsigned)options->seeds,
            (unsigned)(options->full ? options->seeds : options->word_seeds),
            (unsigned)options->step, (unsigned)options->seed, (unsigned)PACE,
            (unsigned)(PACE * SWEEP_IDLE_FACTOR), duration_s, (unsigned)totals->violations);
    fclose(out);
}

static void print_resumes(const struct totals *totals)
{
    static const char *const names[SWEEP_BUCKETS] = {"0",       "to 1 KB", "to 2 KB",
                                                     "to 3 KB", "to 4 KB", "more"};
    printf("resume offset before the last  durable  received  acknowledgement\n");
    for (size_t i = 0; i < SWEEP_BUCKETS; i++) {
        printf("  %-26s %8u  %8u\n", names[i], (unsigned)totals->resumes.behind_durable[i],
               (unsigned)totals->resumes.behind_received[i]);
    }
    printf("  of these %u after a torn word cost a sector\n", (unsigned)totals->resumes.again);
}

static bool is_listed(const char *list, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = strstr(list, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == list || at[-1] == ',') && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static const char *image_of(const struct sweep_options *options, const struct sweep_story *story)
{
    return story->good                          ? options->image
           : strcmp(story->name, "silent") == 0 ? options->silent
                                                : options->bad;
}

/* How many stories are listed; each must exist and have its image. */
static uint32_t count_stories(const struct sweep_options *options)
{
    uint32_t found = 0, names = 1;

    for (const char *at = options->stories; *at != '\0'; at++) {
        names += *at == ',';
    }
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        found +=
            is_listed(options->stories, stories[i].name) && image_of(options, &stories[i]) != NULL;
    }
    if (found != names) {
        sweep_die("a story that does not exist, or one without its image");
    }
    return found;
}

int main(int argc, char **argv)
{
    static struct totals totals;
    struct sweep_options options = sweep_options_read(argc, argv);
    const struct ferry_board *board = ferry_board_find(options.board);
    struct sweep_files files = {0};
    double started_s = now_s(), left = count_stories(&options);

    totals.trace = options.trace == NULL ? NULL : fopen(options.trace, "w");
    if (board == NULL) {
        sweep_die("no such board");
    }
    files.factory_hex = (char *)read_file(options.factory, &files.factory_size);
    sweep_read_pure(options.verify, files.pure);
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        static struct sweep_rig rig;
        struct sweep_story story = stories[i];
        if (!is_listed(options.stories, story.name)) {
            continue;
        }
        double now = now_s();
        double rest_s = options.seconds > 0 ? started_s + options.seconds - now : 1e12;
        story.by_application = story.by_application && board->slot_count > 1;
        story.room += story.room > 0 ? ferry_journal_reserve(board) : 0;
        files.image = read_image(image_of(&options, &story));
        memset(&rig, 0, sizeof(rig));
        rig.board = board;
        rig.story = &story;
        rig.files = &files;
        rig.memo = !options.no_shortcuts;
        rig.pace =
            !rig.memo || files.image.size > LARGE_IMAGE ? 1 : PACE; /* hashing takes its time */
        sweep(&rig, &options, now + rest_s / left--, &totals);
        add_resumes(&totals.resumes, &rig.resumes);
        totals.shortened += rig.shortened;
        sweep_rig_free(&rig);
        free(files.image.bytes);
    }
    bool missed = totals.done != totals.planned && options.seconds == 0 && !options.stop;
    print_resumes(&totals);
    printf("%llu of %llu trials (%llu the same as an earlier one), %llu second cuts, %llu once "
           "more the "
           "long way (%llu of them executed from the start), %u violations%s\n",
           (unsigned long long)totals.done, (unsigned long long)totals.planned,
           (unsigned long long)totals.same, (unsigned long long)totals.came,
           (unsigned long long)totals.checked, (unsigned long long)totals.executed,
           (unsigned)totals.violations, missed ? "; not all that was planned" : "");
    write_results(&options, &totals, now_s() - started_s);
    free((void *)(uintptr_t)files.factory_hex);
    return totals.violations > 0 || missed;
}
