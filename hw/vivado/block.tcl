# The block design: processing system, a DMA and a kernel a lane, gate, interrupts, addresses.
# Everything that differs between boards comes in the array `tandem` (tandem-bitstream plan).

# Slave ports of the processing system: parameter number, interface, clock, address segments.
array set tandem_ports {
    hpc0 {0 S_AXI_HPC0_FPD saxihpc0_fpd_aclk HPC0}
    hpc1 {1 S_AXI_HPC1_FPD saxihpc1_fpd_aclk HPC1}
    hp0  {2 S_AXI_HP0_FPD  saxihp0_fpd_aclk  HP0}
    hp1  {3 S_AXI_HP1_FPD  saxihp1_fpd_aclk  HP1}
    hp2  {4 S_AXI_HP2_FPD  saxihp2_fpd_aclk  HP2}
    hp3  {5 S_AXI_HP3_FPD  saxihp3_fpd_aclk  HP3}
}

# Interrupt lines in the order of hw/regs/src/irq.rs, which is what the firmware counts on.
set tandem_interrupts {
    {pre  dma_pre/mm2s_introut}
    {pre  dma_pre/s2mm_introut}
    {post dma_post/mm2s_introut}
    {post dma_post/s2mm_introut}
    {pre  pre/irq}
    {post post/irq}
    {gate gate/irq}
}

# Kernels that move data through a DMA.
proc tandem_lanes {} {
    global tandem
    set lanes {}
    foreach kernel $tandem(kernels) {
        if {[info exists tandem($kernel.dma)]} { lappend lanes $kernel }
    }
    return $lanes
}

# Ports in use, each with the masters behind it and whether any is coherent. Descriptors go where
# what they describe goes.
proc tandem_masters {} {
    global tandem
    set masters [dict create]
    foreach lane [tandem_lanes] {
        foreach direction {mm2s s2mm} {
            dict lappend masters [lindex $tandem($lane.$direction) 0] \
                [list dma_$lane M_AXI_[string toupper $direction] \
                     Data_[string toupper $direction] [lindex $tandem($lane.$direction) 3]]
        }
        dict lappend masters [lindex $tandem($lane.mm2s) 0] \
            [list dma_$lane M_AXI_SG Data_SG [lindex $tandem($lane.mm2s) 3]]
    }
    if {[info exists tandem(pcie.lanes)]} {
        dict lappend masters [lindex $tandem(pcie.port) 0] \
            [list pcie M_AXI M_AXI [lindex $tandem(pcie.port) 3]]
    }
    return $masters
}

proc tandem_processing_system {masters} {
    global tandem tandem_ports
    create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps
    if {$tandem(board_part) ne ""} {
        apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e \
            -config {apply_board_preset 1} [get_bd_cells ps]
    }
    # Registers hang on HPM0_LPD alone: the R5F reaches it while the full-power domain sleeps.
    set settings [list \
        CONFIG.PSU__USE__M_AXI_GP0 0 CONFIG.PSU__USE__M_AXI_GP1 0 \
        CONFIG.PSU__USE__M_AXI_GP2 1 CONFIG.PSU__MAXIGP2__DATA_WIDTH 32 \
        CONFIG.PSU__USE__IRQ0 1 CONFIG.PSU__FPGA_PL0_ENABLE 1 \
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $tandem(clock_mhz) \
        CONFIG.PSU__FPGA_PL1_ENABLE 1 \
        CONFIG.PSU__CRL_APB__PL1_REF_CTRL__FREQMHZ $tandem(gate_clock_mhz)]
    foreach port [array names tandem_ports] {
        set number [lindex $tandem_ports($port) 0]
        set used [dict exists $masters $port]
        lappend settings CONFIG.PSU__USE__S_AXI_GP$number $used
        if {$used} { lappend settings CONFIG.PSU__SAXIGP${number}__DATA_WIDTH 128 }
    }
    set_property -dict $settings [get_bd_cells ps]
    create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset
    tandem_net ps/pl_clk0 reset/slowest_sync_clk ps/maxihpm0_lpd_aclk
    tandem_net ps/pl_resetn0 reset/ext_reset_in
    # The gate adds and compares 64-bit times in one clock: it has a slower one.
    create_bd_cell -type ip -vlnv xilinx.com:ip:proc_sys_reset reset_gate
    tandem_net ps/pl_clk1 reset_gate/slowest_sync_clk
    tandem_net ps/pl_resetn0 reset_gate/ext_reset_in
}

