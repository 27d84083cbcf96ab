#include "ferry/decide.h"
#include "ferry/journal.h"

/*
 * Facts as one word, a group of bits for each. What was observed has one bit set in each group; a
 * row has all that it allows, and matches when the facts have no other. Its action stands above
 * them.
 */
#define FACTS(phase, attempts_left, has_confirmed, single, rejected, candidate, preferred,         \
              fallback)                                                                            \
    ((phase) | (attempts_left) << 4 | (has_confirmed) << 6 | (single) << 8 | (rejected) << 10 |    \
     (candidate) << 12 | (preferred) << 15 | (fallback) << 18)
enum { ACTION_AT = 24 };
#define ROW(phase, left, confirmed, single, rejected, candidate, preferred, fallback, action)      \
    FACTS((phase)&0xFU, (left)&3U, (confirmed)&3U, (single)&3U, (rejected)&3U, (candidate)&7U,     \
          (preferred)&7U, (fallback)&7U) |                                                         \
        (uint32_t)(FERRY_ACTION_##action) << ACTION_AT

enum {
    ANY = 0xFF,
    NO = 1 << 0,
    YES = 1 << 1,
    UNKNOWN = 1 << FERRY_CHECK_UNKNOWN,
    GOOD = 1 << FERRY_CHECK_GOOD,
    BAD = 1 << FERRY_CHECK_BAD,
    FILLING = 1 << FERRY_PHASE_FILLING,
    PENDING = 1 << FERRY_PHASE_PENDING,
    TRIAL = 1 << FERRY_PHASE_TRIAL
};

/* clang-format off */
static const uint32_t rows[] = {
    /*  phase    left conf  single rej  candidate preferred fallback */
    ROW(PENDING,   ANY, ANY,  ANY,  ANY,  UNKNOWN,  ANY,      ANY,     VERIFY_CANDIDATE),
    ROW(PENDING,   ANY, ANY,  ANY,  ANY,  GOOD,     ANY,      ANY,     START_TRIAL),
    ROW(PENDING,   ANY, ANY,  ANY,  ANY,  BAD,      ANY,      ANY,     REVERT_BAD),
    ROW(TRIAL,     NO,  ANY,  ANY,  ANY,  ANY,      ANY,      ANY,     REVERT_EXHAUSTED),
    ROW(TRIAL,     YES, ANY,  ANY,  ANY,  UNKNOWN,  ANY,      ANY,     VERIFY_CANDIDATE),
    ROW(TRIAL,     YES, ANY,  ANY,  ANY,  GOOD,     ANY,      ANY,     CONTINUE_TRIAL),
    ROW(TRIAL,     YES, ANY,  ANY,  ANY,  BAD,      ANY,      ANY,     REVERT_BAD),
    /* one slot, its image was given up: only an update helps */
    ROW(ANY,       ANY, NO,   YES,  YES,  ANY,      ANY,      ANY,     LISTEN),
    /* one slot, its image was given up for another: what verifies may be torn, and reads right this
     * once */
    ROW(FILLING,   ANY, NO,   YES,  ANY,  ANY,      ANY,      ANY,     LISTEN),
    ROW(ANY,       ANY, ANY,  ANY,  ANY,  ANY,      UNKNOWN,  ANY,     VERIFY_PREFERRED),
    ROW(ANY,       ANY, YES,  ANY,  ANY,  ANY,      GOOD,     ANY,     BOOT_CONFIRMED),
    ROW(ANY,       ANY, NO,   ANY,  ANY,  ANY,      GOOD,     ANY,     ADOPT_PREFERRED),
    ROW(ANY,       ANY, ANY,  NO,   ANY,  ANY,      BAD,      UNKNOWN, VERIFY_FALLBACK),
    ROW(ANY,       ANY, ANY,  NO,   ANY,  ANY,      BAD,      GOOD,    ADOPT_FALLBACK),
    ROW(ANY,       ANY, ANY,  ANY,  ANY,  ANY,      ANY,      ANY,     LISTEN),
};
/* clang-format on */

enum ferry_action ferry_decide(const struct ferry_facts *facts)
{
    uint32_t observed =
        FACTS(1U << facts->phase, 1U << facts->attempts_left, 1U << facts->has_confirmed,
              1U << facts->single, 1U << facts->rejected, 1U << facts->candidate,
              1U << facts->preferred, 1U << facts->fallback);
    const uint32_t *row = rows;

    while ((observed & ~*row) != 0) {
        row++; /* the last row matches everything */
    }
    return (enum ferry_action)(*row >> ACTION_AT);
}
