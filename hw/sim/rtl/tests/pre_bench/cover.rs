//! What the random jobs came by: named bins, counted.

use std::collections::BTreeMap;

use tandem_model::pre::{Element, PreParams, Resize, UNIT_STEP};

use super::cases::Fate;
use super::{Build, OK, REFUSED, SHORT};

/// Counts by name.
#[derive(Default)]
pub struct Cover(BTreeMap<String, u64>);

impl Cover {
    /// Counts `name` if `seen`.
    pub fn bin(&mut self, name: &str, seen: bool) {
        if seen {
            *self.0.entry(name.to_owned()).or_default() += 1;
        } else {
            self.0.entry(name.to_owned()).or_default();
        }
    }

    /// A job that ended so.
    pub fn job(&mut self, build: &Build, p: &PreParams, fate: Fate, status: u32) {
        self.bin("status Ok", status == OK);
        self.bin("status RefusedParams", status == REFUSED);
        self.bin("status ShortInput", status == SHORT);
        if status == REFUSED {
            match fate {
                Fate::Field(name) => self.bin(&format!("refused {name}"), true),
                Fate::Raw(..) => self.bin("refused a value that is no parameter", true),
                _ => self.bin("refused a band that does not fit the ring", true),
            }
            return;
        }
        if status == SHORT {
            self.bin(
                "short within the first beat",
                matches!(fate, Fate::Short(n) if n as u64 <= build.s_bytes),
            );
            self.bin("short later", matches!(fate, Fate::Short(n) if n as u64 > build.s_bytes));
            self.bin("long within the last beat", matches!(fate, Fate::Long(1)));
            self.bin("long by beats", matches!(fate, Fate::Long(n) if n as u64 > build.s_bytes));
            return;
        }
        self.bin(&format!("format {:?}", p.frame.format), true);
        self.bin(&format!("layout {:?} {:?}", p.layout, p.channels), true);
        self.bin(&format!("element {:?}", p.element), true);
        self.bin(&format!("resize {:?}", p.resize), true);
        if p.resize == Resize::Bilinear {
            for (axis, step) in [("across", p.step_x), ("down", p.step_y)] {
                self.bin(&format!("{axis}: grows eightfold or more"), step <= UNIT_STEP / 8);
                self.bin(&format!("{axis}: grows"), step < UNIT_STEP);
                self.bin(&format!("{axis}: one to one"), step == UNIT_STEP);
                self.bin(
                    &format!("{axis}: shrinks, under two"),
                    step > UNIT_STEP && step < 2 * UNIT_STEP,
                );
                self.bin(
                    &format!("{axis}: shrinks beyond the lanes"),
                    step > build.ppc * UNIT_STEP,
                );
                self.bin(&format!("{axis}: step beyond the crop"), step > 1024 * UNIT_STEP);
            }
        }
        let (c, right) = (p.content, p.width - p.content.x - p.content.w);
        self.bin("padding left", c.x > 0);
        self.bin("padding right", right > 0);
        self.bin("padding above", c.y > 0);
        self.bin("padding below", c.y + c.h < p.height);
        self.bin("no padding", (c.w, c.h) == (p.width, p.height));
        self.bin("crop of one column", p.crop.w == 1);
        self.bin("crop of one row", p.crop.h == 1);
        self.bin("content of one pixel", (c.w, c.h) == (1, 1));
        self.bin("tensor of one pixel", (p.width, p.height) == (1, 1));
        self.bin("one band", u16::from(p.band_rows) >= p.height);
        self.bin(
            "last band shorter",
            p.height > u16::from(p.band_rows) && !p.height.is_multiple_of(u16::from(p.band_rows)),
        );
        self.bin("bands of one row", p.band_rows == 1 && p.height > 1);
        let words = u64::from(c.w).div_ceil(build.m_bytes);
        let ring = build.band_pixels / build.m_bytes;
        self.bin("ring wraps", words * u64::from(c.h) > ring);
        self.bin(
            "two bands do not fit the ring together",
            p.planes() == 3 && 2 * words * u64::from(p.band_rows) > ring,
        );
        let row = p.frame.format.pixel_bytes() as u64 * u64::from(p.crop.w);
        self.bin("rows begin within beats", p.crop.h > 1 && !row.is_multiple_of(build.s_bytes));
        self.bin(
            "packets end within beats",
            !(p.row_bytes() as u64 * u64::from(p.band_rows)).is_multiple_of(build.m_bytes),
        );
        self.bin("filter", p.kernel3.is_some());
        self.bin("lookup of bytes", p.lut && p.frame.format.bits() == 8);
        self.bin("lookup of deep samples", p.lut && p.frame.format.bits() > 8);
        self.bin(
            "elements of two bytes in half a chunk",
            p.element == Element::F16 && u64::from(c.w) % build.m_bytes <= build.m_bytes / 2,
        );
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    /// Prints all bins and returns those that are empty.
    pub fn print(&self, title: &str) -> Vec<&str> {
        println!("{title}:");
        self.0.iter().for_each(|(name, count)| println!("{count:8} {name}"));
        self.0.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.as_str()).collect()
    }
}
