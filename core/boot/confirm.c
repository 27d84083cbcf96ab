/* CONFIRM, in a file of its own: a bootloader links another one, as it runs no image. */
#include "ferry/install.h"

#include <string.h>

int ferry_install_confirm(struct ferry_install *install, const uint8_t hash[FERRY_HASH_SIZE])
{
    struct ferry_node *node = install->node;
    struct ferry_state *state = ferry_journal_edit(node->journal);
    struct ferry_image image;

    if (node->running == FERRY_SLOT_NONE || node->running != state->candidate) {
        return FERRY_NOT_TRIAL;
    }
    if (!ferry_hash_equal(state->hash, hash)) {
        return FERRY_WRONG_IMAGE;
    }
    if (state->phase == FERRY_PHASE_NONE && state->confirmed == node->running) {
        return FERRY_OK; /* said before */
    }
    if (state->phase != FERRY_PHASE_TRIAL) {
        return FERRY_NOT_TRIAL;
    }
    int status = ferry_node_read_image(node, node->running, &image);
    if (status != FERRY_OK) {
        return status;
    }
    state->confirmed = node->running;
    ferry_state_end_candidate(state, FERRY_OK);
    if (image.security_counter > state->security_counter) {
        state->security_counter = image.security_counter;
    }
    return ferry_journal_commit(node->journal, state);
}
