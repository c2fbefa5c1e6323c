//! How much memory there is and how much this process holds, in bytes. `None` where the system does not say.

#[cfg(target_os = "linux")]
fn field(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}

/// Resident memory of this process.
pub fn resident() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return field("/proc/self/status", "VmRSS");
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// Memory that can still be taken: the system's figure, or what a control group leaves, whichever is less.
pub fn available() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let system = field("/proc/meminfo", "MemAvailable");
        let number = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let limit = number("/sys/fs/cgroup/memory.max");
        let group = limit.zip(number("/sys/fs/cgroup/memory.current")).map(|(limit, used)| limit.saturating_sub(used));
        system.into_iter().chain(group).min()
    }
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// The most resident memory since the last [`Peak::start`]: the system's own mark where it can be set back, else the most that was looked at.
#[derive(Debug)]
pub struct Peak {
    most: u64,
    marked: bool,
}

impl Peak {
    pub fn start() -> Self {
        Self { most: resident().unwrap_or(0), marked: set_back() }
    }

    /// Looks again; call it once a step.
    pub fn look(&mut self) -> u64 {
        let now = if self.marked { highest().or_else(resident) } else { resident() };
        self.most = self.most.max(now.unwrap_or(0));
        self.most
    }
}

/// The system's mark of the most resident memory.
fn highest() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return field("/proc/self/status", "VmHWM");
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// Sets that mark back to what is resident now (proc(5), `clear_refs`).
fn set_back() -> bool {
    #[cfg(target_os = "linux")]
    return std::fs::write("/proc/self/clear_refs", "5").is_ok();
    #[cfg(not(target_os = "linux"))]
    return false;
}

/// Lets the allocator keep what a training step frees for the next step: asking the system anew for each tensor costs a LoRA step on two
/// cores about 4 %. [`give_back`] returns it when a run or a model ends.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: two settings of the allocator, without preconditions.
    unsafe {
        // The largest thresholds that glibc takes: 32 MB for a mapping of its own, 1 GB left at the top of the heap.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 32 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}

/// Takes the pages of `fresh` memory in one call; the first touch of each would cost a fault. Only advice.
///
/// Not large pages: a virtual machine that gives large free blocks back to its host pays for them anew, three times what small ones cost.
pub fn take_pages<T>(fresh: &mut [T]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 64 << 10;
        let range = fresh.as_mut_ptr_range();
        let (from, to) = (range.start.addr().next_multiple_of(PAGE), range.end.addr() / PAGE * PAGE);
        if from < to {
            // SAFETY: the range is ours, and its contents stay.
            unsafe { libc::madvise(range.start.with_addr(from).cast(), to - from, libc::MADV_POPULATE_WRITE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = fresh;
}

/// Takes pages of a mapped file out of this process: what was copied need not count twice.
///
/// # Safety
/// `mapped` lies in a file that is mapped for reading: other memory would lose its contents.
pub unsafe fn unneeded(mapped: &[u8]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 64 << 10;
        let range = mapped.as_ptr_range();
        let (from, to) = (range.start.addr().next_multiple_of(PAGE), range.end.addr() / PAGE * PAGE);
        if from < to {
            // SAFETY: by the caller's promise a later read maps the same bytes again.
            unsafe { libc::madvise(range.start.with_addr(from).cast_mut().cast(), to - from, libc::MADV_DONTNEED) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = mapped;
}

/// Hands freed memory back to the system; the allocator would keep it for later.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no preconditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
