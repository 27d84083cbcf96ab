#include "agent.h"

#include <string.h>

static uint32_t now_ms(const struct ferry_agent *agent)
{
    return agent->clock->now_ms(agent->clock->ctx);
}

/* The boot block stands at a fixed distance from the bootloader's start: it is read where it is. */
static const struct ferry_boot_block *installed_block(const struct ferry_board *board)
{
    uintptr_t address = board->bootloader.start + FERRY_BOOT_BLOCK_OFFSET;
    return (const struct ferry_boot_block *)address;
}

static void fill_node(struct ferry_agent *agent, const struct ferry_agent_config *config)
{
    agent->node.flash = config->flash;
    agent->node.board = config->board;
    agent->node.block = installed_block(config->board);
    agent->node.journal = &agent->journal;
    agent->node.running = ferry_board_slot_of(config->board, (uint32_t)(uintptr_t)config->here);
}

int ferry_agent_init(struct ferry_agent *agent, const struct ferry_agent_config *config)
{
    memset(agent, 0, sizeof(*agent));
    agent->clock = config->clock;
    agent->feed = config->feed;
    agent->started_ms = now_ms(agent);
    agent->fed_ms = agent->started_ms;
    agent->confirm_timeout_ms = config->confirm_timeout_ms != 0 ? config->confirm_timeout_ms
                                                                : FERRY_AGENT_CONFIRM_TIMEOUT_MS;
    fill_node(agent, config);
    if (agent->node.running == FERRY_SLOT_NONE ||
        config->buffer_size < FERRY_OPEN_MAX + FERRY_FRAME_CRC_SIZE) {
        return FERRY_ARGUMENT;
    }
    int status = ferry_journal_open(&agent->journal, config->flash, config->board);
    if (status != FERRY_OK) {
        return status;
    }
    if (config->describe != NULL) { /* after the journal: it knows how the bootloader found that */
        config->describe(&agent->node);
    }
    const struct ferry_state *state = &agent->journal.state;
    agent->on_trial = state->phase == FERRY_PHASE_TRIAL && state->candidate == agent->node.running;
    ferry_endpoint_init(&agent->endpoint, &agent->node, config->stream, config->buffer,
                        config->buffer_size);
    return FERRY_OK;
}

/*
 * An unconfirmed trial gets no more food once its time is up, nor while its clock stands still
 * (then that time would never come): the watchdog ends it.
 */
static void feed(struct ferry_agent *agent)
{
    uint32_t now = now_ms(agent);
    bool alive = now != agent->fed_ms && now - agent->started_ms < agent->confirm_timeout_ms;

    if (!agent->on_trial || alive) {
        agent->feed();
        agent->fed_ms = now;
    }
}

uint32_t ferry_agent_step(struct ferry_agent *agent, bool *idle)
{
    feed(agent);
    bool more = ferry_endpoint_step(&agent->endpoint);
    uint32_t events = ferry_endpoint_events(&agent->endpoint);
    if ((events & FERRY_EVENT_CONFIRMED) != 0) {
        agent->on_trial = false; /* by a CONFIRM message */
    }
    if (idle != NULL) {
        *idle = !more;
    }
    return events;
}

bool ferry_agent_on_trial(const struct ferry_agent *agent)
{
    return agent->on_trial;
}

int ferry_agent_confirm(struct ferry_agent *agent)
{
    if (!agent->on_trial) {
        return FERRY_OK;
    }
    int status =
        ferry_install_confirm(&agent->endpoint.receiver.install, agent->journal.state.hash);
    agent->on_trial = status != FERRY_OK;
    return status;
}
