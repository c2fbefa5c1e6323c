//! A server on this machine that speaks the hub's paths, and misbehaves when a test says so.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use sha1::Digest;

/// What was asked; header names in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: HashMap<String, String>,
    /// How often this path was asked for before.
    pub before: usize,
}

impl Request {
    pub fn range(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }

    pub fn token(&self) -> Option<&str> {
        self.headers.get("authorization")?.strip_prefix("Bearer ")
    }
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Close after so many bytes of the body.
    pub cut: Option<usize>,
    /// Say nothing more after that, until the test is over.
    pub hold: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None, hold: false }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn cut(self, bytes: usize) -> Self {
        Self { cut: Some(bytes), ..self }
    }

    pub fn hold(self, bytes: usize) -> Self {
        Self { cut: Some(bytes), hold: true, ..self }
    }
}

pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, over) = (Arc::new(Mutex::new(Vec::<Request>::new())), Arc::new(AtomicBool::new(false)));
        let (log, end) = (asked.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Some(mut request) = read(&stream) else { continue };
                request.before = log.lock().unwrap().iter().filter(|before| before.path == request.path).count();
                log.lock().unwrap().push(request.clone());
                let reply = answer(&request);
                let hold = reply.hold;
                // The client may be gone already: it was interrupted.
                let _ = write(&stream, &request, &reply);
                if hold {
                    held.push(stream);
                }
            }
        });
        Self { url, asked, over, thread: Some(thread) }
    }

    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let (method, rest) = first.split_once(' ')?;
    let path = rest.split(' ').next()?.to_owned();
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Request { method: method.to_owned(), path, headers: headers.collect(), before: 0 })
}

fn write(mut stream: &TcpStream, request: &Request, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    let has = |name: &str| reply.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    if !has("content-length") && !has("transfer-encoding") {
        head += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())])?;
    }
    stream.flush()
}

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository's contents, and how a well-behaved hub serves them.
#[derive(Clone)]
pub struct Repository {
    pub files: Vec<(String, Vec<u8>)>,
    /// Files from this length on are stored apart, under their SHA-256.
    pub lfs: usize,
    /// Where those are redirected to; else they come at once.
    pub store: Option<String>,
    /// Whether the listing says sizes and hashes.
    pub blobs: bool,
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

pub fn git(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

impl Repository {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        Self { files, lfs: 1000, store: None, blobs: true }
    }

    pub fn get(&self, name: &str) -> &[u8] {
        self.files.iter().find(|(key, _)| key == name).map(|(_, bytes)| bytes.as_slice()).unwrap()
    }

    fn hash(&self, bytes: &[u8]) -> String {
        if bytes.len() >= self.lfs { sha256(bytes) } else { git(bytes) }
    }

    pub fn serve(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap();
        let listed = path.starts_with("/api/models/") || path.starts_with("/api/datasets/");
        if listed && path.ends_with("/revision/main") {
            return Reply::new(200, self.listing());
        }
        let inside = path.split_once("/resolve/").and_then(|(_, rest)| rest.split_once('/'));
        let name = inside.map_or_else(|| path.rsplit('/').next().unwrap(), |(_, name)| name);
        let Some((_, bytes)) = self.files.iter().find(|(key, _)| key == name) else {
            return Reply::new(404, "").with("X-Error-Code", "EntryNotFound");
        };
        let etag = format!("\"{}\"", self.hash(bytes));
        let lfs = bytes.len() >= self.lfs;
        let head = |reply: Reply| {
            let reply = reply.with("X-Repo-Commit", COMMIT);
            if lfs { reply.with("X-Linked-Etag", &etag).with("X-Linked-Size", bytes.len()) } else { reply.with("ETag", &etag) }
        };
        match (&self.store, path.contains("/resolve/")) {
            (Some(store), true) if lfs => head(Reply::new(302, "")).with("Location", format!("{store}/store/{name}")),
            _ => head(part(request, bytes)),
        }
    }

    fn listing(&self) -> String {
        let each = self.files.iter().map(|(name, bytes)| {
            let (size, sha) = (bytes.len(), self.hash(bytes));
            match (self.blobs, size >= self.lfs) {
                (false, _) => format!(r#"{{"rfilename":"{name}"}}"#),
                (true, true) => format!(
                    r#"{{"rfilename":"{name}","size":{size},"blobId":"{}","lfs":{{"sha256":"{sha}","size":{size},"pointerSize":134}}}}"#,
                    "0".repeat(40)
                ),
                (true, false) => format!(r#"{{"rfilename":"{name}","size":{size},"blobId":"{sha}"}}"#),
            }
        });
        format!(r#"{{"id":"a/b","sha":"{COMMIT}","siblings":[{}]}}"#, each.collect::<Vec<_>>().join(","))
    }

    /// The same files by ModelScope's paths.
    pub fn serve_modelscope(&self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let each = self.files.iter().map(|(name, bytes)| {
            format!(r#"{{"Name":"{name}","Path":"{name}","Type":"blob","Size":{},"Sha256":"{}"}}"#, bytes.len(), sha256(bytes))
        });
        let mut entries: Vec<String> = each.chain([r#"{"Path":"onnx","Type":"tree"}"#.to_owned()]).collect();
        let field = |name: &str| query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        if path.ends_with("/repo/tree") && path.starts_with("/api/v1/datasets/") {
            let number = |name: &str| field(name).and_then(|text| text.parse::<usize>().ok()).unwrap();
            let (page, size) = (number("PageNumber"), number("PageSize"));
            entries = entries.into_iter().skip((page - 1) * size).take(size).collect();
        }
        if path.ends_with("/repo/files") && path.starts_with("/api/v1/models/") || path.ends_with("/repo/tree") {
            return Reply::new(200, format!(r#"{{"Code":200,"Success":true,"Data":{{"Files":[{}]}}}}"#, entries.join(",")));
        }
        let name = field("FilePath").unwrap_or_default();
        if path.ends_with("/repo") { part(request, self.get(name)) } else { Reply::new(404, "") }
    }
}

/// All of it, or the rest after the byte that was asked for.
pub fn part(request: &Request, bytes: &[u8]) -> Reply {
    match request.range() {
        Some(from) if from >= bytes.len() => Reply::new(416, "").with("Content-Range", format!("bytes */{}", bytes.len())),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Reply::new(206, &bytes[from..]).with("Content-Range", range)
        }
        None => Reply::new(200, bytes),
    }
}
