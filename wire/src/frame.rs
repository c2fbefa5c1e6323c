//! Frames on the private channel, and how a cell's program reaches the session.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::code::Code;
use crate::engine::Role;

/// Where the session listens: `unix:PATH` or `tcp:ADDRESS:PORT`.
pub const ADDRESS: &str = "LANTERN_LAB";
/// The first frame on a connection must be this secret.
pub const TOKEN: &str = "LANTERN_LAB_TOKEN";

/// The longest frame that is believed.
const LIMIT: usize = 4 << 30;

/// Sends one frame: its length, then its bytes.
///
/// # Errors
/// The other end is gone.
pub fn send(to: &mut impl Write, message: &impl Code) -> io::Result<()> {
    let mut frame = vec![0; 8];
    message.put(&mut frame);
    let len = (frame.len() - 8) as u64;
    frame[..8].copy_from_slice(&len.to_le_bytes());
    to.write_all(&frame)?;
    to.flush()
}

/// Waits for one frame.
///
/// # Errors
/// The other end is gone (`UnexpectedEof`), or does not speak this language (`InvalidData`).
pub fn receive<T: Code>(from: &mut impl Read) -> io::Result<T> {
    receive_within(from, LIMIT)
}

/// [`receive`] from one who is not known yet: a frame longer than `limit` bytes is not even read.
///
/// # Errors
/// As there.
pub fn receive_within<T: Code>(from: &mut impl Read, limit: usize) -> io::Result<T> {
    let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "not a frame of this channel");
    let mut len = [0; 8];
    from.read_exact(&mut len)?;
    let len = usize::try_from(u64::from_le_bytes(len)).ok().filter(|len| *len <= limit).ok_or_else(nonsense)?;
    let mut body = Vec::new();
    // Grows with what arrives, not with what was promised.
    from.take(len as u64).read_to_end(&mut body)?;
    if body.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    T::from_bytes(&body).ok_or_else(nonsense)
}

/// What is heard and what is said on a connection.
pub type Ends = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Reaches the session whose address and secret are in the environment.
///
/// # Errors
/// This program was not started by Lantern (`NotFound`), or the session is gone.
pub fn connect(role: Role) -> io::Result<Ends> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "this program was not started by Lantern");
    let address = std::env::var(ADDRESS).map_err(|_| missing())?;
    let token = std::env::var(TOKEN).map_err(|_| missing())?;
    let (reader, mut writer): Ends = match address.split_once(':') {
        #[cfg(unix)]
        Some(("unix", path)) => {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            (Box::new(stream.try_clone()?), Box::new(stream))
        }
        Some(("tcp", address)) => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            (Box::new(stream.try_clone()?), Box::new(stream))
        }
        _ => return Err(missing()),
    };
    send(&mut writer, &token)?;
    send(&mut writer, &role)?;
    Ok((reader, writer))
}
