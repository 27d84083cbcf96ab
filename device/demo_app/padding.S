/* PADDING_KB that do not compress, others for each PADDING_SEED: an LCG run by the assembler
 * (Numerical Recipes, 7.1: x * 1664525 + 1013904223). */
    .section .padding, "a", %progbits
    .set seed, PADDING_SEED
    .rept PADDING_KB * 1024 / 4
    .set seed, (seed * 1664525 + 1013904223) & 0xFFFFFFFF
    .word seed
    .endr
