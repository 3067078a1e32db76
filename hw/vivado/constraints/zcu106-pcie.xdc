# Edge connector P3, lanes on quad 224; reference clock and reset come from the host.
set_property PACKAGE_PIN AB8 [get_ports {pcie_ref_clk_p[0]}]
set_property PACKAGE_PIN AB7 [get_ports {pcie_ref_clk_n[0]}]
create_clock -period 10.000 -name pcie_ref [get_ports {pcie_ref_clk_p[0]}]
set_property -dict {PACKAGE_PIN L8 IOSTANDARD LVCMOS33 PULLUP TRUE} [get_ports pcie_perstn]
set_false_path -from [get_ports pcie_perstn]
