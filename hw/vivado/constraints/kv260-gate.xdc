# PMOD J2, 3.3 V: 1 trigger, 3 reject, 5 line ready, 2 and 4 encoder A and B. An encoder of 5 V or
# 24 V, or a differential one, needs a receiver in front of them.
set_property -dict {PACKAGE_PIN H12 IOSTANDARD LVCMOS33} [get_ports gate_trigger]
set_property -dict {PACKAGE_PIN E10 IOSTANDARD LVCMOS33} [get_ports gate_reject]
set_property -dict {PACKAGE_PIN D10 IOSTANDARD LVCMOS33} [get_ports gate_line_ready]
# Pulled so that an encoder that is not there does not turn.
set_property -dict {PACKAGE_PIN B10 IOSTANDARD LVCMOS33 PULLUP TRUE} [get_ports gate_encoder_a]
set_property -dict {PACKAGE_PIN E12 IOSTANDARD LVCMOS33 PULLUP TRUE} [get_ports gate_encoder_b]
