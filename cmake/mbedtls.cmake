# Finds Mbed TLS 3.6 (p256-m and SHA-256) and proves file by file that it is the one Ferry was
# tested with. Sets FERRY_MBEDTLS_FOUND and FERRY_MBEDTLS_SOURCE. Never downloads: tools/setup does.
set(FERRY_MBEDTLS_SOURCE ${PROJECT_SOURCE_DIR}/build/third_party/mbedtls)
if(FERRY_MBEDTLS_DIR)
    set(FERRY_MBEDTLS_SOURCE ${FERRY_MBEDTLS_DIR})
endif()

include(cmake/pinned.cmake)
ferry_pinned_check(ferry_mbedtls_problem mbedtls ${FERRY_MBEDTLS_SOURCE})
if(ferry_mbedtls_problem)
    set(FERRY_MBEDTLS_FOUND FALSE)
    string(CONCAT message "Mbed TLS 3.6.6 is needed for SHA-256 and the signature check on the node: "
        "${ferry_mbedtls_problem}.\n"
        "Run `tools/setup --only mbedtls`, or name an unpacked Mbed TLS 3.6.6 source tree with "
        "-DFERRY_MBEDTLS_DIR=<folder>.")
    if(FERRY_BOARD OR FERRY_TESTS OR FERRY_MBEDTLS_DIR)
        message(FATAL_ERROR ${message})
    endif()
    message(STATUS ${message})
else()
    set(FERRY_MBEDTLS_FOUND TRUE)
endif()
