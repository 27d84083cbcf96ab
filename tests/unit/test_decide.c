/*
 * The boot decision. Row by row; every combination of facts; and a small model of a node that
 * carries the decisions out, from every state it can be in.
 */
#include "ferry/decide.h"
#include "ferry/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { UNKNOWN = FERRY_CHECK_UNKNOWN, GOOD = FERRY_CHECK_GOOD, BAD = FERRY_CHECK_BAD };

/* ---- rows ------------------------------------------------------------------------------------ */

static const struct {
    struct ferry_facts facts; /* phase, left, confirmed, single, rejected, cand., pref., fallback */
    enum ferry_action action;
} rows[] = {
    {{FERRY_PHASE_PENDING, 1, 1, 0, 0, UNKNOWN, UNKNOWN, UNKNOWN}, FERRY_ACTION_VERIFY_CANDIDATE},
    {{FERRY_PHASE_PENDING, 1, 1, 0, 0, GOOD, GOOD, BAD}, FERRY_ACTION_START_TRIAL},
    {{FERRY_PHASE_PENDING, 1, 1, 0, 0, BAD, GOOD, BAD}, FERRY_ACTION_REVERT_BAD},
    {{FERRY_PHASE_TRIAL, 0, 1, 0, 0, GOOD, GOOD, GOOD}, FERRY_ACTION_REVERT_EXHAUSTED},
    {{FERRY_PHASE_TRIAL, 1, 1, 0, 0, UNKNOWN, GOOD, UNKNOWN}, FERRY_ACTION_VERIFY_CANDIDATE},
    {{FERRY_PHASE_TRIAL, 1, 1, 0, 0, GOOD, GOOD, GOOD}, FERRY_ACTION_CONTINUE_TRIAL},
    {{FERRY_PHASE_TRIAL, 1, 1, 0, 0, BAD, GOOD, BAD}, FERRY_ACTION_REVERT_BAD},
    {{FERRY_PHASE_NONE, 0, 0, 1, 1, GOOD, GOOD, GOOD}, FERRY_ACTION_LISTEN},
    {{FERRY_PHASE_NONE, 0, 1, 0, 0, BAD, UNKNOWN, UNKNOWN}, FERRY_ACTION_VERIFY_PREFERRED},
    {{FERRY_PHASE_NONE, 0, 1, 0, 0, BAD, GOOD, UNKNOWN}, FERRY_ACTION_BOOT_CONFIRMED},
    {{FERRY_PHASE_FILLING, 0, 1, 0, 0, BAD, GOOD, UNKNOWN}, FERRY_ACTION_BOOT_CONFIRMED},
    {{FERRY_PHASE_FILLING, 0, 0, 1, 0, GOOD, GOOD, GOOD}, FERRY_ACTION_LISTEN},
    {{FERRY_PHASE_FILLING, 0, 0, 1, 0, BAD, GOOD, GOOD}, FERRY_ACTION_LISTEN},
    {{FERRY_PHASE_FILLING, 0, 1, 1, 0, GOOD, GOOD, GOOD}, FERRY_ACTION_BOOT_CONFIRMED},
    {{FERRY_PHASE_NONE, 0, 0, 0, 0, BAD, GOOD, UNKNOWN}, FERRY_ACTION_ADOPT_PREFERRED},
    {{FERRY_PHASE_NONE, 0, 1, 0, 0, BAD, BAD, UNKNOWN}, FERRY_ACTION_VERIFY_FALLBACK},
    {{FERRY_PHASE_NONE, 0, 1, 0, 0, GOOD, BAD, GOOD}, FERRY_ACTION_ADOPT_FALLBACK},
    {{FERRY_PHASE_NONE, 0, 1, 0, 0, BAD, BAD, BAD}, FERRY_ACTION_LISTEN},
    {{FERRY_PHASE_NONE, 0, 1, 1, 0, BAD, BAD, BAD}, FERRY_ACTION_LISTEN},
};

static void each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(ferry_decide(&rows[i].facts), rows[i].action);
    }
}

/* ---- every combination ----------------------------------------------------------------------- */

/* The only slot was given up for an image that CLOSE has not accepted yet. */
static bool is_unclosed(const struct ferry_facts *facts)
{
    return facts->single && facts->phase == FERRY_PHASE_FILLING && !facts->has_confirmed;
}

