# libgpiod 2 for the tests, whatever version this machine has: a static library of the pinned sources
# that tools/setup fetched. Nothing that is installed links it. Sets FERRY_LIBGPIOD2_FOUND.
set(FERRY_LIBGPIOD2_SOURCE ${PROJECT_SOURCE_DIR}/build/third_party/libgpiod)

include(cmake/pinned.cmake)
ferry_pinned_check(ferry_libgpiod2_problem libgpiod ${FERRY_LIBGPIOD2_SOURCE})
if(ferry_libgpiod2_problem)
    set(FERRY_LIBGPIOD2_FOUND FALSE)
    message(WARNING "gpio_v2.c is neither built nor tested without libgpiod 2: ${ferry_libgpiod2_problem}. "
        "Run `tools/setup --only libgpiod`.")
else()
    set(FERRY_LIBGPIOD2_FOUND TRUE)
    file(GLOB sources ${FERRY_LIBGPIOD2_SOURCE}/lib/*.c)
    add_library(ferry_libgpiod2 STATIC EXCLUDE_FROM_ALL ${sources})
    target_include_directories(ferry_libgpiod2 SYSTEM PUBLIC ${FERRY_LIBGPIOD2_SOURCE}/include)
    # Third-party files keep their own warnings. The language is what its own build gives.
    target_compile_options(ferry_libgpiod2 PRIVATE -std=gnu89 -w)
    target_compile_definitions(ferry_libgpiod2 PRIVATE _GNU_SOURCE GPIOD_VERSION_STR="2.2.1")
endif()

# A program of ours once more, from the same objects, with libgpiod 2 in place of the version that
# this machine has: gpiod2/<program> of the build, for the end-to-end tests, never installed.
function(ferry_also_with_gpiod2 program)
    if(NOT FERRY_LIBGPIOD2_FOUND)
        return()
    endif()
    add_executable(${program}-gpiod2 $<TARGET_OBJECTS:${program}>)
    set_target_properties(${program}-gpiod2 PROPERTIES OUTPUT_NAME ${program} LINKER_LANGUAGE C
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/gpiod2)
    get_target_property(libraries ${program} LINK_LIBRARIES)
    list(TRANSFORM libraries REPLACE "^ferry_gpio$" "ferry_gpio_v2")
    target_link_libraries(${program}-gpiod2 PRIVATE ${libraries})
endfunction()
