# What the build must know about this board; the rest stands in board.h.
set(BOARD_PORT stm32l4)               # folder under ports/
set(BOARD_SLOTS)                      # no bootloader of Ferry's: one application, at the start of flash
set(BOARD_TRANSPORTS uart)            # files of the port
