/* A model of ST's ROM bootloader and its wires; what it knows is in kit_rom.h. */
#include "kit_rom.h"

#include <stdio.h>
#include <stdlib.h>

enum { ACK = 0x79, NACK = 0x1F, BUSY = 0x76 };
enum stage { COMMAND, ADDRESS, LENGTH, DATA, PAGES_8, PAGES_16, PAGE_LIST };
enum { LATE_US = 2500000, TURN_US = 20 };

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "kit_rom: %s\n", what);
        abort();
    }
}

/* --- the wire ----------------------------------------------------------------------------- */

static void wire_put(struct kit_rom_wire *wire, uint8_t byte, uint64_t due_us)
{
    wire->last_us = due_us > wire->last_us ? due_us : wire->last_us;
    wire->bytes[wire->in % KIT_ROM_WIRE].byte = byte;
    wire->bytes[wire->in % KIT_ROM_WIRE].due_us = wire->last_us;
    wire->in++;
    check(wire->in - wire->out < KIT_ROM_WIRE, "the wire is full");
}

/* One byte, or what becomes of it. */
static void transmit(struct kit_rom *model, struct kit_rom_wire *wire, uint8_t byte,
                     uint64_t due_us)
{
    const bool hit = !model->framed && model->wire_count == model->fault_at;
    const enum kit_rom_fault fault = hit ? model->fault : KIT_ROM_NONE;
    model->wire_count++;
    model->fault_at += hit ? model->fault_every : 0;
    if (fault == KIT_ROM_SILENCE) {
        model->mute = true;
    }
    if (model->mute || fault == KIT_ROM_LOST) {
        return;
    }
    if (fault == KIT_ROM_LATE) {
        due_us += LATE_US;
    }
    if (fault == KIT_ROM_FLIPPED) {
        byte ^= model->fault_mask;
    }
    wire_put(wire, byte, due_us);
    if (fault == KIT_ROM_REPEATED) {
        wire_put(wire, byte, wire->last_us + model->byte_us);
    }
}

static bool wire_due(const struct kit_rom_wire *wire, uint64_t now_us)
{
    return wire->in != wire->out && wire->bytes[wire->out % KIT_ROM_WIRE].due_us <= now_us;
}

/* --- the chip ----------------------------------------------------------------------------- */

static void say(struct kit_rom *model, uint8_t byte, uint64_t after_us)
{
    uint64_t due_us = model->now_us + after_us + TURN_US;
    if (due_us < model->down.last_us) {
        due_us = model->down.last_us;
    }
    if (model->framed) {
        wire_put(&model->down, byte, due_us);
    } else {
        transmit(model, &model->down, byte, due_us + model->byte_us);
    }
}

static void expect(struct kit_rom *model, uint8_t stage, size_t need)
{
    model->stage = stage;
    model->need = need;
    model->have = 0;
    model->parameters_due_us = model->now_us + 1000000;
}

static void refuse(struct kit_rom *model)
{
    say(model, NACK, 0);
    expect(model, COMMAND, 2);
}

static void watch(struct kit_rom *model)
{
    if (model->watch != NULL) {
        model->watch(model);
    }
}

void kit_rom_reset(struct kit_rom *model)
{
    model->synced = false;
    model->spoilt = false;
    model->up.out = model->up.in;
    model->down.out = model->down.in;
    model->up.last_us = model->down.last_us = model->now_us;
    expect(model, COMMAND, 2);
}

static bool erase_page(struct kit_rom *model, uint32_t number)
{
    struct ferry_rom_page page = {0, 0, 0};
    uint32_t offset = 0;
    while (ferry_rom_page_at(model->chip, offset, &page) && page.number < number) {
        offset += page.size;
    }
    if (page.number != number || page.start + page.size > KIT_ROM_FLASH) {
        return false;
    }
    if (!model->write_protected) {
        memset(model->flash + page.start, 0xFF, page.size);
    }
    return true;
}

static void end_erase(struct kit_rom *model, bool valid, uint32_t pages)
{
    model->erases++;
    watch(model);
    if (!valid) {
        refuse(model);
        return;
    }
    model->busy_until_us = model->now_us + (uint64_t)model->erase_us * pages;
    if (!model->no_last_ack) {
        say(model, ACK, (uint64_t)model->erase_us * pages);
    }
    expect(model, COMMAND, 2);
}

