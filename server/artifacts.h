/*
 * artifacts.h - the artifact folder: one file for each content, named by its SHA-256.
 *
 * An upload is written to tmp/ and hashed on the way; only a complete, synced file is renamed to
 * artifacts/<sha256>. If power fails, either the old or the new state is there, and a temp file
 * that artifacts_open_folder removes at the next start.
 */
#ifndef FERRY_SERVER_ARTIFACTS_H
#define FERRY_SERVER_ARTIFACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_TEXT_SIZE = 65, SHA1_TEXT_SIZE = 41, MD5_TEXT_SIZE = 33, ARTIFACTS_PATH_SIZE = 768 };

struct artifact_hashes {
    char sha256[SHA256_TEXT_SIZE]; /* lower-case hexadecimal */
    char sha1[SHA1_TEXT_SIZE];     /* DDI clients check it; it protects nothing here */
    char md5[MD5_TEXT_SIZE];       /* as above */
};

struct upload; /* one body that is being received */

/* Makes the folders (0700) below `data` and removes what interrupted uploads left. False: errno. */
bool artifacts_open_folder(const char *data);

/* Starts an upload. NULL if no file can be made. Owned by the caller until commit or abort. */
struct upload *upload_begin(const char *data, uint64_t max_bytes);

/* Takes bytes. False when writing failed; bytes past max_bytes are dropped, see upload_too_large.
 */
bool upload_feed(struct upload *upload, const void *bytes, size_t size);

bool upload_too_large(const struct upload *upload);
uint64_t upload_size(const struct upload *upload);

/* The open file, for checks before the commit. */
int upload_file(const struct upload *upload);

/* Ends the hashing. Call once, after the last byte. */
bool upload_finish(struct upload *upload, struct artifact_hashes *hashes);

/* Syncs, renames to its SHA-256, syncs the folder. After upload_finish. False: nothing stored. */
bool upload_commit(struct upload *upload);

/* Frees an upload and removes its file unless it was committed. NULL is allowed. */
void upload_close(struct upload *upload);

/* Opens a stored artifact for reading. Returns the descriptor or -1. sha256: 64 hex digits. */
int artifacts_open(const char *data, const char *sha256);

/* True for 64 lower-case hexadecimal digits. */
bool artifacts_is_sha256(const char *text);

#endif
