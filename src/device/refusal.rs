//! The program's allocator: the system's own, which leaves a word when it is refused. Rust ends the process then.

use std::alloc::{GlobalAlloc, Layout, System};

/// Set as `#[global_allocator]`.
#[derive(Debug)]
pub struct Watched;

// SAFETY: all memory is the system allocator's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator, here and below.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline(always)]
fn given(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() {
        refused(size);
    }
    pointer
}

#[cfg(unix)]
static NOTE: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(-1);

/// From now on a refusal is written to the end of `note`, as a line with the bytes that were asked for.
pub fn watch(note: &std::fs::File) {
    #[cfg(unix)]
    NOTE.store(std::os::fd::AsRawFd::as_raw_fd(note), std::sync::atomic::Ordering::SeqCst);
    #[cfg(not(unix))]
    let _ = note;
}

/// Before the note is closed.
pub fn unwatch() {
    #[cfg(unix)]
    NOTE.store(-1, std::sync::atomic::Ordering::SeqCst);
}

/// There is no memory: digits are made in place.
#[cold]
fn refused(size: usize) {
    #[cfg(unix)]
    {
        let note = NOTE.load(std::sync::atomic::Ordering::SeqCst);
        if note < 0 {
            return;
        }
        let (mut text, mut at, mut rest) = ([b'\n'; 22], 21, size);
        loop {
            at -= 1;
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        // SAFETY: the file is open until `unwatch`; the bytes are ours.
        let _ = unsafe { libc::write(note, text[at..].as_ptr().cast(), text.len() - at) };
    }
    #[cfg(not(unix))]
    let _ = size;
}
