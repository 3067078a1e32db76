//! Probes on made systems, ways against deadlines, figures.

use std::fs;
use std::path::Path;

use tandem_channels::*;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn found(root: &Path, refuse: &[Kind], kind: Kind) -> (bool, String) {
    let probed = probe(&Probe { root: root.to_owned(), refuse: refuse.to_vec() });
    assert_eq!(probed.len(), Kind::ALL.len());
    let one = probed.into_iter().find(|one| one.kind == kind).unwrap();
    (one.possible, one.why)
}

#[test]
fn each_kind_says_what_it_lacks_until_it_is_there() {
    let made = tempfile::tempdir().unwrap();
    let root = made.path();
    let why = |kind| found(root, &[], kind);
    assert_eq!(why(Kind::Tcp), (false, "the kernel has no network".into()));
    put(root, "proc/net/route", "Iface\n");
    assert!(why(Kind::Tcp).0);
    assert!(!why(Kind::AxiStream).0);
    put(root, "sys/class/uio/uio3/name", "tandem-pl\n");
    assert_eq!(why(Kind::AxiStream), (true, "tandem-pl is uio3".into()));

    assert!(why(Kind::HostPinned).1.contains("no NVIDIA driver"));
    put(root, "dev/nvidiactl", "");
    assert!(why(Kind::HostPinned).1.contains("libcuda.so.1 is not"));
    put(root, "usr/lib/x86_64-linux-gnu/libcuda.so.1", "");
    assert!(why(Kind::HostPinned).0);

    assert!(why(Kind::PcieP2p).1.contains("no PCIe card"));
    put(
        root,
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.1\n",
    );
    assert!(why(Kind::PcieP2p).1.contains("open kernel modules"));
    put(
        root,
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64\n",
    );
    assert!(why(Kind::PcieP2p).1.contains("no board"));
    put(root, "sys/bus/pci/devices/0000:00:00.0/vendor", "0x8086\n");
    assert!(!why(Kind::PcieP2p).0);
    put(root, "sys/bus/pci/devices/0000:01:00.0/vendor", "0x10ee\n");
    assert_eq!(why(Kind::PcieP2p), (true, "board 0000:01:00.0 beside the GPU".into()));
    for kind in Kind::ALL {
        let (possible, why) = found(root, &[kind], kind);
        assert!(!possible && why.contains("by order"), "{kind}: {why}");
    }
    assert!(found(root, &[Kind::Tcp], Kind::HostPinned).0, "only what is named is refused");
}

fn spec(name: &str, kind: Kind, line: Option<Line>, out: u64, back: u64) -> Spec {
    Spec {
        name: name.into(),
        kind,
        endpoints: ["slots".into(), name.into()],
        slots: 2,
        weight: 1,
        line,
        per_job: Bytes { out, back },
    }
}

/// A detector at 416x416: tensor 519168, heads 1070160 bytes; a 1080p RGB frame.
fn table(workers: &[(&str, &str)]) -> Table {
    let axi = Line::axi_stream(128, 300);
    let lane = |name, out, back| spec(name, Kind::AxiStream, axi, out, back);
    let worker =
        |(name, rate): &(&str, &str)| spec(name, Kind::Tcp, rate.parse().ok(), 519_168, 1_070_160);
    let local = spec("rten", Kind::Mmap, None, 519_168, 1_070_160);
    Table::new(
        lane("pre", 6_220_800, 519_168),
        lane("post", 1_070_160, 4096),
        workers.iter().map(worker).chain([local]),
    )
}

#[test]
fn a_deadline_below_the_bytes_over_the_rate_is_told_with_its_arithmetic() {
    let table = table(&[("tcp://a:1", "1Gbit/s"), ("tcp://b:1", "100Mbit/s")]);
    let frame = 6_220_800;
    let remote =
        |may: fn(usize) -> bool, ms: u64| table.shortfall(frame, true, may, ms * 1_000_000);
    // 1.296 (frame) + 13.505 (tensor and heads) + 0.223 (heads into post).
    assert_eq!(remote(|i| i == 0, 16), None);
    let short = remote(|i| i == 0, 15).expect("15.02 ms do not fit into 15");
    assert_eq!(short.bound, 1_296_000 + 13_504_898 + 222_950);
    assert_eq!(
        table.explain(&short),
        "pre: 6220800 bytes at 4.8 GB/s (assumed) = 1.296 ms + tcp://a:1: 519168 + 1070160 bytes at \
         117.7 MB/s (stated) = 13.505 ms + post: 1070160 bytes at 4.8 GB/s (assumed) = 0.223 ms; \
         15.024 ms at the least, the deadline leaves 15.000 ms"
    );
    assert!(remote(|i| i == 1, 100).is_some(), "ten times slower");
    assert_eq!(remote(|i| i <= 1, 16), None, "the quicker one of two decides");
    assert_eq!(remote(|_| true, 2), None, "nothing travels to an engine in this process");
    assert!(remote(|_| true, 1).is_some(), "the logic's lanes alone take longer");
    assert_eq!(table.shortfall(frame, false, |i| i == 2, 0), None, "all on this processor");
}

#[test]
fn figures_are_of_what_was_carried() {
    let table = table(&[("tcp://a:1", "1Gbit/s")]);
    let channel = table.engine(0).unwrap();
    assert_eq!(channel.figures(), Figures::default());
    let bytes = channel.spec.per_job;
    channel.round_trip(200_000);
    channel.carried(bytes, 15_000_000);
    channel.carried(bytes, 17_000_000);
    channel.failed();
    let figures = channel.figures();
    assert_eq!((figures.jobs, figures.failed), (2, 1));
    assert_eq!(figures.bytes, Bytes { out: 2 * bytes.out, back: 2 * bytes.back });
    assert_eq!(
        [figures.least_ns, figures.mean_ns, figures.most_ns].map(Option::unwrap),
        [15_000_000, 16_000_000, 17_000_000]
    );
    assert_eq!(figures.round_trip_ns, Some(200_000));
    assert_eq!(figures.bytes_per_s, Some(99_333_000));
    // In memory that both map nothing travels: bytes, and no time.
    let local = table.engine(1).unwrap();
    local.carried(bytes, 0);
    let figures = local.figures();
    assert_eq!((figures.jobs, figures.mean_ns, figures.bytes_per_s), (1, None, None));
    assert!(table.engine(2).is_none());
}
