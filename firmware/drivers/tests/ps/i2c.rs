use embedded_hal::delay::DelayNs;
use embedded_hal::i2c::{I2c, Operation};
use proptest::prelude::*;
use tandem_drivers::ps::i2c::{I2cError, I2cMaster, MOST};
use tandem_drivers::ps::sensor::{SensorError, Step, run};
use tandem_sim::ps::{I2cFault, I2cModel, Slave};

use crate::bench::{BASE, Bench};

const HERTZ: u32 = 100_000_000;

fn bus_with(address: u8, slave: Slave) -> Bench<I2cModel> {
    let bench = Bench::new(I2cModel::default());
    bench.model(|model| model.slaves.insert(address, slave));
    bench
}

fn master(bench: &Bench<I2cModel>) -> I2cMaster<&Bench<I2cModel>> {
    let mut master = I2cMaster::new(bench, BASE, 20_000);
    master.start(HERTZ, 400_000).unwrap();
    master
}

#[test]
fn the_rate_is_the_highest_that_is_allowed() {
    for hertz in [100_000, 400_000] {
        let bench = Bench::new(I2cModel::default());
        let mut master = I2cMaster::new(&bench, BASE, 0);
        master.start(HERTZ, hertz).unwrap();
        let made = bench.model(|model| model.rate());
        assert!(made <= hertz.into() && made * 10 >= u64::from(hertz) * 9, "{made} for {hertz}");
    }
    let bench = Bench::new(I2cModel::default());
    let mut master = I2cMaster::new(&bench, BASE, 0);
    for hertz in [0, 1_000] {
        assert_eq!(master.start(HERTZ, hertz), Err(I2cError::Rate { hertz }));
    }
}

#[test]
fn a_register_is_read_without_letting_the_bus_go() {
    let bench = bus_with(0x50, Slave::new(false, &[(3, 0x42)]));
    let mut value = [0];
    master(&bench).write_read(0x50, &[3], &mut value).unwrap();
    assert_eq!(value, [0x42]);
    assert_eq!(bench.model(|model| model.probe.clone()), "S50 R50 P ");
}

#[test]
fn nobody_there_is_a_nack_and_the_bus_is_free_again() {
    let bench = bus_with(0x50, Slave::default());
    let mut master = master(&bench);
    assert_eq!(master.write(0x51, &[0]), Err(I2cError::Nack(0x51)));
    assert_eq!(master.read(0x51, &mut [0; 20]), Err(I2cError::Nack(0x51)));
    master.write(0x50, &[0, 1]).unwrap();
}

#[test]
fn a_refused_byte_is_a_nack() {
    let bench = bus_with(0x50, Slave::default());
    bench.model(|model| model.slaves.values_mut().for_each(|slave| slave.refuses = Some(2)));
    let mut master = master(&bench);
    assert_eq!(master.write(0x50, &[0; 40]), Err(I2cError::Nack(0x50)));
    master.write(0x50, &[7, 8]).unwrap();
}

