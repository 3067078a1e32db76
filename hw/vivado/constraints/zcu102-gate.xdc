# PMOD0 J55, 3.3 V: 0 trigger, 1 reject, 2 line ready.
set_property -dict {PACKAGE_PIN A20 IOSTANDARD LVCMOS33} [get_ports gate_trigger]
set_property -dict {PACKAGE_PIN B20 IOSTANDARD LVCMOS33} [get_ports gate_reject]
set_property -dict {PACKAGE_PIN A22 IOSTANDARD LVCMOS33} [get_ports gate_line_ready]
