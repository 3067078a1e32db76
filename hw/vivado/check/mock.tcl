# Runs the block design scripts under commands that stand for Vivado's, and checks what they ask for:
# every cell and pin exists, no input is driven twice, every clock and reset is driven, addresses
# do not overlap. The pins are those of the cores' documents (PG021, PG201, PG247, PG195, UG1085);
# whether Vivado agrees is seen when it runs.
#
# tclsh mock.tcl PLAN ROOT: prints one line a cell, link, net and address; exits 1 with the first fault.

lassign $argv plan root

# Interfaces (by direction) and pins (in or out) of each core.
array set cores {
    xilinx.com:ip:zynq_ultra_ps_e {
        master {M_AXI_HPM0_LPD}
        slave {S_AXI_HPC0_FPD S_AXI_HPC1_FPD S_AXI_HP0_FPD S_AXI_HP1_FPD S_AXI_HP2_FPD S_AXI_HP3_FPD}
        out {pl_clk0 pl_clk1 pl_resetn0}
        in {maxihpm0_lpd_aclk pl_ps_irq0 saxihpc0_fpd_aclk saxihpc1_fpd_aclk saxihp0_fpd_aclk
            saxihp1_fpd_aclk saxihp2_fpd_aclk saxihp3_fpd_aclk
            saxigp0_awcache saxigp0_arcache saxigp0_awprot saxigp0_arprot
            saxigp1_awcache saxigp1_arcache saxigp1_awprot saxigp1_arprot}
        needs {maxihpm0_lpd_aclk}
    }
    xilinx.com:ip:proc_sys_reset {
        in {slowest_sync_clk ext_reset_in} out {peripheral_aresetn interconnect_aresetn}
        needs {slowest_sync_clk ext_reset_in}
    }
    xilinx.com:ip:axi_dma {
        master {M_AXI_SG M_AXI_MM2S M_AXI_S2MM M_AXIS_MM2S} slave {S_AXI_LITE S_AXIS_S2MM}
        in {s_axi_lite_aclk m_axi_sg_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn}
        out {mm2s_introut s2mm_introut}
        needs {s_axi_lite_aclk m_axi_sg_aclk m_axi_mm2s_aclk m_axi_s2mm_aclk axi_resetn
            M_AXI_SG M_AXI_MM2S M_AXI_S2MM M_AXIS_MM2S S_AXI_LITE S_AXIS_S2MM}
    }
    xilinx.com:ip:smartconnect {
        slave {S00_AXI S01_AXI S02_AXI S03_AXI S04_AXI S05_AXI S06_AXI}
        master {M00_AXI M01_AXI M02_AXI M03_AXI M04_AXI M05_AXI M06_AXI}
        in {aclk aclk1 aresetn} needs {aclk aresetn S00_AXI M00_AXI}
    }
    xilinx.com:ip:xlconcat { in {In0 In1 In2 In3 In4 In5 In6} out {dout} needs {In0 In6} }
    xilinx.com:ip:xlconstant { out {dout} }
    xilinx.com:ip:util_ds_buf { slave {CLK_IN_D} out {IBUF_OUT IBUF_DS_ODIV2} needs {CLK_IN_D} }
    xilinx.com:ip:xdma {
        master {M_AXI pcie_mgt} in {sys_clk sys_clk_gt sys_rst_n} out {axi_aclk axi_aresetn}
        needs {M_AXI pcie_mgt sys_clk sys_clk_gt sys_rst_n}
    }
}
array set cell_core {}
array set driven {}
array set addresses {}
set said {}

proc fault {text} {
    puts stderr "fault: $text"
    exit 1
}
proc say {text} { lappend ::said $text }

# Ports of a module reference, from its Verilog wrapper.
proc module_ports {reference} {
    set file [file join $::root hw vivado wrap $reference.v]
    if {![file exists $file]} { fault "no module $reference: $file" }
    set channel [open $file]
    set text [read $channel]
    close $channel
    array set ports {master {} slave {} in {} out {} needs {}}
    foreach {- direction name} [regexp -all -inline -line {^\s*(input|output)\s+wire[^,\n]*?(\w+)\s*,?$} $text] {
        if {[regexp {^(s_axil|s_axis|m_axis)_} $name - interface]} {
            set kind [expr {$interface eq "m_axis" ? "master" : "slave"}]
            if {$interface ni $ports($kind)} { lappend ports($kind) $interface }
            continue
        }
        lappend ports([expr {$direction eq "input" ? "in" : "out"}]) $name
        if {$direction eq "input"} { lappend ports(needs) $name }
    }
    set ports(needs) [concat $ports(needs) $ports(master) $ports(slave)]
    return [array get ports]
}

