"""The register blocks in SystemVerilog: one package and one module a map.

The block is the map and nothing else: storage, decoding, identity. What is `external` in the map is
stored by the kernel, which gets a strobe and gives the value to read. What has `hwclr` is held at
its reset value while CTRL.RESET is 1.
"""

KERNELS = ["ctc", "gate", "mask", "post", "pre", "slice"]
INDENT = "  "


def member(reg, field) -> str:
    """`format_pixel`; a field called VALUE or as its register adds nothing."""
    name = reg.name.lower()
    return name if field.name in ("VALUE", reg.name) else f"{name}_{field.name.lower()}"


def stored(reg, field) -> bool:
    return "w" in field.sw and not reg.external


def given(reg, field) -> bool:
    """The kernel says what is read here."""
    return reg.external or ("w" not in field.sw and field.hw == "w" and field.name != "HASH")


def words(block, wanted) -> list[tuple[str, int, list]]:
    """Members of a struct: name, width and the fields it holds, low word first."""
    found: list[tuple[str, int, list]] = []
    for reg in block.registers:
        for field in reg.fields:
            if not wanted(reg, field):
                continue
            name = member(reg, field)
            low = name.removesuffix("_hi") + "_lo"
            if name.endswith("_hi") and found and found[-1][0] == low:
                found[-1] = (name.removesuffix("_hi"), 64, found[-1][2] + [(reg, field)])
            else:
                found.append((name, field.width, [(reg, field)]))
    return found


def places(members) -> dict[tuple[str, str], str]:
    """Where a field lives: `q.step_x[63:32]` without the `q.`."""
    found = {}
    for name, _, fields in members:
        for i, (reg, field) in enumerate(fields):
            part = f"[{32 * i + 31}:{32 * i}]" if len(fields) > 1 else ""
            found[reg.name, field.name] = name + part
    return found


def typedef(kind: str, members) -> list[str]:
    """The first member takes the highest bits; nothing depends on the order."""
    lines = [f"{INDENT}typedef struct packed {{"]
    lines += [f"{INDENT * 2}logic {f'[{width - 1}:0] ' if width > 1 else ''}{name};"
              for name, width, _ in members]
    return lines + [f"{INDENT}}} {kind};"]


def package(block, note: str) -> str:
    title = f"tandem_regs_{block.name}_pkg"
    out = [f"// {note}", f"// {block.title}: names, places and values of its registers.", "",
           "// The whole map, whether anybody uses all of it or not.",
           "// verilator lint_off UNUSEDPARAM", "",
           f"package {title};"]
    out.append(f"{INDENT}localparam logic [31:0] MAP_HASH = 32'h{block.hash():08x};")
    out.append("")
    for reg in block.registers:
        out.append(f"{INDENT}localparam logic [11:0] OFFSET_{reg.name} = 12'h{reg.offset:03x};")
    out.append("")
    for reg in block.registers:
        for field in reg.fields:
            if reg.name == "CAPS" and field.reset is not None:
                out.append(f"{INDENT}localparam int CAPS_{field.name} = {field.reset};")
    seen = set()
    for reg in block.registers:
        for field in reg.fields:
            if field.encoding and field.encoding not in seen:
                seen.add(field.encoding)
                out.append("")
                out += [f"{INDENT}localparam logic [{field.width - 1}:0] "
                        f"{field.encoding.upper()}_{name.upper()} = {field.width}'d{value};"
                        for name, value, _ in field.values]
    out += ["", f"{INDENT}// Written by software."]
    out += typedef("q_t", words(block, stored))
    out += ["", f"{INDENT}// Given by the kernel."]
    out += typedef("d_t", words(block, given))
    external = [reg for reg in block.registers if reg.external]
    if external:
        out += ["", f"{INDENT}// One clock of 1 with the word that software writes to a register of the kernel's own."]
        out += typedef("w_t", [(reg.name.lower(), 1, []) for reg in external])
    return "\n".join(out + [f"endpackage : {title}", "// verilator lint_on UNUSEDPARAM", ""])


def module(block, note: str) -> str:
    name = f"tandem_regs_{block.name}"
    external = [reg for reg in block.registers if reg.external]
    caps = [reg for reg in block.registers if reg.name == "CAPS"]
    out = [
        f"// {note}",
        f"// {block.title}: the registers behind AXI4-Lite.",
        "//",
        "// A write takes effect in the clock after its handshake and is answered in that clock; a read",
        "// shows the state in the clock of its handshake. One access of a kind every three clocks.",
        "// An address without a register, or a write of less than a word, is answered SLVERR and does",
        "// nothing; a write to what is read-only is answered OKAY and does nothing.",
        "",
        f"module {name}",
        f"{INDENT}import {name}_pkg::*;",
        # A build with less in it says so.
        f"#(\n{INDENT * 2}parameter logic [31:0] CAPS = 32'h{constant(caps[0]):08x}\n) (" if caps else "(",
        f"{INDENT * 2}input logic aclk,",
        f"{INDENT * 2}input logic aresetn,",
    ]
    for direction, width, port in AXIL:
        out.append(f"{INDENT * 2}{direction} logic {width}s_axil_{port},")
    out.append(f"{INDENT * 2}output q_t q,")
    if external:
        out += [f"{INDENT * 2}output w_t w,", f"{INDENT * 2}output logic [31:0] wdata,"]
    out += [f"{INDENT * 2}input d_t d", ");"]
    out += BUS.format(wdata="" if external else f"{INDENT}logic [31:0] wdata;\n").rstrip("\n").split("\n")
    out += writing(block) + strobes(external) + reading(block)
    return "\n".join(out + [f"endmodule : {name}", ""])


