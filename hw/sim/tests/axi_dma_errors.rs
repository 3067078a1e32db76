//! Errors and interrupts of the AXI DMA model against PG021.

mod common;

use common::bench::Bench;
use common::*;
use tandem_sim::axi_dma::{DmaConfig, Pumped};

const PACKET: (u32, u32) = (INPUT, 16 | SOF | EOF);

#[test]
fn sg_int_err_for_a_descriptor_that_is_complete_already() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET, PACKET]);
    bench.fabric.ddr().write32(MM2S_CHAIN + 64 + 28, CMPLT | 5).unwrap();
    assert_eq!(bench.pump(), (Pumped::Packet, Bench::data()[..16].to_vec()));
    bench.advance(0);
    assert_eq!(bench.dma.read32(CURDESC), MM2S_CHAIN + 64, "the descriptor in error");
    assert_eq!(bench.done(MM2S_CHAIN, 1), CMPLT | 5, "no update of a stale descriptor");
    bench.assert_halted_with(MM2S, SG_INT_ERR);
}

#[test]
fn a_ring_is_walked_once() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET; 3]);
    bench.dma.write32(TAILDESC, MM2S_CHAIN + 0x1000);
    for _ in 0..3 {
        assert_eq!(bench.pump().0, Pumped::Packet);
    }
    assert_eq!(bench.pump().0, Pumped::Starved);
    bench.assert_halted_with(MM2S, SG_INT_ERR);
}

#[test]
fn sg_dec_err_and_sg_slv_err_for_descriptors_that_cannot_be_read() {
    let mut bench = Bench::new(DmaConfig::default());
    bench.arm(MM2S, 0x1000_0000, 0x1000_0000, 0);
    bench.advance(0);
    bench.assert_halted_with(MM2S, SG_DEC_ERR);

    bench.fabric.poison(S2MM_CHAIN + 64..S2MM_CHAIN + 128);
    let tail = bench.chain(S2MM_CHAIN, &[(OUTPUT, 64); 2]);
    bench.arm(S2MM, S2MM_CHAIN, tail, 0);
    assert_eq!(bench.offer(&[1; 70], true), 64);
    bench.assert_halted_with(S2MM, SG_SLV_ERR);
}

#[test]
fn sg_dec_err_for_a_status_word_that_cannot_be_written() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET]);
    bench.fabric.protect(MM2S_CHAIN..MM2S_CHAIN + 64);
    assert_eq!(bench.pump().0, Pumped::Starved);
    bench.assert_halted_with(MM2S, SG_DEC_ERR);
}

#[test]
fn a_misaligned_next_pointer_is_refused() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET, PACKET]);
    bench.fabric.ddr().write32(MM2S_CHAIN, MM2S_CHAIN + 64 + 4).unwrap();
    assert_eq!(bench.pump().0, Pumped::Packet);
    bench.advance(0);
    bench.assert_halted_with(MM2S, SG_INT_ERR);
}

#[test]
fn dma_int_err_for_a_zero_length_before_any_data() {
    let mut bench = Bench::armed(DmaConfig::default(), &[(INPUT, SOF | EOF)]);
    bench.advance(0);
    assert_eq!(bench.done(MM2S_CHAIN, 0), 1 << 28);
    bench.assert_halted_with(MM2S, DMA_INT_ERR);
}

#[test]
fn a_narrow_length_field_drops_the_high_bits_in_silence() {
    let narrow = DmaConfig { length_bits: 14, ..DmaConfig::default() };
    let mut bench = Bench::armed(narrow, &[(INPUT, 0x4008 | SOF | EOF)]);
    assert_eq!(bench.pump(), (Pumped::Packet, Bench::data()[..8].to_vec()));
    assert_eq!(bench.done(MM2S_CHAIN, 0), CMPLT | 8);

    let mut bench = Bench::armed(narrow, &[(INPUT, 0x4000 | SOF | EOF)]);
    bench.advance(0);
    bench.assert_halted_with(MM2S, DMA_INT_ERR);
}

#[test]
fn the_widest_length_that_is_not_zero_tells_the_width() {
    for width in [8, 14, 26] {
        let config = DmaConfig { length_bits: width, ..DmaConfig::default() };
        let works = |bits: &u8| {
            let mut bench = Bench::armed(config, &[(INPUT, 1 << (bits - 1) | SOF | EOF)]);
            bench.advance(0);
            bench.status(MM2S) & ERRORS == 0
        };
        assert_eq!((8..=26).rev().find(works), Some(width));
    }
}

#[test]
fn registers_of_simple_mode_are_not_there() {
    let mut bench = Bench::new(DmaConfig::default());
    for register in [0x18, 0x1C, 0x28, 0x48, 0x4C, 0x58] {
        bench.dma.write32(register, u32::MAX);
        assert_eq!(bench.dma.read32(register), 0);
    }
}

#[test]
fn without_the_realignment_engine_buffers_are_aligned() {
    let plain = DmaConfig { realign: false, ..DmaConfig::default() };
    let mut bench = Bench::armed(plain, &[PACKET, (INPUT + 8, 16 | SOF | EOF)]);
    assert_eq!(bench.pump().0, Pumped::Packet);
    bench.advance(0);
    bench.assert_halted_with(MM2S, DMA_INT_ERR);
}

