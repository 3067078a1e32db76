//! The power goes at every write of every operation: a whole slot boots afterwards, always.

mod common;

use common::{Card, Cut, TEARS, Tear, sha, version};
use proptest::prelude::*;
use tandem_slots::{Area, Choice, Image, Slot, Store, choose, good, install, reject};

/// What a board does, once it has booted.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// The agent serves.
    Good,
    /// A new version into the slot that does not run, with so many tries.
    Install(u8, u8),
    /// The file ends early, or is another than was asked for.
    Broken,
    /// The running slot turned out not to boot.
    Reject,
    /// Nothing: the agent never got healthy.
    Nothing,
}

/// Boots and acts; `None` where the power went.
fn life(card: &mut Card, acts: &[Act]) -> Option<Choice> {
    let choice = choose(card);
    if card.dead {
        return None;
    }
    let choice = choice.unwrap_or_else(|error| panic!("nothing boots: {error}"));
    let (running, other) = (choice.slot, choice.slot.other());
    for act in acts {
        let done = match *act {
            Act::Good => good(card, running),
            Act::Nothing => Ok(()),
            Act::Reject => reject(card, running),
            Act::Install(number, tries) => {
                let content = version(number);
                let length = content.len() as u64;
                let image = Image { content: &mut &*content, length, hash: Some(sha(&content)) };
                install(card, other, running, image, tries)
            }
            Act::Broken => {
                let content = version(9);
                let image = Image { content: &mut &content[..1000], length: 1600, hash: None };
                install(card, other, running, image, 1)
            }
        };
        if card.dead {
            assert!(done.is_err(), "{act:?} says done without power");
            return None;
        }
    }
    Some(choice)
}

/// What boots is whole, one of the versions that were ever installed, byte for byte.
#[track_caller]
fn boots_whole(card: &Card) -> (Slot, u8) {
    let mut again = card.boot(None);
    let choice = choose(&mut again).expect("something boots");
    let record = *Store::load(&mut again).expect("a record").record();
    let content = again.off().content(choice.slot, record.entry(choice.slot).length);
    let known = (0..16).find(|number| version(*number) == content);
    (choice.slot, known.expect("a whole version"))
}

/// Lives one after the other, each from switch-on to switch-off; the power goes once in all.
fn lives(scenario: &[&[Act]], at: u64, tear: Tear, kept: u64) -> (Card, bool) {
    let mut card = Card::fresh(&version(0));
    let mut steps = 0;
    for acts in scenario {
        let cut = at.checked_sub(steps).map(|at| Cut { at, tear, kept });
        let mut powered = card.boot(cut);
        let lived = life(&mut powered, acts);
        steps += powered.steps;
        card = powered.off();
        if lived.is_none() {
            return (card, true);
        }
    }
    (card, false)
}

/// A switch that goes well, one whose slot never gets healthy, one from a bad file, and back.
const SCENARIO: [&[Act]; 9] = [
    &[Act::Good, Act::Install(1, 2)],
    &[Act::Good, Act::Install(2, 2)],
    &[Act::Nothing],
    &[Act::Nothing],
    &[Act::Broken],
    &[Act::Install(3, 1)],
    &[Act::Reject],
    &[Act::Install(4, 3)],
    &[Act::Good],
];

#[test]
fn the_scenario_ends_as_meant() {
    let (card, cut) = lives(&SCENARIO, u64::MAX, Tear::Old, 0);
    assert!(!cut);
    // B got 1; A got 2, never healthy, then garbage, then 3, rejected, then 4, proved.
    assert_eq!(boots_whole(&card), (Slot::A, 4));
}

#[test]
fn a_cut_at_any_write_leaves_a_slot_that_boots() {
    let mut cuts = 0;
    for tear in TEARS {
        for kept in [0, u64::MAX, 0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA, 0xC3] {
            for at in 0.. {
                let (card, cut) = lives(&SCENARIO, at, tear, kept);
                boots_whole(&card);
                if !cut {
                    break;
                }
                cuts += 1;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 2000, "{cuts} cuts are not every write of the scenario");
}

#[test]
fn a_second_cut_while_booting_after_the_first_changes_nothing() {
    let mut cuts = 0;
    for at in 0.. {
        let (card, cut) = lives(&SCENARIO, at, Tear::Garbage, 0x5555_5555_5555_5555);
        if !cut {
            break;
        }
        for tear in TEARS {
            for second in 0.. {
                let mut powered = card.boot(Some(Cut { at: second, tear, kept: 0 }));
                let lived = life(&mut powered, &[Act::Good]);
                boots_whole(&powered.off());
                if lived.is_some() {
                    break;
                }
                cuts += 1;
            }
        }
    }
    assert!(cuts > 200, "{cuts}");
}

#[test]
fn a_cut_install_boots_what_ran_or_what_was_installed() {
    let acts: &[Act] = &[Act::Install(1, 3)];
    let (mut old, mut new) = (0, 0);
    for tear in TEARS {
        for kept in [0, u64::MAX] {
            for at in 0.. {
                let (card, cut) = lives(&[acts], at, tear, kept);
                match boots_whole(&card) {
                    (Slot::A, 0) => old += 1,
                    (Slot::B, 1) => new += 1,
                    other => panic!("{other:?} after a cut at {at}, {tear:?}"),
                }
                if !cut {
                    assert_eq!(boots_whole(&card), (Slot::B, 1));
                    break;
                }
            }
        }
    }
    assert!(old > 100 && new > 10, "{old} old, {new} new");
}

#[test]
fn a_damaged_record_is_read_from_its_other_copy() {
    for copy in 0..tandem_slots::COPIES {
        let mut card = Card::fresh(&version(0));
        card.damage(Area::State, copy * tandem_slots::COPY_SIZE + 30);
        assert_eq!(boots_whole(&card), (Slot::A, 0));
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Good),
        (1..9_u8, 1..4_u8).prop_map(|(number, tries)| Act::Install(number, tries)),
        Just(Act::Broken),
        Just(Act::Reject),
        Just(Act::Nothing),
    ]
}

fn tear() -> impl Strategy<Value = Tear> {
    prop::sample::select(TEARS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Any life, any cuts, one after the other on the same card.
    #[test]
    fn any_sequence_leaves_a_slot_that_boots(
        lives in prop::collection::vec(
            (prop::collection::vec(act(), 0..5), prop::option::of((0..60_u64, tear(), any::<u64>()))),
            1..12,
        )
    ) {
        let mut card = Card::fresh(&version(0));
        for (acts, cut) in lives {
            let cut = cut.map(|(at, tear, kept)| Cut { at, tear, kept });
            let mut powered = card.boot(cut);
            life(&mut powered, &acts);
            card = powered.off();
            boots_whole(&card);
        }
    }
}
