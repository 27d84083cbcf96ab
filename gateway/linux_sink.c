#include "linux_sink.h"

#include "clock.h"

/* --- the wire of rom.h over rom_wire.h ------------------------------------------------------- */

static int wire_open(void *ctx)
{
    return rom_wire_open(ctx);
}

static void wire_close(void *ctx)
{
    rom_wire_close(ctx);
}

static int wire_reset_begin(void *ctx, bool rom)
{
    return rom_wire_reset_begin(ctx, rom);
}

static int wire_reset_step(void *ctx)
{
    return rom_wire_reset_step(ctx);
}

static bool wire_next_address(void *ctx)
{
    return rom_wire_next_address(ctx);
}

static int wire_act(void *ctx, struct ferry_rom *rom, const struct ferry_rom_action *action)
{
    return rom_wire_do(ctx, rom, action);
}

static const char *wire_error(void *ctx)
{
    const struct rom_wire *wire = ctx;
    return wire->error;
}

/* --- setting up ------------------------------------------------------------------------------ */

static void init_link(struct linux_sink *sink, const struct node_config *config)
{
    node_port_init(&sink->port, &config->port_name);
    gateway_link_init(&sink->link, &sink->port.port, (uint16_t)ferry_posix_seed());
}

static void init_rom(struct linux_sink *sink, const struct node_config *config)
{
    const struct gateway_rom_options options = {.board = config->board,
                                                .keys = {config->keys, config->key_count},
                                                .address = config->address,
                                                .confirm_ms = config->confirm_s * 1000};
    (void)rom_wire_init(&sink->wire, &config->rom_wire); /* config.c did it once, and looked */
    sink->rom_wire = (struct gateway_rom_wire){.ctx = &sink->wire,
                                               .traits = &sink->wire.traits,
                                               .open = wire_open,
                                               .close = wire_close,
                                               .reset_begin = wire_reset_begin,
                                               .reset_step = wire_reset_step,
                                               .next_address = wire_next_address,
                                               .act = wire_act,
                                               .error = wire_error};
    (void)rom_state_init(&sink->state, config->state_dir, config->name);
    sink->store = rom_state_store(&sink->state);
    gateway_rom_init(&sink->rom, &sink->rom_wire, &sink->store,
                     config->confirm == CONFIG_CONFIRM_LINK ? &sink->link : NULL, &options);
    sink->sink = gateway_rom_sink(&sink->rom);
}

void linux_sink_init(struct linux_sink *sink, const struct node_config *config)
{
    sink->is_rom = config->sink == CONFIG_SINK_ROM;
    init_link(sink, config);
    if (sink->is_rom) {
        init_rom(sink, config);
        return;
    }
    sink->lines = gateway_gpio_lines(&sink->gpio, config->nrst, config->boot0);
    gateway_link_set_lines(&sink->link, &sink->lines);
    sink->sink = gateway_link_sink(&sink->link);
}

/* --- at work --------------------------------------------------------------------------------- */

void linux_sink_rest(struct linux_sink *sink)
{
    gateway_link_close(&sink->link); /* the other sink's wire is closed when it leaves the ROM */
}

bool linux_sink_failed(const struct linux_sink *sink)
{
    return sink->is_rom || sink->link.failed != FERRY_OK;
}

void linux_sink_wait(struct linux_sink *sink, int stop_fd, uint32_t wait_ms)
{
    if (sink->is_rom && gateway_rom_is_on_wire(&sink->rom)) {
        struct ferry_rom_action action = sink->rom.action;
        action.wait_ms = wait_ms; /* never longer than the action's own */
        rom_wire_wait(&sink->wire, &action, stop_fd);
    } else {
        node_port_wait(&sink->port, gateway_link_is_writing(&sink->link), stop_fd, wait_ms);
    }
}

void linux_sink_close(struct linux_sink *sink)
{
    gateway_link_close(&sink->link);
    if (!sink->is_rom) {
        gateway_gpio_close(&sink->gpio);
        return;
    }
    if (gateway_rom_is_on_wire(&sink->rom)) {
        (void)rom_wire_reset(&sink->wire, false, NULL);
    }
    rom_wire_close(&sink->wire);
}
