// SPDX-License-Identifier: GPL-2.0
/* Transfers that end well: sizes, places, lists, queues, rings. */

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "client.h"

#define QUEUED		16u
#define QUEUED_BYTES	5008u
#define PERIODS		4u
#define PERIOD_BYTES	16384u
#define RING_BYTES	(PERIODS * PERIOD_BYTES)

static void sizes(struct client *client)
{
	static const u32 all[] = {
		1, 2, 3, 15, 16, 17, 63, 64, 65, 255, 4095, 4096, 4097, 8192, 16367, 16368, 16369,
		16383, 16384, 16385, 65535, 65536, 100001, 1u << 20, (2u << 20) + 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		ok(client, both(client, GUARD, GUARD, all[i]), "%u bytes", all[i]);
	/* More than 255 descriptors of a field of 14 bits. */
	if (client->realign)
		ok(client, both(client, GUARD, GUARD, 7u << 20), "%u bytes", 7u << 20);
}

/* First bytes that are no multiple of a beat. */
static void places(struct client *client)
{
	static const u32 offsets[] = { 1, 2, 3, 7, 8, 13, 15 };
	unsigned int i, j;
	bool good = true;

	if (!client->realign)
		return;
	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		for (j = 0; j < ARRAY_SIZE(offsets); j++)
			good &= both(client, GUARD + offsets[i], GUARD + offsets[j], 1000 + i + j);
	ok(client, good, "unaligned, any offset to any");
	ok(client, both(client, GUARD + 5, GUARD + 11, 100003), "unaligned and long");
}

/* Where piece @i of a list lies in its page. */
static u32 offset_of(const struct client *client, unsigned int i)
{
	return client->realign ? i * 37 % 1024 : i * 48 % 1024;
}

/* Bytes of piece @i of a sent list; a received one has them in the opposite order. */
static u32 length_of(const struct client *client, unsigned int i)
{
	u32 unit = client->realign ? 1 : 16;

	return unit + i * 29 * unit % 3008;
}

/* @count pieces of scattered memory, one a page; @lengths of them. */
static int scatter(struct client *client, struct side *side, struct sg_table *table,
		   const u32 *lengths, unsigned int count)
{
	struct scatterlist *entry;
	unsigned int i;
	int error;

	error = sg_alloc_table(table, count, GFP_KERNEL);
	if (error)
		return error;
	for_each_sgtable_sg(table, entry, i)
		sg_set_page(entry, vmalloc_to_page(side->scattered + i * PAGE_SIZE), lengths[i],
			    offset_of(client, i));
	error = dma_map_sgtable(side->chan->device->dev, table, DMA_BIDIRECTIONAL, 0);
	if (error)
		sg_free_table(table);
	return error;
}

static void gone(struct side *side, struct sg_table *table)
{
	dma_unmap_sgtable(side->chan->device->dev, table, DMA_BIDIRECTIONAL, 0);
	sg_free_table(table);
}

/* Puts the pieces one behind the other into @side's contiguous buffer; returns their bytes. */
static u32 gathered(struct client *client, struct side *side, const u32 *lengths,
		    unsigned int count)
{
	unsigned int i;
	u32 at = 0;

	for (i = 0; i < count; i++) {
		memcpy(side->bytes + at, side->scattered + i * PAGE_SIZE + offset_of(client, i),
		       lengths[i]);
		at += lengths[i];
	}
	return at;
}

/* Whether what lies around the pieces was left alone. */
static bool around(struct client *client, const u8 *scattered, const u32 *lengths,
		   unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		const u8 *page = scattered + i * PAGE_SIZE;
		u32 begin = offset_of(client, i), end = begin + lengths[i];

		if (!is_untouched(page, begin) || !is_untouched(page + end, PAGE_SIZE - end))
			return false;
	}
	return true;
}

/* One packet from a list into another one of other lengths. */
static bool moved(struct client *client, const u32 *sent, const u32 *received, unsigned int count)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct order from, to;
	struct sg_table out, in;
	bool good;

	if (scatter(client, tx, &out, sent, count))
		return false;
	if (scatter(client, rx, &in, received, count)) {
		gone(tx, &out);
		return false;
	}
	good = queue_sg(rx, in.sgl, in.nents, &to) && queue_sg(tx, out.sgl, out.nents, &from) &&
	       finished(&to) && finished(&from) && !to.result.residue && !from.result.residue;
	if (!good)
		stop(client);
	dmaengine_synchronize(tx->chan);
	dmaengine_synchronize(rx->chan);
	gone(tx, &out);
	gone(rx, &in);
	return good;
}

static void list(struct client *client, unsigned int count)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	u32 *sent = kcalloc(2 * count, sizeof(*sent), GFP_KERNEL), *received = sent + count;
	unsigned int i;
	u32 bytes = 0;
	bool good;

	if (!sent)
		return;
	for (i = 0; i < count; i++)
		sent[i] = received[count - 1 - i] = length_of(client, i);
	pattern(client, tx->scattered, SCATTER_BYTES);
	untouched(rx->scattered, SCATTER_BYTES);
	good = moved(client, sent, received, count);
	bytes = gathered(client, tx, sent, count);
	good = good && gathered(client, rx, received, count) == bytes &&
	       !memcmp(tx->bytes, rx->bytes, bytes) &&
	       around(client, rx->scattered, received, count);
	ok(client, good, "%u bytes from %u pieces into %u of other lengths", bytes, count, count);
	kfree(sent);
}

