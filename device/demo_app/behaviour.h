/* behaviour.h - what makes a variant of the demo application; one behaviour_*.c is linked. */
#ifndef DEMO_BEHAVIOUR_H
#define DEMO_BEHAVIOUR_H

#include <stdbool.h>
#include <stdint.h>

struct demo_behaviour {
    bool confirms;               /* after a passed self-test */
    uint32_t confirm_timeout_ms; /* for the agent, 0 = its default */
    void (*start)(void);         /* called first thing in main */
};

extern const struct demo_behaviour demo_behaviour;

#endif
