#include "ferry/supervisor.h"
#include "ferry/receiver.h"

#include <string.h>

/* ---- slots ---------------------------------------------------------------------------------- */

static struct ferry_state *state_of(const struct ferry_supervisor *supervisor)
{
    return &supervisor->node->journal->state;
}

static bool slot_exists(const struct ferry_supervisor *supervisor, uint8_t slot)
{
    return slot < supervisor->node->board->slot_count;
}

/* Verifies a slot's image against the stored counter; supervisor->image tells about it. */
static void verify_slot(struct ferry_supervisor *supervisor, uint8_t slot)
{
    struct ferry_node *node = supervisor->node;
    struct ferry_keys keys = ferry_boot_block_keys(node->block);
    struct ferry_image_source source = ferry_image_from_slot(node->flash, node->board, slot);

    int status =
        ferry_image_verify(&source, node->board, &keys, state_of(supervisor)->security_counter,
                           &supervisor->image, supervisor->buffer, sizeof(supervisor->buffer));
    /* The place check sets the slot by load_address; an image of the other slot is bad here. */
    if (status == FERRY_OK && supervisor->image.slot != slot) {
        status = FERRY_IMAGE_SLOT;
    }
    supervisor->slot_error[slot] = (uint8_t)status;
    if (status == FERRY_OK) {
        node->content[slot] = FERRY_CONTENT_VERIFIED;
    } else if (status == FERRY_IMAGE_MAGIC) {
        node->content[slot] = FERRY_CONTENT_EMPTY; /* no fault */
    } else {
        node->content[slot] = FERRY_CONTENT_BAD;
        supervisor->error = (uint8_t)status;
    }
}

/* Reads the image of a slot that verified; nothing wrote to it since, so no check is repeated. */
static int read_slot(struct ferry_supervisor *supervisor, uint8_t slot)
{
    return ferry_node_read_image(supervisor->node, slot, &supervisor->image);
}

_Static_assert((int)FERRY_CONTENT_UNKNOWN == FERRY_CHECK_UNKNOWN &&
                   (int)FERRY_CONTENT_VERIFIED == FERRY_CHECK_GOOD &&
                   (int)FERRY_CONTENT_BAD == FERRY_CHECK_BAD,
               "content is a check but for EMPTY");

static uint8_t check_slot(const struct ferry_supervisor *supervisor, uint8_t slot)
{
    if (!slot_exists(supervisor, slot)) {
        return FERRY_CHECK_BAD;
    }
    uint8_t content = supervisor->node->content[slot];
    return content == FERRY_CONTENT_EMPTY ? FERRY_CHECK_BAD : content;
}

/* The candidate must also be the very image that CLOSE accepted. */
static uint8_t check_candidate(struct ferry_supervisor *supervisor)
{
    uint8_t check = check_slot(supervisor, state_of(supervisor)->candidate);

    if (check != FERRY_CHECK_GOOD) {
        return check;
    }
    int status = read_slot(supervisor, state_of(supervisor)->candidate);
    bool same =
        status == FERRY_OK && ferry_hash_equal(supervisor->image.hash, state_of(supervisor)->hash);
    return same ? FERRY_CHECK_GOOD : FERRY_CHECK_BAD;
}

/* ---- journal -------------------------------------------------------------------------------- */

/* Records a state, making room if need be. After a failure the journal counts as read-only. */
static int record(struct ferry_supervisor *supervisor, const struct ferry_state *state)
{
    struct ferry_journal *journal = supervisor->node->journal;
    int status = ferry_journal_commit(journal, state);

    if (status != FERRY_OK) { /* full, never written, or the sector is worn: try the other one */
        status = ferry_journal_compact(journal, state);
    }
    if (status != FERRY_OK) {
        supervisor->read_only = true;
        supervisor->error = (uint8_t)status;
    }
    return status;
}

/*
 * Both journal sectors are lost. The newest image that verifies is tried; the counter's floor is
 * the lowest counter among them, as the higher one was perhaps never confirmed.
 */
static void rebuild(struct ferry_supervisor *supervisor)
{
    struct ferry_state state = {.confirmed = FERRY_SLOT_NONE, .candidate = FERRY_SLOT_NONE};
    struct ferry_version newest;

    for (uint8_t slot = 0; slot_exists(supervisor, slot); slot++) {
        const struct ferry_image *image = &supervisor->image;
        verify_slot(supervisor, slot);
        if (check_slot(supervisor, slot) != FERRY_CHECK_GOOD) {
            continue;
        }
        bool first = state.candidate == FERRY_SLOT_NONE;
        if (first || image->security_counter < state.security_counter) {
            state.security_counter = image->security_counter;
        }
        if (first || ferry_version_compare(&image->header.version, &newest) > 0) {
            newest = image->header.version;
            ferry_state_set_candidate(&state, FERRY_PHASE_PENDING, slot, image);
        }
    }
    *state_of(supervisor) = state; /* decides even where it cannot be recorded */
    if (record(supervisor, &state) != FERRY_OK) {
        supervisor->read_only = false; /* there was nothing to lose: try the other sector too */
        supervisor->node->journal->active = 0;
        (void)record(supervisor, &state);
    }
}

