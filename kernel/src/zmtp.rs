//! The wire format of a publishing ZeroMQ peer: greeting, READY, frames. ZMTP 3.0, <https://rfc.zeromq.org/spec/23/>,
//! NULL mechanism; announcing 3.0 makes newer subscribers send their topics as plain messages.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeromq::ZmqMessage;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
/// Subscribers only send topics; more than this is no subscriber.
const LONGEST: u64 = 64 * 1024;

#[derive(Debug, PartialEq)]
pub enum Frame {
    Subscribe(Bytes),
    Unsubscribe(Bytes),
    /// Answer with the bytes.
    Ping(Bytes),
    Other,
}

/// Shakes hands as a publisher.
pub async fn greet<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(read: &mut R, write: &mut W) -> io::Result<()> {
    write.write_all(&greeting()).await?;
    let mut theirs = [0; 64];
    read.read_exact(&mut theirs).await?;
    if theirs[0] != 0xff || theirs[9] & 1 != 1 || theirs[10] < 3 || &theirs[12..17] != b"NULL\0" {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a ZMTP 3 peer without authentication"));
    }
    write.write_all(&ready()).await?;
    let (flags, body) = frame(read).await?;
    if flags & COMMAND == 0 || !body.starts_with(b"\x05READY") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no READY"));
    }
    Ok(())
}

/// What the subscriber says next.
pub async fn next<R: AsyncRead + Unpin>(read: &mut R) -> io::Result<Frame> {
    let (flags, body) = frame(read).await?;
    if flags & COMMAND != 0 {
        return Ok(match body.strip_prefix(b"\x04PING".as_slice()) {
            // PING carries two bytes of time-to-live, then a context to send back.
            Some(rest) => Frame::Ping(pong(rest.get(2..).unwrap_or_default())),
            None => topic_command(&body),
        });
    }
    Ok(match body.first() {
        Some(1) => Frame::Subscribe(body.slice(1..)),
        Some(0) => Frame::Unsubscribe(body.slice(1..)),
        _ => Frame::Other,
    })
}

/// All frames of one message, as they go over the wire.
pub fn encode(message: &ZmqMessage) -> Bytes {
    let size = message.iter().map(|part| part.len() + 9).sum();
    let mut out = BytesMut::with_capacity(size);
    let last = message.len().saturating_sub(1);
    for (i, part) in message.iter().enumerate() {
        put_frame(&mut out, if i < last { MORE } else { 0 }, part);
    }
    out.freeze()
}

async fn frame<R: AsyncRead + Unpin>(read: &mut R) -> io::Result<(u8, Bytes)> {
    let flags = read.read_u8().await?;
    let size = if flags & LONG != 0 { read.read_u64().await? } else { u64::from(read.read_u8().await?) };
    if size > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{size} bytes from a subscriber, at most {LONGEST}")));
    }
    let mut body = vec![0; size as usize];
    read.read_exact(&mut body).await?;
    Ok((flags, body.into()))
}

fn greeting() -> [u8; 64] {
    let mut out = [0; 64];
    out[0] = 0xff;
    out[9] = 0x7f;
    out[10] = 3;
    out[12..16].copy_from_slice(b"NULL");
    out
}

fn ready() -> Bytes {
    let mut body = BytesMut::from(&b"\x05READY\x0bSocket-Type"[..]);
    body.put_u32(4);
    body.put_slice(b"XPUB");
    let mut out = BytesMut::new();
    put_frame(&mut out, COMMAND, &body);
    out.freeze()
}

fn pong(context: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    put_frame(&mut out, COMMAND, &[b"\x04PONG", context].concat());
    out.freeze()
}

/// ZMTP 3.1 peers have commands for topics.
fn topic_command(body: &Bytes) -> Frame {
    if body.starts_with(b"\x09SUBSCRIBE") {
        Frame::Subscribe(body.slice(10..))
    } else if body.starts_with(b"\x06CANCEL") {
        Frame::Unsubscribe(body.slice(7..))
    } else {
        Frame::Other
    }
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

    fn read(bytes: &[u8]) -> io::Result<Frame> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        runtime.block_on(next(&mut &bytes[..]))
    }

    #[test]
    fn topics_are_read_in_both_forms() {
        assert_eq!(read(b"\x00\x04\x01abc").expect("frame"), Frame::Subscribe(Bytes::from_static(b"abc")));
        assert_eq!(read(b"\x00\x01\x00").expect("frame"), Frame::Unsubscribe(Bytes::new()));
        assert_eq!(read(b"\x04\x0b\x09SUBSCRIBEx").expect("frame"), Frame::Subscribe(Bytes::from_static(b"x")));
        assert_eq!(read(b"\x04\x08\x04PING\x00\x05z").expect("frame"), Frame::Ping(Bytes::from_static(b"\x04\x06\x04PONGz")));
    }

    #[test]
    fn what_no_subscriber_sends_is_refused() {
        assert!(read(b"\x02\x7f\xff\xff\xff\xff\xff\xff\xff").is_err());
        assert!(read(b"\x00\x05ab").is_err());
    }

    #[test]
    fn long_frames_carry_eight_bytes_of_size() {
        let mut message = ZmqMessage::from(vec![7u8; 3]);
        message.push_back(Bytes::from(vec![8u8; 300]));
        let bytes = encode(&message);
        assert_eq!(&bytes[..5], [1, 3, 7, 7, 7]);
        assert_eq!(&bytes[5..14], [2, 0, 0, 0, 0, 0, 0, 1, 44]);
        assert_eq!(bytes.len(), 5 + 9 + 300);
    }
}
