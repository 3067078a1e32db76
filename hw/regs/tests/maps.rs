//! What must hold between the maps.

use tandem_regs::{axi_dma, ctc, gate, kernel, mask, post, pre, sg_descriptor, slice};

/// Code that drives either kernel uses `kernel`; it must be where `pre` and `post` have it.
#[test]
fn kernels_share_their_common_part() {
    use kernel::offset as k;
    use post::offset as b;
    use pre::offset as a;
    let common = [k::ID, k::VERSION, k::CAPS, k::HASH, k::START, k::DONE, k::ACK, k::STATUS];
    let in_pre = [a::ID, a::VERSION, a::CAPS, a::HASH, a::START, a::DONE, a::ACK, a::STATUS];
    let in_post = [b::ID, b::VERSION, b::CAPS, b::HASH, b::START, b::DONE, b::ACK, b::STATUS];
    assert_eq!(common, in_pre);
    assert_eq!(common, in_post);
    use ctc::offset as c;
    let in_ctc = [c::ID, c::VERSION, c::CAPS, c::HASH, c::START, c::DONE, c::ACK, c::STATUS];
    assert_eq!((common, k::CTRL), (in_ctc, c::CTRL));
    use mask::offset as m;
    let in_mask = [m::ID, m::VERSION, m::CAPS, m::HASH, m::START, m::DONE, m::ACK, m::STATUS];
    assert_eq!((common, k::CTRL), (in_mask, m::CTRL));
    assert_eq!([k::CTRL; 3], [a::CTRL, b::CTRL, gate::offset::CTRL]);
    assert_eq!([k::ID, k::HASH], [gate::offset::ID, gate::offset::HASH]);
}

#[test]
fn identities_are_readable_text() {
    assert_eq!(&pre::ID.reset().to_le_bytes(), b"PRE0");
    assert_eq!(&post::ID.reset().to_le_bytes(), b"POS0");
    assert_eq!(&mask::ID.reset().to_le_bytes(), b"MSK0");
    assert_eq!(&gate::ID.reset().to_le_bytes(), b"GAT0");
    assert_eq!(&ctc::ID.reset().to_le_bytes(), b"CTC0");
}

#[test]
fn hashes_differ() {
    let hashes = [
        pre::MAP_HASH,
        post::MAP_HASH,
        gate::MAP_HASH,
        slice::MAP_HASH,
        kernel::MAP_HASH,
        ctc::MAP_HASH,
        mask::MAP_HASH,
    ];
    for (i, a) in hashes.iter().enumerate() {
        assert!(hashes[i + 1..].iter().all(|b| a != b));
    }
}

/// The two channels of the DMA are one layout, 0x30 apart; drivers rely on it.
#[test]
fn dma_channels_are_alike() {
    use axi_dma::offset as o;
    let mm2s = [o::MM2S_DMACR, o::MM2S_DMASR, o::MM2S_CURDESC, o::MM2S_TAILDESC];
    let s2mm = [o::S2MM_DMACR, o::S2MM_DMASR, o::S2MM_CURDESC, o::S2MM_TAILDESC];
    assert_eq!(mm2s.map(|offset| offset + 0x30), s2mm);
}

/// The product guide's numbers, typed in a second time.
#[test]
fn descriptor_matches_the_product_guide() {
    use sg_descriptor::{CONTROL, STATUS, offset};
    assert_eq!((offset::BUFFER, offset::CONTROL, offset::STATUS), (0x08, 0x18, 0x1c));
    assert_eq!(u32::from(CONTROL::EOF::SET), 1 << 26);
    assert_eq!(u32::from(CONTROL::SOF::SET), 1 << 27);
    assert_eq!(u32::from(STATUS::COMPLETE::SET), 1 << 31);
    assert_eq!(u32::from(STATUS::RXEOF::SET), 1 << 26);
}
