/* 174 KB that do not compress, to make the image of a benchmark fill slot A: an LCG run by the
 * assembler (Numerical Recipes, 7.1: x * 1664525 + 1013904223). */
    .section .padding, "a", %progbits
    .set seed, 1
    .rept 174 * 1024 / 4
    .set seed, (seed * 1664525 + 1013904223) & 0xFFFFFFFF
    .word seed
    .endr
