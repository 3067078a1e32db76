use std::time::{Duration, Instant};

use super::{Batching, Queue, Refusal, Waiting};

#[test]
fn priority_goes_first_and_arrival_second() {
    let queue = Queue::new(4);
    for (priority, name) in [(2, "a"), (1, "b"), (2, "c"), (1, "d")] {
        queue.push(priority, name, |_| true).unwrap();
    }
    assert_eq!(queue.push(1, "e", |_| true), Err(Refusal::Full));
    queue.push(1, "e", |item| *item != "b").unwrap();
    queue.close();
    assert_eq!(queue.push(1, "f", |_| false), Err(Refusal::Closed));
    let order: Vec<&str> = std::iter::from_fn(|| queue.pop()).collect();
    assert_eq!(order, ["d", "e", "a", "c"]);
}

/// A kind, and how much of a batch it is.
#[derive(Clone, Copy, Debug)]
struct Item {
    kind: char,
    size: usize,
    wanted: bool,
    since: Instant,
}

impl Waiting for Item {
    fn is_wanted(&self) -> bool {
        self.wanted
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn size(&self) -> usize {
        self.size
    }

    fn joins(&self, first: &Self) -> bool {
        self.kind == first.kind
    }
}

fn item(kind: char, size: usize) -> Item {
    Item { kind, size, wanted: true, since: Instant::now() }
}

fn rule(preferred: &[usize], delay: Duration) -> Batching {
    Batching { most: 8, preferred: preferred.to_vec(), delay }
}

fn filled(items: &[Item]) -> Queue<Item> {
    let queue = Queue::new(64);
    items.iter().for_each(|item| queue.push(1, *item, |_| true).unwrap());
    queue
}

fn sizes(queue: &Queue<Item>, rule: &Batching) -> Vec<(char, Vec<usize>)> {
    let batch = || queue.pop_batch(rule);
    let shape = |batch: Vec<Item>| (batch[0].kind, batch.iter().map(|item| item.size).collect());
    std::iter::from_fn(batch).map(shape).collect()
}

#[test]
fn a_batch_is_of_one_kind_in_order_and_never_above_the_most() {
    let items = [item('a', 3), item('a', 4), item('a', 2), item('b', 1), item('a', 1)];
    let queue = filled(&items);
    queue.close();
    let want = [('a', vec![3, 4]), ('a', vec![2]), ('b', vec![1]), ('a', vec![1])];
    assert_eq!(sizes(&queue, &rule(&[], Duration::ZERO)), want);
}

/// An hour's delay: what is taken at once is not taken because of it.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_preferred_size_goes_at_once_the_largest_first() {
    let queue = filled(&[item('a', 1); 7]);
    let rule = rule(&[2, 4], LONG);
    let mut taken = Vec::new();
    for _ in 0..2 {
        taken.push(queue.pop_batch(&rule).unwrap().len());
    }
    assert_eq!(taken, [4, 2]);
    assert_eq!(queue.len(), 1);
}

#[test]
fn a_full_batch_goes_at_once() {
    assert_eq!(filled(&[item('a', 1); 9]).pop_batch(&rule(&[], LONG)).unwrap().len(), 8);
    // The next does not fit in: waiting longer would not help.
    let queue = filled(&[item('a', 5), item('a', 4)]);
    assert_eq!(queue.pop_batch(&rule(&[], LONG)).unwrap().len(), 1);
    let queue = filled(&[item('a', 5), item('b', 1)]);
    assert_eq!(queue.pop_batch(&rule(&[], LONG)).unwrap().len(), 1);
}

#[test]
fn what_is_not_full_waits_from_its_oldest_arrival() {
    let delay = Duration::from_millis(50);
    let queue = filled(&[item('a', 1)]);
    let oldest = Instant::now();
    let batch = std::thread::scope(|scope| {
        let taker = scope.spawn(|| queue.pop_batch(&rule(&[], delay)).unwrap());
        queue.push(1, item('a', 2), |_| true).unwrap();
        taker.join().unwrap()
    });
    assert!(oldest.elapsed() + Duration::from_millis(5) >= delay);
    assert!(!batch.is_empty());
    // A delay that is over by now is none.
    let since = Instant::now().checked_sub(delay).unwrap();
    let queue = filled(&[Item { since, ..item('a', 1) }, item('a', 2)]);
    assert_eq!(queue.pop_batch(&rule(&[], delay)).unwrap().len(), 2);
}

#[test]
fn what_nobody_waits_for_is_in_no_batch() {
    let gone = Item { wanted: false, ..item('a', 4) };
    let queue = filled(&[gone, item('a', 1), gone, item('a', 2)]);
    queue.close();
    assert_eq!(sizes(&queue, &rule(&[], LONG)), [('a', vec![1, 2])]);
}
