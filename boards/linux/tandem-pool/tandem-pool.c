// SPDX-License-Identifier: GPL-2.0
/*
 * Payload memory of a Tandem board: a reserved region (no-map) for user space and other drivers.
 *
 * The kernel never touches its bytes. It is mapped through UIO (map 0: all of it; address and size
 * in sysfs) or through /dev/tandem-pool (any whole pages); parts of it are exported as dma-bufs.
 *
 * With `dma-coherent` in the device tree every mapping is Normal cacheable: the ports that the
 * board uses snoop the caches. Without it every mapping is write-combining. Cached mappings with
 * explicit maintenance are not offered there: maintenance by address needs a kernel mapping, which
 * no-map memory has not, and the instructions are not exported to modules.
 */

#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio_driver.h>
#include <linux/version.h>

#include "tandem-pool.h"

/**
 * struct pool - one region
 * @uio: its UIO device
 * @misc: its own device
 * @users: the driver, open files and exported buffers
 * @base: physical, and bus, address of the first byte; page-aligned
 * @size: bytes; whole pages
 * @coherent: devices see the processors' caches
 */
struct pool {
	struct uio_info uio;
	struct miscdevice misc;
	struct kref users;
	phys_addr_t base;
	size_t size;
	bool coherent;
};

/**
 * struct part - an exported part of a pool
 * @pool: holds a reference
 * @offset: first byte in the pool
 * @length: bytes
 */
struct part {
	struct pool *pool;
	size_t offset;
	size_t length;
};

static void pool_release(struct kref *users)
{
	kfree(container_of(users, struct pool, users));
}

static void pool_put(void *pool)
{
	kref_put(&((struct pool *)pool)->users, pool_release);
}

/* Whether @length bytes from @offset are whole pages inside @size bytes. */
static bool whole_pages(u64 size, u64 offset, u64 length)
{
	return PAGE_ALIGNED(offset) && PAGE_ALIGNED(length) && length &&
	       offset <= size && length <= size - offset;
}

/* Maps the bytes of the pool from @offset on into @vma. */
static int pool_map(struct pool *pool, struct vm_area_struct *vma, u64 offset)
{
	size_t length = vma->vm_end - vma->vm_start;

	/* A private mapping would copy pages, and there are none to copy. */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!whole_pages(pool->size, offset, length))
		return -EINVAL;
	if (!pool->coherent)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(pool->base + offset), length,
			       vma->vm_page_prot);
}

/* The offset that mmap was called with; U64_MAX, which is no page, where it does not fit. */
static u64 vma_offset(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff > (U64_MAX >> PAGE_SHIFT) ? U64_MAX : (u64)vma->vm_pgoff << PAGE_SHIFT;
}

/* ---- dma-buf ---- */

static int part_attach(struct dma_buf *buffer, struct dma_buf_attachment *attachment)
{
	struct part *part = buffer->priv;

	/* A device that does not see the caches would read what was there before. */
	if (part->pool->coherent && !dev_is_dma_coherent(attachment->dev))
		return -EOPNOTSUPP;
	return 0;
}

static struct sg_table *part_map(struct dma_buf_attachment *attachment,
				 enum dma_data_direction direction)
{
	struct part *part = attachment->dmabuf->priv;
	struct sg_table *table;
	dma_addr_t address;
	int error;

	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	error = sg_alloc_table(table, 1, GFP_KERNEL);
	if (error)
		goto free_table;
	/* No struct page is involved: this memory is not the kernel's. */
	address = dma_map_resource(attachment->dev, part->pool->base + part->offset, part->length,
				   direction, DMA_ATTR_SKIP_CPU_SYNC);
	error = dma_mapping_error(attachment->dev, address);
	if (error)
		goto free_list;
	sg_dma_address(table->sgl) = address;
	sg_dma_len(table->sgl) = part->length;
	table->sgl->length = part->length;
	table->nents = 1;
	return table;

free_list:
	sg_free_table(table);
free_table:
	kfree(table);
	return ERR_PTR(error);
}