static void check_safe(const struct ferry_facts *facts, enum ferry_action action)
{
    bool trial = facts->phase == FERRY_PHASE_TRIAL || facts->phase == FERRY_PHASE_PENDING;

    switch (action) {
    case FERRY_ACTION_VERIFY_CANDIDATE:
        assert_int_equal(facts->candidate, UNKNOWN);
        break;
    case FERRY_ACTION_VERIFY_PREFERRED:
        assert_int_equal(facts->preferred, UNKNOWN);
        break;
    case FERRY_ACTION_VERIFY_FALLBACK:
        assert_int_equal(facts->fallback, UNKNOWN);
        assert_false(facts->single);
        break;
    case FERRY_ACTION_BOOT_CONFIRMED:
        assert_int_equal(facts->preferred, GOOD);
        assert_true(facts->has_confirmed);
        assert_false(trial);
        break;
    case FERRY_ACTION_START_TRIAL:
        assert_int_equal(facts->candidate, GOOD);
        assert_int_equal(facts->phase, FERRY_PHASE_PENDING);
        break;
    case FERRY_ACTION_CONTINUE_TRIAL:
        assert_int_equal(facts->candidate, GOOD);
        assert_int_equal(facts->phase, FERRY_PHASE_TRIAL);
        assert_true(facts->attempts_left);
        break;
    case FERRY_ACTION_REVERT_EXHAUSTED:
        assert_true(facts->phase == FERRY_PHASE_TRIAL && !facts->attempts_left);
        break;
    case FERRY_ACTION_REVERT_BAD:
        assert_true(trial && facts->candidate == BAD);
        break;
    case FERRY_ACTION_ADOPT_PREFERRED:
        assert_true(!facts->has_confirmed && facts->preferred == GOOD && !trial);
        assert_false(is_unclosed(facts));
        break;
    case FERRY_ACTION_ADOPT_FALLBACK:
        assert_true(!facts->single && facts->preferred == BAD && facts->fallback == GOOD && !trial);
        break;
    case FERRY_ACTION_LISTEN: /* only when nothing may be started */
        assert_false(trial);
        assert_true(facts->preferred == BAD || is_unclosed(facts) ||
                    (facts->single && facts->rejected && !facts->has_confirmed));
        assert_true(facts->single || facts->fallback == BAD);
        break;
    default:
        fail();
    }
}

static void every_combination_is_safe(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4 * 16 * 27; n++) {
        unsigned checks = n / 64;
        struct ferry_facts facts = {.phase = (uint8_t)(n % 4),
                                    .attempts_left = n / 4 % 2,
                                    .has_confirmed = n / 8 % 2,
                                    .single = n / 16 % 2,
                                    .rejected = n / 32 % 2,
                                    .candidate = (uint8_t)(checks % 3),
                                    .preferred = (uint8_t)(checks / 3 % 3),
                                    .fallback = (uint8_t)(checks / 9 % 3)};
        check_safe(&facts, ferry_decide(&facts));
    }
}

/* ---- a model of the node --------------------------------------------------------------------- */

struct model {
    bool single;
    uint8_t phase, confirmed, candidate, attempts;
    bool rejected;
    bool hash_fits; /* the candidate's slot holds the image that CLOSE accepted */
    uint8_t known[2], truth[2];
};

static uint8_t preferred(const struct model *model)
{
    if (model->confirmed != FERRY_SLOT_NONE) {
        return model->confirmed;
    }
    if (model->candidate == FERRY_SLOT_NONE || model->single) {
        return FERRY_SLOT_A;
    }
    bool avoid = model->phase == FERRY_PHASE_FILLING || model->rejected;
    return avoid ? (uint8_t)(1 - model->candidate) : model->candidate;
}

static uint8_t fallback(const struct model *model)
{
    return model->single ? preferred(model) : (uint8_t)(1 - preferred(model));
}

static struct ferry_facts observe(const struct model *model)
{
    uint8_t candidate = BAD;
    if (model->candidate != FERRY_SLOT_NONE) {
        candidate = model->known[model->candidate];
        candidate = candidate == GOOD && !model->hash_fits ? BAD : candidate;
    }
    return (struct ferry_facts){.phase = model->phase,
                                .attempts_left = model->attempts > 0,
                                .has_confirmed = model->confirmed != FERRY_SLOT_NONE,
                                .single = model->single,
                                .rejected = model->rejected,
                                .candidate = candidate,
                                .preferred = model->known[preferred(model)],
                                .fallback = model->known[fallback(model)]};
}

static void give_up(struct model *model)
{
    model->phase = FERRY_PHASE_NONE;
    model->attempts = 0;
    model->rejected = true;
}

static void adopt(struct model *model, uint8_t slot)
{
    model->phase = FERRY_PHASE_PENDING;
    model->candidate = slot;
    model->attempts = FERRY_TRIAL_ATTEMPTS_DEFAULT;
    model->rejected = false;
    model->hash_fits = true;
}

