/* A good application. */
#include "behaviour.h"

static void start(void)
{
}

const struct demo_behaviour demo_behaviour = {.confirms = true, .start = start};