#[test]
fn faults_of_the_bus_are_told_apart_and_survived() {
    let faults = [
        (I2cFault::ArbitrationLost, I2cError::ArbitrationLost),
        (I2cFault::ClockHeld, I2cError::Stuck),
        (I2cFault::Hung, I2cError::Stuck),
        (I2cFault::StuckBusy, I2cError::Stuck),
    ];
    for (fault, error) in faults {
        let bench = bus_with(0x50, Slave::new(false, &[(0, 9)]));
        let mut master = master(&bench);
        bench.model(|model| model.plant(fault));
        assert_eq!(master.write_read(0x50, &[0], &mut [0]), Err(error), "{fault:?}");
        bench.model(|model| model.heal());
        let mut value = [0];
        master.write_read(0x50, &[0], &mut value).unwrap();
        assert_eq!(value, [9], "after {fault:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_touched() {
    let bench = bus_with(0x50, Slave::default());
    let mut master = master(&bench);
    let before = bench.accesses();
    assert_eq!(master.write(0x50, &[0; MOST + 1]), Err(I2cError::Length(MOST + 1)));
    assert_eq!(master.read(0x50, &mut []), Err(I2cError::Length(0)));
    assert_eq!(master.write(0x80, &[0]), Err(I2cError::Length(0x80)));
    assert_eq!(bench.accesses(), before);
}

proptest! {
    #[test]
    fn bytes_of_any_length_arrive(data in prop::collection::vec(any::<u8>(), 1..MOST - 2), wide: bool) {
        let bench = bus_with(0x36, Slave::new(wide, &[]));
        let mut master = master(&bench);
        let pointer: &[u8] = if wide { &[0x12, 0x34] } else { &[0x34] };
        let message = [pointer, data.as_slice()].concat();
        master.write(0x36, &message).unwrap();
        let mut back = vec![0; data.len()];
        master.write_read(0x36, pointer, &mut back).unwrap();
        prop_assert_eq!(&back, &data);
        prop_assert_eq!(bench.model(|model| model.probe.clone()), "S36 P S36 R36 P ");
        let (mut first, mut second) = ([0; 1], vec![0; data.len()]);
        master.transaction(0x36, &mut [
            Operation::Write(pointer),
            Operation::Read(&mut first),
            Operation::Write(pointer),
            Operation::Read(&mut second),
        ]).unwrap();
        prop_assert_eq!((first[0], second), (data[0], data));
    }
}

/// Microseconds that a table waited.
#[derive(Default)]
struct Waited(u64);

impl DelayNs for Waited {
    fn delay_ns(&mut self, ns: u32) {
        self.0 += u64::from(ns);
    }
}

fn sensor() -> Slave {
    Slave::new(true, &[(0x0000, 0x02), (0x0005, 0x80)])
}

#[test]
fn a_sensor_is_set_up_step_by_step() {
    let bench = bus_with(0x10, sensor());
    let table = [
        Step::Expect(0x0000, 0xFF, 0x02),
        Step::Write8(0x0103, 0x01),
        Step::Pause(300),
        Step::Await(0x0005, 0x80, 0x80, 3),
        Step::Write16(0x034C, 0x0CC0),
        Step::Write8(0x0100, 0x01),
    ];
    let mut waited = Waited::default();
    run(&mut master(&bench), &mut waited, 0x10, &table).unwrap();
    assert_eq!(waited.0, 300_000);
    bench.model(|model| {
        let registers = &model.slaves[&0x10].registers;
        let values = [0x0103, 0x034C, 0x034D, 0x0100].map(|register| registers[&register]);
        assert_eq!(values, [0x01, 0x0C, 0xC0, 0x01]);
    });
}

#[test]
fn a_sensor_that_is_another_one_stops_the_table() {
    let bench = bus_with(0x10, sensor());
    let table = [Step::Expect(0x0000, 0xFF, 0x77), Step::Write8(0x0100, 1)];
    let mut waited = Waited::default();
    let error = run(&mut master(&bench), &mut waited, 0x10, &table).unwrap_err();
    let wanted = SensorError::Value { step: 0, register: 0, wanted: 0x77, found: 0x02 };
    assert_eq!(error, wanted);
    bench.model(|model| assert!(!model.slaves[&0x10].registers.contains_key(&0x0100)));
    let table = [Step::Pause(1), Step::Await(0x0005, 0x80, 0, 4)];
    let error = run(&mut master(&bench), &mut waited, 0x10, &table).unwrap_err();
    assert!(matches!(error, SensorError::Value { step: 1, found: 0x80, .. }));
    assert_eq!(waited.0, 3_001_000, "a millisecond between two looks");
}

#[test]
fn a_sensor_that_is_gone_stops_the_table() {
    let bench = bus_with(0x10, sensor());
    let table = [Step::Write8(0x0100, 1)];
    let error = run(&mut master(&bench), &mut Waited::default(), 0x11, &table).unwrap_err();
    assert_eq!(error, SensorError::Bus { step: 0, error: I2cError::Nack(0x11) });
}
