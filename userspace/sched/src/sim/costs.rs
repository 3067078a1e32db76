//! Costs of engines as people write them: `MODEL=MS` on a command line, or a TOML file.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::cost::{Cost, CostError, Curve, MAX_LATENCY, Nanos, Point};

/// Engines and what they cost by model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Names of the models, by number.
    pub models: Vec<String>,
    /// Names of the engines.
    pub names: Vec<String>,
    /// Costs of each engine by number of the model.
    pub engines: Vec<Vec<Option<Curve>>>,
}

/// Why costs were refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CostsError {
    /// Not `MODEL=MS` or `MODEL=BATCH:MS[/INTERVAL],...`.
    #[error(
        "{text:?}: {reason}; write MODEL=MS, or MODEL=BATCH:MS/INTERVAL_MS,... as in detect=1:8,4:20/18"
    )]
    Word {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is not TOML, or has other fields.
    #[error("{file}: {reason}")]
    File {
        /// File.
        file: String,
        /// With the line.
        reason: String,
    },
    /// A curve of the file cannot be.
    #[error("{file}: engine {engine:?}, model {model:?}: {error}")]
    Curve {
        /// File.
        file: String,
        /// Engine.
        engine: String,
        /// Model.
        model: String,
        /// What is wrong with it.
        error: CostError,
    },
    /// No engine, or more than there may be.
    #[error("{0} engines, give 1 to {max}", max = crate::MAX_ENGINES)]
    Engines(usize),
}

/// A model's costs from a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCost {
    /// Model.
    pub model: String,
    /// Its costs.
    pub curve: Curve,
}

impl std::str::FromStr for ModelCost {
    type Err = CostsError;

    fn from_str(text: &str) -> Result<ModelCost, CostsError> {
        let wrong = |reason: String| CostsError::Word { text: text.to_owned(), reason };
        let (model, points) = text.rsplit_once('=').ok_or_else(|| wrong("no =".to_owned()))?;
        if model.is_empty() {
            return Err(wrong("no model before =".to_owned()));
        }
        let ms = |text: &str| {
            let number = text.trim().parse::<f64>().ok().and_then(nanos);
            number.ok_or_else(|| wrong(format!("{text:?} is no time in milliseconds")))
        };
        let points = points.split(',').map(|point| {
            let (batch, times) = point.split_once(':').unwrap_or(("1", point));
            let batch = batch.trim().parse::<usize>();
            let batch = batch.map_err(|_| wrong(format!("{point:?} has no number before :")))?;
            let (latency, interval) = match times.split_once('/') {
                Some((latency, interval)) => (ms(latency)?, ms(interval)?),
                None => (ms(times)?, ms(times)?),
            };
            Ok(Point { batch, cost: Cost { latency, interval } })
        });
        let points: Vec<Point> = points.collect::<Result<_, _>>()?;
        let curve = Curve::new(&points).map_err(|error| wrong(error.to_string()))?;
        Ok(ModelCost { model: model.to_owned(), curve })
    }
}

