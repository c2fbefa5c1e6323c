//! Asks the terminal what it can draw, once, and reads the answer without taking the person's keys.
//!
//! Three questions in one write: kitty's own, the size of a cell, and the device's attributes (DA1). Every terminal answers the last one, so
//! its answer ends the wait; one that says nothing costs [`PATIENCE`] once.

use std::time::Duration;

use super::Protocol;

const QUESTION: &str = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c";
/// Long enough for a line across the world, short enough before a first chart.
const PATIENCE: Duration = Duration::from_millis(500);

/// What came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Whether the terminal could be asked at all; otherwise a later chart may try again.
    pub done: bool,
    pub protocol: Option<Protocol>,
    /// Pixels of a cell.
    pub cell: Option<(u32, u32)>,
    /// Keys that were pressed meanwhile.
    pub keys: Vec<u8>,
    /// An answer may still come: what arrives before the next prompt must be sifted.
    pub late: bool,
}

/// Asks the terminal on standard input and output. The cursor must stand at the start of an empty line.
pub fn ask() -> Asked {
    #[cfg(unix)]
    return unix::ask(QUESTION.as_bytes(), PATIENCE);
    #[cfg(not(unix))]
    Asked { done: true, ..Asked::default() }
}

/// Keys without the answers among them that came too late.
pub fn sift() -> Vec<u8> {
    #[cfg(unix)]
    return parse(&unix::waiting()).keys;
    #[cfg(not(unix))]
    Vec::new()
}

/// Pixels of a cell as the terminal driver knows them.
pub fn driver_cell() -> Option<(u32, u32)> {
    #[cfg(unix)]
    return unix::cell();
    #[cfg(not(unix))]
    None
}

/// Takes the answers out of what was read; the rest are keys.
fn parse(bytes: &[u8]) -> Asked {
    let (mut found, mut at, mut sixel, mut kitty) = (Asked::default(), 0, false, false);
    while at < bytes.len() {
        let rest = &bytes[at..];
        if let Some(answer) = kitty_answer(rest) {
            kitty |= rest[..answer].windows(3).any(|w| w == b";OK");
            at += answer;
        } else if let Some((length, numbers, last)) = csi(rest) {
            match (last, numbers.as_slice()) {
                (b'c', _) if rest[2] == b'?' => (found.done, sixel) = (true, numbers.contains(&4)),
                (b't', [6, height, width]) => found.cell = Some((*width, *height)),
                _ => found.keys.extend_from_slice(&rest[..length]),
            }
            at += length;
        } else {
            found.keys.push(rest[0]);
            at += 1;
        }
    }
    found.protocol = match (kitty, sixel) {
        (true, _) => Some(Protocol::Kitty),
        (false, true) => Some(Protocol::Sixel),
        (false, false) => None,
    };
    found
}

/// Bytes of `ESC _ G … ESC \` at the start.
fn kitty_answer(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"\x1b_G")?;
    rest.windows(2).position(|w| w == b"\x1b\\").map(|end| 3 + end + 2)
}

/// Length, numbers and last byte of a control sequence at the start.
fn csi(bytes: &[u8]) -> Option<(usize, Vec<u32>, u8)> {
    let rest = bytes.strip_prefix(b"\x1b[")?;
    let end = rest.iter().position(|b| (0x40..=0x7e).contains(b))?;
    let text = std::str::from_utf8(&rest[..end]).ok()?.trim_start_matches('?');
    Some((2 + end + 1, text.split(';').filter_map(|n| n.parse().ok()).collect(), rest[end]))
}

#[cfg(unix)]
mod unix {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use super::{Asked, parse};

