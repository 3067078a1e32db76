//! Which instructions there are, and the calls of what needs them.

use tandem_model::pre::PixelFormat;

use crate::elements::Store;
#[cfg(target_arch = "aarch64")]
use crate::neon;
use crate::plan::{Plan, Shape};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// One half in the units of a row, Q11: rows carry it along so that nothing is added later.
pub const ROUND: i32 = 1 << 10;

/// A row of an NV12 crop: luma and chroma.
pub type Lines<'a> = [&'a [u8]; 2];
/// Per channel what becomes of a byte.
pub type Stores<'a> = [Store<'a>; 3];
/// A content row per channel.
pub type Outputs<'a> = [&'a mut [u8]; 3];

/// A way to run the kernel. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The model's code as it is.
    Scalar,
    /// 64-bit Arm.
    Neon,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VBMI and VNNI: Ice Lake, Zen 4 and later.
    Avx512,
}

impl Path {
    /// Every path, the best last.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Neon, Self::Avx2, Self::Avx512];

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns)] // the other architecture's
            _ => false,
        }
    }

    /// The best that this machine can run.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|path| path.is_available()).unwrap_or(Self::Scalar)
    }
}

/// A vector path that this machine has been seen to be able to run.
#[derive(Clone, Copy, Debug)]
pub struct Vectors(Path);

/// Calls one path's function.
macro_rules! call {
    ($self:ident.$function:ident($($argument:expr),*)) => {
        match $self.0 {
            #[cfg(target_arch = "aarch64")]
            // SAFETY: `new` has seen that this machine has the instructions.
            Path::Neon => unsafe { neon::$function($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `new` has seen that this machine has the instructions.
            Path::Avx2 => unsafe { avx2::$function($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `new` has seen that this machine has the instructions.
            Path::Avx512 => unsafe { avx512::$function($($argument),*) },
            _ => unreachable!("`new` makes no such value"),
        }
    };
}

impl Vectors {
    /// None if the path is scalar or the machine cannot run it.
    pub fn new(path: Path) -> Option<Self> {
        (path != Path::Scalar && path.is_available()).then_some(Self(path))
    }

    /// How the path reads rows.
    pub fn shape(self, format: PixelFormat) -> Shape {
        match (self.0, format) {
            #[cfg(target_arch = "aarch64")]
            (Path::Neon, PixelFormat::Nv12) => neon::NV12,
            #[cfg(target_arch = "aarch64")]
            (Path::Neon, _) => neon::RGB,
            #[cfg(target_arch = "x86_64")]
            (Path::Avx2, PixelFormat::Nv12) => avx2::NV12,
            #[cfg(target_arch = "x86_64")]
            (Path::Avx2, _) => avx2::RGB,
            #[cfg(target_arch = "x86_64")]
            (Path::Avx512, PixelFormat::Nv12) => avx512::NV12,
            #[cfg(target_arch = "x86_64")]
            (Path::Avx512, _) => avx512::RGB,
            _ => unreachable!("`new` makes no such value"),
        }
    }

    /// Interpolates an NV12 row across: Q11 plus one half.
    pub fn across_nv12(self, lines: Lines, plan: &Plan, out: &mut [Box<[u32]>; 3]) {
        call!(self.across_nv12(lines, plan, out));
    }

    /// Interpolates an RGB row across: Q11 plus one half.
    pub fn across_rgb(self, line: &[u8], plan: &Plan, out: &mut [Box<[u32]>; 3]) {
        call!(self.across_rgb(line, plan, out));
    }

    /// Interpolates two such rows down to bytes, and on to elements.
    pub fn blend(self, [upper, lower]: [&[u32]; 2], weight: u32, store: Store, out: &mut [u8]) {
        call!(self.blend(upper, lower, weight, store, out));
    }

    /// Interpolates two NV12 rows across and down.
    pub fn both_nv12(
        self,
        rows: [Lines; 2],
        plan: &Plan,
        weight: u32,
        stores: &Stores,
        out: Outputs,
    ) {
        call!(self.both_nv12(rows, plan, weight, stores, out));
    }
}
