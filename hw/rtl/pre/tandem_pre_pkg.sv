// What the modules of `tandem_pre` share: the registers as software wrote them, the job that they
// describe, and the bits of CAPS.
// No module uses all of it.
// verilator lint_off UNUSEDPARAM

package tandem_pre_pkg;

  // Bits of CAPS, and of the FEATURES parameter that drops what a build does not need.
  localparam int unsigned F_RGB8 = 0;
  localparam int unsigned F_NV12 = 1;
  localparam int unsigned F_MONO8 = 2;
  localparam int unsigned F_YUYV = 3;
  localparam int unsigned F_BAYER8 = 4;
  localparam int unsigned F_BAYER16 = 5;
  localparam int unsigned F_LUT = 6;
  localparam int unsigned F_PLANAR = 8;
  localparam int unsigned F_INTERLEAVED = 9;
  localparam int unsigned F_AREA = 10;
  localparam int unsigned F_GREY = 11;
  localparam int unsigned F_I8 = 12;
  localparam int unsigned F_F16 = 13;
  localparam int unsigned F_KERNEL3 = 14;

  // STATUS codes.
  localparam logic [7:0] STATUS_OK = 8'd0;
  localparam logic [7:0] STATUS_REFUSED = 8'd1;
  localparam logic [7:0] STATUS_SHORT = 8'd3;

  // OUTPUT.ELEMENT; 0 is an unsigned byte.
  localparam logic [1:0] ELEMENT_I8 = 2'd1;
  localparam logic [1:0] ELEMENT_F16 = 2'd2;

  // The parameter registers, field by field, at their full width: what is out of range must be
  // seen to be refused.
  typedef struct packed {
    logic [7:0] pixel;
    logic [7:0] layout;
    logic [7:0] band_rows;
    logic [15:0] frame_w;
    logic [15:0] frame_h;
    logic [31:0] stride;
    logic [15:0] crop_x;
    logic [15:0] crop_y;
    logic [15:0] crop_w;
    logic [15:0] crop_h;
    logic [15:0] width;
    logic [15:0] height;
    logic [15:0] cont_x;
    logic [15:0] cont_y;
    logic [15:0] cont_w;
    logic [15:0] cont_h;
    logic [63:0] step_x;
    logic [63:0] step_y;
    logic [2:0][7:0] pad;
    logic [2:0][31:0] scale;
    logic [2:0][31:0] offset;
    logic [7:0] element;
    logic [7:0] channels;
    logic [7:0] resize;
    logic kernel3;
    logic lut;
    logic flat;
    logic [8:0][15:0] k;
  } pre_regs_t;

  // A job whose parameters are in range.
  typedef struct packed {
    logic rgb;
    logic nv12;
    logic mono;
    logic yuyv;
    logic bayer;
    logic deep;  // samples in 16-bit words
    logic deep12;  // of them 12 bits, else 10
    logic red_x;  // column and row of the red sample
    logic red_y;
    logic [13:0] crop_w;
    logic [13:0] crop_h;
    logic [13:0] width;
    logic [13:0] height;
    logic [13:0] cont_x;
    logic [13:0] cont_y;
    logic [13:0] cont_w;
    logic [13:0] cont_h;
    logic [45:0] step_x;
    logic [45:0] step_y;
    logic [2:0][7:0] pad;
    logic [2:0][31:0] scale;
    logic [2:0][31:0] offset;
    logic [1:0] element;
    logic three_planes;  // planar and in colour
    logic three_mixed;  // interleaved and in colour
    logic grey;
    logic area;
    logic kernel3;
    logic lut;
    logic [5:0] band_rows;
    logic [8:0][15:0] k;
  } pre_job_t;

  // The high bits of what is in range are 0, and what only takes part in the check is left out.
  // verilator lint_off UNUSEDSIGNAL
  function automatic pre_job_t job_of(pre_regs_t r);
    // verilator lint_on UNUSEDSIGNAL
    pre_job_t j;
    j.rgb = r.pixel == 8'd0;
    j.nv12 = r.pixel == 8'd1;
    j.mono = r.pixel == 8'd2;
    j.yuyv = r.pixel == 8'd3;
    j.bayer = r.pixel[4];
    j.deep = r.pixel[4] && r.pixel[3:2] != 2'd0;
    j.deep12 = r.pixel[3];
    j.red_x = r.pixel[0];
    j.red_y = r.pixel[1];
    j.crop_w = r.crop_w[13:0];
    j.crop_h = r.crop_h[13:0];
    j.width = r.width[13:0];
    j.height = r.height[13:0];
    j.cont_x = r.cont_x[13:0];
    j.cont_y = r.cont_y[13:0];
    j.cont_w = r.cont_w[13:0];
    j.cont_h = r.cont_h[13:0];
    j.step_x = r.step_x[45:0];
    j.step_y = r.step_y[45:0];
    j.pad = r.pad;
    j.scale = r.scale;
    j.offset = r.offset;
    j.element = r.element[1:0];
    j.grey = r.channels[0];
    j.three_planes = !r.channels[0] && !r.layout[0];
    j.three_mixed = !r.channels[0] && r.layout[0];
    j.area = r.resize[0];
    j.kernel3 = r.kernel3;
    j.lut = r.lut;
    j.band_rows = r.band_rows[5:0];
    j.k = r.k;
    return j;
  endfunction

endpackage