void ferry_supervisor_begin(struct ferry_supervisor *supervisor, struct ferry_node *node)
{
    struct ferry_journal *journal = node->journal;

    supervisor->node = node; /* image and buffer are filled before they are read */
    supervisor->read_only = false;
    supervisor->error = 0;
    for (int slot = 0; slot < FERRY_SLOTS_MAX; slot++) {
        supervisor->slot_error[slot] = 0;
    }
    (void)ferry_journal_open(journal, node->flash, node->board); /* not readable: lost */
    if (journal->lost) {
        rebuild(supervisor);
        return;
    }
    /* A reset by software, asked for or not, cuts nothing. */
    if ((node->reset_cause & ~FERRY_RESET_UPDATE) != FERRY_RESET_SOFTWARE) {
        (void)record(supervisor, &journal->state);
    }
}

/* ---- deciding ------------------------------------------------------------------------------- */

/*
 * The slot to prefer. Without a confirmed one: the candidate's, unless that is being filled or was
 * given up; then the other.
 */
static uint8_t preferred_slot(const struct ferry_supervisor *supervisor)
{
    const struct ferry_state *state = state_of(supervisor);

    if (slot_exists(supervisor, state->confirmed)) {
        return state->confirmed;
    }
    if (!slot_exists(supervisor, state->candidate)) {
        return FERRY_SLOT_A;
    }
    bool avoid = state->phase == FERRY_PHASE_FILLING || state->outcome != 0;
    return avoid && supervisor->node->board->slot_count > 1 ? (uint8_t)(1 - state->candidate)
                                                            : state->candidate;
}

/* The slots that actions speak of, in the order of the VERIFY and of the ADOPT actions. */
enum { CANDIDATE, PREFERRED, FALLBACK, SLOTS };

static void gather(struct ferry_supervisor *supervisor, uint8_t slots[SLOTS],
                   struct ferry_facts *facts)
{
    const struct ferry_state *state = state_of(supervisor);
    bool single = supervisor->node->board->slot_count == 1;

    slots[CANDIDATE] = state->candidate;
    slots[PREFERRED] = preferred_slot(supervisor);
    slots[FALLBACK] = single ? slots[PREFERRED] : (uint8_t)(1 - slots[PREFERRED]);

    /* A trial that cannot be recorded would never end: without a journal there is none. */
    facts->phase = supervisor->read_only ? FERRY_PHASE_NONE : state->phase;
    facts->attempts_left = state->attempts > 0;
    facts->has_confirmed = slot_exists(supervisor, state->confirmed);
    facts->single = single;
    facts->rejected = state->outcome != 0;
    facts->candidate = check_candidate(supervisor);
    facts->preferred = check_slot(supervisor, slots[PREFERRED]);
    facts->fallback = check_slot(supervisor, slots[FALLBACK]);
}

static void give_up(struct ferry_supervisor *supervisor, int outcome)
{
    struct ferry_state *state = ferry_journal_edit(supervisor->node->journal);

    supervisor->error = (uint8_t)outcome;
    ferry_state_end_candidate(state, outcome);
    (void)record(supervisor, state);
}

/* Why the candidate is bad: its verification said so, or it verifies but is another image. */
static int bad_candidate(const struct ferry_supervisor *supervisor)
{
    uint8_t slot = state_of(supervisor)->candidate;
    int error = slot_exists(supervisor, slot) ? supervisor->slot_error[slot] : FERRY_OK;
    return error != FERRY_OK ? error : FERRY_IMAGE_CLAIMS;
}

static void adopt(struct ferry_supervisor *supervisor, uint8_t slot)
{
    struct ferry_state *state = ferry_journal_edit(supervisor->node->journal);

    if (read_slot(supervisor, slot) != FERRY_OK) {
        supervisor->node->content[slot] = FERRY_CONTENT_BAD;
        return;
    }
    ferry_state_set_candidate(state, FERRY_PHASE_PENDING, slot, &supervisor->image);
    (void)record(supervisor, state);
}

