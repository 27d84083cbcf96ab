/* Works, but never confirms itself: the trial must end by the agent's time-out and be reverted. The
 * time-out is short, so that nobody has to wait two minutes for three attempts each. */
#include "behaviour.h"

static void start(void)
{
}

const struct demo_behaviour demo_behaviour = {
    .confirms = false, .confirm_timeout_ms = 5000, .start = start};
