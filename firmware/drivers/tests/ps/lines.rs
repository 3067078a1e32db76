use embedded_hal::digital::{InputPin, StatefulOutputPin};
use embedded_io::{Read, Write};
use tandem_drivers::ps::gpio::{Mode, NoSuchPin, Pin};
use tandem_drivers::ps::uart::{Uart, UartError};
use tandem_sim::ps::{GpioModel, UartFault, UartModel};

use crate::bench::{BASE, Bench};

const HERTZ: u32 = 100_000_000;

fn line(bench: &Bench<UartModel>) -> Uart<&Bench<UartModel>> {
    let mut line = Uart::new(bench, BASE, 100_000);
    line.start(HERTZ, 115_200).unwrap();
    line
}

#[test]
fn the_rate_is_within_two_percent() {
    for baud in [9_600, 57_600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 3_000_000] {
        let bench = Bench::new(UartModel::default());
        let mut line = Uart::new(&bench, BASE, 0);
        line.start(HERTZ, baud).unwrap();
        let made = bench.model(|model| model.baud());
        // 3 Mbaud is 33 1/3 clocks a bit.
        assert!(made.abs_diff(baud.into()) * 50 <= baud.into(), "{made} for {baud}");
        assert_eq!(bench.model(|model| model.mode()), 0x20, "8 bits, no parity, one stop bit");
    }
}

#[test]
fn impossible_rates_are_refused() {
    let bench = Bench::new(UartModel::default());
    let mut line = Uart::new(&bench, BASE, 0);
    for baud in [0, 1, 25_000_000, u32::MAX] {
        assert_eq!(line.start(HERTZ, baud), Err(UartError::Baud { baud, hertz: HERTZ }));
    }
    assert_eq!(bench.accesses(), 0);
}

#[test]
fn bytes_go_and_come_in_order() {
    let bench = Bench::new(UartModel::default());
    let mut line = line(&bench);
    let text: Vec<u8> = (0..=255).collect();
    line.write_all(&text).unwrap();
    line.flush().unwrap();
    assert_eq!(bench.model(|model| model.wire.clone()), text);
    let mut got = Vec::new();
    for chunk in text.chunks(40) {
        chunk.iter().for_each(|byte| bench.model(|model| model.arrives(*byte)));
        let mut buffer = [0; 64];
        let count = line.read(&mut buffer).unwrap();
        got.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(got, text);
    assert_eq!(line.errors(), Default::default());
}

#[test]
fn a_line_that_says_nothing_is_not_waited_for() {
    let bench = Bench::new(UartModel::default());
    let mut line = Uart::new(&bench, BASE, 50);
    line.start(HERTZ, 115_200).unwrap();
    assert_eq!(line.read(&mut [0; 4]), Err(UartError::Stuck));
    assert_eq!(line.read(&mut []), Ok(0));
    assert_eq!(line.get(), None);
}

#[test]
fn a_transmitter_that_hangs_is_given_up() {
    let bench = Bench::new(UartModel::default());
    let mut line = line(&bench);
    bench.model(|model| model.plant(UartFault::Stuck));
    assert_eq!(line.write(&[0; 100]), Ok(64));
    assert!(!line.put(1));
    assert_eq!(line.write(&[0; 1]), Err(UartError::Stuck));
    assert_eq!(line.flush(), Err(UartError::Stuck));
}

#[test]
fn each_error_of_the_line_is_counted_once() {
    let bench = Bench::new(UartModel::default());
    let mut line = line(&bench);
    for (fault, byte) in [(UartFault::Framing, 1), (UartFault::Parity, 2)] {
        bench.model(|model| {
            model.plant(fault);
            model.arrives(byte);
        });
        assert_eq!(line.get(), Some(byte));
    }
    for byte in 0..70 {
        bench.model(|model| model.arrives(byte));
    }
    let got: Vec<u8> = std::iter::from_fn(|| line.get()).collect();
    assert_eq!(got, (0..64).collect::<Vec<u8>>(), "the first 64 are kept");
    let errors = line.errors();
    assert_eq!((errors.framing, errors.parity, errors.overruns), (1, 1, 1));
}

#[test]
fn the_interrupt_is_high_while_bytes_wait_to_be_heard() {
    let bench = Bench::new(UartModel::default());
    let line = line(&bench);
    bench.model(|model| model.arrives(1));
    assert!(!bench.model(|model| model.irq()), "nobody listens yet");
    line.listen();
    assert!(bench.model(|model| model.irq()));
    line.heard();
    assert!(!bench.model(|model| model.irq()));
}

#[test]
fn a_pin_has_its_level_before_it_drives() {
    for (number, bank, bit) in
        [(0, 0, 0), (25, 0, 25), (26, 1, 0), (77, 2, 25), (78, 3, 0), (173, 5, 31)]
    {
        let bench = Bench::new(GpioModel::default());
        let mut pin = Pin::new(&bench, BASE, number).unwrap();
        bench.model(|model| model.drive(bank, bit, true));
        assert!(pin.is_high().unwrap());
        bench.model(|model| model.drive(bank, bit, false));
        assert!(pin.is_low().unwrap());
        pin.set_mode(Mode::Output(true));
        assert!(pin.is_set_high().unwrap() && pin.is_high().unwrap());
        pin.toggle().unwrap();
        assert!(pin.is_set_low().unwrap() && pin.is_low().unwrap());
        pin.set_mode(Mode::Input);
        assert_eq!(bench.model(|model| model.driven(bank)), 0);
    }
}

#[test]
fn a_pins_neighbours_are_left_alone() {
    let bench = Bench::new(GpioModel::default());
    let mut pins: Vec<_> = (78..110).map(|pin| Pin::new(&bench, BASE, pin).unwrap()).collect();
    let pattern = 0xA5C3_0F1Eu32;
    for (bit, pin) in pins.iter_mut().enumerate() {
        pin.set_mode(Mode::Output(pattern >> bit & 1 == 1));
    }
    assert_eq!(bench.model(|model| model.levels(3)), pattern);
    for (bit, pin) in pins.iter_mut().enumerate() {
        pin.toggle().unwrap();
        let changed = ((1u64 << (bit + 1)) - 1) as u32;
        assert_eq!(bench.model(|model| model.levels(3)), pattern ^ changed);
    }
}

#[test]
fn there_are_174_pins() {
    let bench = Bench::new(GpioModel::default());
    for number in [174, u32::MAX] {
        assert_eq!(Pin::new(&bench, BASE, number).map(|_| ()), Err(NoSuchPin(number)));
    }
}
