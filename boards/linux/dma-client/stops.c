// SPDX-License-Identifier: GPL-2.0
/* Transfers that are looked at or ended on their way: residue, terminate_all, reset. */

#include <linux/string.h>

#include "client.h"

#define PIECE		4096u
#define PIECES		4u
#define SHORT		6000u
#define LATER		96u
#define LONG_PIECES	16u
#define LONG_PIECE	65536u

/* Pieces of @bytes each, one behind the other. */
static void cut(struct piece *pieces, unsigned int count, dma_addr_t bus, u32 bytes)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		pieces[i] = (struct piece){ bus + i * bytes, bytes };
}

/* A receiver that nobody sends to. */
static void waiting(struct client *client)
{
	struct piece pieces[PIECES];
	struct order order;
	bool good;

	cut(pieces, PIECES, client->rx.bus, PIECE);
	untouched(client->rx.bytes, PIECES * PIECE);
	good = queue_pieces(&client->rx, pieces, PIECES, &order);
	ok(client, good && residue_becomes(&client->rx, &order, PIECES * PIECE),
	   "a receiver without a sender has everything left");
	ok(client, status_becomes(&client->rx, DMASR_HALTED | DMASR_IDLE, 0), "runs, not idle");
	stop(client);
	ok(client, status_becomes(&client->rx, DMASR_HALTED, DMASR_HALTED), "halts when terminated");
	ok(client, !completion_done(&order.done), "without a callback");
	ok(client, is_untouched(client->rx.bytes, PIECES * PIECE), "nothing was written");
	ok(client, works(client), "a transfer afterwards");
}

/* A sender that nobody receives from stands still when the FIFO is full. */
static void stalled(struct client *client)
{
	struct piece pieces[PIECES];
	struct order order;
	bool good;

	cut(pieces, PIECES, client->tx.bus, PIECE);
	pattern(client, client->tx.bytes, PIECES * PIECE);
	good = queue_pieces(&client->tx, pieces, PIECES, &order);
	ok(client, good && residue_becomes(&client->tx, &order, (PIECES - 1) * PIECE),
	   "a sender without a receiver stands still behind the FIFO");
	stop(client);
	ok(client, !completion_done(&order.done) &&
	   status_becomes(&client->tx, DMASR_HALTED, DMASR_HALTED), "and halts when terminated");
	ok(client, works(client), "the reset has emptied the FIFO");
}

/* A packet that is longer than the buffers for it never ends there. */
static void overlong(struct client *client)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct piece pieces[LONG_PIECES];
	struct order sent, received;
	u32 room = 4 * LONG_PIECE;
	enum dma_status status;
	bool good;

	pattern(client, tx->bytes, LONG_PIECES * LONG_PIECE);
	untouched(rx->bytes, room + GUARD);
	cut(pieces, LONG_PIECES, rx->bus, LONG_PIECE);
	good = queue_pieces(rx, pieces, 4, &received);
	cut(pieces, LONG_PIECES, tx->bus, LONG_PIECE);
	good = good && queue_pieces(tx, pieces, LONG_PIECES, &sent);
	ok(client, good && residue_becomes(rx, &received, 0),
	   "a packet that is too long fills its buffers and does not end");
	ok(client, status_becomes(rx, DMASR_HALTED | DMASR_IDLE, DMASR_IDLE),
	   "the receiver is idle at its tail");
	ok(client, residue(tx, &sent, &status) && status == DMA_IN_PROGRESS,
	   "the sender is in mid transfer");
	stop(client);
	ok(client, !completion_done(&sent.done) && !completion_done(&received.done),
	   "terminated in mid transfer, neither calls back");
	ok(client, !memcmp(tx->bytes, rx->bytes, room) && is_untouched(rx->bytes + room, GUARD),
	   "what came is right, and nothing came behind it");
	ok(client, works(client), "a transfer afterwards");
}

/* A packet that is shorter than the buffers for it ends early. */
static void short_packet(struct client *client)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct piece pieces[PIECES];
	struct order sent, received;
	bool good;

	pattern(client, tx->bytes, SHORT);
	untouched(rx->bytes, PIECES * PIECE);
	cut(pieces, PIECES, rx->bus, PIECE);
	good = queue_pieces(rx, pieces, PIECES, &received) && queue(tx, tx->bus, SHORT, &sent) &&
	       finished(&received) && finished(&sent);
	ok(client, good && received.result.residue == PIECES * PIECE - SHORT,
	   "a short packet ends its transfer, the residue tells by how much");
	ok(client, !memcmp(tx->bytes, rx->bytes, SHORT) &&
	   is_untouched(rx->bytes + SHORT, PIECES * PIECE - SHORT), "its bytes are right");
	ok(client, status_becomes(rx, DMASR_HALTED | DMASR_IDLE, 0),
	   "the hardware still holds the descriptors behind it");
	stop(client);
	ok(client, works(client), "a transfer after a terminate");
}

static void idle(struct client *client)
{
	bool halted;

	stop(client);
	stop(client);
	halted = status_becomes(&client->tx, DMASR_HALTED | DMASR_IRQS, DMASR_HALTED) &&
		 status_becomes(&client->rx, DMASR_HALTED | DMASR_IRQS, DMASR_HALTED);
	ok(client, halted && works(client), "terminating what is idle, twice, is harmless");
}

/*
 * Behind a short packet the hardware keeps the descriptors that are left (PG021: it goes on up to
 * the tail), while the driver takes them back and clears them. Without a terminate the next packet
 * goes to the first of them, and the driver reports it as another transfer's.
 */
void check_forgotten(struct client *client)
{
	struct side *tx = &client->tx, *rx = &client->rx;
	struct piece pieces[PIECES];
	struct order sent, received;
	u32 other = 2 * PIECES * PIECE;
	bool good;

	pattern(client, tx->bytes, SHORT);
	untouched(rx->bytes, other + PIECE);
	cut(pieces, PIECES, rx->bus, PIECE);
	good = queue_pieces(rx, pieces, PIECES, &received) && queue(tx, tx->bus, SHORT, &sent) &&
	       finished(&received) && finished(&sent);
	dmaengine_synchronize(rx->chan);
	good = good && queue(rx, rx->bus + other, LATER, &received) &&
	       queue(tx, tx->bus, LATER, &sent) && finished(&sent);
	/* It may tell of an error: the next descriptor may have been cleared already. */
	finished(&received);
	ok(client, good && !memcmp(tx->bytes, rx->bytes + 2 * PIECE, LATER) &&
	   is_untouched(rx->bytes + other, LATER),
	   "without a terminate the next packet goes where a short one left off");
	seq_printf(client->out, "# the driver reports result %d, residue %u of %u, DMASR %#x\n",
		   received.result.result, received.result.residue, LATER,
		   ioread32(rx->regs + DMASR));
	stop(client);
}

void check_stops(struct client *client)
{
	idle(client);
	waiting(client);
	stalled(client);
	overlong(client);
	short_packet(client);
}
