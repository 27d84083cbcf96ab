/*
 * The bench of the gateway engine's tests: a source and a node that do what the test says, in
 * virtual time. State is reset by kit_setup.
 */
#ifndef TEST_GATEWAY_KIT_H
#define TEST_GATEWAY_KIT_H

#include "engine.h"
#include "kit_board.h"

enum { OPERATIONS = 8, REPORTS_MAX = 64, LIMIT_MS = 4000000 };

enum operation { QUERY, OPEN, DATA, CLOSE, RESET, ABORT, LOG };

/* A node as a script: what each kind of request ends with, and what INFO says. */
extern struct kit_node {
    enum operation operation; /* in hand */
    uint32_t since_ms;
    int result[OPERATIONS];
    int once[OPERATIONS]; /* if not OK: the next result only */
    uint32_t count[OPERATIONS];
    uint32_t restarts;
    struct ferry_info info;
    bool confirms, reverts; /* after RESET */
    bool reset_is_lost;     /* once */
    bool to_bootloader;     /* RESET leads there */
    bool journal_is_full;   /* OPEN and DATA say so, for ever */
    uint32_t trial_ms;      /* reverts: only after so long, in three starts */
    uint32_t trial_since_ms;
    uint8_t bootloader_answers; /* so many INFOs come from the bootloader, then the application's */
    uint32_t received, resume;
    bool quick;
    bool in_place;                   /* the sink writes in place */
    struct ferry_boot_log boots[40]; /* the node's boot log, newest first */
    uint8_t boot_count;
    uint16_t log_first; /* last asked for */
    uint8_t buffer[FERRY_DATA_MAX];
} node;

extern struct kit_source {
    uint8_t *files[3];
    size_t sizes[3];
    struct gateway_offer offer;
    enum gateway_answer check, read;
    uint32_t checks, reads;
    uint32_t shortest; /* bytes that one read gives */
    bool stutters;     /* MORE before each read */
    bool stuttered;
} source;

extern struct kit_heard {
    enum gateway_event events[REPORTS_MAX];
    uint32_t count;
    int status;
    bool final;
    char text[100];
    uint32_t waits[REPORTS_MAX];
    uint32_t retries;
    uint32_t boots[REPORTS_MAX]; /* numbers of the starts that were told, in that order */
    uint32_t boot_count;
} heard;

extern struct gateway_engine engine;
extern struct gateway_options options;
extern uint32_t now_ms;

/* Two slots, 1.0.0 runs in A; 2.0.0 is offered for both. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* A new engine, until its first round ends. */
enum gateway_result run(void);
/* The same engine: until the round under way ends; the next round, without the pause before it. */
enum gateway_result run_round(void);
enum gateway_result run_again(void);

/* A new engine that has not done a step. */
void begin(void);

#endif
