#include "sweep_plan.h"

#include <stdlib.h>

/* tools/reliability names these: keep it true. */
enum {
    CLOSE_OPS = 40,   /* the record before the answer */
    RESET_STEP = 8,   /* of data words, by reset */
    DOUBLE_STEP = 16, /* of data words, on average, with a second cut */
    OUTCOMES = 16,    /* of a torn operation, where one of a pair of cuts is taken at random */
    PART_BLOCKS = 8   /* neighbours end alike, so a process takes them together */
};

static uint32_t next_random(uint32_t *state)
{
    uint32_t x = *state += 0x9E3779B9U; /* splitmix32: any seed will do */
    x = (x ^ x >> 16) * 0x21F0AAADU;
    x = (x ^ x >> 15) * 0x735A2D97U;
    return x ^ x >> 15;
}

static void add(struct sweep_plan *plan, const struct sweep_task *task)
{
    if (plan->count == plan->room) {
        plan->room = plan->room * 2 + 1024;
        plan->list = realloc(plan->list, plan->room * sizeof(*plan->list));
        if (plan->list == NULL) {
            sweep_die("out of memory");
        }
    }
    plan->list[plan->count++] = *task;
}

static void add_single(struct sweep_plan *plan, uint32_t op, enum sweep_mode mode, uint32_t seed)
{
    struct sweep_task task = {.first = {.op = op, .mode = (uint8_t)mode, .seed = seed}};
    add(plan, &task);
}

/* One of the ways to cut an operation; a torn one is unstable as often as not. */
static struct sweep_cut any_cut(uint32_t op, uint32_t base, uint32_t *random)
{
    uint32_t mode = next_random(random) % SWEEP_MODES;
    return (struct sweep_cut){op, (uint8_t)mode, base + next_random(random) % OUTCOMES};
}

/* Every way to cut one operation, with so many outcomes of a torn one. Of data words, `word` were
 * cut before this one; UINT32_MAX: it is none. */
static void add_operation(struct sweep_plan *plan, const struct sweep_options *options, uint32_t op,
                          uint32_t word, uint32_t seeds, uint32_t *random)
{
    bool is_word = word != UINT32_MAX;
    uint32_t base = options->seed * 1000;

    add_single(plan, op, SWEEP_LOST, 0);
    add_single(plan, op, SWEEP_DONE, 0);
    for (uint32_t i = 0; i < seeds; i++) { /* a single outcome: stable and unstable in turn */
        add_single(plan, op, SWEEP_TORN, base + i + (seeds == 1 && is_word ? word : 0));
    }
    if (!is_word || options->full || word % RESET_STEP == 0) {
        add_single(plan, op, SWEEP_NRST, base);
        add_single(plan, op, SWEEP_WDOG, base);
    }
    bool twice = !is_word || options->full || next_random(random) % DOUBLE_STEP == 0;
    for (uint32_t i = 0; twice && i < options->doubles; i++) {
        uint32_t reach = next_random(random) % 2 == 0 ? 48 : 1024; /* best soon */
        struct sweep_task task = {.first = any_cut(op, base, random),
                                  .second = any_cut(next_random(random) % reach, base, random),
                                  .twice = true};
        add(plan, &task);
    }
}

static void shuffle(struct sweep_plan *plan, uint32_t random)
{
    for (size_t i = plan->count; i > 1; i--) {
        size_t j = next_random(&random) % i;
        struct sweep_task task = plan->list[j];
        plan->list[j] = plan->list[i - 1];
        plan->list[i - 1] = task;
    }
}

/* How many outcomes of a torn data word; `cut` of them are cut already. */
static uint32_t seeds_of_word(const struct sweep_options *options, uint64_t cut)
{
    return options->full                    ? options->seeds
           : cut % options->word_every == 0 ? options->word_seeds
                                            : 1;
}

/* Leaves `count` of a shuffled list; half of them cut an erase, if there are so many. */
static void choose(struct sweep_plan *plan, const struct sweep_rig *rig, size_t count)
{
    size_t erases = 0;

    for (size_t i = 0; i < plan->count && erases < count / 2; i++) {
        if (sweep_rig_class(rig, plan->list[i].first.op) == SWEEP_ERASE) {
            struct sweep_task task = plan->list[i];
            plan->list[i] = plan->list[erases];
            plan->list[erases++] = task;
        }
    }
    plan->count = count < plan->count ? count : plan->count;
}

struct sweep_plan sweep_plan_make(const struct sweep_rig *rig, const struct sweep_options *options)
{
    struct sweep_plan plan = {.list = NULL};
    uint32_t random = options->seed, words = 0, cut = 0;

    for (uint32_t op = 0; op < rig->golden_count; op++) {
        enum sweep_class class = sweep_rig_class(rig, op);
        plan.ops[class]++;
        if (!rig->story->good && op + CLOSE_OPS < rig->accepted_at) {
            continue; /* until CLOSE a bad image is stored as a good one is: story bootloader */
        }
        bool word = class == SWEEP_WORD;
        if (!word || words++ % (options->step * rig->story->word_step) == 0) {
            uint32_t seeds = word ? seeds_of_word(options, cut) : options->seeds;
            plan.cut_ops[class]++;
            plan.all_seeds_words += word && seeds == options->seeds;
            add_operation(&plan, options, op, word ? cut++ : UINT32_MAX, seeds, &random);
        }
    }
    plan.listed = plan.count;
    if (options->seconds > 0 || options->trials > 0) {
        shuffle(&plan, options->seed);
    }
    if (options->trials > 0) {
        choose(&plan, rig, options->trials);
    }
    return plan;
}

bool sweep_plan_mine(const struct sweep_options *options, size_t trial, size_t count)
{
    size_t block = count / (options->parts * PART_BLOCKS) + 1;
    return trial / block % options->parts == options->part;
}

void sweep_plan_free(struct sweep_plan *plan)
{
    free(plan->list);
    plan->list = NULL;
}
