//! Large answers: their numbers go into memory that the cell's program opens by its place among our descriptors.
//!
//! Linux: a memfd, sealed, so that nobody can change or shorten it. Its descriptor is not passed (`SCM_RIGHTS`), for `lab` has the standard
//! library alone; `/proc/PID/fd/N` opens the same memory, and only for the same person. Elsewhere numbers go through the channel.

use std::io;

use wire::lab::{Answer, Ask, receive, send};

use super::post::Stream;

/// From this many bytes on it pays.
pub const LARGE: usize = 1 << 20;

/// Memory that is lent, until dropped.
#[derive(Debug)]
struct Lent {
    path: String,
    /// Keeps the memory.
    _memory: std::fs::File,
}

/// Sends an answer; large numbers are lent, as long as the cell's program can read what is.
pub fn deliver(stream: &mut impl Stream, answer: &Answer, lends: &mut bool) -> io::Result<()> {
    let Answer::Array { array } = answer else { return send(stream, answer) };
    let large = *lends && size_of_val(&array.data[..]) >= LARGE;
    let Some(lent) = large.then(|| lend(&array.data)).flatten() else { return send(stream, answer) };
    send(stream, &Answer::Lent { shape: array.shape.clone(), dtype: array.dtype.clone(), path: lent.path.clone() })?;
    if receive::<(u64, Ask)>(stream)?.1 == (Ask::Got { all: true }) {
        return Ok(());
    }
    *lends = false;
    send(stream, answer)
}

/// Puts the numbers there; `None` where that cannot be done.
#[cfg(target_os = "linux")]
fn lend(numbers: &[f32]) -> Option<Lent> {
    use std::io::Write;
    use std::os::fd::{AsRawFd, FromRawFd};
    // SAFETY: a name that ends in 0; the result is checked, and owned by nobody else.
    let mut memory = unsafe {
        let fd = libc::memfd_create(c"lantern".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING);
        if fd < 0 {
            return None;
        }
        std::fs::File::from_raw_fd(fd)
    };
    memory.write_all(wire::code::bytes_of(numbers)).ok()?;
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: an open descriptor and plain numbers.
    if unsafe { libc::fcntl(memory.as_raw_fd(), libc::F_ADD_SEALS, seals) } != 0 {
        return None;
    }
    Some(Lent { path: format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd()), _memory: memory })
}

#[cfg(not(target_os = "linux"))]
fn lend(_numbers: &[f32]) -> Option<Lent> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;

    use wire::lab::Array;

    use super::*;

    #[test]
    fn what_is_lent_is_read_bit_for_bit_and_cannot_be_changed() {
        let numbers: Vec<f32> = (0..300_000_u32).map(|n| f32::from_bits(n.wrapping_mul(2_654_435_761))).collect();
        let lent = lend(&numbers).unwrap();
        let read = |shape: &[usize], path: &str| Array::read(shape.to_vec(), "f32".into(), path);
        let found = read(&[300, 1000], &lent.path).unwrap();
        assert!(found.data.iter().zip(&numbers).all(|(a, b)| a.to_bits() == b.to_bits()) && found.data.len() == numbers.len());
        assert!(read(&[300, 999], &lent.path).is_err());
        let change = std::fs::OpenOptions::new().write(true).open(&lent.path).and_then(|mut file| file.write_all(b"0"));
        assert!(change.is_err());
        let path = lent.path.clone();
        drop(lent);
        assert!(read(&[300, 1000], &path).is_err());
    }
}
