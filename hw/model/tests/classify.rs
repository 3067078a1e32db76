//! `classify` and `ctc` against floating point and by hand.

use proptest::prelude::*;
use tandem_model::Refusal;
use tandem_model::classify::*;
use tandem_model::ctc::{
    CtcHeader, CtcParams, HEADER_BYTES, SYMBOL_BYTES, Symbol, ctc, read_result, write_result,
};

fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn params(classes: usize, top_k: u8, activation: Activation) -> ClassifyParams {
    ClassifyParams { classes: classes as u16, top_k, activation }
}

fn run(p: &ClassifyParams, numbers: &[f32]) -> (ClassifyHeader, Vec<Ranked>) {
    let mut ranked = [Ranked::default(); MAX_TOP as usize];
    let header = classify(p, &bytes(numbers), &mut ranked).unwrap();
    (header, ranked[..usize::from(header.count)].to_vec())
}

/// Softmax in f64.
fn softmax(numbers: &[f32]) -> Vec<f64> {
    let greatest = numbers.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f64> =
        numbers.iter().map(|t| (f64::from(*t) - f64::from(greatest)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// The bound of README.md.
fn bound(classes: usize) -> f64 {
    2.0f64.powi(-16) + 1.2e-6 + classes as f64 * 2.0f64.powi(-31)
}

proptest! {
    #[test]
    fn the_best_classes_have_their_softmax(
        numbers in prop::collection::vec(-20.0f32..20.0, 1..1500), top_k in 1u8..=MAX_TOP,
        narrow in 0u8..6,
    ) {
        let numbers: Vec<f32> = numbers.iter().map(|t| t / f32::from(1u8 << narrow)).collect();
        let (header, ranked) = run(&params(numbers.len(), top_k, Activation::Logits), &numbers);
        prop_assert_eq!(usize::from(header.count), numbers.len().min(top_k.into()));
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|a, b| numbers[*b].total_cmp(&numbers[*a]).then(a.cmp(b)));
        let real = softmax(&numbers);
        for (ours, class) in ranked.iter().zip(order) {
            prop_assert_eq!(usize::from(ours.class), class);
            let error = (f64::from(ours.score) / 65536.0 - real[class]).abs();
            prop_assert!(error <= bound(numbers.len()), "{} of {}", error, real[class]);
        }
    }

    #[test]
    fn any_bits_are_ranked_or_counted(
        numbers in prop::collection::vec(any::<u32>(), 1..200), broken in any::<u64>(),
        probabilities in any::<bool>(),
    ) {
        let spoil = |(i, bits): (usize, u32)| {
            f32::from_bits(if broken >> (i % 64) & 1 == 1 { bits | 0x7f80_0000 } else { bits })
        };
        let numbers: Vec<f32> = numbers.into_iter().enumerate().map(spoil).collect();
        let activation = if probabilities { Activation::Probabilities } else { Activation::Logits };
        let (header, ranked) = run(&params(numbers.len(), 5, activation), &numbers);
        let finite = numbers.iter().filter(|n| n.is_finite()).count();
        prop_assert_eq!(usize::from(header.not_finite), numbers.len() - finite);
        prop_assert_eq!(ranked.len(), finite.min(5));
        prop_assert!(ranked.iter().all(|r| numbers[usize::from(r.class)].is_finite()));
        prop_assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
    }

    /// The collapse, the other way round: the steps' classes are written as a text and read.
    #[test]
    fn a_text_is_read_as_it_was_spoken(
        text in prop::collection::vec((0u16..5, 1usize..4, 0usize..3), 0..40), seed in any::<u32>(),
    ) {
        let (mut classes, mut wanted) = (vec![], vec![]);
        for (class, repeats, blanks) in text {
            // Equal symbols in a row need a blank between them.
            if wanted.last() == Some(&class) && classes.last() == Some(&class) {
                classes.push(5);
            }
            wanted.push(class);
            classes.extend(std::iter::repeat_n(class, repeats));
            classes.extend(std::iter::repeat_n(5, blanks));
        }
        prop_assume!(!classes.is_empty());
        let noise = |i: usize| (seed.wrapping_mul(2_654_435_761).wrapping_add(i as u32 * 40503) >> 16 & 255) as f32 / 256.0;
        let numbers: Vec<f32> = classes.iter().enumerate().flat_map(|(step, class)| {
            (0..6u16).map(move |c| noise(step * 6 + usize::from(c)) + if c == *class { 2.0 } else { 0.0 })
        }).collect();
        let (header, symbols) = read(&numbers, 6, 5, Activation::Logits);
        prop_assert!(symbols.iter().map(|s| s.class).eq(wanted));
        for s in &symbols {
            let step = usize::from(s.step);
            prop_assert!(step == 0 || classes[step - 1] != s.class, "the first step of its run");
            let real = softmax(&numbers[6 * step..][..6])[usize::from(s.class)];
            prop_assert!((f64::from(s.score) / 65536.0 - real).abs() <= bound(6));
        }
        let mean = symbols.iter().map(|s| f64::from(s.score)).sum::<f64>() / symbols.len() as f64;
        if symbols.is_empty() {
            prop_assert_eq!((header.score, header.lowest), (0, 0));
        } else {
            prop_assert!((f64::from(header.score) - mean).abs() <= 0.5);
            prop_assert_eq!(Some(header.lowest), symbols.iter().map(|s| s.score).min());
        }
    }
}

fn read(
    numbers: &[f32],
    classes: u16,
    blank: u16,
    activation: Activation,
) -> (CtcHeader, Vec<Symbol>) {
    let steps = (numbers.len() / usize::from(classes)) as u16;
    let p = CtcParams { steps, classes, blank, activation };
    let mut symbols = vec![Symbol::default(); steps.into()];
    let header = ctc(&p, &bytes(numbers), &mut symbols).unwrap();
    (header, symbols[..usize::from(header.count)].to_vec())
}

#[test]
fn equal_numbers_go_to_the_lower_class() {
    let (_, ranked) = run(&params(4, 3, Activation::Logits), &[-0.0, 1.0, 1.0, 0.0]);
    assert!(ranked.iter().map(|r| r.class).eq([1, 2, 0]));
    let (_, ranked) = run(&params(2, 2, Activation::Logits), &[3.0, 3.0]);
    assert!(ranked.iter().all(|r| r.score == 0x8000));
}

#[test]
fn probabilities_are_taken_as_they_are() {
    let (_, ranked) = run(&params(4, 4, Activation::Probabilities), &[0.25, 1.5, -3.0, 0.5]);
    assert!(ranked.iter().map(|r| r.score).eq([65535, 0x8000, 0x4000, 0]));
}

#[test]
fn the_least_probability_is_not_lost_among_many_classes() {
    let numbers = vec![1.0; usize::from(MAX_CLASSES)];
    let (_, ranked) = run(&params(numbers.len(), 1, Activation::Logits), &numbers);
    assert_eq!(ranked, [Ranked { class: 0, score: 2 }]);
}

#[test]
fn symbols_by_hand() {
    // blank a a blank a b b with a dropped step in the middle of a run of a.
    let (a, b, blank, bad) =
        ([0.9, 0.0, 0.1], [0.1, 0.75, 0.0], [0.0, 0.0, 1.0], [0.0, f32::NAN, 0.0]);
    let steps = [blank, a, bad, a, blank, a, b, b].concat();
    let (header, symbols) = read(&steps, 3, 2, Activation::Probabilities);
    let at = |class, step, score| Symbol { class, step, score };
    assert_eq!(symbols, [at(0, 1, 58982), at(0, 5, 58982), at(1, 6, 49152)]);
    let wanted = CtcHeader { count: 3, score: 55705, lowest: 49152, not_finite: 1 };
    assert_eq!(header, wanted);
    // The blank may be any class.
    let (_, symbols) = read(&steps, 3, 0, Activation::Probabilities);
    assert!(symbols.iter().map(|s| s.class).eq([2, 2, 1]));
}

#[test]
fn a_result_is_words_of_16_bits() {
    let header = CtcHeader { count: 2, score: 0x1234, lowest: 0x89ab, not_finite: 7 };
    let symbols = [
        Symbol { class: 0x7fff, step: 3, score: 0xffff },
        Symbol { class: 1, step: 4095, score: 0x89ab },
    ];
    let mut bytes = [0xee; HEADER_BYTES + 3 * SYMBOL_BYTES];
    write_result(&mut bytes, &header, &symbols).unwrap();
    let wanted = [
        [2, 0, 0x34, 0x12, 0xab, 0x89, 7, 0],
        [0xff, 0x7f, 3, 0, 0xff, 0xff, 0, 0],
        [1, 0, 0xff, 0x0f, 0xab, 0x89, 0, 0],
        [0xee; 8],
    ];
    assert_eq!(bytes, *wanted.as_flattened());
    let (read, read_symbols) = read_result(&bytes).unwrap();
    assert_eq!(read, header);
    assert!(read_symbols.eq(symbols));

    let short = |buffer, have, need| Refusal::Short { buffer, have, need };
    let refused = |bytes: &[u8]| read_result(bytes).map(drop).unwrap_err();
    assert_eq!(refused(&bytes[..7]), short("ctc.result", 7, 8));
    assert_eq!(refused(&bytes[..23]), short("ctc.result", 23, 24));
    assert_eq!(refused(&[0x01, 0x10, 0, 0, 0, 0, 0, 0]), Refusal::Range("ctc.count"));
    let mut small = [0; 23];
    assert_eq!(write_result(&mut small, &header, &symbols), Err(short("ctc.result", 23, 24)));
    assert_eq!(small, [0; 23]);
    assert_eq!(write_result(&mut bytes, &header, &symbols[..1]), Err(short("ctc.symbols", 1, 2)));
}

#[test]
fn refusals_name_the_field() {
    let mut ranked = [Ranked::default(); 3];
    let good = params(2, 3, Activation::Logits);
    let mut class =
        |p: ClassifyParams, numbers: &[u8]| classify(&p, numbers, &mut ranked).unwrap_err();
    assert_eq!(class(params(0, 1, good.activation), &[]), Refusal::Range("classify.classes"));
    let most = ClassifyParams { classes: MAX_CLASSES + 1, ..good };
    assert_eq!(class(most, &[]), Refusal::Range("classify.classes"));
    assert_eq!(class(params(2, 0, good.activation), &[]), Refusal::Range("classify.top_k"));
    assert_eq!(class(params(2, 33, good.activation), &[]), Refusal::Range("classify.top_k"));
    let short = |buffer, have, need| Refusal::Short { buffer, have, need };
    assert_eq!(class(good, &[0; 7]), short("classify.numbers", 7, 8));
    assert_eq!(class(params(2, 4, good.activation), &[0; 8]), short("classify.ranked", 3, 4));

    let good = CtcParams { steps: 2, classes: 2, blank: 1, activation: Activation::Logits };
    let mut symbols = [Symbol::default(); 2];
    let mut text = |p: CtcParams, numbers: &[u8]| ctc(&p, numbers, &mut symbols).unwrap_err();
    assert_eq!(text(CtcParams { steps: 0, ..good }, &[]), Refusal::Range("ctc.steps"));
    assert_eq!(text(CtcParams { steps: 4097, ..good }, &[]), Refusal::Range("ctc.steps"));
    assert_eq!(text(CtcParams { classes: 1, ..good }, &[]), Refusal::Range("ctc.classes"));
    assert_eq!(text(CtcParams { blank: 2, ..good }, &[]), Refusal::Range("ctc.blank"));
    assert_eq!(text(good, &[0; 15]), short("ctc.numbers", 15, 16));
    assert_eq!(text(CtcParams { steps: 3, ..good }, &[0; 24]), short("ctc.symbols", 2, 3));
}
