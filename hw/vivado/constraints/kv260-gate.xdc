# PMOD J2, 3.3 V: 1 trigger, 3 reject, 5 line ready.
set_property -dict {PACKAGE_PIN H12 IOSTANDARD LVCMOS33} [get_ports gate_trigger]
set_property -dict {PACKAGE_PIN E10 IOSTANDARD LVCMOS33} [get_ports gate_reject]
set_property -dict {PACKAGE_PIN D10 IOSTANDARD LVCMOS33} [get_ports gate_line_ready]