static void lists(struct client *client)
{
	struct piece *pieces = kcalloc(DESCRIPTORS + 1, sizeof(*pieces), GFP_KERNEL);
	struct order order;
	unsigned int i;

	list(client, 2);
	list(client, 31);
	list(client, 128);
	list(client, DESCRIPTORS);
	if (!pieces)
		return;
	for (i = 0; i <= DESCRIPTORS; i++)
		pieces[i] = (struct piece){ client->tx.bus, 64 };
	ok(client, !queue_pieces(&client->tx, pieces, DESCRIPTORS + 1, &order),
	   "a list of more pieces than descriptors is refused");
	kfree(pieces);
	ok(client, works(client), "and took none of them away");
}

/* Many transfers wait at once; @all are queued before the first is waited for. */
static void queues(struct client *client)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct order *orders = kcalloc(2 * QUEUED, sizeof(*orders), GFP_KERNEL);
	bool good = orders;
	unsigned int i;

	if (!orders)
		return;
	pattern(client, tx->bytes, QUEUED * QUEUED_BYTES);
	untouched(rx->bytes, QUEUED * QUEUED_BYTES + GUARD);
	for (i = 0; good && i < QUEUED; i++)
		good = queue(rx, rx->bus + i * QUEUED_BYTES, QUEUED_BYTES, &orders[i]) &&
		       queue(tx, tx->bus + i * QUEUED_BYTES, QUEUED_BYTES, &orders[QUEUED + i]);
	for (i = 0; good && i < 2 * QUEUED; i++)
		good = finished(&orders[i]) && !orders[i].result.residue;
	if (!good)
		stop(client);
	dmaengine_synchronize(tx->chan);
	dmaengine_synchronize(rx->chan);
	ok(client, good && !memcmp(tx->bytes, rx->bytes, QUEUED * QUEUED_BYTES) &&
	   is_untouched(rx->bytes + QUEUED * QUEUED_BYTES, GUARD),
	   "%u transfers queued back to back", QUEUED);
	kfree(orders);
}

static void period(void *count)
{
	atomic_inc(count);
}

static bool ring(struct side *side, atomic_t *count)
{
	struct dma_async_tx_descriptor *tx;

	tx = dmaengine_prep_dma_cyclic(side->chan, side->bus, RING_BYTES, PERIOD_BYTES,
				       side->direction, DMA_PREP_INTERRUPT);
	if (!tx)
		return false;
	tx->callback = period;
	tx->callback_param = count;
	if (dma_submit_error(dmaengine_submit(tx)))
		return false;
	dma_async_issue_pending(side->chan);
	return true;
}

/* Whether the received ring comes to be equal to the sent one. */
static bool rings_become_equal(struct client *client)
{
	unsigned long end = jiffies + msecs_to_jiffies(PATIENCE_MS);

	do {
		if (!memcmp(client->tx.bytes, client->rx.bytes, RING_BYTES))
			return true;
		usleep_range(100, 500);
	} while (time_before(jiffies, end));
	return false;
}

/* Rings go round until they are stopped: what the sender's memory becomes, the receiver's does. */
static void rings(struct client *client)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	atomic_t sent = ATOMIC_INIT(0), received = ATOMIC_INIT(0);
	unsigned int round;
	bool good;

	pattern(client, tx->bytes, RING_BYTES);
	untouched(rx->bytes, RING_BYTES + GUARD);
	good = ring(rx, &received) && ring(tx, &sent);
	for (round = 0; good && round < 3; round++) {
		good = rings_become_equal(client);
		pattern(client, tx->bytes, RING_BYTES);
	}
	ok(client, good, "a ring of %u periods goes round until it is stopped", PERIODS);
	ok(client, is_untouched(rx->bytes + RING_BYTES, GUARD), "and stays in its memory");
	stop(client);
	seq_printf(client->out, "# the driver called back %d and %d times\n", atomic_read(&sent),
		   atomic_read(&received));
	ok(client, status_becomes(tx, DMASR_HALTED, DMASR_HALTED) &&
	   status_becomes(rx, DMASR_HALTED, DMASR_HALTED), "stopped, both channels are halted");
	ok(client, works(client), "a plain transfer afterwards");
}

void check_transfers(struct client *client)
{
	u32 mask = DMASR_HALTED | DMASR_SGINCLD | DMASR_ERRORS;
	u32 idle = DMASR_HALTED | DMASR_SGINCLD;

	stop(client);
	ok(client, status_becomes(&client->tx, mask, idle) &&
	   status_becomes(&client->rx, mask, idle), "both channels are halted, with scatter-gather");
	sizes(client);
	places(client);
	lists(client);
	queues(client);
	rings(client);
}