def constant(reg) -> int:
    return sum((field.reset or 0) << field.low for field in reg.fields)


def writing(block) -> list[str]:
    place = places(words(block, stored))
    pad = INDENT
    out = ["", f"{pad}always_ff @(posedge aclk) begin", f"{pad * 2}if (!aresetn) begin"]
    for reg in block.registers:
        for field in reg.fields:
            if (reg.name, field.name) in place:
                where = place[reg.name, field.name]
                out.append(f"{pad * 3}q.{where} <= {field.width}'h{field.reset or 0:x};")
    out += [f"{pad * 2}end else begin", f"{pad * 3}if (write) begin",
            f"{pad * 4}case (waddr)"]
    for reg in block.registers:
        lines = [f"q.{place[reg.name, f.name]} <= {bits('wdata', f)};"
                 for f in reg.fields if (reg.name, f.name) in place]
        if not lines:
            continue
        label = f"{pad * 5}OFFSET_{reg.name}:"
        if len(lines) == 1:
            out.append(f"{label} {lines[0]}")
        else:
            out += [f"{label} begin"] + [pad * 6 + line for line in lines] + [f"{pad * 5}end"]
    out += [f"{pad * 5}default: ;", f"{pad * 4}endcase", f"{pad * 3}end"]
    held = [(r, f) for r in block.registers for f in r.fields if f.hwclr]
    if held:
        out.append(f"{pad * 3}if (q.ctrl_reset) begin")
        out += [f"{pad * 4}q.{place[r.name, f.name]} <= {f.width}'h{f.reset or 0:x};" for r, f in held]
        out.append(f"{pad * 3}end")
    return out + [f"{pad * 2}end", f"{pad}end"]


def strobes(external) -> list[str]:
    if not external:
        return []
    out = ["", f"{INDENT}always_comb begin"]
    out += [f"{INDENT * 2}w.{r.name.lower()} = write && waddr == OFFSET_{r.name};"
            for r in external]
    return out + [f"{INDENT}end"]


def reading(block) -> list[str]:
    place = {key: f"q.{where}" for key, where in places(words(block, stored)).items()}
    place |= {key: f"d.{where}" for key, where in places(words(block, given)).items()}
    pad = INDENT
    out = ["", f"{pad}always_comb begin", f"{pad * 2}rword = '0;", f"{pad * 2}case (raddr)"]
    for reg in block.registers:
        lines, fixed = [], 0
        for f in reg.fields:
            if (reg.name, f.name) in place:
                lines.append(f"{bits('rword', f)} = {place[reg.name, f.name]};")
            elif f.name == "HASH":
                lines.append("rword = MAP_HASH;")
            else:
                fixed |= (f.reset or 0) << f.low
        if reg.name == "CAPS":
            lines.insert(0, "rword = CAPS;")
        elif fixed:
            lines.insert(0, f"rword = 32'h{fixed:08x};")
        label = f"{pad * 3}OFFSET_{reg.name}:"
        if len(lines) == 1:
            out.append(f"{label} {lines[0]}")
        else:
            out += [f"{label} begin"] + [pad * 4 + line for line in lines] + [f"{pad * 3}end"]
    out += [f"{pad * 3}default: ;", f"{pad * 2}endcase", f"{pad}end", "",
            f"{pad}// A register is at this address.",
            f"{pad}function automatic logic known(input logic [11:0] address);",
            f"{pad * 2}case (address)"]
    out += [f"{pad * 3}OFFSET_{reg.name}: return 1'b1;" for reg in block.registers]
    return out + [f"{pad * 3}default: return 1'b0;", f"{pad * 2}endcase", f"{pad}endfunction"]


def bits(word: str, field) -> str:
    if field.width == 32:
        return word
    high = field.low + field.width - 1
    return f"{word}[{high}:{field.low}]" if field.width > 1 else f"{word}[{field.low}]"


AXIL = [
    ("input", "[11:0] ", "awaddr"), ("input", "", "awvalid"), ("output", "", "awready"),
    ("input", "[31:0] ", "wdata"), ("input", "[3:0] ", "wstrb"), ("input", "", "wvalid"),
    ("output", "", "wready"), ("output", "[1:0] ", "bresp"), ("output", "", "bvalid"),
    ("input", "", "bready"), ("input", "[11:0] ", "araddr"), ("input", "", "arvalid"),
    ("output", "", "arready"), ("output", "[31:0] ", "rdata"), ("output", "[1:0] ", "rresp"),
    ("output", "", "rvalid"), ("input", "", "rready"),
]

BUS = """\
  logic write;
  logic [11:0] waddr;
{wdata}  logic [11:0] raddr;
  logic [31:0] rword;

  tandem_axil axil (
      .aclk,
      .aresetn,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .write,
      .waddr,
      .wdata,
      .wknown(known(waddr)),
      .raddr,
      .rknown(known(raddr)),
      .rword
  );
"""


def outputs(folder, block, note: str) -> dict:
    return {
        folder / f"tandem_regs_{block.name}_pkg.sv": package(block, note),
        folder / f"tandem_regs_{block.name}.sv": module(block, note),
    }