static void part_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
		       enum dma_data_direction direction)
{
	dma_unmap_resource(attachment->dev, sg_dma_address(table->sgl), sg_dma_len(table->sgl),
			   direction, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(table);
	kfree(table);
}

/* Neither kind of mapping has stale lines; what remains is order. */
static int part_begin_cpu_access(struct dma_buf *buffer, enum dma_data_direction direction)
{
	/* What a device told is read before what it wrote. */
	rmb();
	return 0;
}

static int part_end_cpu_access(struct dma_buf *buffer, enum dma_data_direction direction)
{
	/* What was written is out of the write buffers before a device is told. */
	wmb();
	return 0;
}

static int part_mmap(struct dma_buf *buffer, struct vm_area_struct *vma)
{
	struct part *part = buffer->priv;
	u64 offset = vma_offset(vma);

	if (!whole_pages(part->length, offset, vma->vm_end - vma->vm_start))
		return -EINVAL;
	return pool_map(part->pool, vma, part->offset + offset);
}

static void part_release(struct dma_buf *buffer)
{
	struct part *part = buffer->priv;

	pool_put(part->pool);
	kfree(part);
}

static const struct dma_buf_ops part_ops = {
	.attach = part_attach,
	.map_dma_buf = part_map,
	.unmap_dma_buf = part_unmap,
	.begin_cpu_access = part_begin_cpu_access,
	.end_cpu_access = part_end_cpu_access,
	.mmap = part_mmap,
	.release = part_release,
};

/* Wraps a part of the pool; the caller has checked that it lies inside. */
static struct dma_buf *part_export(struct pool *pool, const struct tandem_pool_export *ask)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *buffer;
	struct part *part;

	part = kmalloc(sizeof(*part), GFP_KERNEL);
	if (!part)
		return ERR_PTR(-ENOMEM);
	*part = (struct part){ .pool = pool, .offset = ask->offset, .length = ask->length };
	info.ops = &part_ops;
	info.size = ask->length;
	info.flags = ask->flags & O_ACCMODE;
	info.priv = part;
	buffer = dma_buf_export(&info);
	if (IS_ERR(buffer))
		kfree(part);
	else
		kref_get(&pool->users);
	return buffer;
}

/* ---- /dev/tandem-pool ---- */

static int pool_open(struct inode *inode, struct file *file)
{
	/* misc_open() put the device there, and holds off its removal. */
	struct pool *pool = container_of(file->private_data, struct pool, misc);

	kref_get(&pool->users);
	file->private_data = pool;
	return 0;
}

static int pool_close(struct inode *inode, struct file *file)
{
	pool_put(file->private_data);
	return 0;
}

static int pool_mmap(struct file *file, struct vm_area_struct *vma)
{
	return pool_map(file->private_data, vma, vma_offset(vma));
}

static long pool_info(struct pool *pool, void __user *argument)
{
	struct tandem_pool_info info = {
		.bus_address = pool->base,
		.size = pool->size,
		.flags = pool->coherent ? TANDEM_POOL_COHERENT : 0,
	};

	return copy_to_user(argument, &info, sizeof(info)) ? -EFAULT : 0;
}

static long pool_export(struct file *file, void __user *argument)
{
	struct pool *pool = file->private_data;
	struct tandem_pool_export ask;
	struct dma_buf *buffer;
	int fd;

	if (copy_from_user(&ask, argument, sizeof(ask)))
		return -EFAULT;
	if (ask.flags & ~(O_ACCMODE | O_CLOEXEC))
		return -EINVAL;
	if ((ask.flags & O_ACCMODE) != O_RDONLY && (ask.flags & O_ACCMODE) != O_RDWR)
		return -EINVAL;
	if (!whole_pages(pool->size, ask.offset, ask.length))
		return -EINVAL;
	/* A list entry counts its bytes in 32 bits. */
	if (ask.length > UINT_MAX)
		return -EINVAL;
	if ((ask.flags & O_ACCMODE) == O_RDWR && !(file->f_mode & FMODE_WRITE))
		return -EACCES;
	buffer = part_export(pool, &ask);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	/*
	 * The number is told before the file is there: after dma_buf_fd() another thread may use or
	 * close the descriptor, and nothing could be taken back.
	 */
	fd = get_unused_fd_flags(ask.flags & O_CLOEXEC);
	if (fd < 0) {
		dma_buf_put(buffer);
		return fd;
	}
	ask.fd = fd;
	if (copy_to_user(argument, &ask, sizeof(ask))) {
		put_unused_fd(fd);
		dma_buf_put(buffer);
		return -EFAULT;
	}
	fd_install(fd, buffer->file);
	return 0;
}