static void verify(struct model *model, uint8_t slot)
{
    assert_int_equal(model->known[slot], UNKNOWN); /* no work is done twice */
    model->known[slot] = model->truth[slot];
}

/* One start. Returns the slot that is started, or FERRY_SLOT_NONE. */
static uint8_t start(struct model *model)
{
    for (int round = 0; round < 12; round++) {
        struct ferry_facts facts = observe(model);
        uint8_t attempts = model->attempts;

        switch (ferry_decide(&facts)) {
        case FERRY_ACTION_VERIFY_CANDIDATE:
            verify(model, model->candidate);
            break;
        case FERRY_ACTION_VERIFY_PREFERRED:
            verify(model, preferred(model));
            break;
        case FERRY_ACTION_VERIFY_FALLBACK:
            verify(model, fallback(model));
            break;
        case FERRY_ACTION_BOOT_CONFIRMED:
            return model->confirmed;
        case FERRY_ACTION_START_TRIAL:
        case FERRY_ACTION_CONTINUE_TRIAL:
            assert_true(attempts > 0);
            model->phase = FERRY_PHASE_TRIAL;
            model->attempts--;
            return model->candidate;
        case FERRY_ACTION_REVERT_EXHAUSTED:
        case FERRY_ACTION_REVERT_BAD:
            give_up(model);
            break;
        case FERRY_ACTION_ADOPT_PREFERRED:
            adopt(model, preferred(model));
            break;
        case FERRY_ACTION_ADOPT_FALLBACK:
            adopt(model, fallback(model));
            break;
        default:
            return FERRY_SLOT_NONE;
        }
    }
    fail_msg("the decision does not end");
    return FERRY_SLOT_NONE;
}

/* A reset: what was verified is forgotten, the journal stays. */
static uint8_t reset_and_start(struct model *model)
{
    model->known[0] = UNKNOWN;
    model->known[1] = model->single ? BAD : UNKNOWN;
    return start(model);
}

static void check_starts(struct model model)
{
    bool confirmed_good =
        model.confirmed != FERRY_SLOT_NONE && model.truth[model.confirmed] == GOOD;

    for (int boots = 0; boots < 8; boots++) {
        uint8_t slot = reset_and_start(&model);
        if (slot != FERRY_SLOT_NONE) {
            assert_int_equal(model.truth[slot], GOOD);
        } else { /* nothing started: nothing could be, its trial is over, or CLOSE is to come */
            bool unclosed =
                model.phase == FERRY_PHASE_FILLING && model.confirmed == FERRY_SLOT_NONE;
            assert_true(model.single ? model.truth[0] == BAD || model.rejected || unclosed
                                     : model.truth[0] == BAD && model.truth[1] == BAD);
        }
        if (boots >= FERRY_TRIAL_ATTEMPTS_DEFAULT && confirmed_good) {
            assert_int_equal(slot, model.confirmed); /* an unconfirmed trial has ended by now */
        }
    }
}

static bool sensible(const struct model *model)
{
    bool running = model->phase == FERRY_PHASE_PENDING || model->phase == FERRY_PHASE_TRIAL;
    bool none = model->candidate == FERRY_SLOT_NONE;

    return !(model->single && (model->confirmed == FERRY_SLOT_B ||
                               model->candidate == FERRY_SLOT_B || model->truth[1] == GOOD)) &&
           !(none && model->phase != FERRY_PHASE_NONE) &&
           !(model->phase == FERRY_PHASE_PENDING && model->attempts == 0) &&
           !(running && model->rejected);
}

static void every_node_starts_what_it_can(void **state)
{
    (void)state;
    const uint8_t slots[] = {FERRY_SLOT_A, FERRY_SLOT_B, FERRY_SLOT_NONE};
    int seen = 0;

    for (unsigned n = 0; n < 2 * 4 * 3 * 3 * 4 * 2 * 2 * 2 * 2; n++) {
        unsigned rest = n / 288;
        struct model model = {.single = n % 2,
                              .phase = (uint8_t)(n / 2 % 4),
                              .confirmed = slots[n / 8 % 3],
                              .candidate = slots[n / 24 % 3],
                              .attempts = (uint8_t)(n / 72 % 4),
                              .rejected = rest % 2,
                              .hash_fits = rest / 2 % 2,
                              .truth = {rest / 4 % 2 ? GOOD : BAD, rest / 8 % 2 ? GOOD : BAD}};
        if (sensible(&model)) {
            check_starts(model);
            seen++;
        }
    }
    assert_true(seen > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row),
        cmocka_unit_test(every_combination_is_safe),
        cmocka_unit_test(every_node_starts_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
