# vivado -mode batch -source build.tcl -tclargs PLAN ROOT WORK
# Builds the planned design and writes WORK/NAME.bit and WORK/result.tcl. hw/vivado/build calls it.

lassign $argv plan root work
source $plan
source [file join $root hw vivado block.tcl]
source [file join $root hw vivado pcie.tcl]

# Files below a folder, packages first: they are read in the order given.
proc tandem_sources {folder} {
    set files {}
    foreach pattern {*_pkg.sv *.sv} {
        foreach sub [lsort [glob -nocomplain -directory $folder -types d *]] {
            # Proofs are not part of the design.
            if {[file tail $sub] eq "formal"} { continue }
            foreach file [lsort [glob -nocomplain -directory $sub $pattern]] {
                if {$file ni $files} { lappend files $file }
            }
        }
    }
    return $files
}

proc tandem_constraints {root board kernels} {
    set folder [file join $root hw vivado constraints]
    set files [list [file join $folder common.xdc]]
    if {"gate" in $kernels} { lappend files [file join $folder $board-gate.xdc] }
    if {[info exists ::tandem(pcie.lanes)]} { lappend files [file join $folder $board-pcie.xdc] }
    foreach file $files {
        if {![file exists $file]} { error "$file: this board has no pins for that" }
    }
    return $files
}

create_project -force $tandem(name) $work/project -part $tandem(part)
if {$tandem(board_part) ne ""} { set_property board_part $tandem(board_part) [current_project] }
add_files [tandem_sources [file join $root hw rtl]]
add_files [lsort [glob -directory [file join $root hw vivado wrap] *.v]]
add_files -fileset constrs_1 [tandem_constraints $root $tandem(board) $tandem(kernels)]
tandem_block_design
set wrapper [make_wrapper -files [get_files tandem.bd] -top]
add_files -norecurse $wrapper
set_property top tandem_wrapper [current_fileset]

launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "implementation failed: see $work/project"
}
open_run impl_1
report_utilization -hierarchical -file $work/utilization.txt
report_timing_summary -file $work/timing.txt
report_methodology -file $work/methodology.txt
file copy -force [glob $work/project/$tandem(name).runs/impl_1/*.bit] $work/$tandem(name).bit

set result [open $work/result.tcl w]
puts $result "set tool {[lindex [split [version] \n] 0]}"
puts $result "set wns [get_property SLACK [get_timing_paths -delay_type max]]"
puts $result "set idcode 0x[string map {0x {}} [get_property IDCODE [get_parts $tandem(part)]]]"
close $result
