// Slots in 256 buckets, in each the order in which they were appended: one pass of a radix sort.
//
// `append` takes a slot a clock. While `walk` is high the slots come out, highest digit first, one
// a clock without pauses whatever the buckets' sizes, beginning 3 clocks later; nobody can hold
// them up. A slot leaves its bucket when it comes out, so afterwards the lists are empty. Append
// and walk exclude each other. `clear` empties the lists.
module nms_lists #(
    parameter int unsigned SLOTS = 5120,
    parameter int unsigned SLOT_BITS = $clog2(SLOTS)
) (
    input  logic                 aclk,
    input  logic                 clear,
    input  logic                 append,
    input  logic           [7:0] append_digit,
    input  logic [SLOT_BITS-1:0] append_slot,
    input  logic                 walk,
    output logic                 walk_valid,
    output logic [SLOT_BITS-1:0] walk_slot,
    output logic                 empty
);
  logic [255:0] used;
  (* ram_style = "distributed" *)logic [SLOT_BITS-1:0] first[256];
  (* ram_style = "distributed" *)logic [SLOT_BITS-1:0] last[256];
  (* ram_style = "block" *)logic [SLOT_BITS-1:0] link[SLOTS];

  // The scan: the highest digit in use, then its list's ends, each a register that the next pulls.
  logic digit_valid, ends_valid, digit_pull, ends_pull, list_ends;
  logic [7:0] digit, highest;
  logic [SLOT_BITS-1:0] ends_first, ends_last;
  logic [15:0] group_used;
  logic [3:0] group, in_group;
  function automatic logic [3:0] top_of(input logic [15:0] bits);
    top_of = '0;
    for (int unsigned i = 0; i < 16; i++) if (bits[i]) top_of = 4'(i);
  endfunction
  always_comb begin
    for (int unsigned i = 0; i < 16; i++) group_used[i] = |used[16*i+:16];
    group = top_of(group_used);
    in_group = top_of(used[16*group+:16]);
    highest = {group, in_group};
  end
  assign digit_pull = walk && (!digit_valid || ends_pull);
  assign ends_pull = !ends_valid || !walk_valid || list_ends;

  logic [7:0] at;
  logic [SLOT_BITS-1:0] first_at, last_at;
  assign at = walk ? digit : append_digit;
  assign first_at = first[at];
  assign last_at = last[at];

  // The walk: a slot is the head of a list or what the link of the slot before said.
  logic from_link;
  logic [SLOT_BITS-1:0] head, tail, linked;
  assign walk_slot = from_link ? linked : head;
  assign list_ends = walk_slot == tail;

  always_ff @(posedge aclk) begin
    if (append) begin
      if (!used[append_digit]) first[append_digit] <= append_slot;
      last[append_digit] <= append_slot;
    end
  end
  always_ff @(posedge aclk) begin
    if (append && used[append_digit]) link[last_at] <= append_slot;
    if (walk_valid) linked <= link[walk_slot];
  end
  always_ff @(posedge aclk) begin
    if (append) used[append_digit] <= 1'b1;
    if (digit_pull) begin
      digit_valid <= used != '0;
      digit <= highest;
      used[highest] <= 1'b0;
    end
    if (ends_pull) begin
      ends_valid <= digit_valid;
      ends_first <= first_at;
      ends_last <= last_at;
    end
    if (walk_valid && !list_ends) from_link <= 1'b1;
    else begin
      walk_valid <= ends_valid;
      head <= ends_first;
      tail <= ends_last;
      from_link <= 1'b0;
    end
    if (clear) begin
      used <= '0;
      digit_valid <= 1'b0;
      ends_valid <= 1'b0;
      walk_valid <= 1'b0;
    end
  end
  assign empty = used == '0 && !digit_valid && !ends_valid && !walk_valid;
endmodule : nms_lists
