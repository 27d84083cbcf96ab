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

static void put_version(uint8_t *out, const struct ferry_version *version)
{
    out[0] = version->major;
    out[1] = version->minor;
    ferry_put_u16(out + 2, version->revision);
    ferry_put_u32(out + 4, version->build);
}

static void get_version(const uint8_t *bytes, struct ferry_version *version)
{
    version->major = bytes[0];
    version->minor = bytes[1];
    version->revision = ferry_get_u16(bytes + 2);
    version->build = ferry_get_u32(bytes + 4);
}

size_t ferry_message_write_empty(uint8_t *out, uint8_t type, uint16_t tag)
{
    put_header(out, type, tag);
    return HEADER;
}

/* ---- INFO ---------------------------------------------------------------------------------- */

static void put_info_fixed(uint8_t *out, const struct ferry_info *info)
{
    ferry_put_u16(out, info->protocol);
    ferry_put_u16(out + 2, info->capabilities);
    out[4] = info->running;
    out[5] = info->slot_count;
    out[6] = info->confirmed;
    out[7] = info->phase;
    out[8] = info->candidate;
    out[9] = info->attempts;
    out[10] = info->outcome;
    out[11] = info->flags;
    out[12] = info->reset_cause;
    out[13] = info->rdp_level;
    out[14] = info->bor_level;
    out[15] = info->key_count;
    ferry_put_u16(out + 16, info->data_max);
    ferry_put_u16(out + 18, 0);
    ferry_put_u32(out + 20, info->window);
    ferry_put_u32(out + 24, info->security_counter);
    ferry_put_u32(out + 28, info->durable);
    ferry_put_u32(out + 32, info->bootloader_version);
    ferry_put_u32(out + 36, info->write_protected);
    memcpy(out + 40, info->uid, FERRY_UID_SIZE);
    memcpy(out + 52, info->candidate_hash, FERRY_HASH_SIZE);
}

static void get_info_fixed(const uint8_t *bytes, struct ferry_info *info)
{
    info->protocol = ferry_get_u16(bytes);
    info->capabilities = ferry_get_u16(bytes + 2);
    info->running = bytes[4];
    info->slot_count = bytes[5];
    info->confirmed = bytes[6];
    info->phase = bytes[7];
    info->candidate = bytes[8];
    info->attempts = bytes[9];
    info->outcome = bytes[10];
    info->flags = bytes[11];
    info->reset_cause = bytes[12];
    info->rdp_level = bytes[13];
    info->bor_level = bytes[14];
    info->key_count = bytes[15];
    info->data_max = ferry_get_u16(bytes + 16);
    info->window = ferry_get_u32(bytes + 20);
    info->security_counter = ferry_get_u32(bytes + 24);
    info->durable = ferry_get_u32(bytes + 28);
    info->bootloader_version = ferry_get_u32(bytes + 32);
    info->write_protected = ferry_get_u32(bytes + 36);
    memcpy(info->uid, bytes + 40, FERRY_UID_SIZE);
    memcpy(info->candidate_hash, bytes + 52, FERRY_HASH_SIZE);
}

static void put_slot(uint8_t *out, const struct ferry_slot_info *slot)
{
    ferry_put_u32(out, slot->range.start);
    ferry_put_u32(out + 4, slot->range.size);
    ferry_put_u32(out + 8, slot->content);
    put_version(out + 12, &slot->version);
    memcpy(out + 20, slot->hash, FERRY_HASH_SIZE);
}

static void get_slot(const uint8_t *bytes, struct ferry_slot_info *slot)
{
    slot->range.start = ferry_get_u32(bytes);
    slot->range.size = ferry_get_u32(bytes + 4);
    slot->content = bytes[8];
    get_version(bytes + 12, &slot->version);
    memcpy(slot->hash, bytes + 20, FERRY_HASH_SIZE);
}

size_t ferry_message_write_info(uint8_t *out, uint16_t tag, const struct ferry_info *info)
{
    put_header(out, FERRY_INFO, tag);
    put_info_fixed(out + HEADER, info);
    size_t size = INFO_FIXED_SIZE;
    for (uint8_t i = 0; i < info->slot_count; i++) {
        put_slot(out + size, &info->slots[i]);
        size += INFO_SLOT_SIZE;
    }
    for (uint8_t i = 0; i < info->key_count; i++) {
        memcpy(out + size, info->key_hash[i], FERRY_HASH_SIZE);
        size += FERRY_HASH_SIZE;
    }
    size_t name_size = strlen(info->board);
    out[size++] = (uint8_t)name_size;
    memcpy(out + size, info->board, name_size);
    return size + name_size;
}

/* The part of INFO whose size depends on counts: slots, keys, board name. */
static int get_info_lists(const uint8_t *bytes, size_t size, struct ferry_info *info)
{
    size_t fixed =
        (size_t)info->slot_count * INFO_SLOT_SIZE + (size_t)info->key_count * FERRY_HASH_SIZE + 1;

    if (size < fixed) {
        return FERRY_BAD_LENGTH;
    }
    for (uint8_t i = 0; i < info->slot_count; i++) {
        get_slot(bytes, &info->slots[i]);
        bytes += INFO_SLOT_SIZE;
    }
    for (uint8_t i = 0; i < info->key_count; i++) {
        memcpy(info->key_hash[i], bytes, FERRY_HASH_SIZE);
        bytes += FERRY_HASH_SIZE;
    }
    if (bytes[0] > FERRY_BOARD_NAME_MAX || bytes[0] > size - fixed) {
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
    memset(info, 0, sizeof(*info));
    if (size < INFO_FIXED_SIZE) {
        return FERRY_BAD_LENGTH;
    }
    get_info_fixed(message + HEADER, info);
    if (info->slot_count > FERRY_SLOTS_MAX || info->key_count > FERRY_BOOT_BLOCK_KEYS) {
        return FERRY_BAD_LENGTH;
    }
    return get_info_lists(message + INFO_FIXED_SIZE, size - INFO_FIXED_SIZE, info);
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

static void put_log_entry(uint8_t *out, const struct ferry_boot_log *entry)
{
    ferry_put_u32(out, entry->boot);
    out[4] = entry->reset_cause;
    out[5] = entry->action;
    out[6] = entry->slot;
    out[7] = entry->attempts;
    ferry_put_u32(out + 8, verdict_from_status(entry->error));
    put_version(out + 12, &entry->version);
}

static void get_log_entry(const uint8_t *bytes, struct ferry_boot_log *entry)
{
    entry->boot = ferry_get_u32(bytes);
    entry->reset_cause = bytes[4];
    entry->action = bytes[5];
    entry->slot = bytes[6];
    entry->attempts = bytes[7];
    entry->error = (int8_t)(bytes[8] > INT8_MAX ? FERRY_ARGUMENT : status_from_verdict(bytes[8]));
    get_version(bytes + 12, &entry->version);
}

size_t ferry_message_write_logged(uint8_t *out, uint16_t tag, const struct ferry_log_answer *log)
{
    put_header(out, FERRY_LOGGED, tag);
    ferry_put_u32(out + 4, log->count);
    for (uint8_t i = 0; i < log->count; i++) {
        put_log_entry(out + LOGGED_FIXED_SIZE + (size_t)i * FERRY_LOG_ENTRY_SIZE, &log->entries[i]);
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
        get_log_entry(message + LOGGED_FIXED_SIZE + (size_t)i * FERRY_LOG_ENTRY_SIZE,
                      &log->entries[i]);
    }
    return FERRY_OK;
}
