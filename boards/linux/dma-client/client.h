/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of dma-client share. */
#ifndef DMA_CLIENT_H
#define DMA_CLIENT_H

#include <linux/completion.h>
#include <linux/dmaengine.h>
#include <linux/io.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>

/* Bytes of each contiguous buffer, and of each scattered one. */
#define BUFFER_BYTES	(8u << 20)
#define SCATTER_BYTES	(1u << 20)
/* Descriptors that xilinx_dma has for a channel. */
#define DESCRIPTORS	255u
/* What nothing may write carries this. */
#define UNTOUCHED	0xa5
/* Bytes on each side of a buffer that are looked at. */
#define GUARD		64u
/* A bound that only a hang exceeds. */
#define PATIENCE_MS	30000

/* Registers of a channel (PG021), from its base. */
#define DMACR		0x00
#define DMACR_RS	BIT(0)
#define DMASR		0x04
#define DMASR_HALTED	BIT(0)
#define DMASR_IDLE	BIT(1)
#define DMASR_SGINCLD	BIT(3)
#define DMASR_INT_ERR	BIT(4)
#define DMASR_DEC_ERR	BIT(6)
#define DMASR_ERRORS	(BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(10))
#define DMASR_IRQS	(BIT(12) | BIT(13) | BIT(14))
#define S2MM_BASE	0x30

/**
 * struct side - one channel, and what it reads or writes
 * @chan: of dmaengine
 * @dma: the device that moves its data
 * @regs: its registers; only read
 * @irq: its interrupt, whose handler may be waited for
 * @direction: as dmaengine says it
 * @bytes: contiguous, BUFFER_BYTES
 * @bus: its bus address
 * @scattered: SCATTER_BYTES whose pages lie anywhere
 */
struct side {
	struct dma_chan *chan;
	struct device *dma;
	void __iomem *regs;
	int irq;
	enum dma_transfer_direction direction;
	u8 *bytes;
	dma_addr_t bus;
	u8 *scattered;
};

/**
 * struct client - a DMA whose streams are tied together
 * @dev: the client's own device
 * @tx: MM2S
 * @rx: S2MM
 * @realign: buffers may begin anywhere
 * @wide: addresses have more than 32 bits
 * @file: in debugfs
 * @out: where results go
 * @number: results so far
 * @seed: of the next pattern
 */
struct client {
	struct device *dev;
	struct side tx;
	struct side rx;
	bool realign;
	bool wide;
	struct dentry *file;
	struct seq_file *out;
	unsigned int number;
	u64 seed;
};

/**
 * struct order - a transfer that was queued
 * @done: its callback was called
 * @result: what the callback was told
 * @cookie: of dmaengine; negative: it was refused
 */
struct order {
	struct completion done;
	struct dmaengine_result result;
	dma_cookie_t cookie;
};

/**
 * struct piece - a part of a list
 * @bus: bus address
 * @bytes: its length
 */
struct piece {
	dma_addr_t bus;
	u32 bytes;
};

__printf(3, 4) void ok(struct client *client, bool good, const char *format, ...);

/* transfer.c */
void pattern(struct client *client, u8 *bytes, size_t length);
void untouched(u8 *bytes, size_t length);
bool is_untouched(const u8 *bytes, size_t length);
bool queue_sg(struct side *side, struct scatterlist *list, unsigned int count, struct order *order);
bool queue_pieces(struct side *side, const struct piece *pieces, unsigned int count,
		  struct order *order);
bool queue(struct side *side, dma_addr_t bus, u32 bytes, struct order *order);
bool finished(struct order *order);
bool both(struct client *client, u32 from, u32 to, u32 bytes);
u32 residue(struct side *side, struct order *order, enum dma_status *status);
bool residue_becomes(struct side *side, struct order *order, u32 bytes);
bool status_becomes(struct side *side, u32 mask, u32 value);
void stop(struct client *client);
bool works(struct client *client);

/* checks.c, stops.c, errors.c */
void check_transfers(struct client *client);
void check_stops(struct client *client);
void check_errors(struct client *client);
void check_forgotten(struct client *client);

#endif