static void erase_all(struct kit_rom *model)
{
    if (!model->write_protected) {
        memset(model->flash, 0xFF, sizeof model->flash);
    }
    end_erase(model, true, 8);
}

/* `width` bytes a number. */
static void erase_list(struct kit_rom *model, const uint8_t *list, size_t count, size_t width)
{
    bool valid = true;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = list + i * width;
        valid = erase_page(model, width == 2 ? (uint32_t)(at[0] << 8 | at[1]) : at[0]) && valid;
    }
    end_erase(model, valid, (uint32_t)count);
}

static bool readable(uint32_t address, size_t size)
{
    return ferry_within(address - FERRY_ROM_FLASH_BASE, (uint32_t)size, KIT_ROM_FLASH);
}

static uint8_t *ram_at(struct kit_rom *model, uint32_t address, size_t size)
{
    const uint32_t offset = address - ferry_rom_ram_start(model->chip);
    return ferry_within(offset, (uint32_t)size, sizeof model->ram) ? model->ram + offset : NULL;
}

/* Flash, RAM, and the register with the flash's size. */
static bool may_read(struct kit_rom *model, uint32_t address, size_t size)
{
    return readable(address, size) || ram_at(model, address, size) != NULL ||
           (address == ferry_rom_size_register(model->chip) && size <= sizeof model->size_kb);
}

static uint8_t byte_at(struct kit_rom *model, uint32_t address)
{
    if (readable(address, 1)) {
        return model->flash[address - FERRY_ROM_FLASH_BASE];
    }
    const uint8_t *ram = ram_at(model, address, 1);
    const bool low = address == ferry_rom_size_register(model->chip);
    return ram != NULL ? *ram : (uint8_t)(low ? model->size_kb & 0xFFU : model->size_kb >> 8);
}

static void write_memory(struct kit_rom *model, const uint8_t *data, size_t size)
{
    uint8_t *flash = model->flash + (model->address - FERRY_ROM_FLASH_BASE);
    const size_t unit = model->chip->unit_bytes;
    const bool valid = size % unit == 0 && model->address % unit == 0 && !model->refuses_writes;
    bool done = valid;
    for (size_t i = 0; valid && !model->write_protected && i < size; i += unit) {
        static const uint8_t zeros[8] = {0};
        static const uint8_t blank[8] = {255, 255, 255, 255, 255, 255, 255, 255};
        /* ECC: once after an erase, or to zeros; one that fails does not end it */
        const bool takes =
            unit < 8 || memcmp(data + i, zeros, unit) == 0 || memcmp(flash + i, blank, unit) == 0;
        for (size_t k = 0; k < unit && takes; k++) {
            flash[i + k] &= data[i + k];
        }
        done = done && takes;
    }
    model->writes++;
    watch(model);
    if (!done) {
        refuse(model);
        return;
    }
    model->busy_until_us = model->now_us + model->write_us;
    say(model, ACK, model->write_us);
    expect(model, COMMAND, 2);
}

static void say_list(struct kit_rom *model, const uint8_t *bytes, size_t size)
{
    say(model, ACK, 0);
    for (size_t i = 0; i < size; i++) {
        say(model, bytes[i], 0);
    }
    say(model, ACK, 0);
    expect(model, COMMAND, 2);
}

static void say_get(struct kit_rom *model)
{
    uint8_t reply[32] = {(uint8_t)model->list_size, model->version};
    model->gets++;
    memcpy(reply + 2, model->list, model->list_size);
    say_list(model, reply, model->list_size + 2);
}

static void option_command(struct kit_rom *model)
{
    say(model, ACK, 0);
    if (model->command >= 0x92) {
        memset(model->flash, 0xFF, sizeof model->flash);
    }
    model->readout_protected = (model->command & 0xF0) == 0x80 ||
                               (model->readout_protected && (model->command & 0xF0) != 0x90);
    model->write_protected = model->write_protected && (model->command & 0xF0) == 0x80;
    say(model, ACK, 100000);
    model->synced = false; /* reset */
    expect(model, COMMAND, 2);
}

