//! The wire format of ZeroMQ: greeting, READY, frames. ZMTP 3.0, <https://rfc.zeromq.org/spec/23/>, NULL mechanism;
//! announcing 3.0 makes newer subscribers send their topics as plain messages. Nothing a peer promises is allocated
//! before it is there.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// The largest message taken from a peer, in bytes and in frames.
const LONGEST: u64 = 256 << 20;
const MOST: usize = 4096;

#[derive(Debug, PartialEq)]
pub enum Incoming {
    Message(Vec<Bytes>),
    /// Bytes to send back at once.
    Ping(Bytes),
}

/// Shakes hands as a socket of type `role` that calls itself `name` (may be empty); returns the identity the peer gives itself, empty if none.
pub async fn greet<R, W>(role: &str, name: &str, read: &mut R, write: &mut W) -> io::Result<Bytes>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    write.write_all(&greeting()).await?;
    let mut theirs = [0; 64];
    read.read_exact(&mut theirs).await?;
    if theirs[0] != 0xff || theirs[9] & 1 != 1 || theirs[10] < 3 || &theirs[12..17] != b"NULL\0" {
        return Err(invalid("not a ZMTP 3 peer without authentication"));
    }
    write.write_all(&ready(role, name)).await?;
    let (flags, body) = frame(read, 64 << 10).await?;
    match body.strip_prefix(b"\x05READY".as_slice()) {
        Some(properties) if flags & COMMAND != 0 => Ok(identity(properties)),
        _ => Err(invalid("no READY")),
    }
}

/// The next message, or a ping.
pub async fn next<R: AsyncRead + Unpin>(read: &mut R) -> io::Result<Incoming> {
    let (mut frames, mut size) = (Vec::new(), 0);
    loop {
        let (flags, body) = frame(read, LONGEST - size).await?;
        if flags & COMMAND != 0 {
            // PING carries two bytes of time-to-live, then a context to send back. Other commands say nothing to us.
            if let Some(rest) = body.strip_prefix(b"\x04PING".as_slice()) {
                return Ok(Incoming::Ping(pong(rest.get(2..).unwrap_or_default())));
            }
            continue;
        }
        size += body.len() as u64;
        frames.push(body);
        if flags & MORE == 0 {
            return Ok(Incoming::Message(frames));
        }
        if frames.len() >= MOST {
            return Err(invalid("a message of too many frames"));
        }
    }
}

/// All frames of one message, as they go over the wire.
pub fn encode<'a>(frames: impl ExactSizeIterator<Item = &'a Bytes> + Clone) -> Bytes {
    let mut out = BytesMut::with_capacity(frames.clone().map(|frame| frame.len() + 9).sum());
    let last = frames.len().saturating_sub(1);
    for (i, frame) in frames.enumerate() {
        put_frame(&mut out, if i < last { MORE } else { 0 }, frame);
    }
    out.freeze()
}

async fn frame<R: AsyncRead + Unpin>(read: &mut R, limit: u64) -> io::Result<(u8, Bytes)> {
    let flags = read.read_u8().await?;
    let size = if flags & LONG != 0 { read.read_u64().await? } else { u64::from(read.read_u8().await?) };
    if size > limit {
        return Err(invalid(&format!("a frame of {size} bytes, at most {limit}")));
    }
    let mut body = Vec::new();
    // Grows as bytes come in, however many were promised.
    if read.take(size).read_to_end(&mut body).await? as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((flags, body.into()))
}

fn invalid(cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

fn greeting() -> [u8; 64] {
    let mut out = [0; 64];
    out[0] = 0xff;
    out[9] = 0x7f;
    out[10] = 3;
    out[12..16].copy_from_slice(b"NULL");
    out
}

fn ready(role: &str, name: &str) -> Bytes {
    let mut body = BytesMut::from(&b"\x05READY"[..]);
    for (property, value) in [("Socket-Type", role), ("Identity", name)].into_iter().filter(|(_, value)| !value.is_empty()) {
        body.put_u8(property.len() as u8);
        body.put_slice(property.as_bytes());
        body.put_u32(value.len() as u32);
        body.put_slice(value.as_bytes());
    }
    let mut out = BytesMut::new();
    put_frame(&mut out, COMMAND, &body);
    out.freeze()
}

/// The value of `Identity` among properties: a byte of length and a name, four bytes of length and a value.
fn identity(mut properties: &[u8]) -> Bytes {
    while let Some((&size, rest)) = properties.split_first() {
        let Some((name, rest)) = rest.split_at_checked(usize::from(size)) else { break };
        let Some((size, rest)) = rest.split_first_chunk::<4>() else { break };
        let Some((value, rest)) = rest.split_at_checked(u32::from_be_bytes(*size) as usize) else { break };
        if name.eq_ignore_ascii_case(b"Identity") {
            return Bytes::copy_from_slice(value);
        }
        properties = rest;
    }
    Bytes::new()
}

fn pong(context: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    put_frame(&mut out, COMMAND, &[b"\x04PONG", context].concat());
    out.freeze()
}

fn put_frame(out: &mut BytesMut, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(size) => {
            out.put_u8(flags);
            out.put_u8(size);
        }
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(body.len() as u64);
        }
    }
    out.put_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Incoming> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        runtime.block_on(next(&mut &bytes[..]))
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        let frames = [Bytes::from(vec![7; 3]), Bytes::new(), Bytes::from(vec![8; 300])];
        let bytes = encode(frames.iter());
        assert_eq!(&bytes[..7], [1, 3, 7, 7, 7, 1, 0]);
        assert_eq!(&bytes[7..16], [2, 0, 0, 0, 0, 0, 0, 1, 44]);
        assert_eq!(read(&bytes).expect("message"), Incoming::Message(frames.to_vec()));
    }

    #[test]
    fn commands_may_come_between_frames() {
        assert_eq!(read(b"\x04\x08\x04PING\x00\x05z").expect("ping"), Incoming::Ping(Bytes::from_static(b"\x04\x06\x04PONGz")));
        let message = Incoming::Message(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        assert_eq!(read(b"\x01\x01a\x04\x03\x02XY\x00\x01b").expect("message"), message);
    }

    #[test]
    fn promises_are_not_believed() {
        for size in [u64::MAX, 1 << 62, 1 << 40, LONGEST] {
            assert!(read(&[b"\x02".as_slice(), &size.to_be_bytes(), b"x"].concat()).is_err());
        }
        assert!(read(b"\x00\x05ab").is_err());
        assert!(read(&b"\x01\x00".repeat(MOST)).is_err());
    }

    #[test]
    fn two_ends_shake_hands_and_learn_each_others_name() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let (mut read, mut far_write) = tokio::io::simplex(256);
        let (mut far_read, mut write) = tokio::io::simplex(256);
        let near = greet("DEALER", "ab", &mut read, &mut write);
        let far = greet("ROUTER", "", &mut far_read, &mut far_write);
        let (kernel, client) = runtime.block_on(async { tokio::join!(near, far) });
        assert_eq!((kernel.expect("near"), client.expect("far")), (Bytes::new(), Bytes::from_static(b"ab")));
    }

    #[test]
    fn the_identity_is_found_among_properties() {
        assert_eq!(identity(b"\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x02ab"), b"ab".as_slice());
        assert!(identity(b"\x08Identity\x00\x00\xff\x02ab").is_empty());
        assert!(identity(b"").is_empty());
    }
}
