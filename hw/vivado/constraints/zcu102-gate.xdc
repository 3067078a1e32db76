# PMOD0 J55, 3.3 V: 0 trigger, 1 reject, 2 line ready, 3 and 4 encoder A and B. An encoder of 5 V or
# 24 V, or a differential one, needs a receiver in front of them.
set_property -dict {PACKAGE_PIN A20 IOSTANDARD LVCMOS33} [get_ports gate_trigger]
set_property -dict {PACKAGE_PIN B20 IOSTANDARD LVCMOS33} [get_ports gate_reject]
set_property -dict {PACKAGE_PIN A22 IOSTANDARD LVCMOS33} [get_ports gate_line_ready]
# Pulled so that an encoder that is not there does not turn.
set_property -dict {PACKAGE_PIN A21 IOSTANDARD LVCMOS33 PULLUP TRUE} [get_ports gate_encoder_a]
set_property -dict {PACKAGE_PIN B21 IOSTANDARD LVCMOS33 PULLUP TRUE} [get_ports gate_encoder_b]
