#include "ferry/message.h"

#include <string.h>

/* Offsets within a message; SPEC.md, "Messages", has the same numbers as tables. */
enum {
    HEADER = FERRY_MESSAGE_HEADER_SIZE,
    VERSION_SIZE = 8,
    INFO_FIXED_SIZE = HEADER + 84,
    INFO_SLOT_SIZE = 8 + 4 + VERSION_SIZE + FERRY_HASH_SIZE,
    OPENED_SIZE = HEADER + 12,
    DATA_FIXED_SIZE = HEADER + 4,
    ACK_SIZE = HEADER + 12,
    NAK_SIZE = HEADER + 12,
    CLOSE_SIZE = HEADER + 12,
    VERDICT_SIZE = HEADER + 4,
    HASH_SIZE = HEADER + FERRY_HASH_SIZE,
    LOG_SIZE = HEADER + 4,
    LOGGED_FIXED_SIZE = HEADER + 4
};

_Static_assert(INFO_FIXED_SIZE + 2 * INFO_SLOT_SIZE + 2 * FERRY_HASH_SIZE + 1 +
                       FERRY_BOARD_NAME_MAX <=
                   FERRY_REPLY_MAX,
               "the largest INFO fits");
_Static_assert(LOGGED_FIXED_SIZE + FERRY_LOG_ENTRIES_MAX * FERRY_LOG_ENTRY_SIZE <= FERRY_REPLY_MAX,
               "the largest LOGGED fits");

static void put_header(uint8_t *out, uint8_t type, uint16_t tag)
{
    out[0] = type;
    out[1] = 0;
    ferry_put_u16(out + 2, tag);
}

/* A verdict on the wire is the status number without its sign. */
static uint8_t verdict_from_status(int status)
{
    return (uint8_t)(status < 0 ? -status : 0);
}

static int status_from_verdict(uint8_t verdict)
{
    return -(int)verdict;
}

size_t ferry_message_write_empty(uint8_t *out, uint8_t type, uint16_t tag)
{
    put_header(out, type, tag);
    return HEADER;
}

size_t ferry_message_write_reset(uint8_t *out, uint16_t tag, uint8_t flags)
{
    size_t size = ferry_message_write_empty(out, FERRY_RESET, tag);
    out[size] = flags;
    return size + 1;
}

/* ---- INFO ---------------------------------------------------------------------------------- */

_Static_assert(offsetof(struct ferry_info, data_max) == 16 &&
                   offsetof(struct ferry_info, candidate_hash) == 52 &&
                   offsetof(struct ferry_info, slots) == INFO_FIXED_SIZE - HEADER &&
                   sizeof(struct ferry_slot_info) == INFO_SLOT_SIZE,
               "the structs have the layout of the wire");
_Static_assert(offsetof(struct ferry_boot_log, error) == 8 &&
                   sizeof(struct ferry_boot_log) == FERRY_LOG_ENTRY_SIZE,
               "the struct has the layout of the wire");

static void order_version(uint8_t *bytes)
{
    ferry_order_u16(bytes + offsetof(struct ferry_version, revision));
    ferry_order_u32(bytes + offsetof(struct ferry_version, build));
}

/* The fixed part and the slots of INFO, between struct and wire, either way. */
static void order_info(uint8_t *bytes, uint8_t slot_count)
{
    ferry_order_u16(bytes + offsetof(struct ferry_info, protocol));
    ferry_order_u16(bytes + offsetof(struct ferry_info, capabilities));
    ferry_order_u16(bytes + offsetof(struct ferry_info, data_max));
    ferry_order_u32(bytes + offsetof(struct ferry_info, window));
    ferry_order_u32(bytes + offsetof(struct ferry_info, security_counter));
    ferry_order_u32(bytes + offsetof(struct ferry_info, durable));
    ferry_order_u32(bytes + offsetof(struct ferry_info, bootloader_version));
    ferry_order_u32(bytes + offsetof(struct ferry_info, write_protected));
    bytes += offsetof(struct ferry_info, slots);
    for (uint8_t i = 0; i < slot_count; i++, bytes += INFO_SLOT_SIZE) {
        ferry_order_u32(bytes);
        ferry_order_u32(bytes + 4);
        order_version(bytes + offsetof(struct ferry_slot_info, version));
    }
}

