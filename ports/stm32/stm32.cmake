# What the ports of STM32 families share, included by ports/<family>/CMakeLists.txt: CPU flags, the
# files of this folder, and the functions that make a binary.
set(stm32_folder ${CMAKE_CURRENT_LIST_DIR})

# No FPU: nothing here needs it, and the application finds it as after a reset.
add_library(ferry_cpu INTERFACE)
# `for_size`: 1,000 bytes of 16,400 in the bootloader, gcc 12.2; speed as without (make bench).
set(for_size -fno-move-loop-invariants -fno-inline-small-functions -fno-caller-saves
    -fno-schedule-insns2 -fno-ipa-cp --param=uninlined-function-insns=0 -fno-tree-loop-im
    -fno-tree-tail-merge -fno-if-conversion -fno-reorder-blocks -fno-ipa-modref -fno-section-anchors
    -fno-tree-ccp -fno-tree-dse)
target_compile_options(ferry_cpu INTERFACE -mcpu=cortex-m4 -mthumb -mfloat-abi=soft
    $<$<COMPILE_LANGUAGE:C>:-ffreestanding -fbuiltin -ffunction-sections -fdata-sections -flto
    -fno-common ${for_size}>)
target_link_options(ferry_cpu INTERFACE -mcpu=cortex-m4 -mthumb -mfloat-abi=soft -flto ${for_size}
    -nostartfiles --specs=nano.specs -Wl,--gc-sections -Wl,--fatal-warnings
    -Wl,--no-warn-rwx-segments) # a few functions may run from RAM

# ferry_stm32_port(<source of the family>...): the library `ferry_port`.
# Objects, not an archive: weak handlers must not win because nobody asked for the real ones.
function(ferry_stm32_port)
    set(shared startup.c by_clock.c pins.c iwdg.c reset.c string.c)
    list(TRANSFORM shared PREPEND ${stm32_folder}/)
    add_library(ferry_port OBJECT ${ARGN} ${shared})
    # Without the second option gcc turns memcpy's loop into a call of memcpy.
    set_source_files_properties(${stm32_folder}/string.c PROPERTIES
        COMPILE_OPTIONS "-fno-lto;-fno-tree-loop-distribute-patterns")
    target_include_directories(ferry_port PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${stm32_folder}
        ${PROJECT_SOURCE_DIR}/boards/${FERRY_BOARD})
    target_compile_definitions(ferry_port PUBLIC FERRY_BOARD_SYMBOL=ferry_board_${FERRY_BOARD})
    target_link_libraries(ferry_port PUBLIC ferry_core ferry_cpu PRIVATE ferry_warnings)
endfunction()

# ferry_stm32_kind(boot|app <tick file>): `ferry_port_boot`, `ferry_port_app`: what differs between
# the two kinds of binary.
function(ferry_stm32_kind kind tick)
    add_library(ferry_port_${kind} INTERFACE)
    target_link_libraries(ferry_port_${kind} INTERFACE ferry_port $<TARGET_OBJECTS:ferry_port>)
    target_sources(ferry_port_${kind} INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/vectors_${kind}.S
        ${stm32_folder}/${tick})
endfunction()

# ferry_transports(<target> <transport>...): links the transports' files and a table of them.
function(ferry_transports target)
    string(JOIN ", &stm32_" list ${ARGN})
    set(table ${CMAKE_CURRENT_BINARY_DIR}/${target}_transports.c)
    file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [[
/* Generated: the transports of this binary. */
#include "port.h"

struct stm32_transport *const stm32_transports[] = {&stm32_@list@};
const size_t stm32_transport_count = sizeof stm32_transports / sizeof stm32_transports[0];
]])
    if(ARGN STREQUAL "uart")
        get_property(alone GLOBAL PROPERTY FERRY_UART_ALONE) # of the family
        list(APPEND ARGN ${alone})
    else()
        list(APPEND ARGN transports)
    endif()
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ports/${BOARD_PORT}/ OUTPUT_VARIABLE sources)
    list(TRANSFORM sources APPEND .c)
    target_sources(${target} PRIVATE ${sources} ${table})
endfunction()

# ferry_firmware(<target> <definitions of memory.ld.in>...): linker script, .bin, place, map.
function(ferry_firmware target)
    set(board_folder ${PROJECT_SOURCE_DIR}/boards/${FERRY_BOARD})
    set(template ${PROJECT_SOURCE_DIR}/ports/stm32/memory.ld.in)
    set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}.ld)
    list(TRANSFORM ARGN PREPEND -D OUTPUT_VARIABLE definitions)
    add_custom_command(OUTPUT ${script}
        COMMAND ${CMAKE_C_COMPILER} -E -P -x c -I ${board_folder} ${definitions} ${template}
            -o ${script}
        DEPENDS ${template} ${board_folder}/board.h
        VERBATIM)
    add_custom_target(${target}_script DEPENDS ${script})
    add_dependencies(${target} ${target}_script)
    set_target_properties(${target} PROPERTIES
        SUFFIX .elf RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} LINK_DEPENDS ${script})
    target_link_options(${target} PRIVATE -T ${script}
        -Wl,-Map=${PROJECT_BINARY_DIR}/${target}.map)
    add_custom_command(TARGET ${target} POST_BUILD
        COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:${target}> ${PROJECT_BINARY_DIR}/${target}.bin
        VERBATIM)
endfunction()
