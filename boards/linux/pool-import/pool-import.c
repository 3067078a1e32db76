// SPDX-License-Identifier: GPL-2.0
/*
 * A device that imports dma-bufs and does nothing with them: for the self-test of tandem-pool, on
 * machines where no driver imports.
 *
 *	coherent	Y: the device sees the processors' caches
 *	fd		write: number of a dma-buf of the writing program, which is attached,
 *			mapped and let go; read: address and bytes that it was mapped at
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/version.h>

static struct platform_device *device;
static dma_addr_t last_address;
static unsigned int last_length;

static bool coherent = true;
module_param(coherent, bool, 0600);
MODULE_PARM_DESC(coherent, "the device sees the processors' caches");

/* Attaches and maps; the caller holds the buffer. */
static int import(struct dma_buf *buffer)
{
	struct dma_buf_attachment *attachment;
	struct sg_table *table;

	attachment = dma_buf_attach(buffer, &device->dev);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	dma_resv_lock(buffer->resv, NULL);
	table = dma_buf_map_attachment(attachment, DMA_BIDIRECTIONAL);
	if (!IS_ERR(table)) {
		last_address = sg_dma_address(table->sgl);
		last_length = table->nents == 1 ? sg_dma_len(table->sgl) : 0;
		dma_buf_unmap_attachment(attachment, table, DMA_BIDIRECTIONAL);
	}
	dma_resv_unlock(buffer->resv);
	dma_buf_detach(buffer, attachment);
	return PTR_ERR_OR_ZERO(table);
}

static int import_set(const char *text, const struct kernel_param *parameter)
{
	struct dma_buf *buffer;
	int fd, error;

	error = kstrtoint(text, 0, &fd);
	if (error)
		return error;
	buffer = dma_buf_get(fd);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	device->dev.dma_coherent = coherent;
	error = import(buffer);
	dma_buf_put(buffer);
	return error;
}

static int import_get(char *text, const struct kernel_param *parameter)
{
	return sysfs_emit(text, "%pad %#x\n", &last_address, last_length);
}

static const struct kernel_param_ops import_ops = {
	.set = import_set,
	.get = import_get,
};
module_param_cb(fd, &import_ops, NULL, 0600);
MODULE_PARM_DESC(fd, "write: dma-buf to import; read: where it was");

static int __init pool_import_init(void)
{
	int error;

	device = platform_device_register_simple("pool-import", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	error = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(32));
	if (error)
		platform_device_unregister(device);
	return error;
}
module_init(pool_import_init);

static void __exit pool_import_exit(void)
{
	platform_device_unregister(device);
}
module_exit(pool_import_exit);

MODULE_DESCRIPTION("Imports dma-bufs, for tandem-pool's self-test");
MODULE_LICENSE("GPL");
#if KERNEL_VERSION(6, 13, 0) <= LINUX_VERSION_CODE
MODULE_IMPORT_NS("DMA_BUF");
#else
MODULE_IMPORT_NS(DMA_BUF);
#endif