# Connects the first pin to the others.
proc tandem_net {from args} {
    foreach pin $args { connect_bd_net [get_bd_pins $from] [get_bd_pins $pin] }
}

proc tandem_link {from to} {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}

# A kernel's cell with its parameters, clock and reset.
proc tandem_kernel {kernel {clock pl_clk0} {reset reset}} {
    global tandem
    create_bd_cell -type module -reference tandem_${kernel}_bd $kernel
    set settings {}
    foreach {name value} $tandem($kernel.parameters) { lappend settings CONFIG.$name $value }
    if {$settings ne ""} { set_property -dict $settings [get_bd_cells $kernel] }
    tandem_net ps/$clock $kernel/aclk
    tandem_net $reset/peripheral_aresetn $kernel/aresetn
}

proc tandem_lane {lane} {
    global tandem
    tandem_kernel $lane
    set dma dma_$lane
    create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma $dma
    set settings [list CONFIG.c_include_sg 1 CONFIG.c_sg_include_stscntrl_strm 0 \
        CONFIG.c_sg_length_width $tandem(dma_length_bits) CONFIG.c_addr_width 40 \
        CONFIG.c_include_mm2s_dre 1 CONFIG.c_include_s2mm_dre 1]
    foreach direction {mm2s s2mm} {
        lassign $tandem($lane.$direction) port width beats coherent
        lappend settings CONFIG.c_m_axi_${direction}_data_width $width \
            CONFIG.c_${direction}_burst_size $beats
    }
    # The other stream's width follows the kernel's port by itself.
    lappend settings CONFIG.c_m_axis_mm2s_tdata_width [expr {8 * [dict get $tandem($lane.parameters) S_BYTES]}]
    set_property -dict $settings [get_bd_cells $dma]
    foreach clock {s_axi_lite_aclk m_axi_sg_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk} {
        tandem_net ps/pl_clk0 $dma/$clock
    }
    tandem_net reset/peripheral_aresetn $dma/axi_resetn
    tandem_link $dma/M_AXIS_MM2S $lane/s_axis
    tandem_link $lane/m_axis $dma/S_AXIS_S2MM
}

proc tandem_smartconnect {name slaves masters} {
    create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect $name
    set_property -dict [list CONFIG.NUM_SI $slaves CONFIG.NUM_MI $masters] [get_bd_cells $name]
    tandem_net ps/pl_clk0 $name/aclk
    tandem_net reset/interconnect_aresetn $name/aresetn
}

proc tandem_memory {masters} {
    global tandem_ports
    dict for {port list} $masters {
        lassign $tandem_ports($port) number interface clock segments
        tandem_smartconnect sc_$port [llength $list] 1
        tandem_net ps/pl_clk0 ps/$clock
        set coherent 0
        set at 0
        foreach master $list {
            lassign $master cell pin space coheres
            tandem_link $cell/$pin sc_$port/S[format %02d $at]_AXI
            set coherent [expr {$coherent || $coheres}]
            incr at
        }
        tandem_link sc_$port/M00_AXI ps/$interface
        if {[lsearch -index 0 $list pcie] >= 0} { tandem_pcie_clock $port }
        if {$coherent} { tandem_coherent $port $number }
    }
}

