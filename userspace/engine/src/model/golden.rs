//! Golden samples: what a model must find before it is admitted.

use std::path::Path;

use serde::Deserialize;

use super::descriptor::{GoldenEntry, refuse};
use crate::EngineError;

/// One golden sample with its expectations (`golden/*.json`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// File name of the photograph.
    pub image: String,
    /// Width and height of the photograph in pixels.
    pub size: [u32; 2],
    /// Score threshold under which the expectations were made.
    pub score_threshold: f32,
    /// How far an answer may be off.
    pub tolerance: Tolerance,
    /// What is in the picture, best first.
    pub detections: Vec<Expected>,
}

/// How far an answer may be off; covers the u8 tensor against a float chain.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Score, absolute.
    pub score: f32,
    /// Each edge of a box, in source pixels.
    pub pixels: f32,
}

/// One object: what a sample expects, and the form in which an answer is compared.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Class name.
    pub label: String,
    /// 0 to 1.
    pub score: f32,
    /// `x1, y1, x2, y2` in source pixels.
    pub r#box: [f32; 4],
}

impl Golden {
    pub(super) fn read(
        dir: &Path,
        id: &str,
        entry: &GoldenEntry,
        labels: &[String],
    ) -> Result<Self, EngineError> {
        let file = &entry.expect;
        let text = std::fs::read_to_string(dir.join(file))
            .map_err(|e| refuse(id, file, format!("cannot be read ({e})")))?;
        let golden: Self =
            serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&text))
                .map_err(|e| refuse(id, &format!("{file}: {}", e.path()), e.inner().to_string()))?;
        let at = |field: &str| format!("{file}: {field}");
        if golden.image != entry.image {
            return Err(refuse(id, &at("image"), format!("model.toml says {}", entry.image)));
        }
        if !(golden.tolerance.score >= 0.0 && golden.tolerance.pixels >= 0.0) {
            return Err(refuse(id, &at("tolerance"), "must not be negative"));
        }
        if let Some(bad) = golden.detections.iter().find(|d| !labels.contains(&d.label)) {
            return Err(refuse(id, &at("detections"), format!("{} is no label", bad.label)));
        }
        Ok(golden)
    }

    /// Compares an answer with the expectations.
    ///
    /// Each expected object takes the nearest answer of its label that is in tolerance, and each
    /// answer is taken once. An object whose score is within the tolerance of the threshold may
    /// be missing, and an answer that close may be surplus: either side of it is right.
    ///
    /// # Errors
    /// A sentence that says which object is missing or surplus.
    pub fn check(&self, found: &[Expected]) -> Result<(), String> {
        let sure = self.score_threshold + self.tolerance.score;
        let mut free: Vec<&Expected> = found.iter().collect();
        for wanted in &self.detections {
            let near = free
                .iter()
                .enumerate()
                .filter(|(_, f)| f.label == wanted.label)
                .filter(|(_, f)| (f.score - wanted.score).abs() <= self.tolerance.score)
                .map(|(i, f)| (i, edge_error(f, wanted)))
                .filter(|(_, off)| *off <= self.tolerance.pixels)
                .min_by(|a, b| a.1.total_cmp(&b.1));
            match near {
                Some((index, _)) => {
                    free.remove(index);
                }
                None if wanted.score >= sure => return Err(self.missing(wanted, found)),
                None => {}
            }
        }
        match free.iter().find(|f| f.score >= sure) {
            Some(extra) => Err(format!(
                "{}: {} {:.3} at {:?} is not expected",
                self.image, extra.label, extra.score, extra.r#box
            )),
            None => Ok(()),
        }
    }

    fn missing(&self, wanted: &Expected, found: &[Expected]) -> String {
        let best = found
            .iter()
            .filter(|f| f.label == wanted.label)
            .min_by(|a, b| edge_error(a, wanted).total_cmp(&edge_error(b, wanted)));
        let hint = best.map_or("none of that label was found".to_owned(), |f| {
            format!("nearest is {:.3} at {:?}", f.score, f.r#box)
        });
        format!(
            "{}: {} {:.3} at {:?} is missing; {hint}",
            self.image, wanted.label, wanted.score, wanted.r#box
        )
    }
}

/// Largest distance of two edges, in pixels.
fn edge_error(a: &Expected, b: &Expected) -> f32 {
    a.r#box.iter().zip(&b.r#box).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(label: &str, score: f32, x: f32) -> Expected {
        Expected { label: label.into(), score, r#box: [x, 0.0, x + 10.0, 10.0] }
    }

    fn sample(detections: Vec<Expected>) -> Golden {
        Golden {
            image: "a.png".into(),
            size: [100, 100],
            score_threshold: 0.3,
            tolerance: Tolerance { score: 0.05, pixels: 3.0 },
            detections,
        }
    }

    #[test]
    fn answers_in_tolerance_pass_in_any_order() {
        let golden = sample(vec![object("cat", 0.9, 0.0), object("cat", 0.88, 50.0)]);
        golden.check(&[object("cat", 0.9, 51.0), object("cat", 0.9, 2.0)]).unwrap();
    }

    #[test]
    fn each_deviation_is_refused() {
        let golden = sample(vec![object("cat", 0.9, 0.0)]);
        assert!(golden.check(&[]).unwrap_err().contains("is missing"));
        assert!(golden.check(&[object("dog", 0.9, 0.0)]).unwrap_err().contains("is missing"));
        assert!(golden.check(&[object("cat", 0.9, 4.0)]).unwrap_err().contains("is missing"));
        assert!(golden.check(&[object("cat", 0.8, 0.0)]).unwrap_err().contains("is missing"));
        let twice = [object("cat", 0.9, 0.0), object("cat", 0.9, 1.0)];
        assert!(golden.check(&twice).unwrap_err().contains("is not expected"));
    }

    #[test]
    fn an_object_at_the_threshold_may_be_there_or_not() {
        sample(vec![object("cat", 0.32, 0.0)]).check(&[]).unwrap();
        sample(vec![]).check(&[object("cat", 0.32, 0.0)]).unwrap();
        assert!(sample(vec![]).check(&[object("cat", 0.36, 0.0)]).is_err());
    }
}
