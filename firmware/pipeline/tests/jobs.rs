//! Jobs that go well: both kernels through DMA, rings and slots equal the model to the byte.

mod common;

use common::{FOREVER, World, small_post, small_pre};
use tandem_link::message::JobStatus;
use tandem_model::pre::{Frame, Layout, PreParams, Rect};

#[test]
fn tensors_equal_the_model_for_every_format_crop_and_layout() {
    let mut world = World::linked();
    for frame in [Frame::rgb8(160, 90), Frame::nv12(160, 90)] {
        for crop in [frame.full(), Rect { x: 10, y: 4, w: 100, h: 62 }] {
            for layout in [Layout::Planar, Layout::Interleaved] {
                let params = PreParams::letterbox(frame, crop, 96, 80, [1, 2, 3], layout);
                world.pre_works(&params.expect("good"));
            }
        }
    }
    assert!(world.inbox.is_empty(), "nothing but the answers: {:?}", world.inbox);
}

#[test]
fn results_equal_the_model() {
    let mut world = World::linked();
    let mut params = small_post();
    world.post_works(&params);
    params.class_agnostic = true;
    params.max_detections = 3;
    world.post_works(&params);
    params.score_threshold = u16::MAX;
    world.post_works(&params);
}

#[test]
fn lanes_work_side_by_side_and_for_long() {
    let mut world = World::linked();
    let (pre, post) = (small_pre(), small_post());
    for _ in 0..100 {
        let jobs = [world.send_pre(&pre, FOREVER), world.send_post(&post, FOREVER)];
        for (id, addr, expected) in jobs {
            assert_eq!(world.done(id).status, JobStatus::Ok);
            assert!(world.read(addr, expected.len()) == expected);
        }
    }
    assert!(world.inbox.is_empty());
}

#[test]
fn stamps_are_in_order() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(3_000_000, 0);
    let sent = world.now();
    let (id, ..) = world.send_pre(&small_pre(), FOREVER);
    let stamps = world.done(id).stamps;
    assert!(sent <= stamps.received && stamps.received <= stamps.started);
    assert_eq!(stamps.finished - stamps.started, 3_000_000, "found by its interrupt, at once");
}
