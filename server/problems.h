/*
 * problems.h - every error that the HTTP API answers: {"error": name, "message": what to do}.
 *
 * X(symbol, HTTP status, name, message). Names are part of the API and do not change.
 */
#ifndef FERRY_SERVER_PROBLEMS_H
#define FERRY_SERVER_PROBLEMS_H

#define HTTP_PROBLEMS(X)                                                                           \
    X(BAD_JSON, 400, "bad_json", "Send one JSON object in UTF-8.")                                 \
    X(BAD_FIELD, 400, "bad_field", "A field is missing or outside its range.")                     \
    X(BAD_NAME, 400, "bad_name", "Names take 1 to 64 characters of A-Z a-z 0-9 . _ -")             \
    X(BAD_PARAMETER, 400, "bad_parameter", "A query parameter is missing or outside its range.")   \
    X(NO_TOKEN, 401, "no_token", "Send a valid token in the Authorization header.")                \
    X(NOT_FOUND, 404, "not_found", "There is nothing at this path.")                               \
    X(NO_RELEASE, 404, "no_release", "Publish a release for this board first.")                    \
    X(NO_TARGET, 404, "no_target", "There is no target of this name.")                             \
    X(NO_ACTION, 404, "no_action", "This target has no such action; poll again.")                  \
    X(NO_ARTIFACT, 404, "no_artifact", "Upload this artifact first.")                              \
    X(METHOD, 405, "method_not_allowed", "Use a method of the Allow header.")                      \
    X(RELEASE_CONFLICT, 409, "release_conflict",                                                   \
      "This version is published for this board with other content; publish a new version.")       \
    X(NO_FAILURE, 409, "no_failure",                                                               \
      "The last action of this target did not fail; there is nothing to try again.")               \
    X(CLOSED, 410, "action_closed", "This action is closed; poll again.")                          \
    X(TOO_LARGE, 413, "too_large", "Send a smaller body.")                                         \
    X(RANGE, 416, "range_not_satisfiable", "Ask for bytes within the size in Content-Range.")      \
    X(BAD_IMAGE, 422, "bad_image", "Send an image signed with a configured public key.")           \
    X(VERSION_MISMATCH, 422, "version_mismatch",                                                   \
      "All artifacts of a release carry its version; sign them again or correct the version.")     \
    X(TOO_MANY, 429, "too_many", "The limit of this server is reached.")                           \
    X(INTERNAL, 500, "internal", "The server failed; its log has the cause.")                      \
    X(UNAVAILABLE, 503, "unavailable", "Try again a little later.")

enum problem {
    PROBLEM_NONE,
#define HTTP_PROBLEM_ENUM(symbol, status, name, message) PROBLEM_##symbol,
    HTTP_PROBLEMS(HTTP_PROBLEM_ENUM)
#undef HTTP_PROBLEM_ENUM
};

#endif
