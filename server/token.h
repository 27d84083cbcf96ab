/*
 * token.h - access tokens: 256 random bits, shown once, kept only as SHA-256.
 *
 * A plain hash is enough: the token itself has full entropy, so there is nothing to guess.
 * The text form is a 4-letter kind, '_' and 43 characters of base64url, so that a token found in a
 * file can be told apart by its kind: fpub (publish), fenr (enrolment), ftgt (one target).
 */
#ifndef FERRY_SERVER_TOKEN_H
#define FERRY_SERVER_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

enum { TOKEN_HASH_SIZE = 32, TOKEN_TEXT_SIZE = 4 + 1 + 43 + 1 };

/* Makes a token. kind: 4 letters. False if the system gives no random bytes. */
bool token_make(const char *kind, char text[TOKEN_TEXT_SIZE]);

/* SHA-256 over the characters of a token. Any string may be given. */
void token_hash(const char *text, uint8_t hash[TOKEN_HASH_SIZE]);

/* In constant time. */
bool token_equal(const uint8_t a[TOKEN_HASH_SIZE], const uint8_t b[TOKEN_HASH_SIZE]);

#endif
