/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/tandem-pool: payload memory of a Tandem board. mmap takes page-aligned offsets and lengths
 * within the pool, shared mappings only.
 */
#ifndef TANDEM_POOL_H
#define TANDEM_POOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Of tandem_pool_info.flags: mappings are cached, and the board's devices see the caches. */
#define TANDEM_POOL_COHERENT	(1u << 0)

/**
 * struct tandem_pool_info - answer of TANDEM_POOL_INFO
 * @bus_address: first byte, as the DMA engines of the board see it
 * @size: bytes
 * @flags: TANDEM_POOL_COHERENT or 0
 * @reserved: 0
 */
struct tandem_pool_info {
	__u64 bus_address;
	__u64 size;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct tandem_pool_export - TANDEM_POOL_EXPORT: a part of the pool as a dma-buf
 * @offset: first byte in the pool; a multiple of the page size
 * @length: bytes; a multiple of the page size, not 0
 * @flags: O_RDONLY or O_RDWR, and O_CLOEXEC, of the new descriptor
 * @fd: the new descriptor (out)
 *
 * Fails with EINVAL where the part is not whole pages inside the pool or @flags has other bits, and
 * with EACCES where O_RDWR is asked of a file that was opened for reading.
 */
struct tandem_pool_export {
	__u64 offset;
	__u64 length;
	__u32 flags;
	__s32 fd;
};

#define TANDEM_POOL_INFO	_IOR('t', 0x40, struct tandem_pool_info)
#define TANDEM_POOL_EXPORT	_IOWR('t', 0x41, struct tandem_pool_export)

#endif