static void take_command(struct kit_rom *model)
{
    const uint8_t command = model->frame[0];
    const uint8_t version[] = {model->version, 0, 0};
    const uint8_t id[] = {1, (uint8_t)(model->chip->pid >> 8), (uint8_t)model->chip->pid};
    model->command = command;
    if ((command ^ model->frame[1]) != 0xFF ||
        memchr(model->list, command, model->list_size) == NULL ||
        (model->readout_protected && command > 2 && (command & 0xF0) != 0x90)) {
        refuse(model);
    } else if (command == 0) {
        say_get(model);
    } else if (command == 1) {
        say_list(model, version, model->framed ? 1 : 3);
    } else if (command == 2) {
        say_list(model, id, sizeof id);
    } else if (command < 0x40) {
        say(model, ACK, 0);
        expect(model, ADDRESS, 5);
    } else if (command == 0x43 || (command & 0xF0) == 0x60) {
        say(model, ACK, 0);
        expect(model, PAGES_8, 2);
    } else if (command < 0x50) {
        say(model, ACK, 0);
        expect(model, PAGES_16, 3);
    } else {
        option_command(model);
    }
}

static bool is_closed(const uint8_t *frame, size_t size)
{
    uint8_t check_sum = 0;
    for (size_t i = 0; i < size; i++) {
        check_sum ^= frame[i];
    }
    return check_sum == 0;
}

static void take_address(struct kit_rom *model)
{
    const uint8_t *f = model->frame;
    model->address = (uint32_t)f[0] << 24 | (uint32_t)f[1] << 16 | (uint32_t)f[2] << 8 | f[3];
    if (!is_closed(f, 5) || !may_read(model, model->address, model->command == 0x11 ? 1 : 4)) {
        refuse(model);
        return;
    }
    say(model, ACK, 0);
    if (model->command == 0x21) {
        model->went++;
        model->spoilt = true;
    }
    expect(model, model->command == 0x11 ? LENGTH : DATA, 2);
}

static void take_length(struct kit_rom *model)
{
    const size_t size = model->frame[0] + 1U;
    if ((model->frame[0] ^ model->frame[1]) != 0xFF || !may_read(model, model->address, size)) {
        refuse(model);
        return;
    }
    say(model, ACK, 0);
    for (size_t i = 0; i < size; i++) {
        say(model, byte_at(model, model->address + (uint32_t)i), 0);
    }
    expect(model, COMMAND, 2);
}

static void take_data(struct kit_rom *model)
{
    const size_t size = model->frame[0] + 1U;
    if (model->have < size + 2) {
        model->need = size + 2;
    } else if (!is_closed(model->frame, size + 2)) {
        refuse(model);
    } else if (ram_at(model, model->address, size) != NULL) {
        memcpy(ram_at(model, model->address, size), model->frame + 1, size);
        say(model, ACK, 0);
        expect(model, COMMAND, 2);
    } else if (!readable(model->address, size)) {
        refuse(model);
    } else {
        write_memory(model, model->frame + 1, size);
    }
}

static void take_pages_8(struct kit_rom *model)
{
    const size_t count = model->frame[0] + 1U;
    if (model->frame[0] == 0xFF) {
        if (model->frame[1] == 0x00 && model->command == 0x43) {
            erase_all(model);
        } else {
            refuse(model);
        }
    } else if (model->have < count + 2) {
        model->need = count + 2;
    } else if (!is_closed(model->frame, count + 2)) {
        refuse(model);
    } else if (model->command == 0x43) {
        erase_list(model, model->frame + 1, count, 1);
    } else {
        model->write_protected = true;
        say(model, ACK, 100000);
        model->synced = false;
        expect(model, COMMAND, 2);
    }
}

static void take_pages_16(struct kit_rom *model)
{
    const uint8_t *f = model->frame;
    const size_t count = (size_t)(f[0] << 8 | f[1]) + 1;
    if (count > 0xFFF0) {
        if (is_closed(f, 3) && count >= 0xFFFE) {
            erase_all(model);
        } else {
            refuse(model);
        }
    } else if (count > 512 || (model->framed && !is_closed(f, 3))) {
        refuse(model);
    } else if (model->framed) {
        say(model, ACK, 0);
        expect(model, PAGE_LIST, 2 * count + 1);
    } else if (model->have < 2 * count + 3) {
        model->need = 2 * count + 3;
    } else if (!is_closed(f, 2 * count + 3)) {
        refuse(model);
    } else {
        erase_list(model, f + 2, count, 2);
    }
}

