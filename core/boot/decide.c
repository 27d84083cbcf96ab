#include "ferry/decide.h"
#include "ferry/journal.h"

/* A row matches when every fact is among its allowed values; one bit a value. */
struct row {
    uint8_t phase, attempts_left, has_confirmed, single, rejected;
    uint8_t candidate, preferred, fallback;
    uint8_t action;
};

enum {
    ANY = 0xFF,
    NO = 1 << 0,
    YES = 1 << 1,
    UNKNOWN = 1 << FERRY_CHECK_UNKNOWN,
    GOOD = 1 << FERRY_CHECK_GOOD,
    BAD = 1 << FERRY_CHECK_BAD,
    PENDING = 1 << FERRY_PHASE_PENDING,
    TRIAL = 1 << FERRY_PHASE_TRIAL
};

/* clang-format off */
static const struct row rows[] = {
    /* phase    left conf  single rej  candidate preferred fallback */
    {PENDING,   ANY, ANY,  ANY,  ANY,  UNKNOWN,  ANY,      ANY,     FERRY_ACTION_VERIFY_CANDIDATE},
    {PENDING,   ANY, ANY,  ANY,  ANY,  GOOD,     ANY,      ANY,     FERRY_ACTION_START_TRIAL},
    {PENDING,   ANY, ANY,  ANY,  ANY,  BAD,      ANY,      ANY,     FERRY_ACTION_REVERT_BAD},
    {TRIAL,     NO,  ANY,  ANY,  ANY,  ANY,      ANY,      ANY,     FERRY_ACTION_REVERT_EXHAUSTED},
    {TRIAL,     YES, ANY,  ANY,  ANY,  UNKNOWN,  ANY,      ANY,     FERRY_ACTION_VERIFY_CANDIDATE},
    {TRIAL,     YES, ANY,  ANY,  ANY,  GOOD,     ANY,      ANY,     FERRY_ACTION_CONTINUE_TRIAL},
    {TRIAL,     YES, ANY,  ANY,  ANY,  BAD,      ANY,      ANY,     FERRY_ACTION_REVERT_BAD},
    /* one slot, its image was given up: only an update helps */
    {ANY,       ANY, NO,   YES,  YES,  ANY,      ANY,      ANY,     FERRY_ACTION_LISTEN},
    {ANY,       ANY, ANY,  ANY,  ANY,  ANY,      UNKNOWN,  ANY,     FERRY_ACTION_VERIFY_PREFERRED},
    {ANY,       ANY, YES,  ANY,  ANY,  ANY,      GOOD,     ANY,     FERRY_ACTION_BOOT_CONFIRMED},
    {ANY,       ANY, NO,   ANY,  ANY,  ANY,      GOOD,     ANY,     FERRY_ACTION_ADOPT_PREFERRED},
    {ANY,       ANY, ANY,  NO,   ANY,  ANY,      BAD,      UNKNOWN, FERRY_ACTION_VERIFY_FALLBACK},
    {ANY,       ANY, ANY,  NO,   ANY,  ANY,      BAD,      GOOD,    FERRY_ACTION_ADOPT_FALLBACK},
    {ANY,       ANY, ANY,  ANY,  ANY,  ANY,      ANY,      ANY,     FERRY_ACTION_LISTEN},
};
/* clang-format on */

static bool allows(uint8_t mask, unsigned value)
{
    return ((unsigned)mask >> value & 1U) != 0;
}

static bool matches(const struct row *row, const struct ferry_facts *facts)
{
    return allows(row->phase, facts->phase) && allows(row->attempts_left, facts->attempts_left) &&
           allows(row->has_confirmed, facts->has_confirmed) && allows(row->single, facts->single) &&
           allows(row->rejected, facts->rejected) && allows(row->candidate, facts->candidate) &&
           allows(row->preferred, facts->preferred) && allows(row->fallback, facts->fallback);
}

enum ferry_action ferry_decide(const struct ferry_facts *facts)
{
    const struct row *row = rows;
    while (!matches(row, facts)) {
        row++; /* the last row matches everything */
    }
    return (enum ferry_action)row->action;
}
