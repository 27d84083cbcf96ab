/*
 * range.h - the Range header of a download (RFC 9110, section 14).
 *
 * Pure: text in, decision out.
 */
#ifndef FERRY_SERVER_RANGE_H
#define FERRY_SERVER_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_kind {
    RANGE_WHOLE,        /* answer 200 with everything */
    RANGE_PART,         /* answer 206 with first..first + length - 1 */
    RANGE_UNSATISFIABLE /* answer 416 */
};

struct range {
    enum range_kind kind;
    uint64_t first;
    uint64_t length; /* bytes; of the whole file for RANGE_WHOLE */
};

/*
 * header: value of Range, or NULL. size: bytes of the file.
 * A malformed header, another unit and a list of ranges give RANGE_WHOLE: section 14.2 lets a
 * server ignore them, and a client that asked for several ranges must be ready for 200.
 */
struct range range_parse(const char *header, uint64_t size);

/*
 * If-None-Match against our entity tag (quotes included): a list, weak comparison, or "*".
 * True when the client's copy is current.
 */
bool range_etag_listed(const char *header, const char *etag);

/* If-Range: only the very same strong tag allows a part. NULL (no header) allows it. */
bool range_allowed(const char *if_range, const char *etag);

#endif