# The coherent interconnect snoops only what is marked so; the DMA marks its transfers 0b0011.
proc tandem_coherent {port number} {
    foreach {signal value width} {cache 15 4 prot 2 3} {
        set constant ${port}_$signal
        create_bd_cell -type ip -vlnv xilinx.com:ip:xlconstant $constant
        set_property -dict [list CONFIG.CONST_VAL $value CONFIG.CONST_WIDTH $width] \
            [get_bd_cells $constant]
        tandem_net $constant/dout ps/saxigp${number}_aw$signal ps/saxigp${number}_ar$signal
    }
}

proc tandem_registers {} {
    global tandem
    set slaves {}
    foreach kernel $tandem(kernels) {
        if {[info exists tandem($kernel.dma)]} {
            lappend slaves [list dma_$kernel S_AXI_LITE Reg $tandem($kernel.dma)]
        }
        lappend slaves [list $kernel s_axil reg0 $tandem($kernel.range)]
    }
    tandem_smartconnect sc_registers 1 [llength $slaves]
    tandem_link ps/M_AXI_HPM0_LPD sc_registers/S00_AXI
    if {"gate" in $tandem(kernels)} {
        set_property CONFIG.NUM_CLKS 2 [get_bd_cells sc_registers]
        tandem_net ps/pl_clk1 sc_registers/aclk1
    }
    set at 0
    foreach slave $slaves {
        lassign $slave cell pin segment range
        tandem_link sc_registers/M[format %02d $at]_AXI $cell/$pin
        incr at
    }
    foreach slave $slaves {
        lassign $slave cell pin segment range
        assign_bd_address -offset [lindex $range 0] -range [lindex $range 1] \
            -target_address_space [get_bd_addr_spaces ps/Data] \
            [get_bd_addr_segs $cell/$pin/$segment]
    }
}

proc tandem_interrupts_net {} {
    global tandem tandem_interrupts
    create_bd_cell -type ip -vlnv xilinx.com:ip:xlconcat interrupts
    set_property CONFIG.NUM_PORTS [llength $tandem_interrupts] [get_bd_cells interrupts]
    set at 0
    foreach line $tandem_interrupts {
        lassign $line kernel pin
        if {$kernel in $tandem(kernels)} {
            tandem_net $pin interrupts/In$at
        } else {
            # A kernel that is not there keeps its place: the lines' numbers are fixed.
            create_bd_cell -type ip -vlnv xilinx.com:ip:xlconstant no_irq_$at
            set_property -dict {CONFIG.CONST_VAL 0 CONFIG.CONST_WIDTH 1} [get_bd_cells no_irq_$at]
            tandem_net no_irq_$at/dout interrupts/In$at
        }
        incr at
    }
    tandem_net interrupts/dout ps/pl_ps_irq0
}

# The gate's pins leave the chip.
proc tandem_gate {} {
    tandem_kernel gate pl_clk1 reset_gate
    foreach {pin direction} {trigger I encoder_a I encoder_b I reject O line_ready O} {
        create_bd_port -dir $direction gate_$pin
        connect_bd_net [get_bd_ports gate_$pin] [get_bd_pins gate/$pin]
    }
}

proc tandem_ddr_addresses {masters} {
    global tandem_ports
    dict for {port list} $masters {
        set segments [lindex $tandem_ports($port) 3]
        set number [lindex $tandem_ports($port) 0]
        foreach master $list {
            lassign $master cell pin space coheres
            assign_bd_address -target_address_space [get_bd_addr_spaces $cell/$space] \
                [get_bd_addr_segs ps/SAXIGP$number/${segments}_DDR_LOW]
        }
    }
}

proc tandem_block_design {} {
    global tandem
    create_bd_design tandem
    set masters [tandem_masters]
    tandem_processing_system $masters
    foreach lane [tandem_lanes] { tandem_lane $lane }
    if {"gate" in $tandem(kernels)} { tandem_gate }
    if {[info exists tandem(pcie.lanes)]} { tandem_pcie }
    tandem_memory $masters
    tandem_registers
    tandem_interrupts_net
    tandem_ddr_addresses $masters
    validate_bd_design
    save_bd_design
}
