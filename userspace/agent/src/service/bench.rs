//! `bench`: the same image again and again, and percentiles of every stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::Service;
use super::report::{BenchReport, BenchRow};
use crate::api::{ApiError, Inspection, Outcome, Silicon};
use crate::control::ImageRequest;
use crate::counters::StageName;

/// Most images of one run.
pub const MAX_COUNT: u32 = 1_000_000;
/// Most images under way at once; more than any board has frame slots.
pub const MAX_IN_FLIGHT: u32 = 64;

impl Service {
    /// Runs `image` `warmup + count` times, `in_flight` at once, and reports on the last `count`.
    /// `progress` hears of every answer.
    pub async fn bench(
        self: &Arc<Self>,
        image: ImageRequest,
        count: u32,
        warmup: u32,
        in_flight: u32,
        mut progress: impl FnMut(u32, u32),
    ) -> Result<BenchReport, ApiError> {
        for (field, value, limit) in
            [("count", count, MAX_COUNT), ("in_flight", in_flight, MAX_IN_FLIGHT)]
        {
            if value == 0 || value > limit {
                let message = format!("{field} is {value}, use 1 to {limit}");
                return Err(ApiError::new("bench_range", field, message));
            }
        }
        let total = count.saturating_add(warmup.min(MAX_COUNT));
        let image = Arc::new(image);
        let mut meter = Meter::default();
        let mut running = JoinSet::new();
        let mut started = 0;
        let mut began = Instant::now();
        for done in 1..=total {
            while started < total && running.len() < in_flight as usize {
                let (service, image) = (self.clone(), image.clone());
                running.spawn(async move { service.inspect_shared(&image).await });
                started += 1;
            }
            let answer = running.join_next().await;
            let inspection = match answer {
                Some(Ok(inspection)) => inspection?,
                _ => return Err(ApiError::new("bench_failed", "bench", "A measuring task ended")),
            };
            if done > total - count {
                meter.record(&inspection);
            } else if done == total - count {
                began = Instant::now();
            }
            progress(done, total);
        }
        let seconds = began.elapsed().as_secs_f64();
        Ok(BenchReport {
            image: image.name.clone(),
            size: meter.size.unwrap_or_default(),
            model: self.model().to_owned(),
            engine: self.agent().engine_name().to_owned(),
            simulated: self.info().simulated,
            count,
            in_flight,
            seconds,
            per_second: f64::from(count) / seconds.max(f64::EPSILON),
            degraded: meter.degraded,
            degraded_by: meter.degraded_by.clone().into_iter().collect(),
            unknown: meter.unknown,
            stages: meter.rows(),
        })
    }
}

#[derive(Default)]
struct Meter {
    /// By place in the pipeline and silicon, so that they come out in order.
    stages: BTreeMap<(usize, Option<u8>), Times>,
    size: Option<[u32; 2]>,
    degraded: u32,
    degraded_by: BTreeMap<String, u32>,
    unknown: u32,
}

struct Times {
    stage: String,
    silicon: Option<Silicon>,
    histogram: Histogram<u64>,
}

impl Meter {
    fn record(&mut self, inspection: &Inspection) {
        self.size = Some(inspection.size);
        self.degraded += u32::from(!inspection.degraded.is_empty());
        for reason in &inspection.degraded {
            *self.degraded_by.entry(reason.clone()).or_default() += 1;
        }
        self.unknown += u32::from(inspection.verdict.result == Outcome::Unknown);
        let mut total = 0.0;
        for stage in &inspection.stages {
            let order = StageName::ALL.iter().position(|name| name.name() == stage.name);
            self.add(order.unwrap_or(usize::MAX - 1), &stage.name, Some(stage.silicon), stage.us);
            total += stage.us;
        }
        self.add(usize::MAX, "total", None, total);
    }

    fn add(&mut self, order: usize, name: &str, silicon: Option<Silicon>, us: f64) {
        let key = (order, silicon.map(|silicon| silicon as u8));
        let times = self.stages.entry(key).or_insert_with(|| Times {
            stage: name.to_owned(),
            silicon,
            histogram: nanoseconds(),
        });
        times.histogram.saturating_record((us * 1e3).max(0.0) as u64);
    }

    fn rows(&self) -> Vec<BenchRow> {
        let rows = self.stages.values().map(|Times { stage, silicon, histogram }| {
            let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
            BenchRow {
                stage: stage.clone(),
                silicon: *silicon,
                count: histogram.len(),
                p50_us: us(0.5),
                p90_us: us(0.9),
                p99_us: us(0.99),
                max_us: histogram.max() as f64 / 1e3,
            }
        });
        rows.collect()
    }
}

/// Three digits of up to an hour.
fn nanoseconds() -> Histogram<u64> {
    Histogram::new_with_max(3_600_000_000_000, 3).expect("three digits of an hour are legal bounds")
}