static long pool_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;

	switch (command) {
	case TANDEM_POOL_INFO:
		return pool_info(file->private_data, user);
	case TANDEM_POOL_EXPORT:
		return pool_export(file, user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations pool_fops = {
	.owner = THIS_MODULE,
	.open = pool_open,
	.release = pool_close,
	.mmap = pool_mmap,
	.unlocked_ioctl = pool_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/* ---- sysfs: /sys/class/misc/tandem-pool ---- */

/* misc_register() makes the device's data the miscdevice. */
static struct pool *pool_of(struct device *dev)
{
	return container_of(dev_get_drvdata(dev), struct pool, misc);
}

static ssize_t addr_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	return sysfs_emit(text, "%pa\n", &pool_of(dev)->base);
}
static DEVICE_ATTR_RO(addr);

static ssize_t size_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	return sysfs_emit(text, "%#zx\n", pool_of(dev)->size);
}
static DEVICE_ATTR_RO(size);

static ssize_t coherent_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	return sysfs_emit(text, "%d\n", pool_of(dev)->coherent);
}
static DEVICE_ATTR_RO(coherent);

static struct attribute *pool_attrs[] = {
	&dev_attr_addr.attr,
	&dev_attr_size.attr,
	&dev_attr_coherent.attr,
	NULL
};
ATTRIBUTE_GROUPS(pool);

/* ---- UIO and probing ---- */

static int pool_uio_mmap(struct uio_info *info, struct vm_area_struct *vma)
{
	/* The offset of a UIO mapping is the number of the map, and UIO has checked it. */
	return pool_map(container_of(info, struct pool, uio), vma, 0);
}

static void pool_unregister(void *pool)
{
	misc_deregister(&((struct pool *)pool)->misc);
}

static int pool_register(struct device *dev, struct pool *pool)
{
	int error;

	pool->uio.name = "tandem-pool";
	pool->uio.version = "1";
	pool->uio.irq = UIO_IRQ_NONE;
	pool->uio.mmap = pool_uio_mmap;
	pool->uio.mem[0].name = "pool";
	pool->uio.mem[0].memtype = UIO_MEM_PHYS;
	pool->uio.mem[0].addr = pool->base;
	pool->uio.mem[0].size = pool->size;
	error = devm_uio_register_device(dev, &pool->uio);
	if (error)
		return dev_err_probe(dev, error, "UIO refused the device\n");

	pool->misc.minor = MISC_DYNAMIC_MINOR;
	pool->misc.name = "tandem-pool";
	pool->misc.fops = &pool_fops;
	pool->misc.parent = dev;
	pool->misc.groups = pool_groups;
	error = misc_register(&pool->misc);
	if (error)
		return dev_err_probe(dev, error, "no /dev/tandem-pool\n");
	return devm_add_action_or_reset(dev, pool_unregister, pool);
}

static int pool_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct resource *region;
	struct pool *pool;
	int error;

	region = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	if (!region)
		return dev_err_probe(dev, -EINVAL, "the node has no reg\n");
	if (!PAGE_ALIGNED(region->start) || !PAGE_ALIGNED(resource_size(region)))
		return dev_err_probe(dev, -EINVAL, "%pR is not whole pages\n", region);
	if (region_intersects(region->start, resource_size(region), IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return dev_err_probe(dev, -EBUSY,
				     "%pR is the kernel's memory, not reserved\n", region);
	if (!devm_request_mem_region(dev, region->start, resource_size(region), "tandem-pool"))
		return dev_err_probe(dev, -EBUSY, "%pR is taken\n", region);

	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return -ENOMEM;
	kref_init(&pool->users);
	error = devm_add_action_or_reset(dev, pool_put, pool);
	if (error)
		return error;
	pool->base = region->start;
	pool->size = resource_size(region);
	pool->coherent = of_dma_is_coherent(dev->of_node);
	error = pool_register(dev, pool);
	if (error)
		return error;
	dev_info(dev, "%zu MiB at %pa, %s\n", pool->size >> 20, &pool->base,
		 pool->coherent ? "cached and coherent" : "write-combining");
	return 0;
}

static const struct of_device_id pool_match[] = {
	{ .compatible = "tandem,pool" },
	{}
};
MODULE_DEVICE_TABLE(of, pool_match);

static struct platform_driver pool_driver = {
	.probe = pool_probe,
	.driver = {
		.name = "tandem-pool",
		.of_match_table = pool_match,
	},
};
module_platform_driver(pool_driver);

MODULE_DESCRIPTION("Payload memory of a Tandem board");
MODULE_LICENSE("GPL");
#if KERNEL_VERSION(6, 13, 0) <= LINUX_VERSION_CODE
MODULE_IMPORT_NS("DMA_BUF");
#else
MODULE_IMPORT_NS(DMA_BUF);
#endif