proc kind_of {path} {
    lassign [split $path /] cell pin
    if {![info exists ::cell_core($cell)]} { fault "no cell $cell ($path)" }
    array set core $::cell_core($cell)
    foreach kind {master slave in out} {
        if {[info exists core($kind)] && $pin in $core($kind)} { return $kind }
    }
    fault "cell $cell has no pin $pin"
}

proc drive {pin by} {
    if {[info exists ::driven($pin)]} { fault "$pin is driven by $::driven($pin) and $by" }
    set ::driven($pin) $by
}

proc create_bd_design {name} { say "design $name" }
proc validate_bd_design {} {}
proc save_bd_design {} {}
proc apply_bd_automation {args} {}
proc create_bd_cell {args} {
    array set option [lrange $args 0 end-1]
    set cell [lindex $args end]
    if {[info exists ::cell_core($cell)]} { fault "cell $cell is made twice" }
    if {$option(-type) eq "ip"} {
        if {![info exists ::cores($option(-vlnv))]} { fault "unknown core $option(-vlnv)" }
        set ::cell_core($cell) $::cores($option(-vlnv))
        say "cell $cell $option(-vlnv)"
    } else {
        set ::cell_core($cell) [module_ports $option(-reference)]
        say "cell $cell $option(-reference)"
    }
}
proc get_bd_cells {cell} {
    if {![info exists ::cell_core($cell)]} { fault "no cell $cell" }
    return $cell
}
proc get_bd_pins {pin} {
    if {[kind_of $pin] ni {in out}} { fault "$pin is an interface" }
    return $pin
}
proc get_bd_intf_pins {pin} {
    if {[kind_of $pin] ni {master slave}} { fault "$pin is no interface" }
    return $pin
}
proc create_bd_port {args} { set ::cell_core(port:[lindex $args end]) {} }
proc create_bd_intf_port {args} { set ::cell_core(port:[lindex $args end]) {} }
proc get_bd_ports {name} {
    if {![info exists ::cell_core(port:$name)]} { fault "no port $name" }
    return port:$name
}
proc get_bd_intf_ports {name} { get_bd_ports $name }
proc set_property {args} {
    set settings [expr {[lindex $args 0] eq "-dict" ? [lindex $args 1] : [lrange $args 0 1]}]
    foreach {name value} $settings {
        if {$value eq ""} { fault "$name of [lindex $args end] is empty" }
        say "set [lindex $args end] $name $value"
    }
}
proc connect_bd_net {from to} {
    foreach {a b} [list $from $to $to $from] {
        if {[string match port:* $a]} continue
        if {[kind_of $a] eq "in"} { drive $a $b }
    }
    say "net $from $to"
}
proc connect_bd_intf_net {from to} {
    foreach {a b} [list $from $to $to $from] {
        if {![string match port:* $a]} { drive $a $b }
    }
    if {![string match port:* $from] && ([kind_of $from] ne "master" || [kind_of $to] ne "slave")} {
        fault "$from to $to is not a master to a slave"
    }
    say "link $from $to"
}
proc get_bd_addr_spaces {space} { get_bd_cells [lindex [split $space /] 0]; return $space }
proc get_bd_addr_segs {segment} { get_bd_cells [lindex [split $segment /] 0]; return $segment }
proc assign_bd_address {args} {
    set segment [lindex $args end]
    array set option [lrange $args 0 end-1]
    say "address $option(-target_address_space) $segment [expr {[info exists option(-offset)]
        ? "$option(-offset) $option(-range)" : "whole"}]"
    if {![info exists option(-offset)]} return
    set first [expr {$option(-offset)}]
    set last [expr {$first + $option(-range) - 1}]
    foreach {other range} [array get ::addresses] {
        if {$first <= [lindex $range 1] && [lindex $range 0] <= $last} {
            fault "$segment and $other overlap"
        }
    }
    # The window of HPM0_LPD.
    if {$first < 0x80000000 || $last > 0x9fffffff} { fault "$segment is outside HPM0_LPD" }
    set ::addresses($segment) [list $first $last]
}

source $plan
source [file join $root hw vivado block.tcl]
source [file join $root hw vivado pcie.tcl]
tandem_block_design
foreach cell [array names cell_core] {
    if {[string match port:* $cell]} continue
    array unset core
    array set core $cell_core($cell)
    if {![info exists core(needs)]} continue
    foreach pin $core(needs) {
        set out [expr {[kind_of $cell/$pin] eq "out"}]
        if {!$out && ![info exists driven($cell/$pin)]} { fault "$cell/$pin is not connected" }
    }
}
puts [join $said \n]