#[test]
fn dma_dec_err_and_dma_slv_err_for_data_that_cannot_be_read() {
    let end = DDR + DDR_SIZE;
    let mut bench = Bench::armed(DmaConfig::default(), &[(end - 15, 16 | SOF | EOF)]);
    assert_eq!(bench.pump().0, Pumped::Starved);
    assert_eq!(bench.done(MM2S_CHAIN, 0), 1 << 30);
    bench.assert_halted_with(MM2S, DMA_DEC_ERR);

    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET]);
    bench.fabric.poison(INPUT + 15..INPUT + 16);
    assert_eq!(bench.pump().0, Pumped::Starved);
    assert_eq!(bench.done(MM2S_CHAIN, 0), 1 << 29);
    bench.assert_halted_with(MM2S, DMA_SLV_ERR);
}

#[test]
fn dma_dec_err_for_data_that_may_not_be_written() {
    let mut bench = Bench::new(DmaConfig::default());
    bench.fabric.protect(LINK..LINK + 0x3_0000);
    let tail = bench.chain(S2MM_CHAIN, &[(LINK + 0x2_FFF0, 64)]);
    bench.arm(S2MM, S2MM_CHAIN, tail, 0);
    assert_eq!(bench.offer(&[0xFF; 64], true), 0);
    assert_eq!(bench.fabric.ddr().read32(LINK + 0x2_FFF0), Ok(0));
    bench.assert_halted_with(S2MM, DMA_DEC_ERR);
}

#[test]
fn an_error_stops_one_channel_only() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET]);
    bench.arm(S2MM, 0x1000_0000, 0x1000_0000, 0);
    bench.advance(0);
    assert_eq!(bench.status(S2MM) & ERRORS, SG_DEC_ERR);
    assert_eq!(bench.pump(), (Pumped::Packet, Bench::data()[..16].to_vec()));
}

#[test]
fn the_threshold_counts_packets_and_not_descriptors() {
    let three = [(INPUT, 16 | SOF), (INPUT, 16), (INPUT, 16 | EOF)];
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(MM2S_CHAIN, &three.repeat(5));
    bench.arm(MM2S, MM2S_CHAIN, tail, IOC | 2 << 16);
    let left = |bench: &mut Bench| bench.status(MM2S) >> 16 & 0xFF;
    assert_eq!(left(&mut bench), 2);
    bench.pump();
    assert_eq!((left(&mut bench), bench.dma.mm2s.irq_level()), (1, false));
    bench.pump();
    assert_eq!((left(&mut bench), bench.dma.mm2s.irq_level()), (2, true));
    bench.dma.write32(SR, IOC);
    assert!(!bench.dma.mm2s.irq_level());
    bench.pump();
    assert!(!bench.dma.mm2s.irq_level());
    bench.pump();
    assert!(bench.dma.mm2s.irq_level());
}

#[test]
fn a_threshold_of_zero_has_no_effect_and_a_new_one_reloads() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET; 4]);
    bench.dma.write32(CR, RS | 3 << 16);
    bench.pump();
    assert_eq!(bench.status(MM2S) >> 16, 2);
    bench.dma.write32(CR, RS);
    assert_eq!(bench.dma.read32(CR) >> 16, 3);
    assert_eq!(bench.status(MM2S) >> 16, 2);
    bench.dma.write32(CR, RS | 2 << 16);
    assert_eq!(bench.status(MM2S) >> 16, 2);
    bench.pump();
    assert_eq!(bench.status(MM2S) >> 16, 1);
}

#[test]
fn interrupt_bits_are_write_one_to_clear_and_gated_by_their_enables() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET]);
    bench.pump();
    assert_eq!(bench.status(MM2S) & 0x7000, IOC, "set without its enable");
    assert!(!bench.dma.mm2s.irq_level());
    bench.dma.write32(CR, RS | DLY | ERR | 1 << 16);
    assert!(!bench.dma.mm2s.irq_level());
    bench.dma.write32(CR, RS | IOC | 1 << 16);
    assert!(bench.dma.mm2s.irq_level());
    bench.dma.write32(SR, 0);
    bench.dma.write32(SR, !IOC);
    assert!(bench.dma.mm2s.irq_level(), "zeros clear nothing");
    bench.dma.write32(SR, IOC);
    assert_eq!(bench.status(MM2S) & 0x7000, 0);
}

#[test]
fn the_delay_interrupt_comes_when_no_packet_follows() {
    let mut bench = Bench::armed(DmaConfig::default(), &[PACKET; 4]);
    let unit = DmaConfig::default().delay_unit_ns;
    bench.dma.write32(CR, RS | DLY | IOC | 3 << 16 | 2 << 24);
    bench.pump_at(1000);
    assert_eq!(bench.dma.mm2s.delay_due(), Some(1000 + 2 * unit));
    bench.pump_at(2000);
    bench.advance(2000 + 2 * unit - 1);
    assert_eq!(bench.status(MM2S) & 0x7000, 0);
    bench.advance(2000 + 2 * unit);
    assert_eq!(bench.status(MM2S) & 0x7000, DLY);
    assert_eq!(bench.status(MM2S) >> 16, 3, "the packet counter starts anew");
    assert_eq!(bench.dma.mm2s.delay_due(), None);
}
