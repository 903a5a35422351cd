//! Which kernels run: one set for each kind of processor.

use std::fmt;
use std::sync::OnceLock;

use thiserror::Error;

/// The environment variable that chooses a set by its name.
pub const VARIABLE: &str = "KLSWEEP_KERNELS";

/// A set of kernels. The same set gives the same bits on every processor that has it; two sets differ by rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KernelSet {
    /// Vectors of four numbers, multiplication and addition rounded one after the other; with fused instructions on
    /// AArch64, where every processor has them.
    Portable,
    /// Vectors of eight numbers and fused multiplication and addition.
    Avx2,
    /// Vectors of sixteen numbers. Products read the right factor where it is.
    Avx512,
    /// The same for Intel's processors, whose products want the right factor copied together.
    Avx512Packed,
}

/// Why no set was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetError {
    /// No set has the name.
    #[error("{VARIABLE}={0}: there are the kernels {names}", names = KernelSet::ALL.map(KernelSet::name).join(", "))]
    Unknown(String),
    /// The processor lacks the instructions.
    #[error("{VARIABLE}={0}: this processor lacks their instructions; it has {names}",
        names = KernelSet::available().map(KernelSet::name).collect::<Vec<_>>().join(", "))]
    Lacking(KernelSet),
}

impl KernelSet {
    /// Every set, from the one that runs everywhere on.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Packed];

    /// The name by which it is chosen and recorded.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Packed => "avx512-packed",
        }
    }

    /// The sets that this processor can run.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|set| set.is_available())
    }

    /// The set that [`VARIABLE`] names, or else the one made for this processor.
    ///
    /// # Errors
    ///
    /// Fails if no set has the name, or the processor lacks its instructions.
    pub fn from_environment() -> Result<Self, SetError> {
        match std::env::var_os(VARIABLE) {
            None => Ok(Self::for_this_processor()),
            Some(name) if name.is_empty() => Ok(Self::for_this_processor()),
            Some(name) => Self::by_name(&name.to_string_lossy()),
        }
    }

    /// The set in use, chosen at the first call for the rest of the process.
    ///
    /// # Panics
    ///
    /// Panics where [`from_environment`](Self::from_environment) fails: a program asks that first.
    pub fn active() -> Self {
        static ACTIVE: OnceLock<KernelSet> = OnceLock::new();
        *ACTIVE.get_or_init(|| Self::from_environment().unwrap_or_else(|error| panic!("{error}")))
    }

    fn by_name(name: &str) -> Result<Self, SetError> {
        let set = Self::ALL
            .into_iter()
            .find(|set| set.name() == name)
            .ok_or_else(|| SetError::Unknown(name.to_string()))?;
        if set.is_available() { Ok(set) } else { Err(SetError::Lacking(set)) }
    }

    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx512Packed => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    fn for_this_processor() -> Self {
        match Self::available().last() {
            Some(Self::Avx512Packed) if !is_intel() => Self::Avx512,
            Some(set) => set,
            None => Self::Portable,
        }
    }
}

impl fmt::Display for KernelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn is_intel() -> bool {
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx] == [*b"Genu", *b"ineI", *b"ntel"].map(u32::from_le_bytes)
}

#[cfg(not(target_arch = "x86_64"))]
fn is_intel() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_their_sets() {
        for set in KernelSet::available() {
            assert_eq!(KernelSet::by_name(set.name()), Ok(set));
        }
        assert_eq!(KernelSet::by_name("portable"), Ok(KernelSet::Portable));
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_names() {
        let error = KernelSet::by_name("sse9").unwrap_err().to_string();
        assert_eq!(
            error,
            "KLSWEEP_KERNELS=sse9: there are the kernels portable, avx2, avx512, avx512-packed"
        );
    }

    #[test]
    fn the_set_in_use_is_one_that_the_processor_has() {
        assert!(KernelSet::available().any(|set| set == KernelSet::active()));
    }
}
