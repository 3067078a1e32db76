//! The AXI DMA model against PG021, register by register.

mod common;

use common::bench::Bench;
use common::*;
use tandem_sim::axi_dma::{DmaConfig, Pumped};

#[test]
fn registers_after_reset() {
    let mut bench = Bench::new(DmaConfig::default());
    for channel in [MM2S, S2MM] {
        assert_eq!(bench.dma.read32(channel + CR), 0x0001_0002);
        assert_eq!(bench.dma.read32(channel + SR), 0x0001_0009);
        assert_eq!(bench.dma.read32(channel + CURDESC), 0);
        assert_eq!(bench.dma.read32(channel + TAILDESC), 0);
    }
}

#[test]
fn curdesc_can_only_be_written_while_halted() {
    let mut bench = Bench::new(DmaConfig::default());
    bench.dma.write32(CURDESC, MM2S_CHAIN);
    bench.dma.write32(CR, RS);
    bench.dma.write32(CURDESC, S2MM_CHAIN);
    assert_eq!(bench.dma.read32(CURDESC), MM2S_CHAIN);
    bench.dma.write32(CR, 0);
    bench.dma.write32(CURDESC, S2MM_CHAIN);
    assert_eq!(bench.dma.read32(CURDESC), S2MM_CHAIN);
}

#[test]
fn descriptor_pointers_have_no_low_six_bits() {
    let mut bench = Bench::new(DmaConfig::default());
    bench.dma.write32(CURDESC, MM2S_CHAIN + 0x3F);
    bench.dma.write32(TAILDESC, MM2S_CHAIN + 0x7F);
    assert_eq!(bench.dma.read32(CURDESC), MM2S_CHAIN);
    assert_eq!(bench.dma.read32(TAILDESC), MM2S_CHAIN + 0x40);
}

#[test]
fn a_tail_write_while_halted_starts_nothing() {
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(MM2S_CHAIN, &[(INPUT, 16 | SOF | EOF)]);
    bench.dma.write32(CURDESC, MM2S_CHAIN);
    bench.dma.write32(TAILDESC, tail);
    bench.dma.write32(CR, RS);
    assert_eq!(bench.pump().0, Pumped::Starved);
    assert_eq!(bench.status(MM2S) & (HALTED | IDLE), 0);
    bench.dma.write32(TAILDESC, tail);
    assert_eq!(bench.pump().0, Pumped::Packet);
}

#[test]
fn the_channel_is_idle_at_the_tail_and_goes_on_behind_it() {
    let mut bench = Bench::new(DmaConfig::default());
    let third = bench.chain(MM2S_CHAIN, &[(INPUT, 16 | SOF | EOF); 3]);
    bench.arm(MM2S, MM2S_CHAIN, MM2S_CHAIN, 0);
    assert_eq!(bench.pump().0, Pumped::Packet);
    assert_eq!(bench.pump().0, Pumped::Starved);
    assert_eq!(bench.status(MM2S) & (HALTED | IDLE), IDLE);
    assert_eq!(bench.dma.read32(CURDESC), MM2S_CHAIN);

    bench.dma.write32(TAILDESC, third);
    assert_eq!(bench.status(MM2S) & IDLE, 0);
    assert_eq!(bench.pump().0, Pumped::Packet);
    assert_eq!(bench.pump().0, Pumped::Packet);
    assert_eq!(bench.pump().0, Pumped::Starved);
    assert_eq!(bench.dma.read32(CURDESC), third);
    for index in 0..3 {
        assert_eq!(bench.done(MM2S_CHAIN, index), CMPLT | 16);
    }
}

#[test]
fn a_tail_write_while_running_moves_the_pause_point() {
    let mut bench = Bench::new(DmaConfig::default());
    bench.chain(MM2S_CHAIN, &[(INPUT, 16 | SOF | EOF); 3]);
    bench.arm(MM2S, MM2S_CHAIN, MM2S_CHAIN, 0);
    bench.dma.write32(TAILDESC, MM2S_CHAIN + 64);
    assert_eq!(bench.pump().0, Pumped::Packet);
    assert_eq!(bench.pump().0, Pumped::Packet);
    assert_eq!(bench.pump().0, Pumped::Starved);
    assert_eq!(bench.done(MM2S_CHAIN, 2), 0);
}

#[test]
fn idle_is_zero_while_halted() {
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(MM2S_CHAIN, &[(INPUT, 16 | SOF | EOF)]);
    bench.arm(MM2S, MM2S_CHAIN, tail, 0);
    bench.pump();
    bench.dma.write32(CR, 0);
    assert_eq!(bench.status(MM2S) & (HALTED | IDLE), HALTED);
}

