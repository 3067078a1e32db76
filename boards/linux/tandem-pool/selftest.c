// SPDX-License-Identifier: GPL-2.0
/*
 * What tandem-pool promises, asked of a running kernel. Prints TAP; exit status 0 if all held.
 *
 *	aarch64-linux-gnu-gcc -static -o pool-selftest selftest.c
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "tandem-pool.h"

#define PAGE 4096UL

static int number, failures;
static sigjmp_buf back;

static void ok(int good, const char *what)
{
	number++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", number, what);
}

static void caught(int signal_number)
{
	siglongjmp(back, signal_number);
}

/* The signal that a load from @at ends in; 0: none. */
static int signal_of_load(const volatile uint32_t *at)
{
	int which = sigsetjmp(back, 1);

	if (!which)
		(void)*at;
	return which;
}

static int export_part(int pool, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct tandem_pool_export ask = { .offset = offset, .length = length, .flags = flags };

	return ioctl(pool, TANDEM_POOL_EXPORT, &ask) ? -errno : ask.fd;
}

/* Whole pages inside the pool can be mapped, and nothing else; all mappings show the same bytes. */
static void mappings(int pool, const struct tandem_pool_info *info)
{
	uint64_t last = info->size - PAGE;
	volatile uint32_t *all, *page;

	all = mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_SHARED, pool, 0);
	ok(all != MAP_FAILED, "the whole pool is mapped");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, pool, last);
	ok(page != MAP_FAILED, "its last page is mapped");
	page[1] = 0x7a4d0001;
	ok(all[last / 4 + 1] == 0x7a4d0001, "both show the same bytes");
	memset((char *)page, 0x5a, PAGE);
	ok(!memcmp((char *)page + 1, (char *)page, PAGE - 1), "memset and unaligned loads work");

	ok(!mprotect((void *)page, PAGE, PROT_NONE), "a page is made untouchable");
	ok(signal_of_load(page) == SIGSEGV, "a load from it is a SIGSEGV");
	ok(!signal_of_load(all), "its neighbours are as before");
	ok(!mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE), "and touchable again");
	ok(page[0] == 0x5a5a5a5a, "with its bytes");

	ok(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, pool, last) == MAP_FAILED,
	   "a mapping does not leave the pool");
	ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, pool, info->size) == MAP_FAILED,
	   "nor start behind it");
	ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, pool, (off_t)1 << 62) == MAP_FAILED,
	   "nor far behind it");
	ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, pool, 0) == MAP_FAILED,
	   "private mappings are refused");
	munmap((void *)page, PAGE);
	munmap((void *)all, info->size);
}

/* Parts become dma-bufs that show the pool's bytes, and nothing outside the part. */
static void exports(int pool, const struct tandem_pool_info *info)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	volatile uint32_t *part, *page;
	int buffer, read_only;

	buffer = export_part(pool, PAGE, 2 * PAGE, O_RDWR | O_CLOEXEC);
	ok(buffer >= 0, "two pages are exported");
	ok(lseek(buffer, 0, SEEK_END) == 2 * (off_t)PAGE, "the dma-buf has their size");
	part = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, pool, 2 * PAGE);
	ok(part != MAP_FAILED && page != MAP_FAILED, "and can be mapped");
	ok(!ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync), "access by the CPU begins");
	part[PAGE / 4] = 0x7a4d0002;
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	ok(!ioctl(buffer, DMA_BUF_IOCTL_SYNC, &sync), "and ends");
	ok(page[0] == 0x7a4d0002, "its bytes are the pool's");
	ok(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, buffer, PAGE) == MAP_FAILED,
	   "its mappings do not leave it");
	munmap((void *)part, 2 * PAGE);
	munmap((void *)page, PAGE);
	close(buffer);

	read_only = open("/dev/tandem-pool", O_RDONLY);
	ok(export_part(read_only, 0, PAGE, O_RDWR) == -EACCES, "a reader's file gives no writer");
	close(read_only);
	ok(export_part(pool, 1, PAGE, O_RDWR) == -EINVAL, "parts begin at a page");
	ok(export_part(pool, 0, PAGE + 1, O_RDWR) == -EINVAL, "are whole pages");
	ok(export_part(pool, 0, 0, O_RDWR) == -EINVAL, "are not empty");
	ok(export_part(pool, info->size - PAGE, 2 * PAGE, O_RDWR) == -EINVAL, "end in the pool");
	ok(export_part(pool, UINT64_MAX - PAGE + 1, 2 * PAGE, O_RDWR) == -EINVAL,
	   "do not wrap round");
	ok(export_part(pool, 0, PAGE, O_WRONLY) == -EINVAL, "are not write-only");
	ok(export_part(pool, 0, PAGE, O_RDWR | O_NONBLOCK) == -EINVAL, "take no other flag");
	ok(ioctl(pool, _IO('t', 0x7f)) == -1 && errno == ENOTTY, "unknown commands are refused");
}

