//! What the random jobs came by: named bins, counted.

use tandem_model::pre::{Channels, Element, Layout, PixelFormat, PreParams, Resize, UNIT_STEP};
use tandem_rtl::Bins;

use super::cases::Fate;
use super::{Build, OK, REFUSED, SHORT};

/// A job that ended so.
pub fn note(bins: &mut Bins, build: &Build, p: &PreParams, fate: Fate, status: u32) {
    bins.note("status Ok", status == OK);
    bins.note("status RefusedParams", status == REFUSED);
    bins.note("status ShortInput", status == SHORT);
    if status == REFUSED {
        match fate {
            Fate::Field(name) => bins.note(format!("refused {name}"), true),
            Fate::Raw(..) => bins.note("refused a value that is no parameter", true),
            _ => bins.note("refused a band that does not fit the ring", true),
        }
        return;
    }
    if status == SHORT {
        bins.note(
            "short within the first beat",
            matches!(fate, Fate::Short(n) if n as u64 <= build.s_bytes),
        );
        bins.note("short later", matches!(fate, Fate::Short(n) if n as u64 > build.s_bytes));
        bins.note("long within the last beat", matches!(fate, Fate::Long(1)));
        bins.note("long by beats", matches!(fate, Fate::Long(n) if n as u64 > build.s_bytes));
        return;
    }
    for format in PixelFormat::ALL {
        bins.note(format!("format {format:?}"), p.frame.format == format);
    }
    for layout in [Layout::Planar, Layout::Interleaved] {
        for channels in [Channels::Rgb, Channels::Grey] {
            let here = (p.layout, p.channels) == (layout, channels);
            bins.note(format!("layout {layout:?} {channels:?}"), here);
        }
    }
    for element in [Element::U8, Element::I8, Element::F16] {
        bins.note(format!("element {element:?}"), p.element == element);
    }
    for resize in [Resize::Bilinear, Resize::Area] {
        bins.note(format!("resize {resize:?}"), p.resize == resize);
    }
    if p.resize == Resize::Bilinear {
        for (axis, step) in [("across", p.step_x), ("down", p.step_y)] {
            bins.note(format!("{axis}: grows eightfold or more"), step <= UNIT_STEP / 8);
            bins.note(format!("{axis}: grows"), step < UNIT_STEP);
            bins.note(format!("{axis}: one to one"), step == UNIT_STEP);
            bins.note(
                format!("{axis}: shrinks, under two"),
                step > UNIT_STEP && step < 2 * UNIT_STEP,
            );
            bins.note(format!("{axis}: shrinks beyond the lanes"), step > build.ppc * UNIT_STEP);
            bins.note(format!("{axis}: step beyond the crop"), step > 1024 * UNIT_STEP);
        }
    }
    let (c, right) = (p.content, p.width - p.content.x - p.content.w);
    bins.note("padding left", c.x > 0);
    bins.note("padding right", right > 0);
    bins.note("padding above", c.y > 0);
    bins.note("padding below", c.y + c.h < p.height);
    bins.note("no padding", (c.w, c.h) == (p.width, p.height));
    bins.note("crop of one column", p.crop.w == 1);
    bins.note("crop of one row", p.crop.h == 1);
    bins.note("content of one pixel", (c.w, c.h) == (1, 1));
    bins.note("tensor of one pixel", (p.width, p.height) == (1, 1));
    bins.note("one band", u16::from(p.band_rows) >= p.height);
    bins.note(
        "last band shorter",
        p.height > u16::from(p.band_rows) && !p.height.is_multiple_of(u16::from(p.band_rows)),
    );
    bins.note("bands of one row", p.band_rows == 1 && p.height > 1);
    let words = u64::from(c.w).div_ceil(build.m_bytes);
    let ring = build.band_pixels / build.m_bytes;
    bins.note("ring wraps", words * u64::from(c.h) > ring);
    bins.note(
        "two bands do not fit the ring together",
        p.planes() == 3 && 2 * words * u64::from(p.band_rows) > ring,
    );
    let row = p.frame.format.pixel_bytes() as u64 * u64::from(p.crop.w);
    bins.note("rows begin within beats", p.crop.h > 1 && !row.is_multiple_of(build.s_bytes));
    bins.note(
        "packets end within beats",
        !(p.row_bytes() as u64 * u64::from(p.band_rows)).is_multiple_of(build.m_bytes),
    );
    bins.note("filter", p.kernel3.is_some());
    bins.note("lookup of bytes", p.lut && p.frame.format.bits() == 8);
    bins.note("lookup of deep samples", p.lut && p.frame.format.bits() > 8);
    bins.note(
        "elements of two bytes in half a chunk",
        p.element == Element::F16 && u64::from(c.w) % build.m_bytes <= build.m_bytes / 2,
    );
}
