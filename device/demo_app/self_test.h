/*
 * self_test.h - what the demo application checks before it confirms itself: clock, own flash,
 * link. Run in slices from the main loop.
 */
#ifndef DEMO_SELF_TEST_H
#define DEMO_SELF_TEST_H

#include "ferry/node.h"

enum demo_stage {
    DEMO_TEST_CLOCK,
    DEMO_TEST_IMAGE,
    DEMO_TEST_HASH,
    DEMO_TEST_LINK,
    DEMO_TEST_DONE
};

struct demo_self_test {
    const struct ferry_node *node;
    uint8_t stage; /* enum demo_stage: the check that runs, or that failed */
    int status;    /* MORE while it runs, OK, or the error that ended it */
    struct ferry_image image;
    struct ferry_image_hasher hasher;
};

/* `node`: of the agent, borrowed. Starts with the clock check, which takes 10 ms. */
void demo_self_test_begin(struct demo_self_test *test, const struct ferry_node *node);

/*
 * One slice (1 KB of flash hashed, 0.6 ms).
 *   link_seen: a valid frame has arrived since the start.
 * Returns MORE, OK, or the first error; from then on always the same.
 */
int demo_self_test_step(struct demo_self_test *test, bool link_seen);

#endif
