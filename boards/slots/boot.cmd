# U-Boot: Linux, device tree and initramfs from this partition. The initramfs picks the slot.
setenv bootargs "console=@CONSOLE@,115200 quiet loglevel=4 panic=5 tandem.root=sd"
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} Image
load ${devtype} ${devnum}:${distro_bootpart} ${fdt_addr_r} system.dtb
load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} initramfs.cpio
booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr_r}
