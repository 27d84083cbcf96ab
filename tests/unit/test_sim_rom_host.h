/** A host of ST's boot loader for tests: the frames of AN3155 and AN4221, nothing clever. */
#ifndef TEST_SIM_ROM_HOST_H
#define TEST_SIM_ROM_HOST_H

#include "test_sim_kit.h"

#define ACK   0x79
#define NACK  0x1F
#define BUSY  0x76
#define FLASH 0x08000000u

struct host {
    struct kit kit;
    unsigned port;
    uint8_t program[16384]; /* sim/test_firmware/<name>.bin */
    size_t program_size;
};

/** Board with blank flash, BOOT0 high, powered and past the boot loader's start-up. */
void host_open(struct host *h, const char *board, const char *program);
void host_open_off(struct host *h, const char *board, const char *program); /* power still off */
void host_close(struct host *h);
void host_boot0(struct host *h, int level); /**< and a pulse on NRST */

/* ---- USART: each returns the answer byte, -1 when none came ---- */
int host_sync(struct host *h);
int host_byte(struct host *h, uint64_t wait_ns);
void host_send(struct host *h, const void *data, size_t size);
int host_command(struct host *h, uint8_t code);
int host_address(struct host *h, uint32_t address);
/** Data and its checksum behind its length byte. */
int host_block(struct host *h, const uint8_t *data, size_t size, uint64_t wait_ns);
int host_write(struct host *h, uint32_t address, const uint8_t *data, size_t size);
/** @return bytes read */
size_t host_read(struct host *h, uint32_t address, uint8_t *out, size_t size);
/** count 0: everything. */
int host_erase(struct host *h, const uint16_t *pages, size_t count, uint64_t wait_ns);
/** Write all of the program, 256 bytes at a time. Asserts. */
void host_write_program(struct host *h);

/* ---- I2C: status of ferry_sim_i2c_transfer() ---- */
int host_i2c(struct host *h, const void *out, size_t out_size);
int host_i2c_read(struct host *h, void *in, size_t in_size, uint32_t timeout_ms);
/** One byte read: the acknowledge. -1 when the transfer failed. */
int host_i2c_ack(struct host *h, uint32_t timeout_ms);
int host_i2c_command(struct host *h, uint8_t code);
int host_i2c_address(struct host *h, uint32_t address);
/** Without waiting for the answer. */
int host_i2c_block(struct host *h, const uint8_t *data, size_t size);

#endif