static void take_frame(struct kit_rom *model)
{
    switch (model->stage) {
    case COMMAND:
        take_command(model);
        break;
    case ADDRESS:
        take_address(model);
        break;
    case LENGTH:
        take_length(model);
        break;
    case DATA:
        take_data(model);
        break;
    case PAGES_8:
        take_pages_8(model);
        break;
    case PAGES_16:
        take_pages_16(model);
        break;
    default:
        if (is_closed(model->frame, model->have)) {
            erase_list(model, model->frame, model->have / 2, 2);
        } else {
            refuse(model);
        }
    }
}

static void chip_take(struct kit_rom *model, uint8_t byte)
{
    if (model->spoilt) {
        return;
    }
    if (!model->framed && !model->synced) {
        model->spoilt = byte != 0x7F; /* a wrong baud rate, until the next reset */
        if (!model->spoilt) {
            model->synced = true;
            if (model->stray_zero) {
                say(model, 0, 0);
            }
            say(model, ACK, 0);
        }
        return;
    }
    if (model->framed && model->stage != COMMAND && model->now_us > model->parameters_due_us) {
        refuse(model); /* I2C: parameters come promptly or not at all */
        return;
    }
    check(model->have < sizeof model->frame, "a frame is too long");
    model->frame[model->have++] = byte;
    if (model->have == model->need) {
        take_frame(model);
    }
}

/* --- the host ----------------------------------------------------------------------------- */

uint32_t kit_rom_now_ms(const struct kit_rom *model)
{
    return (uint32_t)(model->now_us / 1000) + 0xFFFF0000U; /* the clock wraps after a minute */
}

static void deliver_up(struct kit_rom *model)
{
    while (wire_due(&model->up, model->now_us)) {
        chip_take(model, model->up.bytes[model->up.out++ % KIT_ROM_WIRE].byte);
    }
}

static void usart_write(struct kit_rom *model, const struct ferry_rom_action *action)
{
    if (action->flush) {
        while (wire_due(&model->down, model->now_us)) {
            model->down.out++;
        }
    }
    for (size_t i = 0; i < action->size; i++) {
        model->now_us += model->byte_us;
        transmit(model, &model->up, action->bytes[i], model->now_us);
        deliver_up(model);
    }
}

/* The next thing that happens, at `until_us` at the latest. */
static uint64_t next_event(const struct kit_rom *model, uint64_t until_us)
{
    const struct kit_rom_wire *wires[] = {&model->up, &model->down};
    for (size_t i = 0; i < 2; i++) {
        if (wires[i]->in != wires[i]->out) {
            const uint64_t due_us = wires[i]->bytes[wires[i]->out % KIT_ROM_WIRE].due_us;
            until_us = due_us < until_us ? due_us : until_us;
        }
    }
    return until_us > model->now_us ? until_us : model->now_us;
}

static void usart_read(struct kit_rom *model, struct ferry_rom *rom,
                       const struct ferry_rom_action *action)
{
    model->now_us = next_event(model, model->now_us + action->wait_ms * 1000ULL);
    deliver_up(model);
    if (wire_due(&model->down, model->now_us)) {
        const uint8_t byte = model->down.bytes[model->down.out++ % KIT_ROM_WIRE].byte;
        ferry_rom_input(rom, &byte, 1, kit_rom_now_ms(model));
    }
}

/* The fault of this I2C transfer. */
static enum kit_rom_fault transfer_fault(struct kit_rom *model)
{
    const bool hit = model->wire_count++ == model->fault_at;
    model->mute = model->mute || (hit && model->fault == KIT_ROM_SILENCE);
    model->now_us += hit && model->fault == KIT_ROM_LATE ? LATE_US : 0;
    return model->mute ? KIT_ROM_SILENCE : hit ? model->fault : KIT_ROM_NONE;
}

