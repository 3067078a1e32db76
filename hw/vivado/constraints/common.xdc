# The processing system makes and constrains its clock. The gate's pins are asynchronous: its
# synchronisers take them, and the reject line is slower than any clock here.
set_false_path -from [get_ports -quiet {gate_trigger gate_encoder_a gate_encoder_b}]
set_false_path -to [get_ports -quiet {gate_reject gate_line_ready}]
# The gate's interrupt is a level that software clears; the processor system synchronises it.
# The unpowered or unconfigured board rejects: the line's buffer pulls to the rejecting side.
set_property -quiet PULLUP TRUE [get_ports -quiet gate_reject]
