//! How long a decision takes: `cargo bench -p tandem-policy`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tandem_policy::{Catalog, Document, EngineEntry, EngineKind, EngineSet, Facts};

/// A policy of `rules` rules on streams, none of which the bench's job is of.
fn text(rules: usize) -> String {
    let rules: String = (0..rules)
        .map(|i| {
            format!(
                "  - name: rule-{i}\n    match: {{stream: line-{i}-*, priority: {{max: 200}}, \
                 deadline_ms: {{max: 5000}}}}\n    route: cpu-only\n"
            )
        })
        .collect();
    format!("name: bench\nversion: 1\ndefault: cpu-only\nrules:\n{rules}")
}

fn decide(criterion: &mut Criterion) {
    let engine = EngineEntry { name: "rten".to_owned(), kind: EngineKind::Cpu, bound: None };
    let catalog =
        Catalog { models: vec!["m/1".to_owned()], engines: vec![engine], ..Catalog::default() };
    let facts = Facts {
        job: 1,
        model: "m/1",
        stream: "line-none-7",
        priority: Some(5),
        deadline_ms: 100,
        logic_up: true,
        ready: EngineSet::ALL,
        load: 0.5,
    };
    let mut group = criterion.benchmark_group("decide, no rule matches");
    for rules in [4, 16, 64, 256] {
        let policy = catalog.bind(Document::parse(&text(rules)).unwrap()).unwrap();
        group.bench_function(BenchmarkId::from_parameter(rules), |bencher| {
            bencher.iter(|| policy.decide(black_box(&facts)));
        });
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