    pub fn ask(question: &[u8], patience: Duration) -> Asked {
        let Some(_raw) = Raw::new() else { return Asked { done: true, ..Asked::default() } };
        // Keys that wait already belong to the next prompt, and there is no way to put them back: another time.
        if ready(Duration::ZERO) {
            return Asked::default();
        }
        let mut out = std::io::stdout();
        if out.write_all(question).and_then(|()| out.flush()).is_err() {
            return Asked { done: true, ..Asked::default() };
        }
        let end = Instant::now() + patience;
        let mut bytes = Vec::new();
        let found = loop {
            let left = end.saturating_duration_since(Instant::now());
            if !ready(left) || !read(&mut bytes) {
                let found = parse(&bytes);
                break Asked { done: true, late: !found.done, ..found };
            }
            let found = parse(&bytes);
            if found.done {
                break found;
            }
        };
        // A terminal that printed the question has it wiped away.
        let _ = out.write_all(b"\r\x1b[K").and_then(|()| out.flush());
        found
    }

    /// What waits on standard input now.
    pub fn waiting() -> Vec<u8> {
        let mut bytes = Vec::new();
        let Some(_raw) = Raw::new() else { return bytes };
        while ready(Duration::ZERO) && read(&mut bytes) {}
        bytes
    }

    pub fn cell() -> Option<(u32, u32)> {
        // SAFETY: winsize is plain data, filled by the call.
        let mut size: libc::winsize = unsafe { std::mem::zeroed() };
        let failed = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ as _, &mut size) } != 0;
        let known = !failed && size.ws_col > 0 && size.ws_row > 0 && size.ws_xpixel > 0 && size.ws_ypixel > 0;
        known.then(|| (u32::from(size.ws_xpixel / size.ws_col), u32::from(size.ws_ypixel / size.ws_row)))
    }

    fn ready(patience: Duration) -> bool {
        let mut poll = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLIN, revents: 0 };
        let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one pollfd, as said.
        unsafe { libc::poll(&mut poll, 1, milliseconds) > 0 && poll.revents & libc::POLLIN != 0 }
    }

    fn read(bytes: &mut Vec<u8>) -> bool {
        let mut buffer = [0_u8; 512];
        // SAFETY: the buffer is as long as said.
        let n = unsafe { libc::read(libc::STDIN_FILENO, buffer.as_mut_ptr().cast(), buffer.len()) };
        bytes.extend_from_slice(&buffer[..usize::try_from(n).unwrap_or(0)]);
        n > 0
    }

    /// The terminal gives every byte at once and shows none, while this lives. Ctrl-C still works.
    struct Raw(libc::termios);

    impl Raw {
        fn new() -> Option<Self> {
            // SAFETY: termios is plain data, and both calls only read or fill the one they are given.
            let mut mode: libc::termios = unsafe { std::mem::zeroed() };
            if unsafe { libc::tcgetattr(libc::STDIN_FILENO, &mut mode) } != 0 {
                return None;
            }
            let mut raw = libc::termios { c_lflag: mode.c_lflag & !(libc::ICANON | libc::ECHO | libc::ECHONL), ..mode };
            raw.c_cc[libc::VMIN] = 0;
            raw.c_cc[libc::VTIME] = 0;
            (unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, &raw) } == 0).then_some(Self(mode))
        }
    }

    impl Drop for Raw {
        fn drop(&mut self) {
            // SAFETY: as above; the mode is the one that was there.
            unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, &self.0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_out_and_keys_are_kept() {
        let kitty = parse(b"a\x1b_Gi=31;OK\x1b\\b\x1b[6;20;10t\x1b[?62;22cc\x1b[A");
        assert_eq!((kitty.protocol, kitty.cell, kitty.done), (Some(Protocol::Kitty), Some((10, 20)), true));
        assert_eq!(kitty.keys, b"abc\x1b[A");
        let sixel = parse(b"\x1b[?62;4;22c");
        assert_eq!((sixel.protocol, sixel.done, sixel.keys.len()), (Some(Protocol::Sixel), true, 0));
        let refused = parse(b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\\x1b[?6c");
        assert_eq!((refused.protocol, refused.done, refused.keys.len()), (None, true, 0));
        assert!(!parse(b"\x1b[?62;4").done, "half an answer");
        assert_eq!(parse(b"\x1b[c").keys, b"\x1b[c", "a key that looks like an answer");
    }
}
