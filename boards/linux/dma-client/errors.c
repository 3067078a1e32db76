// SPDX-License-Identifier: GPL-2.0
/* What the bus refuses, and the way back. */

#include <linux/interrupt.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "client.h"

/* Behind the memory, where nothing answers. */
#define NOWHERE		0x90000000ull
/* The same 4 GiB further: an address that needs its upper word. */
#define FAR		SZ_4G
#define BYTES		512u

/*
 * @side has halted with just @error, and its handler has dealt with the interrupt. The driver's
 * handler acknowledges first and marks the channel later: a terminate between the two is undone.
 */
static bool failed(struct side *side, u32 error)
{
	if (!status_becomes(side, DMASR_HALTED | DMASR_ERRORS | DMASR_IRQS, DMASR_HALTED | error))
		return false;
	synchronize_irq(side->irq);
	return true;
}

/* The second piece of three cannot be read or written. */
static void refused(struct client *client, struct side *side, dma_addr_t bad, u32 error,
		    const char *what)
{
	struct side *tx = &client->tx, *rx = &client->rx, *other = side == tx ? rx : tx;
	struct piece pieces[3];
	struct order sent, received, *order = side == tx ? &sent : &received;
	enum dma_status status;
	bool good;

	pattern(client, tx->bytes, 3 * BYTES);
	untouched(rx->bytes, 3 * BYTES);
	pieces[0] = (struct piece){ rx->bus, BYTES };
	pieces[1] = (struct piece){ side == rx ? bad : rx->bus + BYTES, BYTES };
	pieces[2] = (struct piece){ rx->bus + 2 * BYTES, BYTES };
	good = queue_pieces(rx, pieces, 3, &received);
	pieces[0] = (struct piece){ tx->bus, BYTES };
	pieces[1] = (struct piece){ side == tx ? bad : tx->bus + BYTES, BYTES };
	pieces[2] = (struct piece){ tx->bus + 2 * BYTES, BYTES };
	good = good && queue_pieces(tx, pieces, 3, &sent);
	ok(client, good && failed(side, error), "%s halts the channel", what);
	ok(client, !(ioread32(other->regs + DMASR) & (DMASR_ERRORS | DMASR_HALTED)),
	   "the other one goes on");
	ok(client, !(ioread32(side->regs + DMACR) & DMACR_RS), "RS is 0");
	ok(client, residue(side, order, &status) == 2 * BYTES && status == DMA_IN_PROGRESS,
	   "the driver calls the transfer in progress, with what is left of it");
	stop(client);
	ok(client, !completion_done(&order->done), "and never calls back");
	ok(client, !(ioread32(side->regs + DMASR) & DMASR_ERRORS), "a terminate clears the error");
	ok(client, works(client), "a transfer afterwards");
}

/* The driver resets a channel with an error when something is submitted to it. */
static void reset_by_submit(struct client *client)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct order sent, received;
	enum dma_status status;
	bool good;

	good = queue(tx, NOWHERE, BYTES, &sent) && failed(tx, DMASR_DEC_ERR);
	good = good && queue(rx, rx->bus, BYTES, &received) &&
	       status_becomes(rx, DMASR_HALTED | DMASR_IDLE, 0);
	ok(client, good, "the other channel runs beside one with an error");
	good = good && queue(tx, tx->bus, BYTES, &sent);
	ok(client, good && status_becomes(tx, DMASR_ERRORS, 0),
	   "submitting to the channel with the error resets it");
	residue(rx, &received, &status);
	ok(client, status_becomes(rx, DMASR_HALTED, DMASR_HALTED) && status == DMA_IN_PROGRESS,
	   "a reset is both channels': the receiver has halted, and its driver does not know");
	stop(client);
	ok(client, works(client), "terminating both brings them back");
}

void check_errors(struct client *client)
{
	refused(client, &client->tx, NOWHERE, DMASR_DEC_ERR, "a read from nowhere");
	refused(client, &client->rx, NOWHERE, DMASR_DEC_ERR, "a write to nowhere");
	if (client->wide) {
		refused(client, &client->tx, client->tx.bus + FAR, DMASR_DEC_ERR,
			"a read 4 GiB too far");
		refused(client, &client->rx, client->rx.bus + FAR, DMASR_DEC_ERR,
			"a write 4 GiB too far");
	}
	if (!client->realign) {
		refused(client, &client->tx, client->tx.bus + BYTES + 1, DMASR_INT_ERR,
			"an unaligned read without realignment");
		refused(client, &client->rx, client->rx.bus + BYTES + 1, DMASR_INT_ERR,
			"an unaligned write without realignment");
	}
	reset_by_submit(client);
}