size_t ferry_message_write_info(uint8_t *out, uint16_t tag, const struct ferry_info *info)
{
    put_header(out, FERRY_INFO, tag);
    size_t size = INFO_FIXED_SIZE + (size_t)info->slot_count * INFO_SLOT_SIZE;
    memcpy(out + HEADER, info, size - HEADER);
    order_info(out + HEADER, info->slot_count);
    size_t keys_size = (size_t)info->key_count * FERRY_HASH_SIZE;
    memcpy(out + size, info->key_hash, keys_size);
    size += keys_size;
    size_t name_size = strlen(info->board);
    out[size++] = (uint8_t)name_size;
    memcpy(out + size, info->board, name_size);
    return size + name_size;
}

/* Board name, the last part of INFO. */
static int get_board(const uint8_t *bytes, size_t size, struct ferry_info *info)
{
    if (size == 0 || bytes[0] > FERRY_BOARD_NAME_MAX || bytes[0] > size - 1) {
        return FERRY_BAD_LENGTH;
    }
    for (uint8_t i = 0; i < bytes[0]; i++) { /* it goes to terminals and logs */
        uint8_t letter = bytes[1 + i];
        info->board[i] = letter > ' ' && letter < 0x7F ? (char)letter : '?';
    }
    return FERRY_OK;
}

