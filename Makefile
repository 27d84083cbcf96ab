# What people type. Each target prepares what it needs; CMake does the building.
#
#   make demo       the whole way of an update on the virtual board (BOARD=stm32f411_blackpill);
#                   of a BOARD without Ferry's bootloader: HTTP -> gateway -> ST's ROM bootloader
#   make test       every check and test (< 20 minutes on two cores)
#   make torture    long sweeps: power cuts with many seeds
#   make bench      tables of speed, in virtual time where a board is involved
#   make size       flash, RAM and stack of each board build; fails above the limits
#   make fuzz       libFuzzer, FUZZ_SECONDS each (60); then hostile frames at every virtual board
#   make install    host programs into PREFIX (/usr/local), DESTDIR respected
#   make flash      a real board: BOARD=... PROBE=openocd|stlink|dfu FACTORY=factory.hex

BOARD        ?= stm32f411_blackpill
BOARDS       := $(notdir $(patsubst %/board.h,%,$(wildcard boards/*/board.h)))
PROBE        ?= openocd
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 60
MBEDTLS      ?= $(FERRY_MBEDTLS_DIR)
JOBS         ?= $(shell nproc)
CMAKE_ARGS   := $(if $(MBEDTLS),-DFERRY_MBEDTLS_DIR=$(MBEDTLS))

ifeq ($(filter $(BOARD),$(BOARDS)),)
$(error no board $(BOARD); there is: $(BOARDS))
endif

.DEFAULT_GOAL := help
.PHONY: help setup host boards demo test lint torture bench size fuzz install flash docs clean

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@mkdir -p build && FERRY_MBEDTLS_DIR=$(MBEDTLS) tools/setup

# build NAME[,TARGET]: a CMake preset.
define build
	@cmake --preset $(1) $(CMAKE_ARGS) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }
	@echo "building $(1)" && cmake --build build/$(1) -j $(JOBS) $(if $(2),--target $(2))
endef

host: setup
	$(call build,host)

boards: setup $(addprefix board-,$(BOARDS))

board-%: setup
	@[ -f boards/$*/board.h ] || { echo "no board $*; there is: $(BOARDS)" >&2; exit 2; }
	$(call build,$*)

demo: host board-$(BOARD)
	@tools/demo --board $(BOARD)

test: export FERRY_NO_SKIP = 1
test: host boards lint
	$(call build,test)
	@tools/test

lint: setup
	@tools/lint

torture: host boards
	$(call build,power,power_sweeps)
	@tools/torture

bench: host boards
	@tools/bench

size: boards
	@tools/size $(BOARDS)

fuzz: host boards
	$(call build,fuzz)
	@tools/fuzz --seconds $(FUZZ_SECONDS)

install: host boards
	@cmake --install build/host --prefix $(PREFIX)

flash: host board-$(BOARD)
	@tools/flash --board $(BOARD) --probe $(PROBE) $(if $(FACTORY),--factory $(FACTORY))

docs:
	@command -v doxygen >/dev/null || { echo 'make docs needs doxygen: apt-get install doxygen' >&2; exit 1; }
	@doxygen docs/Doxyfile && echo "build/doxygen/html/index.html"

clean:
	rm -rf build
