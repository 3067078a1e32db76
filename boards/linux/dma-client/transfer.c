// SPDX-License-Identifier: GPL-2.0
/* Transfers through dmaengine, and how they are looked at. */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "client.h"

/* Bytes of the transfer that shows that all is well. */
#define WORKS_BYTES	3000u

/* Fills with bytes that no other pattern has in the same place. */
void pattern(struct client *client, u8 *bytes, size_t length)
{
	struct rnd_state state;

	prandom_seed_state(&state, client->seed++);
	prandom_bytes_state(&state, bytes, length);
}

void untouched(u8 *bytes, size_t length)
{
	memset(bytes, UNTOUCHED, length);
}

bool is_untouched(const u8 *bytes, size_t length)
{
	return !memchr_inv(bytes, UNTOUCHED, length);
}

static void called(void *argument, const struct dmaengine_result *result)
{
	struct order *order = argument;

	order->result = *result;
	complete(&order->done);
}

/* Prepares, submits and issues a list whose bus addresses are set. */
bool queue_sg(struct side *side, struct scatterlist *list, unsigned int count, struct order *order)
{
	struct dma_async_tx_descriptor *tx;

	init_completion(&order->done);
	order->cookie = -ENOMEM;
	tx = dmaengine_prep_slave_sg(side->chan, list, count, side->direction, DMA_PREP_INTERRUPT);
	if (!tx)
		return false;
	tx->callback_result = called;
	tx->callback_param = order;
	order->cookie = dmaengine_submit(tx);
	if (dma_submit_error(order->cookie))
		return false;
	dma_async_issue_pending(side->chan);
	return true;
}

bool queue_pieces(struct side *side, const struct piece *pieces, unsigned int count,
		  struct order *order)
{
	struct scatterlist *list = kcalloc(count, sizeof(*list), GFP_KERNEL);
	unsigned int i;
	bool queued;

	if (!list)
		return false;
	sg_init_table(list, count);
	for (i = 0; i < count; i++) {
		sg_dma_address(&list[i]) = pieces[i].bus;
		sg_dma_len(&list[i]) = pieces[i].bytes;
	}
	queued = queue_sg(side, list, count, order);
	kfree(list);
	return queued;
}

bool queue(struct side *side, dma_addr_t bus, u32 bytes, struct order *order)
{
	struct piece piece = { bus, bytes };

	return queue_pieces(side, &piece, 1, order);
}

/* Whether the callback comes, and tells of no error. */
bool finished(struct order *order)
{
	return wait_for_completion_timeout(&order->done, msecs_to_jiffies(PATIENCE_MS)) &&
	       order->result.result == DMA_TRANS_NOERROR;
}

/*
 * Sends @bytes bytes from offset @from to offset @to, and compares; also what lies around them.
 * Offsets are GUARD at least.
 */
bool both(struct client *client, u32 from, u32 to, u32 bytes)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct order sent, received;

	pattern(client, tx->bytes + from, bytes);
	untouched(rx->bytes + to - GUARD, bytes + 2 * GUARD);
	if (!queue(rx, rx->bus + to, bytes, &received))
		return false;
	if (!queue(tx, tx->bus + from, bytes, &sent)) {
		/* The callback's order is on this stack. */
		stop(client);
		return false;
	}
	if (!finished(&received) || !finished(&sent)) {
		stop(client);
		return false;
	}
	/* Callbacks come before the driver has its descriptors back. */
	dmaengine_synchronize(tx->chan);
	dmaengine_synchronize(rx->chan);
	return !sent.result.residue && !received.result.residue &&
	       !memcmp(tx->bytes + from, rx->bytes + to, bytes) &&
	       is_untouched(rx->bytes + to - GUARD, GUARD) &&
	       is_untouched(rx->bytes + to + bytes, GUARD);
}

u32 residue(struct side *side, struct order *order, enum dma_status *status)
{
	struct dma_tx_state state = {};

	*status = dmaengine_tx_status(side->chan, order->cookie, &state);
	return state.residue;
}

/* Whether a transfer in progress comes to have @bytes left. */
bool residue_becomes(struct side *side, struct order *order, u32 bytes)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);
	enum dma_status status;
	u32 left;

	do {
		left = residue(side, order, &status);
		if (status == DMA_IN_PROGRESS && left == bytes)
			return true;
		usleep_range(100, 500);
	} while (status == DMA_IN_PROGRESS && time_before(jiffies, end));
	return false;
}

/* Whether DMASR comes to be @value where @mask says. */
bool status_becomes(struct side *side, u32 mask, u32 value)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);

	do {
		if ((ioread32(side->regs + DMASR) & mask) == value)
			return true;
		usleep_range(100, 500);
	} while (time_before(jiffies, end));
	return false;
}

/* Ends whatever both channels do. */
void stop(struct client *client)
{
	dmaengine_terminate_sync(client->tx.chan);
	dmaengine_terminate_sync(client->rx.chan);
}

/* Whether a plain transfer does what it should. */
bool works(struct client *client)
{
	return both(client, GUARD, 2 * GUARD, WORKS_BYTES);
}