int ferry_message_read_info(const uint8_t *message, size_t size, struct ferry_info *info)
{
    const uint8_t *bytes = message + HEADER;

    memset(info, 0, sizeof(*info));
    if (size < INFO_FIXED_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    size_t slots_size = (size_t)bytes[offsetof(struct ferry_info, slot_count)] * INFO_SLOT_SIZE;
    size_t keys_size = (size_t)bytes[offsetof(struct ferry_info, key_count)] * FERRY_HASH_SIZE;
    if (slots_size > sizeof(info->slots) || keys_size > sizeof(info->key_hash) ||
        size - INFO_FIXED_SIZE < slots_size + keys_size) {
        return FERRY_BAD_LENGTH;
    }
    memcpy(info, bytes, INFO_FIXED_SIZE - HEADER + slots_size);
    order_info((uint8_t *)info, info->slot_count);
    bytes += INFO_FIXED_SIZE - HEADER + slots_size;
    memcpy(info->key_hash, bytes, keys_size);
    return get_board(bytes + keys_size, size - INFO_FIXED_SIZE - slots_size - keys_size, info);
}

/* ---- OPEN ---------------------------------------------------------------------------------- */

size_t ferry_message_write_open(uint8_t *out, uint16_t tag, const struct ferry_open *open)
{
    put_header(out, FERRY_OPEN, tag);
    ferry_put_u16(out + 4, open->protocol);
    ferry_put_u16(out + 6, open->capabilities);
    ferry_put_u32(out + 8, open->total_size);
    ferry_put_u16(out + 12, open->tlv_size);
    ferry_put_u16(out + 14, 0);

    uint8_t *to = out + FERRY_OPEN_FIXED_SIZE;
    memcpy(to, open->header, FERRY_IMAGE_HEADER_SIZE);
    to += FERRY_IMAGE_HEADER_SIZE;
    memcpy(to, open->vectors, FERRY_IMAGE_VECTORS_SIZE);
    to += FERRY_IMAGE_VECTORS_SIZE;
    memcpy(to, open->tlvs, open->tlv_size);
    return (size_t)(to - out) + open->tlv_size;
}

int ferry_message_read_open(const uint8_t *message, size_t size, struct ferry_open *open)
{
    const size_t before_tlvs =
        FERRY_OPEN_FIXED_SIZE + FERRY_IMAGE_HEADER_SIZE + FERRY_IMAGE_VECTORS_SIZE;

    if (size < before_tlvs) {
        return FERRY_BAD_LENGTH;
    }
    open->protocol = ferry_get_u16(message + 4);
    open->capabilities = ferry_get_u16(message + 6);
    open->total_size = ferry_get_u32(message + 8);
    open->tlv_size = ferry_get_u16(message + 12);
    open->header = message + FERRY_OPEN_FIXED_SIZE;
    open->vectors = open->header + FERRY_IMAGE_HEADER_SIZE;
    open->tlvs = open->vectors + FERRY_IMAGE_VECTORS_SIZE;
    return open->tlv_size <= FERRY_IMAGE_TLV_MAX && open->tlv_size == size - before_tlvs
               ? FERRY_OK
               : FERRY_BAD_LENGTH;
}

size_t ferry_message_write_opened(uint8_t *out, uint16_t tag, const struct ferry_opened *opened)
{
    put_header(out, FERRY_OPENED, tag);
    out[4] = verdict_from_status(opened->status);
    out[5] = opened->slot;
    ferry_put_u16(out + 6, opened->data_max);
    ferry_put_u32(out + 8, opened->resume_offset);
    ferry_put_u32(out + 12, opened->window);
    return OPENED_SIZE;
}

int ferry_message_read_opened(const uint8_t *message, size_t size, struct ferry_opened *opened)
{
    if (size < OPENED_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    opened->status = status_from_verdict(message[4]);
    opened->slot = message[5];
    opened->data_max = ferry_get_u16(message + 6);
    opened->resume_offset = ferry_get_u32(message + 8);
    opened->window = ferry_get_u32(message + 12);
    return FERRY_OK;
}

/* ---- DATA, ACK, NAK, CLOSE ------------------------------------------------------------------ */

size_t ferry_message_write_data(uint8_t *out, uint16_t tag, uint32_t offset, const void *bytes,
                                size_t size)
{
    put_header(out, FERRY_DATA, tag);
    ferry_put_u32(out + 4, offset);
    memmove(out + DATA_FIXED_SIZE, bytes, size); /* the caller may have read them in place */
    return DATA_FIXED_SIZE + size;
}

int ferry_message_read_data(const uint8_t *message, size_t size, struct ferry_data *data)
{
    if (size <= DATA_FIXED_SIZE || size - DATA_FIXED_SIZE > FERRY_DATA_MAX) {
        return FERRY_BAD_LENGTH;
    }
    data->offset = ferry_get_u32(message + 4);
    data->bytes = message + DATA_FIXED_SIZE;
    data->size = (uint32_t)(size - DATA_FIXED_SIZE);
    return FERRY_OK;
}

size_t ferry_message_write_ack(uint8_t *out, uint16_t tag, const struct ferry_ack *ack)
{
    put_header(out, FERRY_ACK, tag);
    ferry_put_u32(out + 4, ack->next);
    ferry_put_u32(out + 8, ack->durable);
    ferry_put_u32(out + 12, ack->window);
    return ACK_SIZE;
}

int ferry_message_read_ack(const uint8_t *message, size_t size, struct ferry_ack *ack)
{
    if (size < ACK_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    ack->next = ferry_get_u32(message + 4);
    ack->durable = ferry_get_u32(message + 8);
    ack->window = ferry_get_u32(message + 12);
    return FERRY_OK;
}

size_t ferry_message_write_nak(uint8_t *out, uint16_t tag, const struct ferry_nak *nak)
{
    put_header(out, FERRY_NAK, tag);
    out[4] = verdict_from_status(nak->status);
    out[5] = nak->type;
    ferry_put_u16(out + 6, 0);
    ferry_put_u32(out + 8, nak->next);
    ferry_put_u32(out + 12, nak->durable);
    return NAK_SIZE;
}

int ferry_message_read_nak(const uint8_t *message, size_t size, struct ferry_nak *nak)
{
    if (size < NAK_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    nak->status = status_from_verdict(message[4]);
    nak->type = message[5];
    nak->next = ferry_get_u32(message + 8);
    nak->durable = ferry_get_u32(message + 12);
    return FERRY_OK;
}

size_t ferry_message_write_close(uint8_t *out, uint16_t tag, const struct ferry_close *close)
{
    put_header(out, FERRY_CLOSE, tag);
    ferry_put_u32(out + 4, close->total_size);
    ferry_put_u32(out + 8, close->crc32);
    ferry_put_u32(out + 12, close->crc_from);
    return CLOSE_SIZE;
}

int ferry_message_read_close(const uint8_t *message, size_t size, struct ferry_close *close)
{
    if (size < CLOSE_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    close->total_size = ferry_get_u32(message + 4);
    close->crc32 = ferry_get_u32(message + 8);
    close->crc_from = ferry_get_u32(message + 12);
    return FERRY_OK;
}

/* ---- the short ones -------------------------------------------------------------------------- */

size_t ferry_message_write_verdict(uint8_t *out, uint8_t type, uint16_t tag, int status)
{
    put_header(out, type, tag);
    ferry_put_u32(out + 4, verdict_from_status(status));
    return VERDICT_SIZE;
}

int ferry_message_read_verdict(const uint8_t *message, size_t size, int *status)
{
    if (size < VERDICT_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    *status = status_from_verdict(message[4]);
    return FERRY_OK;
}

size_t ferry_message_write_hash(uint8_t *out, uint8_t type, uint16_t tag,
                                const uint8_t hash[FERRY_HASH_SIZE])
{
    put_header(out, type, tag);
    memcpy(out + HEADER, hash, FERRY_HASH_SIZE);
    return HASH_SIZE;
}

int ferry_message_read_hash(const uint8_t *message, size_t size, const uint8_t **hash)
{
    if (size < HASH_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    *hash = message + HEADER;
    return FERRY_OK;
}

size_t ferry_message_write_log(uint8_t *out, uint16_t tag, uint16_t first)
{
    put_header(out, FERRY_LOG, tag);
    ferry_put_u32(out + 4, first);
    return LOG_SIZE;
}

int ferry_message_read_log(const uint8_t *message, size_t size, uint16_t *first)
{
    if (size < LOG_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    *first = ferry_get_u16(message + 4);
    return FERRY_OK;
}

/* Between struct and wire, either way: there an error has no sign, and padding is zero. */
static void order_log_entry(uint8_t *bytes)
{
    uint8_t *error = bytes + offsetof(struct ferry_boot_log, error);
    *error = (uint8_t) - *error;
    ferry_order_u32(bytes);
    order_version(bytes + offsetof(struct ferry_boot_log, version));
}

size_t ferry_message_write_logged(uint8_t *out, uint16_t tag, const struct ferry_log_answer *log)
{
    put_header(out, FERRY_LOGGED, tag);
    ferry_put_u32(out + 4, log->count);
    for (uint8_t i = 0; i < log->count; i++) {
        uint8_t *entry = out + LOGGED_FIXED_SIZE + (size_t)i * FERRY_LOG_ENTRY_SIZE;
        memcpy(entry, &log->entries[i], FERRY_LOG_ENTRY_SIZE);
        order_log_entry(entry);
    }
    return LOGGED_FIXED_SIZE + (size_t)log->count * FERRY_LOG_ENTRY_SIZE;
}

int ferry_message_read_logged(const uint8_t *message, size_t size, struct ferry_log_answer *log)
{
    if (size < LOGGED_FIXED_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    log->count = message[4];
    if (log->count > FERRY_LOG_ENTRIES_MAX ||
        size - LOGGED_FIXED_SIZE < (size_t)log->count * FERRY_LOG_ENTRY_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    for (uint8_t i = 0; i < log->count; i++) {
        struct ferry_boot_log *entry = &log->entries[i];
        memcpy(entry, message + LOGGED_FIXED_SIZE + (size_t)i * FERRY_LOG_ENTRY_SIZE,
               FERRY_LOG_ENTRY_SIZE);
        order_log_entry((uint8_t *)entry);
        entry->error = entry->error > 0 ? FERRY_ARGUMENT : entry->error; /* no such status */
    }
    return FERRY_OK;
}
