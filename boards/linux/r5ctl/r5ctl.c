// SPDX-License-Identifier: GPL-2.0
/*
 * Starts the R5F core of QEMU's xlnx-zcu102. On silicon that is the work of zynqmp_r5_remoteproc,
 * which asks the power controller; QEMU has none, and takes the R5F for one more core that PSCI can
 * turn on.
 *
 *	echo 0 > /sys/module/r5ctl/parameters/on	the entry address
 *	cat /sys/module/r5ctl/parameters/on		0 on, 1 off, 2 about to be on
 *
 * A write fails with EALREADY where the core runs: QEMU cannot stop it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/arm-smccc.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/of.h>

/* Power State Coordination Interface, Arm DEN0022. */
#define PSCI_CPU_ON		0xC4000003UL
#define PSCI_AFFINITY_INFO	0xC4000004UL
#define PSCI_SUCCESS		0L
#define PSCI_INVALID_PARAMS	-2L
#define PSCI_DENIED		-3L
#define PSCI_ALREADY_ON		-4L
#define PSCI_ON_PENDING		-5L

/* How QEMU numbers its first R5F, behind four A53. */
#define R5F_MPIDR		4UL

static long psci(unsigned long function, unsigned long argument)
{
	struct arm_smccc_res result;

	arm_smccc_smc(function, R5F_MPIDR, argument, 0, 0, 0, 0, 0, &result);
	return (long)result.a0;
}

static int on_set(const char *text, const struct kernel_param *parameter)
{
	unsigned int entry;
	long answer;
	int error;

	error = kstrtouint(text, 0, &entry);
	if (error)
		return error;
	answer = psci(PSCI_CPU_ON, entry);
	switch (answer) {
	case PSCI_SUCCESS:
		pr_info("core started at %#x\n", entry);
		return 0;
	case PSCI_ALREADY_ON:
	case PSCI_ON_PENDING:
		return -EALREADY;
	case PSCI_INVALID_PARAMS:
		return -EINVAL;
	case PSCI_DENIED:
		return -EPERM;
	default:
		pr_err("PSCI CPU_ON answers %ld\n", answer);
		return -EIO;
	}
}

static int on_get(char *text, const struct kernel_param *parameter)
{
	return sysfs_emit(text, "%ld\n", psci(PSCI_AFFINITY_INFO, 0));
}

static const struct kernel_param_ops on_ops = {
	.set = on_set,
	.get = on_get,
};
module_param_cb(on, &on_ops, NULL, 0600);
MODULE_PARM_DESC(on, "write: entry address to start the core at; read: its PSCI affinity state");

static int __init r5ctl_init(void)
{
	/* Elsewhere the fifth core is another one, or none. */
	return of_machine_is_compatible("tandem,qemu-zcu102") ? 0 : -ENODEV;
}
module_init(r5ctl_init);

static void __exit r5ctl_exit(void)
{
}
module_exit(r5ctl_exit);

MODULE_DESCRIPTION("Starts the R5F core of QEMU's xlnx-zcu102");
MODULE_LICENSE("GPL");
