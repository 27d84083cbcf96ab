# What the build must know about this board; the rest stands in board.h.
set(BOARD_PORT stm32f4)               # folder under ports/
set(BOARD_SLOTS A B)                  # slots that applications are linked for
set(BOARD_TRANSPORTS uart spi i2c)    # files of the port, listened on in this order
