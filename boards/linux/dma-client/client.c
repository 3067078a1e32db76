// SPDX-License-Identifier: GPL-2.0
/*
 * Drives an AXI DMA whose streams are tied together through the kernel's own driver, xilinx_dma,
 * and holds the pair to what PG021 and dmaengine promise.
 *
 *	mount -t debugfs debug /sys/kernel/debug
 *	cat /sys/kernel/debug/dma-client/NODE		runs everything, prints TAP
 */

#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/platform_device.h>
#include <linux/vmalloc.h>

#include "client.h"

/* All results; seq_file would run the show function again if they did not fit. */
#define OUTPUT_BYTES	(64u << 10)

static struct dentry *folder;

void ok(struct client *client, bool good, const char *format, ...)
{
	struct va_format what;
	va_list arguments;

	va_start(arguments, format);
	what.fmt = format;
	what.va = &arguments;
	seq_printf(client->out, "%sok %u - %pV\n", good ? "" : "not ", ++client->number, &what);
	va_end(arguments);
}

static bool side_open(struct side *side)
{
	side->dma = side->chan->device->dev;
	side->bytes = dma_alloc_coherent(side->dma, BUFFER_BYTES, &side->bus, GFP_KERNEL);
	side->scattered = vmalloc(SCATTER_BYTES);
	return side->bytes && side->scattered;
}

static void side_close(struct side *side)
{
	if (side->bytes)
		dma_free_coherent(side->dma, BUFFER_BYTES, side->bytes, side->bus);
	vfree(side->scattered);
	side->bytes = NULL;
	side->scattered = NULL;
}

/* Lets go of a channel and asks for it again: the driver's descriptors are new ones then. */
static bool side_renew(struct client *client, struct side *side, const char *name)
{
	struct dma_chan *chan;

	dma_release_channel(side->chan);
	chan = dma_request_chan(client->dev, name);
	side->chan = IS_ERR(chan) ? NULL : chan;
	return side->chan;
}

static bool renew(struct client *client)
{
	return side_renew(client, &client->tx, "mm2s") && side_renew(client, &client->rx, "s2mm");
}

static int client_show(struct seq_file *out, void *unused)
{
	struct client *client = out->private;

	client->out = out;
	client->number = 0;
	client->seed = 1;
	if (!client->tx.chan || !client->rx.chan) {
		seq_puts(out, "Bail out! a channel did not come back\n");
		return 0;
	}
	if (!side_open(&client->tx) || !side_open(&client->rx)) {
		seq_puts(out, "Bail out! no memory for the buffers\n");
		goto close;
	}
	check_transfers(client);
	check_stops(client);
	check_errors(client);
	check_forgotten(client);
	ok(client, renew(client), "the channels are let go and come back");
	if (client->tx.chan && client->rx.chan)
		ok(client, works(client), "with new descriptors");
	seq_printf(out, "1..%u\n", client->number);
close:
	side_close(&client->tx);
	side_close(&client->rx);
	return 0;
}

static int client_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, client_show, inode->i_private, OUTPUT_BYTES);
}

static const struct file_operations client_fops = {
	.owner = THIS_MODULE,
	.open = client_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

/* What the DMA was built with, and its registers, are in its own node. */
static int client_describe(struct client *client)
{
	struct device_node *dma = of_parse_phandle(client->dev->of_node, "dmas", 0);
	struct device_node *channel;
	u32 bits = 32;

	if (!dma)
		return -EINVAL;
	client->tx.regs = of_iomap(dma, 0);
	of_property_read_u32(dma, "xlnx,addrwidth", &bits);
	client->wide = bits > 32;
	for_each_child_of_node(dma, channel) {
		bool sends = of_device_is_compatible(channel, "xlnx,axi-dma-mm2s-channel");

		client->realign |= of_property_read_bool(channel, "xlnx,include-dre");
		(sends ? &client->tx : &client->rx)->irq = of_irq_get(channel, 0);
	}
	of_node_put(dma);
	if (!client->tx.regs)
		return -ENOMEM;
	client->rx.regs = client->tx.regs + S2MM_BASE;
	return 0;
}

static void client_release(void *data)
{
	struct client *client = data;
	struct side *sides[] = { &client->tx, &client->rx };
	unsigned int i;

	debugfs_remove(client->file);
	for (i = 0; i < ARRAY_SIZE(sides); i++) {
		if (IS_ERR_OR_NULL(sides[i]->chan))
			continue;
		dmaengine_terminate_sync(sides[i]->chan);
		dma_release_channel(sides[i]->chan);
	}
	if (client->tx.regs)
		iounmap(client->tx.regs);
}

static int client_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct client *client = devm_kzalloc(dev, sizeof(*client), GFP_KERNEL);
	int error;

	if (!client)
		return -ENOMEM;
	client->dev = dev;
	client->tx.direction = DMA_MEM_TO_DEV;
	client->rx.direction = DMA_DEV_TO_MEM;
	error = devm_add_action_or_reset(dev, client_release, client);
	if (error)
		return error;
	client->tx.chan = dma_request_chan(dev, "mm2s");
	if (IS_ERR(client->tx.chan))
		return dev_err_probe(dev, PTR_ERR(client->tx.chan), "no channel mm2s\n");
	client->rx.chan = dma_request_chan(dev, "s2mm");
	if (IS_ERR(client->rx.chan))
		return dev_err_probe(dev, PTR_ERR(client->rx.chan), "no channel s2mm\n");
	error = client_describe(client);
	if (error)
		return error;
	client->file = debugfs_create_file(dev_name(dev), 0400, folder, client, &client_fops);
	return 0;
}

static const struct of_device_id client_match[] = {
	{ .compatible = "tandem,dma-client" },
	{}
};
MODULE_DEVICE_TABLE(of, client_match);

static struct platform_driver client_driver = {
	.probe = client_probe,
	.driver = {
		.name = "dma-client",
		.of_match_table = client_match,
	},
};

static int __init client_init(void)
{
	int error;

	folder = debugfs_create_dir("dma-client", NULL);
	error = platform_driver_register(&client_driver);
	if (error)
		debugfs_remove(folder);
	return error;
}
module_init(client_init);

static void __exit client_exit(void)
{
	platform_driver_unregister(&client_driver);
	debugfs_remove(folder);
}
module_exit(client_exit);

MODULE_DESCRIPTION("Holds xilinx_dma and an AXI DMA to what they promise");
MODULE_LICENSE("GPL");
