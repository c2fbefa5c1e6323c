//! The channel from outside: who gets in, and how large answers travel.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use wire::lab::Array;

use super::*;

fn open() -> (Post, String) {
    let post = Post::open(&Remote::default()).unwrap();
    let secret = post.renew();
    (post, secret)
}

fn knock(post: &Post, said: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(post.address.strip_prefix("unix:").unwrap()).unwrap();
    stream.write_all(said).unwrap();
    stream
}

fn frame(message: &impl wire::code::Code) -> Vec<u8> {
    let mut out = Vec::new();
    send(&mut out, message).unwrap();
    out
}

#[test]
fn a_stranger_gets_nothing_and_cannot_make_us_wait_for_a_long_frame() {
    let (post, secret) = open();
    let folder = std::fs::metadata(post.folder()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let long = (u64::try_from(STRANGER).unwrap() + 1).to_le_bytes();
    let wrong = [frame(&"0".repeat(secret.len())), frame(&Role::Lab)].concat();
    for said in [&long[..], &wrong] {
        // Answered with the end of the connection, before the time for a hello is over.
        let mut stream = knock(&post, said);
        stream.set_read_timeout(Some(HELLO / 2)).unwrap();
        let ended = stream.read(&mut [0; 8]).map_or_else(|e| e.kind() == std::io::ErrorKind::ConnectionReset, |n| n == 0);
        assert!(ended, "{} bytes", said.len());
    }
    let known = [frame(&secret), frame(&Role::Lab), frame(&(0_u64, Ask::Weights))].concat();
    assert!(matches!(receive(&mut knock(&post, &known)), Ok(Answer::Failed { .. })));
}

/// Answers whatever is asked with these numbers.
fn answering(post: &Post, numbers: Vec<f32>) {
    let heard = post.listen();
    std::thread::spawn(move || {
        for heard in heard {
            let Heard::Ask { line, .. } = heard else { continue };
            line.say(Answer::Array { array: Array { shape: vec![numbers.len()], dtype: "f32".into(), data: numbers.clone() } });
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn large_numbers_are_lent_until_that_is_refused() {
    let (post, secret) = open();
    answering(&post, vec![1.5; lend::LARGE / 4]);
    let mut peer = knock(&post, &[frame(&secret), frame(&Role::Lab)].concat());
    let mut ask = |ask: Ask| {
        send(&mut peer, &(0_u64, ask)).unwrap();
        receive::<Answer>(&mut peer).unwrap()
    };
    let Answer::Lent { shape, dtype, path } = ask(Ask::Weights) else { panic!("not lent") };
    assert_eq!(Array::read(shape, dtype, &path).unwrap().data, vec![1.5; lend::LARGE / 4]);
    let inline = ask(Ask::Got { all: false });
    assert!(matches!(&inline, Answer::Array { array } if array.data == vec![1.5; lend::LARGE / 4]));
    assert_eq!(ask(Ask::Weights), inline);
    answering(&post, vec![1.5; lend::LARGE / 4 - 1]);
    let mut small = knock(&post, &[frame(&secret), frame(&Role::Lab), frame(&(0_u64, Ask::Weights))].concat());
    assert!(matches!(receive::<Answer>(&mut small), Ok(Answer::Array { .. })));
}
