/** The L4's own peripherals. Internal; included by sim_internal.h, whose types it uses. */
#ifndef FERRY_SIM_L4_H
#define FERRY_SIM_L4_H

/* flash_l4.c: the L4's interface, and what its double words remember */
void sim_flash_l4_init(struct ferry_sim *b);
void sim_flash_l4_reset(struct ferry_sim *b);
void sim_flash_l4_store(struct ferry_sim *b, uint32_t offset, unsigned size, uint32_t value);
void sim_flash_l4_store_options(struct ferry_sim *b, uint32_t optr);
bool sim_flash_l4_protected(const struct ferry_sim *b, size_t page);
uint32_t sim_flash_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_flash_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                        uint32_t mask);
void sim_ecc_erased(struct ferry_sim *b, uint32_t offset, uint32_t size);
void sim_ecc_reverted(struct ferry_sim *b, uint32_t offset, uint32_t size);
void sim_ecc_torn(struct ferry_sim *b, uint32_t offset);
void sim_ecc_loaded(struct ferry_sim *b, uint32_t offset, uint32_t size);
/** The core reads or runs these bytes. */
void sim_ecc_read(struct ferry_sim *b, uint32_t offset, uint32_t size);
/** Is the double word at this offset erased? */
bool sim_flash_l4_blank(const struct ferry_sim *b, uint32_t offset);
/** Write-protect these pages and no others; count 0: none. On an F4: nothing. */
void sim_flash_l4_protect(struct ferry_sim *b, const uint8_t *pages, uint32_t count);

/* rcc_l4.c */
uint32_t sim_rcc_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_rcc_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                      uint32_t mask);
void sim_rcc_l4_reset(struct ferry_sim *b, uint32_t cause);
void sim_rcc_l4_update(struct ferry_sim *b);
/** Clock of a USART by CCIPR. */
uint32_t sim_rcc_l4_usart_hz(const struct ferry_sim *b, unsigned index, uint32_t pclk_hz);
uint32_t sim_pwr_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_pwr_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                      uint32_t mask);

/* usart_v2.c: registers only, the byte machine is usart.c's */
uint32_t sim_usart_v2_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_usart_v2_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                        uint32_t mask);

/* dma_l4.c */
uint32_t sim_dma_l4_read(struct ferry_sim *b, unsigned index, uint32_t offset);
void sim_dma_l4_write(struct ferry_sim *b, unsigned index, uint32_t offset, uint32_t value,
                      uint32_t mask);
void sim_dma_l4_reset(struct ferry_sim *b, unsigned index);
bool sim_dma_l4_request(struct ferry_sim *b, enum sim_dma_source source, unsigned index);

#endif
