//! Sessions with a worker in this process: order, credits, limits, what is refused.

mod common;

use std::io::Write;
use std::time::{Duration, Instant};

use common::*;
use tandem_engine::{Engine, EngineError, Presence};
use tandem_worker::protocol::{FromWorker, Hello, Refusal, Status, ToWorker, VERSION};
use tandem_worker::server::Event;

#[test]
fn heads_are_the_engines_and_gaps_are_left_alone() {
    let server = serve(Toy::engine(), 4);
    let mut engine = connect(server.address());
    (0..20).for_each(|seed| check(&mut engine, seed));
    assert!(engine.describe().contains("a function of the tensor's bytes"));
    assert_eq!(engine.presence(), Presence { remote: true, ready: true, losses: 0 });
    assert_eq!(server.counters().of(Event::Done), 20);
}

#[test]
fn clients_at_once_get_their_own_answers() {
    let server = serve(Toy::engine(), 8);
    let to = server.address();
    let clients: Vec<_> = (0..4u8)
        .map(|client| {
            std::thread::spawn(move || {
                let mut engine = connect(to);
                (0..50).for_each(|seed| check(&mut engine, seed ^ client.rotate_right(2)));
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(server.counters().of(Event::Done), 200);
    until("every slot is back", || server.free_slots() == 8);
}

#[test]
fn the_earliest_deadline_goes_first() {
    let (engine, begins, through) = Toy::gated();
    let server = serve(engine, 4);
    let mut raw = Raw::greeted(server.address(), 4);
    assert_eq!(raw.credits, 4);
    let first = |seed: u8| tensor(&model(), seed)[0];
    raw.submit(1, 1, LONG);
    assert_eq!(begins.recv_timeout(LONG), Ok(first(1)));
    // While the first one runs: late, early, in between.
    for (id, seed, seconds) in [(2, 2, 90), (3, 3, 30), (4, 4, 60)] {
        raw.submit(id, seed, Duration::from_secs(seconds));
    }
    // One too many: once it is refused, the three before it are waiting. What is under way is
    // answered before the end.
    raw.submit(5, 5, LONG);
    until("it is refused", || server.counters().of(Event::NoCredit) == 1);
    let order: Vec<u32> = (0..4)
        .map(|_| {
            through.send(()).unwrap();
            loop {
                match raw.hear().unwrap() {
                    FromWorker::Done { id, status: Status::Ok, bytes, .. } => {
                        raw.payload(bytes);
                        return id;
                    }
                    FromWorker::Credit { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        })
        .collect();
    assert_eq!(order, [1, 3, 4, 2]);
}

#[test]
fn a_job_whose_time_ran_out_does_not_run() {
    let (engine, begins, through) = Toy::gated();
    let server = serve(engine, 4);
    let mut raw = Raw::greeted(server.address(), 2);
    raw.submit(1, 1, LONG);
    begins.recv_timeout(LONG).unwrap();
    raw.submit(2, 2, Duration::from_nanos(1));
    through.send(()).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        if let FromWorker::Done { id, status, bytes, .. } = raw.hear().unwrap() {
            raw.payload(bytes);
            seen.push((id, status == Status::Ok, bytes > 0));
        }
    }
    // Had the second one run, the gate would have held it.
    assert_eq!(seen, [(1, true, true), (2, false, false)]);
    assert_eq!(server.counters().of(Event::Expired), 1);
    until("both slots are free", || {
        raw.beat();
        server.counters().of(Event::Done) == 1
    });
}

#[test]
fn a_client_that_gives_up_reads_the_late_answer_and_goes_on() {
    let (engine, begins, through) = Toy::gated();
    let server = serve(engine, 2);
    let mut engine = connect(server.address());
    let epochs = engine.epochs();
    for seed in 1..4 {
        let late = attempt(&mut engine, seed, Duration::from_millis(30));
        assert!(matches!(late, Err(EngineError::Late)), "{late:?}");
        begins.recv_timeout(LONG).unwrap();
        through.send(()).unwrap();
        through.send(()).unwrap();
        check(&mut engine, seed + 100);
        begins.recv_timeout(LONG).unwrap();
    }
    assert_eq!(engine.epochs(), epochs, "one session for all of it");
    assert_eq!(engine.presence().losses, 0);
}

#[test]
fn without_a_credit_a_client_waits_until_its_time_is_over() {
    let (engine, begins, through) = Toy::gated();
    let server = serve(engine, 1);
    let mut engine = connect(server.address());
    let limit = Duration::from_millis(30);
    assert!(matches!(attempt(&mut engine, 1, limit), Err(EngineError::Late)));
    begins.recv_timeout(LONG).unwrap();
    // The only slot is with the first job.
    assert!(matches!(attempt(&mut engine, 2, limit), Err(EngineError::Late)));
    through.send(()).unwrap();
    through.send(()).unwrap();
    check(&mut engine, 3);
    assert_eq!(server.counters().of(Event::Done), 2, "the second job was never sent");
}

#[test]
fn a_failing_runtime_is_the_jobs_failure_and_nobody_elses() {
    let server = serve(Toy::engine(), 2);
    let mut engine = connect(server.address());
    let (model, fill) = (model(), |second| {
        let mut tensor = tensor(&common::model(), 0);
        tensor[..2].fill(second);
        tensor
    });
    for (second, why) in [(0xfe, "planted"), (0xfd, "the runtime panicked")] {
        let mut heads = vec![0; model.heads_bytes()];
        match engine.run(&fill(second), &mut heads) {
            Err(EngineError::Run(reason)) => assert!(reason.contains(why), "{reason}"),
            other => panic!("{other:?}"),
        }
        check(&mut engine, 9);
    }
    assert_eq!(server.counters().of(Event::Failed), 2);
}

/// Says something, and the refusal that comes of it.
fn refused(server: &tandem_worker::Server, say: impl FnOnce(&mut Raw)) -> Refusal {
    let mut raw = Raw::greeted(server.address(), 1);
    say(&mut raw);
    loop {
        match raw.hear() {
            Some(FromWorker::Refused(refusal)) => {
                assert_eq!(raw.hear(), None, "the connection ends");
                return refusal;
            }
            Some(FromWorker::Credit { .. }) => {}
            Some(FromWorker::Done { bytes, .. }) => {
                raw.payload(bytes);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn each_abuse_ends_its_connection_with_its_reason_and_hurts_no_other() {
    let server = serve(Toy::engine(), 16);
    let mut bystander = connect(server.address());
    let need = model().tensor_bytes() as u32;
    let submit = |epoch, id, bytes| ToWorker::Submit { epoch, id, left_ns: 1, bytes, crc: 0 };
    let refusals = [
        refused(&server, |raw| raw.say(&submit(raw.epoch, 1, u32::MAX))),
        refused(&server, |raw| raw.say(&submit(raw.epoch, 1, 0))),
        refused(&server, |raw| raw.say(&submit(raw.epoch, 2, need))),
        refused(&server, |raw| raw.say(&submit(raw.epoch ^ 1, 1, need))),
        refused(&server, |raw| raw.say(&ToWorker::Heartbeat { epoch: raw.epoch ^ 1 })),
        refused(&server, |raw| raw.say(&ToWorker::Hello(Raw::hello(1)))),
        refused(&server, |raw| raw.socket.write_all(&[7; 256]).unwrap()),
        refused(&server, |raw| {
            raw.say(&submit(raw.epoch, 1, need));
            raw.socket.write_all(&vec![3; need as usize]).unwrap();
        }),
    ];
    let size = |have| Refusal::Size { have, need };
    assert_eq!(
        refusals,
        [
            size(u32::MAX),
            size(0),
            Refusal::OutOfOrder,
            Refusal::StaleEpoch,
            Refusal::StaleEpoch,
            Refusal::BadMessage,
            Refusal::BadMessage,
            Refusal::Damaged,
        ]
    );
    check(&mut bystander, 5);
    let of = |event| server.counters().of(event);
    let seen = [Event::Size, Event::OutOfOrder, Event::StaleEpoch, Event::BadMessage];
    assert_eq!((seen.map(of), of(Event::Damaged)), ([2, 1, 2, 2], 1));
    drop(bystander);
    until("every slot is back", || server.free_slots() == 16);
}

#[test]
fn more_jobs_than_credits_are_refused() {
    let (engine, begins, through) = Toy::gated();
    let server = serve(engine, 2);
    let refusal = refused(&server, |raw| {
        raw.submit(1, 1, LONG);
        begins.recv_timeout(LONG).unwrap();
        raw.submit(2, 2, LONG);
        until("it is refused", || server.counters().of(Event::NoCredit) == 1);
        // What is under way is answered before the end.
        through.send(()).unwrap();
    });
    assert_eq!(refusal, Refusal::NoCredit);
    until("every slot is back", || server.free_slots() == 2);
}

/// The answer to a first message.
fn first_answer(server: &tandem_worker::Server, hello: Hello) -> Option<FromWorker> {
    let mut raw = Raw::connect(server.address());
    raw.say(&ToWorker::Hello(hello));
    raw.hear()
}

#[test]
fn strangers_are_refused_at_the_door() {
    let server = serve(Toy::engine(), 1);
    let ours = Raw::hello(1);
    let mut other = ours.clone();
    other.version = VERSION + 1;
    assert_eq!(first_answer(&server, other), Some(FromWorker::Refused(Refusal::Version(VERSION))));
    let mut others = vec![ours.clone(); 3];
    others[0].identity.weights[31] ^= 1;
    others[1].identity.interface[0] ^= 1;
    others[2].identity.tensor_bytes += 1;
    for other in others {
        let refusal = Refusal::Model(ours.identity.clone());
        assert_eq!(first_answer(&server, other), Some(FromWorker::Refused(refusal)));
    }
    let mut nobody = ours.clone();
    nobody.epoch = 0;
    assert_eq!(first_answer(&server, nobody), Some(FromWorker::Refused(Refusal::BadMessage)));
    let guest = Raw::greeted(server.address(), 9);
    assert_eq!(guest.credits, 1, "as many as there are");
    assert_eq!(first_answer(&server, ours.clone()), Some(FromWorker::Refused(Refusal::NoSlots)));
    drop(guest);
    until("the slot is back", || server.free_slots() == 1);
    assert!(matches!(first_answer(&server, ours), Some(FromWorker::Hello(_))));
}

#[test]
fn slots_of_a_client_that_died_are_taken_back() {
    let (engine, begins, through) = Toy::gated();
    let server = serve(engine, 2);
    let mut raw = Raw::greeted(server.address(), 2);
    raw.submit(1, 1, LONG);
    begins.recv_timeout(LONG).unwrap();
    raw.submit(2, 2, LONG);
    // Without the client's word, whatever it still had to send.
    drop(raw);
    until("its end is seen", || server.counters().of(Event::Closed) == 1);
    through.send(()).unwrap();
    until("both slots are back", || server.free_slots() == 2);
    assert_eq!(server.counters().of(Event::Reclaimed), 2, "the second one did not even run");
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    let server = serve(Toy::engine(), 2);
    let (mute, greeted) = (Raw::connect(server.address()), Raw::greeted(server.address(), 1));
    until("both are given up", || server.counters().of(Event::Silent) == 2);
    until("the slot is back", || server.free_slots() == 2);
    drop((mute, greeted));
}

#[test]
fn a_worker_that_stops_answers_what_it_has_and_says_so() {
    let (engine, begins, through) = Toy::gated();
    let mut server = serve(engine, 2);
    let mut raw = Raw::greeted(server.address(), 1);
    raw.submit(1, 1, LONG);
    begins.recv_timeout(LONG).unwrap();
    let counters = server.counters().clone();
    let stopping = std::thread::spawn(move || {
        server.stop();
        server
    });
    until("it begins to stop", || counters.of(Event::Stopping) == 1);
    through.send(()).unwrap();
    let mut heard = Vec::new();
    while let Some(message) = raw.hear() {
        if let FromWorker::Done { bytes, .. } = &message {
            raw.payload(*bytes);
        }
        heard.push(message);
    }
    assert!(matches!(heard[0], FromWorker::Done { status: Status::Ok, .. }), "{heard:?}");
    assert_eq!(heard.last(), Some(&FromWorker::Refused(Refusal::Stopping)));
    let server = stopping.join().unwrap();
    assert_eq!((server.counters().of(Event::Stopping), server.free_slots()), (1, 2));
}

#[test]
fn a_worker_that_comes_back_is_another_epoch() {
    let mut server = serve(Toy::engine(), 2);
    let to = server.address();
    let mut engine = connect(to);
    check(&mut engine, 1);
    let first = engine.epochs().unwrap();
    server.stop();
    drop(server);
    let began = Instant::now();
    let gone = attempt(&mut engine, 2, LONG);
    assert!(matches!(gone, Err(EngineError::Lost { .. })), "{gone:?}");
    assert!(began.elapsed() < LONG / 2, "it fails fast");
    assert!(!engine.presence().ready);
    let listener = std::net::TcpListener::bind(to).unwrap();
    let interface = tandem_worker::protocol::Interface::of(&model()).unwrap();
    let config = tandem_worker::ServerConfig { slots: 2 };
    let server = tandem_worker::Server::start(listener, interface, Toy::engine(), config).unwrap();
    until("it is back", || {
        engine.tend();
        engine.presence().ready
    });
    check(&mut engine, 3);
    let second = engine.epochs().unwrap();
    assert!(first.0 != second.0 && first.1 != second.1);
    assert_eq!(engine.presence().losses, 1);
    assert_eq!(server.counters().of(Event::Done), 1);
}
