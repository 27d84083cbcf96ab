#include "test_sim_rom_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_NS  (150 * MS)
#define ANSWER_NS (100 * MS)

static void on_byte(void *ctx, struct ferry_sim *sim, unsigned port, uint8_t byte)
{
    struct host *h = ctx;
    (void)port;
    if (h->kit.rx_count < sizeof h->kit.rx)
        h->kit.rx[h->kit.rx_count++] = byte;
    ferry_sim_stop(sim);
}

void host_open_off(struct host *h, const char *board, const char *program)
{
    size_t size;
    memset(h->program, 0xFF, sizeof h->program);
    kit_open_board(&h->kit, board, program, NULL);
    const uint8_t *flash = ferry_sim_flash(h->kit.sim, &size);
    h->program_size = sizeof h->program;
    memcpy(h->program, flash, sizeof h->program);
    while (h->program_size > 4 && h->program[h->program_size - 1] == 0xFF)
        h->program_size--;
    h->program_size = (h->program_size + 7u) & ~(size_t)7u;
    uint8_t *blank = malloc(size);
    assert_non_null(blank);
    memset(blank, 0xFF, size);
    ferry_sim_load(h->kit.sim, FLASH, blank, size);
    free(blank);
    h->port = (unsigned)ferry_sim_rom_port(h->kit.sim);
    ferry_sim_uart_baud(h->kit.sim, h->port, 115200);
    ferry_sim_on_uart(h->kit.sim, h->port, on_byte, h);
}

void host_open(struct host *h, const char *board, const char *program)
{
    host_open_off(h, board, program);
    ferry_sim_line_set(h->kit.sim, FERRY_SIM_LINE_BOOT0, 1);
    ferry_sim_power_on(h->kit.sim);
    ferry_sim_run_for(h->kit.sim, START_NS);
}

void host_close(struct host *h)
{
    kit_close(&h->kit);
}

void host_boot0(struct host *h, int level)
{
    ferry_sim_line_set(h->kit.sim, FERRY_SIM_LINE_BOOT0, level);
    assert_int_equal(ferry_sim_reset(h->kit.sim), FERRY_SIM_OK);
    h->kit.rx_count = 0;
    ferry_sim_run_for(h->kit.sim, START_NS);
}

/* ---- USART ---- */

int host_byte(struct host *h, uint64_t wait_ns)
{
    uint64_t end = ferry_sim_time_ns(h->kit.sim) + wait_ns;
    while (h->kit.rx_count == 0 && ferry_sim_time_ns(h->kit.sim) < end &&
           ferry_sim_powered(h->kit.sim))
        ferry_sim_run_until(h->kit.sim, end);
    if (h->kit.rx_count == 0)
        return -1;
    int byte = h->kit.rx[0];
    memmove(h->kit.rx, h->kit.rx + 1, --h->kit.rx_count);
    return byte;
}

void host_send(struct host *h, const void *data, size_t size)
{
    assert_int_equal(ferry_sim_uart_send(h->kit.sim, h->port, data, size), size);
}

int host_sync(struct host *h)
{
    host_send(h, "\x7F", 1);
    return host_byte(h, ANSWER_NS);
}

int host_command(struct host *h, uint8_t code)
{
    const uint8_t frame[2] = {code, (uint8_t)~code};
    host_send(h, frame, sizeof frame);
    return host_byte(h, ANSWER_NS);
}

static void put_address(uint8_t frame[5], uint32_t address)
{
    for (int i = 0; i < 4; i++)
        frame[i] = (uint8_t)(address >> (24 - 8 * i));
    frame[4] = frame[0] ^ frame[1] ^ frame[2] ^ frame[3];
}

int host_address(struct host *h, uint32_t address)
{
    uint8_t frame[5];
    put_address(frame, address);
    host_send(h, frame, sizeof frame);
    return host_byte(h, ANSWER_NS);
}

static size_t put_block(uint8_t *frame, const uint8_t *data, size_t size)
{
    uint8_t sum = frame[0] = (uint8_t)(size - 1u);
    for (size_t i = 0; i < size; i++)
        sum ^= frame[1 + i] = data[i];
    frame[1 + size] = sum;
    return size + 2u;
}

