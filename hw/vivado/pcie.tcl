# The board as a PCIe endpoint: a host, or a GPU that may address its neighbours, reads and writes the
# payload slots through the bridge's master. Its own DMA engines serve hosts without such a GPU.

proc tandem_pcie {} {
    global tandem
    create_bd_cell -type ip -vlnv xilinx.com:ip:xdma pcie
    set_property -dict [list \
        CONFIG.functional_mode DMA CONFIG.mode_selection Advanced \
        CONFIG.pl_link_cap_max_link_width X$tandem(pcie.lanes) \
        CONFIG.pl_link_cap_max_link_speed $tandem(pcie.speed) \
        CONFIG.axi_data_width 128_bit CONFIG.axisten_freq 250 \
        CONFIG.select_quad $tandem(pcie.quad) \
        CONFIG.xdma_rnum_chnl 1 CONFIG.xdma_wnum_chnl 1 \
        CONFIG.pf0_device_id 9038 CONFIG.plltype QPLL1] [get_bd_cells pcie]
    create_bd_cell -type ip -vlnv xilinx.com:ip:util_ds_buf pcie_refclk
    set_property CONFIG.C_BUF_TYPE IBUFDSGTE [get_bd_cells pcie_refclk]
    create_bd_intf_port -mode Slave -vlnv xilinx.com:interface:diff_clock_rtl:1.0 pcie_ref
    connect_bd_intf_net [get_bd_intf_ports pcie_ref] [get_bd_intf_pins pcie_refclk/CLK_IN_D]
    tandem_net pcie_refclk/IBUF_OUT pcie/sys_clk_gt
    tandem_net pcie_refclk/IBUF_DS_ODIV2 pcie/sys_clk
    create_bd_port -dir I -type rst pcie_perstn
    connect_bd_net [get_bd_ports pcie_perstn] [get_bd_pins pcie/sys_rst_n]
    create_bd_intf_port -mode Master -vlnv xilinx.com:interface:pcie_7x_mgt_rtl:1.0 pcie_mgt
    connect_bd_intf_net [get_bd_intf_ports pcie_mgt] [get_bd_intf_pins pcie/pcie_mgt]
}

# The bridge brings its own clock; the interconnect of its port crosses to the kernels'.
proc tandem_pcie_clock {port} {
    set_property CONFIG.NUM_CLKS 2 [get_bd_cells sc_$port]
    tandem_net pcie/axi_aclk sc_$port/aclk1
}
