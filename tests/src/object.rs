//! Objects found in an image, by us or by a reference, and how far they are apart.

use serde_json::Value;

/// One object, in whatever pixels.
#[derive(Clone, Debug)]
pub struct Object {
    /// Class name.
    pub label: String,
    /// 0 to 1.
    pub score: f64,
    /// `x1, y1, x2, y2`.
    pub r#box: [f64; 4],
}

impl Object {
    /// Reads a list as agentctl and the references print it.
    pub fn list(value: &Value) -> Vec<Self> {
        let read = |object: &Value| Self {
            label: object["label"].as_str().expect("a label").to_owned(),
            score: object["score"].as_f64().expect("a score"),
            r#box: std::array::from_fn(|i| object["box"][i].as_f64().expect("a box")),
        };
        value.as_array().expect("a list of objects").iter().map(read).collect()
    }

    fn area(&self) -> f64 {
        (self.r#box[2] - self.r#box[0]) * (self.r#box[3] - self.r#box[1])
    }

    /// Overlap: the common area of the area of both.
    pub fn iou(&self, other: &Self) -> f64 {
        let (a, b) = (self.r#box, other.r#box);
        let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
        let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
        let both = width * height;
        both / (self.area() + other.area() - both)
    }

    /// Greatest difference of an edge.
    pub fn apart(&self, other: &Self) -> f64 {
        let edges = self.r#box.iter().zip(other.r#box);
        edges.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }
}

/// Objects one to one: each of ours takes the nearest one of its class that is left; then what is
/// left on either side.
pub type Pairs = (Vec<(Object, Object)>, Vec<Object>, Vec<Object>);

/// See [`Pairs`].
pub fn pair(ours: Vec<Object>, mut theirs: Vec<Object>) -> Pairs {
    let (mut pairs, mut surplus) = (Vec::new(), Vec::new());
    for object in ours {
        let of_class = |(_, other): &(usize, &Object)| other.label == object.label;
        let nearest = theirs
            .iter()
            .enumerate()
            .filter(of_class)
            .max_by(|(_, a), (_, b)| object.iou(a).total_cmp(&object.iou(b)))
            .map(|(i, _)| i);
        match nearest {
            Some(i) => pairs.push((object, theirs.remove(i))),
            None => surplus.push(object),
        }
    }
    (pairs, surplus, theirs)
}