/* What pool-import answers to a dma-buf: 0, and where a device was told that it lies; or -errno. */
static int import(int buffer, int coherent, uint64_t *address, uint64_t *length)
{
	int file = open("/sys/module/pool_import/parameters/coherent", O_WRONLY);
	char text[64] = "", *rest;
	int error = 0;

	if (write(file, coherent ? "Y" : "N", 1) != 1)
		error = -errno;
	close(file);
	file = open("/sys/module/pool_import/parameters/fd", O_RDWR);
	snprintf(text, sizeof(text), "%d", buffer);
	if (!error && write(file, text, strlen(text)) < 0)
		error = -errno;
	memset(text, 0, sizeof(text));
	if (!error && pread(file, text, sizeof(text) - 1, 0) < 0)
		error = -errno;
	close(file);
	*address = strtoull(text, &rest, 0);
	*length = strtoull(rest, NULL, 0);
	return error;
}

/* Devices that see what the processors see may import. */
static void imports(int pool, const struct tandem_pool_info *info)
{
	int coherent = info->flags & TANDEM_POOL_COHERENT;
	uint64_t address, length;
	int buffer;

	if (access("/sys/module/pool_import", F_OK)) {
		printf("# no module pool-import: nothing is imported\n");
		return;
	}
	buffer = export_part(pool, PAGE, 2 * PAGE, O_RDWR | O_CLOEXEC);
	ok(!import(buffer, 1, &address, &length), "a coherent device imports two pages");
	ok(address == info->bus_address + PAGE && length == 2 * PAGE, "at their place");
	ok(import(buffer, 0, &address, &length) == (coherent ? -EOPNOTSUPP : 0),
	   "another one only where mappings are not cached");
	close(buffer);
}

/* UIO shows the same region. */
static void uio(const char *device, const struct tandem_pool_info *info, int pool)
{
	volatile uint32_t *all, *page;
	int file = open(device, O_RDWR);

	all = mmap(NULL, info->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ok(all != MAP_FAILED, "UIO maps the whole pool");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, pool, PAGE);
	page[3] = 0x7a4d0003;
	ok(all[PAGE / 4 + 3] == 0x7a4d0003, "with the same bytes");
	ok(!mprotect((void *)all, info->size, PROT_NONE), "and can be made untouchable");
	ok(signal_of_load(all) == SIGSEGV, "to the first byte");
	ok(mmap(NULL, info->size + PAGE, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED,
	   "but not a page more");
	munmap((void *)all, info->size);
	munmap((void *)page, PAGE);
	close(file);
}

/* The number in a file of the pool's folder in sysfs; 0 where there is none. */
static uint64_t sysfs(const char *name)
{
	char path[64], text[32] = "";
	int file;

	snprintf(path, sizeof(path), "/sys/class/misc/tandem-pool/%s", name);
	file = open(path, O_RDONLY);
	if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(file);
	return strtoull(text, NULL, 0);
}

int main(int count, char **arguments)
{
	struct tandem_pool_info info;
	int pool = open("/dev/tandem-pool", O_RDWR | O_CLOEXEC);

	if (pool < 0) {
		perror("/dev/tandem-pool");
		return EXIT_FAILURE;
	}
	signal(SIGSEGV, caught);
	signal(SIGBUS, caught);
	ok(!ioctl(pool, TANDEM_POOL_INFO, &info), "the pool tells its place");
	printf("# %#llx bytes at %#llx, flags %#x\n", (unsigned long long)info.size,
	       (unsigned long long)info.bus_address, info.flags);
	ok(info.size >= 4 * PAGE && info.size % PAGE == 0, "it is whole pages");
	ok(sysfs("addr") == info.bus_address && sysfs("size") == info.size, "sysfs says the same");
	ok(sysfs("coherent") == (info.flags & TANDEM_POOL_COHERENT), "and whether it is coherent");
	mappings(pool, &info);
	exports(pool, &info);
	imports(pool, &info);
	if (count > 1)
		uio(arguments[1], &info, pool);
	printf("1..%d\n", number);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
