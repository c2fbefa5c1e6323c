//! Which device computes, what it can do, how many threads it has.

pub mod memory;
pub mod refusal;

use candle_core::Device;

use crate::{Error, Result};

/// `cpu`, `cuda`, `cuda:1`, `metal`; `auto` takes the first accelerator there is.
///
/// # Errors
/// `BadDevice` names the devices this build and machine have.
pub fn parse(name: &str) -> Result<Device> {
    let bad = || Error::BadDevice { given: name.to_owned(), available: available().join(", ") };
    let (kind, ordinal) = name.split_once(':').unwrap_or((name, "0"));
    let ordinal: usize = ordinal.parse().map_err(|_| bad())?;
    match kind {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Device::new_cuda(ordinal).map_err(|_| bad()),
        "metal" => Device::new_metal(ordinal).map_err(|_| bad()),
        "auto" => Ok(Device::new_cuda(0).or_else(|_| Device::new_metal(0)).unwrap_or(Device::Cpu)),
        _ => Err(bad()),
    }
}

/// The device of a new session: `LANTERN_DEVICE`, else the one that tests run on, so that one variable moves the whole suite.
///
/// # Errors
/// `BadDevice`
pub fn from_environment() -> Result<Device> {
    std::env::var("LANTERN_DEVICE").map_or_else(|_| for_tests(), |name| parse(&name))
}

/// The device tests run on: `LANTERN_TEST_DEVICE`, else the CPU.
pub fn for_tests() -> Result<Device> {
    parse(&std::env::var("LANTERN_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned()))
}

pub fn name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}

pub fn available() -> Vec<String> {
    let mut names = vec!["cpu".to_owned()];
    if candle_core::utils::cuda_is_available() {
        names.extend((0..16).map_while(|i| Device::new_cuda(i).ok().map(|_| format!("cuda:{i}"))));
    }
    if candle_core::utils::metal_is_available() {
        names.push("metal".to_owned());
    }
    names
}

/// Threads that computation uses: `RAYON_NUM_THREADS`, else the cores.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Keeps candle's second pool of threads small: it spins at its barriers and takes cores from the one that computes.
///
/// # Safety
/// Call it first in `main`: it sets an environment variable, so no other thread may run yet.
pub unsafe fn before_threads() {
    const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(CANDLE_THREADS).is_none() {
        // SAFETY: the caller promises that this thread is the only one.
        unsafe { std::env::set_var(CANDLE_THREADS, "1") };
    }
    memory::keep_freed();
}

/// Runs `work` on one of the threads that compute: a token is many small products, and from outside each would wake them anew.
pub fn on_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

/// Instruction sets of the CPU that matter for speed.
pub fn features() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! detect {
            ($($name:tt)*) => { $(if std::arch::is_x86_feature_detected!($name) { found.push($name); })* };
        }
        detect!("avx2" "fma" "avx512f" "avx512vnni" "avx512bf16");
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("neon") {
        found.push("neon");
    }
    found
}

/// Floating point operations a second of matrix products here, measured once on a small product.
pub fn speed() -> f64 {
    static SPEED: std::sync::OnceLock<f64> = std::sync::OnceLock::new();
    *SPEED.get_or_init(|| measure().unwrap_or(2e10))
}

/// Products of 256 x 768 x 768, the fastest of a few: the first wakes the threads, and a busy machine slows some.
fn measure() -> candle_core::Result<f64> {
    let a = candle_core::Tensor::ones((256, 768), candle_core::DType::F32, &Device::Cpu)?;
    let b = candle_core::Tensor::ones((768, 768), candle_core::DType::F32, &Device::Cpu)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..5 {
        let started = std::time::Instant::now();
        a.matmul(&b)?;
        fastest = fastest.min(started.elapsed().as_secs_f64());
    }
    Ok(2.0 * 256.0 * 768.0 * 768.0 / fastest.max(1e-6))
}