int host_block(struct host *h, const uint8_t *data, size_t size, uint64_t wait_ns)
{
    uint8_t frame[258];
    host_send(h, frame, put_block(frame, data, size));
    return host_byte(h, wait_ns);
}

int host_write(struct host *h, uint32_t address, const uint8_t *data, size_t size)
{
    if (host_command(h, 0x31) != ACK || host_address(h, address) != ACK)
        return -1;
    return host_block(h, data, size, 1000 * MS);
}

size_t host_read(struct host *h, uint32_t address, uint8_t *out, size_t size)
{
    const uint8_t length[2] = {(uint8_t)(size - 1u), (uint8_t) ~(size - 1u)};
    size_t n = 0;
    if (host_command(h, 0x11) != ACK || host_address(h, address) != ACK)
        return 0;
    host_send(h, length, 2);
    if (host_byte(h, ANSWER_NS) != ACK)
        return 0;
    for (int byte; n < size && (byte = host_byte(h, ANSWER_NS)) >= 0;)
        out[n++] = (uint8_t)byte;
    return n;
}

static size_t put_pages(uint8_t *frame, const uint16_t *pages, size_t count)
{
    size_t n = 0;
    uint8_t sum = 0;
    uint16_t head = count ? (uint16_t)(count - 1u) : 0xFFFFu;
    frame[n++] = (uint8_t)(head >> 8);
    frame[n++] = (uint8_t)head;
    for (size_t i = 0; i < count; i++) {
        frame[n++] = (uint8_t)(pages[i] >> 8);
        frame[n++] = (uint8_t)pages[i];
    }
    for (size_t i = 0; i < n; i++)
        sum ^= frame[i];
    frame[n++] = sum;
    return n;
}

int host_erase(struct host *h, const uint16_t *pages, size_t count, uint64_t wait_ns)
{
    uint8_t frame[2 + 2 * 512 + 1];
    if (host_command(h, 0x44) != ACK)
        return -1;
    host_send(h, frame, put_pages(frame, pages, count));
    return host_byte(h, wait_ns);
}

void host_write_program(struct host *h)
{
    for (size_t at = 0; at < h->program_size; at += 256) {
        size_t rest = h->program_size - at;
        assert_int_equal(
            host_write(h, FLASH + (uint32_t)at, h->program + at, rest < 256 ? rest : 256), ACK);
    }
}

/* ---- I2C ---- */

static int transfer(struct host *h, bool read, void *data, size_t size, uint32_t timeout_ms)
{
    struct ferry_sim_i2c_message message = {read, (uint16_t)size, data};
    struct ferry_sim_i2c i2c = {.messages = &message,
                                .count = 1,
                                .hz = 400000,
                                .timeout_ms = timeout_ms,
                                .address = (uint8_t)ferry_sim_rom_i2c_address(h->kit.sim)};
    return ferry_sim_i2c_transfer(h->kit.sim, &i2c, NULL);
}

int host_i2c(struct host *h, const void *out, size_t out_size)
{
    uint8_t copy[512];
    assert_in_range(out_size, 0, sizeof copy);
    memcpy(copy, out, out_size);
    return transfer(h, false, copy, out_size, 100);
}

int host_i2c_read(struct host *h, void *in, size_t in_size, uint32_t timeout_ms)
{
    return transfer(h, true, in, in_size, timeout_ms);
}

int host_i2c_ack(struct host *h, uint32_t timeout_ms)
{
    uint8_t byte = 0;
    return host_i2c_read(h, &byte, 1, timeout_ms) == FERRY_SIM_OK ? byte : -1;
}

int host_i2c_command(struct host *h, uint8_t code)
{
    const uint8_t frame[2] = {code, (uint8_t)~code};
    return host_i2c(h, frame, 2) == FERRY_SIM_OK ? host_i2c_ack(h, 100) : -1;
}

int host_i2c_address(struct host *h, uint32_t address)
{
    uint8_t frame[5];
    put_address(frame, address);
    return host_i2c(h, frame, sizeof frame) == FERRY_SIM_OK ? host_i2c_ack(h, 100) : -1;
}

int host_i2c_block(struct host *h, const uint8_t *data, size_t size)
{
    uint8_t frame[258];
    return host_i2c(h, frame, put_block(frame, data, size));
}
