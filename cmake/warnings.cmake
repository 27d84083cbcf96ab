# Every target of ours links this: the warnings, and the sanitizers where they are switched on.
add_library(ferry_warnings INTERFACE)
target_compile_options(ferry_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wundef -Werror)
if(FERRY_SANITIZE)
    target_compile_options(ferry_warnings INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(ferry_warnings INTERFACE -fsanitize=address,undefined)
endif()
if(FERRY_FUZZ) # libFuzzer's coverage in every library; the targets link its main (tests/fuzz)
    target_compile_options(ferry_warnings INTERFACE -fsanitize=fuzzer-no-link,address,undefined
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(ferry_warnings INTERFACE -fsanitize=address,undefined)
endif()
