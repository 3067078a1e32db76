// A job's parameters out of the registers, kept while the job runs: software may write the next
// ones meanwhile.
module post_job_of
  import post_pkg::*;
  import tandem_regs_post_pkg::*;
(
    input  logic aclk,
    input  logic take,
    // The job counter is not the job's.
    // verilator lint_off UNUSEDSIGNAL
    input  q_t   q,
    // verilator lint_on UNUSEDSIGNAL
    output job_t job
);
  job_t now;
  always_comb begin
    now.head_count = q.config_head_count;
    now.class_agnostic = q.config_class_agnostic;
    now.top_k = q.config_top_k;
    now.classes = q.limits_classes;
    now.max_detections = q.limits_max_detections;
    now.score_threshold = q.thresholds_score;
    now.iou_threshold = q.thresholds_iou;
    now.size = {q.input_size_width, q.input_size_height};
    now.heads[0].grid = {q.h0_grid_width, q.h0_grid_height};
    now.heads[0].stride = q.h0_config_stride;
    now.heads[0].kind = q.h0_config_kind;
    now.heads[0].element = q.h0_config_element;
    now.heads[0].quant = {q.h0_quant_scale, q.h0_quant_zero};
    now.heads[0].anchor_count = q.h0_config_anchors;
    now.heads[0].anchors[0] = {q.h0_anchor_0_width, q.h0_anchor_0_height};
    now.heads[0].anchors[1] = {q.h0_anchor_1_width, q.h0_anchor_1_height};
    now.heads[0].anchors[2] = {q.h0_anchor_2_width, q.h0_anchor_2_height};
    now.heads[0].offset = q.h0_offset;
    now.heads[1].grid = {q.h1_grid_width, q.h1_grid_height};
    now.heads[1].stride = q.h1_config_stride;
    now.heads[1].kind = q.h1_config_kind;
    now.heads[1].element = q.h1_config_element;
    now.heads[1].quant = {q.h1_quant_scale, q.h1_quant_zero};
    now.heads[1].anchor_count = q.h1_config_anchors;
    now.heads[1].anchors[0] = {q.h1_anchor_0_width, q.h1_anchor_0_height};
    now.heads[1].anchors[1] = {q.h1_anchor_1_width, q.h1_anchor_1_height};
    now.heads[1].anchors[2] = {q.h1_anchor_2_width, q.h1_anchor_2_height};
    now.heads[1].offset = q.h1_offset;
    now.heads[2].grid = {q.h2_grid_width, q.h2_grid_height};
    now.heads[2].stride = q.h2_config_stride;
    now.heads[2].kind = q.h2_config_kind;
    now.heads[2].element = q.h2_config_element;
    now.heads[2].quant = {q.h2_quant_scale, q.h2_quant_zero};
    now.heads[2].anchor_count = q.h2_config_anchors;
    now.heads[2].anchors[0] = {q.h2_anchor_0_width, q.h2_anchor_0_height};
    now.heads[2].anchors[1] = {q.h2_anchor_1_width, q.h2_anchor_1_height};
    now.heads[2].anchors[2] = {q.h2_anchor_2_width, q.h2_anchor_2_height};
    now.heads[2].offset = q.h2_offset;
    now.heads[3].grid = {q.h3_grid_width, q.h3_grid_height};
    now.heads[3].stride = q.h3_config_stride;
    now.heads[3].kind = q.h3_config_kind;
    now.heads[3].element = q.h3_config_element;
    now.heads[3].quant = {q.h3_quant_scale, q.h3_quant_zero};
    now.heads[3].anchor_count = q.h3_config_anchors;
    now.heads[3].anchors[0] = {q.h3_anchor_0_width, q.h3_anchor_0_height};
    now.heads[3].anchors[1] = {q.h3_anchor_1_width, q.h3_anchor_1_height};
    now.heads[3].anchors[2] = {q.h3_anchor_2_width, q.h3_anchor_2_height};
    now.heads[3].offset = q.h3_offset;
  end
  always_ff @(posedge aclk) if (take) job <= now;
endmodule : post_job_of