static void i2c_write(struct kit_rom *model, struct ferry_rom *rom,
                      const struct ferry_rom_action *action)
{
    const enum kit_rom_fault fault = transfer_fault(model);
    model->now_us += (uint64_t)(action->size + 1) * model->byte_us;
    if (fault == KIT_ROM_SILENCE || fault == KIT_ROM_LOST ||
        (model->deaf_to_large && action->size > 66)) {
        ferry_rom_refused(rom, kit_rom_now_ms(model));
        return;
    }
    model->down.out = model->down.in;
    model->down.last_us = model->now_us;
    for (size_t i = 0; i < action->size; i++) {
        const bool flips = fault == KIT_ROM_FLIPPED && i == action->size / 2U;
        chip_take(model, action->bytes[i] ^ (flips ? model->fault_mask : 0));
    }
    if (fault == KIT_ROM_REPEATED) { /* arrived, but the master believes it did not */
        ferry_rom_refused(rom, kit_rom_now_ms(model));
        return;
    }
    ferry_rom_sent(rom, action->size, kit_rom_now_ms(model));
}

static void i2c_read(struct kit_rom *model, struct ferry_rom *rom,
                     const struct ferry_rom_action *action)
{
    const enum kit_rom_fault fault = transfer_fault(model);
    uint8_t bytes[260];
    model->now_us += (uint64_t)(action->size + 1) * model->byte_us;
    if (fault == KIT_ROM_SILENCE || fault == KIT_ROM_LOST || model->down.in == model->down.out) {
        ferry_rom_refused(rom, kit_rom_now_ms(model));
        return;
    }
    model->no_stretch = model->command == 0x32 || model->command == 0x45;
    if (!wire_due(&model->down, model->now_us) && model->no_stretch) {
        const uint8_t busy = BUSY;
        ferry_rom_input(rom, &busy, 1, kit_rom_now_ms(model));
        return;
    }
    for (size_t i = 0; i < action->size; i++) {
        const bool flips = fault == KIT_ROM_FLIPPED && i == action->size / 2U;
        model->now_us = next_event(model, model->now_us + 1000000); /* stretched */
        bytes[i] = 0xFF;
        if (wire_due(&model->down, model->now_us)) {
            bytes[i] = model->down.bytes[model->down.out++ % KIT_ROM_WIRE].byte;
        }
        bytes[i] ^= flips ? model->fault_mask : 0;
    }
    if (fault == KIT_ROM_REPEATED) {
        ferry_rom_refused(rom, kit_rom_now_ms(model));
        return;
    }
    ferry_rom_input(rom, bytes, action->size, kit_rom_now_ms(model));
}

void kit_rom_do(struct kit_rom *model, struct ferry_rom *rom, const struct ferry_rom_action *action)
{
    if (action->type == FERRY_ROM_WAIT) {
        model->now_us += action->wait_ms * 1000ULL;
    } else if (action->type == FERRY_ROM_WRITE) {
        check(action->size > 0 && action->size <= 258, "a write has 1-258 bytes");
        model->max_write = action->size > model->max_write ? action->size : model->max_write;
        if (model->framed) {
            i2c_write(model, rom, action);
        } else {
            usart_write(model, action);
            ferry_rom_sent(rom, action->size, kit_rom_now_ms(model));
        }
    } else if (model->framed) {
        check(action->size > 0 && action->size <= 257, "a read has 1-257 bytes");
        model->max_read = action->size > model->max_read ? action->size : model->max_read;
        i2c_read(model, rom, action);
    } else {
        usart_read(model, rom, action);
    }
}

void kit_rom_init(struct kit_rom *model, uint16_t pid, bool framed)
{
    static const uint8_t usart[] = {0x00, 0x01, 0x02, 0x11, 0x21, 0x31,
                                    0x44, 0x63, 0x73, 0x82, 0x92};
    static const uint8_t i2c[] = {0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44, 0x63, 0x73,
                                  0x82, 0x92, 0x32, 0x45, 0x64, 0x74, 0x83, 0x93};
    memset(model, 0, sizeof *model);
    memset(model->flash, 0xFF, sizeof model->flash);
    model->chip = ferry_rom_chip_by_pid(pid);
    model->framed = framed;
    model->version = framed ? 0x11 : 0x31;
    model->list_size = framed ? sizeof i2c : sizeof usart;
    memcpy(model->list, framed ? i2c : usart, model->list_size);
    model->byte_us = framed ? 90 : 95;
    model->erase_us = 22000;
    model->write_us = 3000;
    model->size_kb = KIT_ROM_FLASH / 1024;
    model->fault_mask = 0x10;
    model->fault_at = UINT32_MAX;
    kit_rom_reset(model);
}