/// Milliseconds of 0 to an hour as nanoseconds.
fn nanos(ms: f64) -> Option<Nanos> {
    let ns = (ms * 1e6).round();
    (ns >= 0.0 && ns <= MAX_LATENCY as f64).then_some(ns as Nanos)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    engine: BTreeMap<String, BTreeMap<String, Vec<FilePoint>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePoint {
    batch: usize,
    latency_ms: f64,
    interval_ms: Option<f64>,
}

impl Costs {
    /// `engines` engines that all run these models.
    ///
    /// # Errors
    /// [`CostsError::Engines`].
    pub fn alike(engines: usize, models: &[ModelCost]) -> Result<Costs, CostsError> {
        let mut costs = Costs::default();
        for number in 0..engines.min(crate::MAX_ENGINES + 1) {
            for ModelCost { model, curve } in models {
                costs.set(&format!("engine-{number}"), model, *curve);
            }
        }
        costs.checked()
    }

    /// From a TOML file: a table `engine.NAME`, in it a list of points for each model, each with
    /// `batch`, `latency_ms` and, for a pipeline, `interval_ms`. `file` is for messages.
    ///
    /// # Errors
    /// See [`CostsError`].
    pub fn parse(file: &str, text: &str) -> Result<Costs, CostsError> {
        let wrong = |reason: String| CostsError::File { file: file.to_owned(), reason };
        let parsed: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut costs = Costs::default();
        for (engine, models) in &parsed.engine {
            for (model, points) in models {
                let refused = |error| CostsError::Curve {
                    file: file.to_owned(),
                    engine: engine.clone(),
                    model: model.clone(),
                    error,
                };
                let points = points.iter().map(|point| {
                    let bad = || {
                        wrong(format!(
                            "engine {engine:?}, model {model:?}: times are 0 to 3600000 ms"
                        ))
                    };
                    let latency = nanos(point.latency_ms).ok_or_else(bad)?;
                    let interval = point.interval_ms.map_or(Some(latency), nanos);
                    let cost = Cost { latency, interval: interval.ok_or_else(bad)? };
                    Ok(Point { batch: point.batch, cost })
                });
                let points: Vec<Point> = points.collect::<Result<_, CostsError>>()?;
                costs.set(engine, model, Curve::new(&points).map_err(refused)?);
            }
        }
        costs.checked()
    }

    fn checked(self) -> Result<Costs, CostsError> {
        match self.engines.len() {
            1..=crate::MAX_ENGINES => Ok(self),
            engines => Err(CostsError::Engines(engines)),
        }
    }

    /// Sets what a model costs on an engine; either may be new.
    pub fn set(&mut self, engine: &str, model: &str, curve: Curve) {
        let place = |names: &mut Vec<String>, name: &str| {
            names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            })
        };
        let (at, model) = (place(&mut self.names, engine), place(&mut self.models, model));
        self.engines.resize_with(self.names.len(), Vec::new);
        let curves = &mut self.engines[at];
        curves.resize(curves.len().max(model + 1), None);
        curves[model] = Some(curve);
    }

    /// Costs of a model on an engine.
    pub fn curve(&self, engine: usize, model: u16) -> Option<&Curve> {
        self.engines.get(engine)?.get(usize::from(model))?.as_ref()
    }

    /// Jobs a second that the engines can do at most, of a mix with these shares by model, each
    /// engine at its best batch of at most `largest`. An estimate where engines differ in what they
    /// run: each is counted with the mix of what it can, and they do more if they specialise.
    pub fn sustainable(&self, mix: &[f64], largest: usize) -> f64 {
        let rate = |curves: &Vec<Option<Curve>>| {
            let shares = mix.iter().zip(curves).filter(|(share, _)| **share > 0.0);
            let able = shares.filter_map(|(share, curve)| Some((share, curve.as_ref()?)));
            let (share, time) = able.fold((0.0, 0.0), |(sum, time), (share, curve)| {
                let sizes = 1..=curve.largest().min(largest).max(1);
                let each = sizes.map(|size| curve.cost(size).interval as f64 / size as f64);
                (sum + share, time + share * each.fold(f64::INFINITY, f64::min))
            });
            if time > 0.0 { share * 1e9 / time } else { 0.0 }
        };
        self.engines.iter().map(rate).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_files_say_the_same() {
        let word: ModelCost = "detect=1:8,4:20/18".parse().unwrap();
        let text = "[engine.gpu]\ndetect = [\n  {batch = 1, latency_ms = 8},\n  \
                    {batch = 4, latency_ms = 20, interval_ms = 18},\n]\n";
        let file = Costs::parse("c.toml", text).unwrap();
        assert_eq!(file.curve(0, 0), Some(&word.curve));
        assert_eq!((file.names, file.models), (vec!["gpu".to_owned()], vec!["detect".to_owned()]));
        let simple: ModelCost = "m/1=12.5".parse().unwrap();
        assert_eq!(simple.curve, Curve::single(12_500_000).unwrap());
        // 4 jobs every 18 ms on each of two.
        let two = Costs::alike(2, &[word]).unwrap();
        assert!((two.sustainable(&[1.0], 16) - 2.0 * 4.0 / 0.018).abs() < 1e-6);
        assert!((two.sustainable(&[1.0], 1) - 2.0 / 0.008).abs() < 1e-6);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let word = |text: &str| text.parse::<ModelCost>().unwrap_err().to_string();
        assert!(word("detect").contains("no =") && word("=3").contains("no model"));
        assert!(word("d=x").contains("\"x\" is no time"), "{}", word("d=x"));
        assert!(word("d=-1").contains("\"-1\" is no time"));
        assert!(word("d=nan").contains("\"nan\" is no time"));
        assert!(word("d=0").contains("Latency 0 ns"));
        assert!(word("d=4:1,2:1").contains("Batch 2"));
        assert!(word("d=1:1/2").contains("Interval"));
        let file = |text: &str| Costs::parse("c.toml", text).unwrap_err().to_string();
        assert!(file("[engine.a]\nm = [{batch = 1, latency = 3}]").contains("line 2"));
        assert!(file("[engine.a]\nm = []").contains("no point"));
        assert_eq!(file("[engine]"), "0 engines, give 1 to 64");
    }
}