#[test]
fn a_soft_reset_takes_both_channels_and_some_time() {
    let mut bench = Bench::new(DmaConfig::default());
    for channel in [MM2S, S2MM] {
        bench.dma.write32(channel + CURDESC, MM2S_CHAIN);
        bench.dma.write32(channel + CR, RS | IOC | 9 << 16);
    }
    bench.dma.write32(S2MM + CR, RESET);
    bench.dma.write32(MM2S + CURDESC, S2MM_CHAIN);
    assert_eq!(bench.dma.read32(S2MM + CR) & RESET, RESET);
    assert_eq!(bench.dma.read32(S2MM + CR), 0x0001_0002);
    assert_eq!(bench.dma.read32(MM2S + CR), 0x0001_0002);
    assert_eq!(bench.dma.read32(MM2S + SR), 0x0001_0009);
    assert_eq!(bench.dma.read32(MM2S + CURDESC), 0, "written during the reset: lost");
    bench.dma.write32(MM2S + CURDESC, S2MM_CHAIN);
    assert_eq!(bench.dma.read32(MM2S + CURDESC), S2MM_CHAIN);
}

#[test]
fn descriptors_of_a_packet_are_one_stream() {
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(
        MM2S_CHAIN,
        &[(INPUT + 3, 5 | SOF), (INPUT + 100, 64), (INPUT + 1000, 7 | EOF), (INPUT, 4 | SOF | EOF)],
    );
    bench.arm(MM2S, MM2S_CHAIN, tail, 0);
    let data = Bench::data();
    let expected = [&data[3..8], &data[100..164], &data[1000..1007]].concat();
    assert_eq!(bench.pump(), (Pumped::Packet, expected));
    assert_eq!(bench.pump(), (Pumped::Packet, data[..4].to_vec()));
}

#[test]
fn s2mm_writes_length_sof_and_eof() {
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(S2MM_CHAIN, &[(OUTPUT, 64), (OUTPUT + 64, 64), (OUTPUT + 128, 64)]);
    bench.arm(S2MM, S2MM_CHAIN, tail, 0);
    let data = noise(100, 3);
    // Longer than one descriptor, in two pieces.
    assert_eq!(bench.offer(&data[..10], false), 10);
    assert_eq!(bench.done(S2MM_CHAIN, 0), 0);
    assert_eq!(bench.offer(&data[10..], true), 90);
    assert_eq!(bench.done(S2MM_CHAIN, 0), CMPLT | SOF | 64);
    assert_eq!(bench.done(S2MM_CHAIN, 1), CMPLT | EOF | 36);
    // Shorter than its descriptor: the rest of the buffer stays as it is.
    assert_eq!(bench.offer(&data[..20], true), 20);
    assert_eq!(bench.done(S2MM_CHAIN, 2), CMPLT | SOF | EOF | 20);
    let mut memory = vec![0; 192];
    bench.fabric.ddr().read(OUTPUT, &mut memory).unwrap();
    assert_eq!(memory[..100], data);
    assert_eq!(memory[100..128], [0; 28]);
    assert_eq!(memory[128..148], data[..20]);
}

#[test]
fn a_packet_that_fills_its_descriptor_ends_there() {
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(S2MM_CHAIN, &[(OUTPUT, 32), (OUTPUT + 32, 32)]);
    bench.arm(S2MM, S2MM_CHAIN, tail, 0);
    assert_eq!(bench.offer(&noise(32, 1), true), 32);
    assert_eq!(bench.done(S2MM_CHAIN, 0), CMPLT | SOF | EOF | 32);
    assert_eq!(bench.done(S2MM_CHAIN, 1), 0);
}

#[test]
fn a_packet_longer_than_the_chain_stands_still_until_the_tail_moves() {
    let mut bench = Bench::new(DmaConfig::default());
    let tail = bench.chain(S2MM_CHAIN, &[(OUTPUT, 32), (OUTPUT + 32, 32)]);
    bench.arm(S2MM, S2MM_CHAIN, S2MM_CHAIN, 0);
    let data = noise(50, 1);
    assert_eq!(bench.offer(&data, true), 32);
    assert_eq!(bench.status(S2MM) & (IDLE | IOC | ERRORS), IDLE);
    bench.dma.write32(S2MM + TAILDESC, tail);
    assert_eq!(bench.offer(&data[32..], true), 18);
    assert_eq!(bench.done(S2MM_CHAIN, 0), CMPLT | SOF | 32);
    assert_eq!(bench.done(S2MM_CHAIN, 1), CMPLT | EOF | 18);
    assert_eq!(bench.status(S2MM) & (IDLE | IOC | ERRORS), IDLE | IOC);
}

#[test]
fn sixty_four_bit_pointers_start_with_the_upper_word() {
    let mut bench = Bench::new(DmaConfig { wide_addresses: true, ..DmaConfig::default() });
    let tail = bench.chain(MM2S_CHAIN, &[(INPUT, 16 | SOF | EOF)]);
    bench.arm(MM2S, MM2S_CHAIN, tail, 0);
    assert_eq!(bench.pump().0, Pumped::Starved);
    bench.dma.write32(TAILDESC + 4, 0);
    assert_eq!(bench.pump().0, Pumped::Packet);

    bench.dma.write32(CR, RESET);
    bench.dma.read32(CR);
    bench.dma.write32(CURDESC + 4, 1);
    bench.arm(MM2S, MM2S_CHAIN, tail, 0);
    bench.dma.write32(TAILDESC + 4, 1);
    bench.advance(0);
    assert_eq!(bench.status(MM2S) & ERRORS, SG_DEC_ERR, "nothing lies above 4 GiB");
}