/* Does what the decision asks for before it can be taken. Returns false when it is taken. */
static bool carry_out(struct ferry_supervisor *supervisor, enum ferry_action action,
                      const uint8_t slots[SLOTS])
{
    switch (action) {
    case FERRY_ACTION_VERIFY_CANDIDATE:
    case FERRY_ACTION_VERIFY_PREFERRED:
    case FERRY_ACTION_VERIFY_FALLBACK:
        verify_slot(supervisor, slots[action - FERRY_ACTION_VERIFY_CANDIDATE + CANDIDATE]);
        return true;
    case FERRY_ACTION_REVERT_EXHAUSTED:
        give_up(supervisor, FERRY_TRIAL_EXHAUSTED);
        return true;
    case FERRY_ACTION_REVERT_BAD:
        give_up(supervisor, bad_candidate(supervisor));
        return true;
    case FERRY_ACTION_ADOPT_PREFERRED:
    case FERRY_ACTION_ADOPT_FALLBACK:
        adopt(supervisor, slots[action - FERRY_ACTION_ADOPT_PREFERRED + PREFERRED]);
        return true;
    default:
        return false;
    }
}

static bool is_adoption(enum ferry_action action)
{
    return action == FERRY_ACTION_ADOPT_PREFERRED || action == FERRY_ACTION_ADOPT_FALLBACK;
}

enum ferry_action ferry_supervisor_decide(struct ferry_supervisor *supervisor)
{
    struct ferry_facts facts;
    uint8_t slots[SLOTS];
    enum ferry_action action;

    do {
        gather(supervisor, slots, &facts);
        action = ferry_decide(&facts);
        if (supervisor->read_only && is_adoption(action)) {
            return FERRY_ACTION_LISTEN; /* it would need a record */
        }
    } while (carry_out(supervisor, action, slots));
    return action;
}

/* ---- starting ------------------------------------------------------------------------------- */

static int record_attempt(struct ferry_supervisor *supervisor)
{
    struct ferry_state *state = ferry_journal_edit(supervisor->node->journal);

    state->phase = FERRY_PHASE_TRIAL;
    if (state->attempts > 0) { /* PENDING without attempts is written by nobody */
        state->attempts--;
    }
    return record(supervisor, state);
}

/* An application cannot compact: it gets a journal with room for a whole update. */
static void make_room(struct ferry_supervisor *supervisor)
{
    struct ferry_journal *journal = supervisor->node->journal;

    if (!supervisor->read_only &&
        ferry_journal_room(journal) < ferry_journal_reserve(supervisor->node->board)) {
        (void)ferry_journal_compact(journal, &journal->state);
    }
}

int ferry_supervisor_depart(struct ferry_supervisor *supervisor, enum ferry_action action,
                            struct ferry_departure *departure)
{
    const struct ferry_state *state = state_of(supervisor);
    bool trial = action != FERRY_ACTION_BOOT_CONFIRMED;
    uint8_t slot = trial ? state->candidate : state->confirmed;

    int status = read_slot(supervisor, slot);
    if (status != FERRY_OK) {
        supervisor->node->content[slot] = FERRY_CONTENT_BAD;
        return status;
    }
    if (trial) {
        status = record_attempt(supervisor);
        if (status != FERRY_OK) {
            return status;
        }
    }
    make_room(supervisor);
    ferry_supervisor_log(supervisor, action, slot);
    departure->slot = slot;
    departure->trial = trial;
    departure->vectors =
        supervisor->node->board->slots[slot].start + supervisor->image.header.header_size;
    return FERRY_OK;
}

/* ---- listening ------------------------------------------------------------------------------ */

void ferry_listen_begin(struct ferry_listen *listen, uint32_t now_ms, bool for_ever)
{
    listen->progress_ms = now_ms;
    listen->window_ms = FERRY_LISTEN_START_MS;
    listen->for_ever = for_ever;
}

bool ferry_listen_step(struct ferry_listen *listen, uint32_t events, bool more, uint32_t now_ms)
{
    uint32_t passed_ms = now_ms - listen->progress_ms;

    if ((events & (FERRY_EVENT_CLOSED | FERRY_EVENT_TRANSFER)) != 0) {
        listen->progress_ms = now_ms;
        listen->window_ms = FERRY_LISTEN_PATIENCE_MS;
        if ((events & FERRY_EVENT_CLOSED) != 0) { /* time for a lost answer, then start it */
            listen->window_ms = FERRY_LISTEN_MESSAGE_MS;
            listen->for_ever = false;
        }
        return true;
    }
    uint32_t soon_ms = passed_ms + FERRY_LISTEN_MESSAGE_MS;
    if ((events & FERRY_EVENT_MESSAGE) != 0 && listen->window_ms < soon_ms) {
        listen->window_ms = soon_ms;
    }
    if ((events & FERRY_EVENT_ABORTED) != 0 && listen->window_ms > soon_ms) {
        listen->window_ms = soon_ms; /* nothing more is to be expected */
    }
    return listen->for_ever ||
           (passed_ms < FERRY_LISTEN_PATIENCE_MS && (more || passed_ms < listen->window_ms));
}
