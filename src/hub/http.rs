//! One request: on a thread of its own, so that an interrupt is heard while a server is silent.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use ureq::tls::{PemItem, RootCerts, TlsConfig};

use super::trouble::{LOOK, Trouble};
use crate::stop::Stop;
use crate::words::servers;
use crate::{Error, Result};

const CONNECT: Duration = Duration::from_secs(10);
const BLOCK: usize = 1 << 18;
const REDIRECTS: usize = 5;

type Headers = Vec<(String, String)>;

enum Part {
    Head(u16, Headers),
    Bytes(Vec<u8>),
    End,
    Broken(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    /// Headers alone, those of the first server: the redirect is not followed.
    Head,
}

/// Makes requests; connections are kept between them.
pub struct Client<'a> {
    agent: ureq::Agent,
    patience: Duration,
    stop: &'a Stop,
}

impl<'a> Client<'a> {
    /// Errors: `BadValue` when SSL_CERT_FILE is set and cannot be used.
    pub fn new(patience: Duration, stop: &'a Stop) -> Result<Self> {
        let mut config = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("lantern/", env!("CARGO_PKG_VERSION")));
        if let Some(roots) = roots()? {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self { agent: config.build().into(), patience, stop })
    }

    /// An answer with status 200 or 206. The token stays with the server it is meant for.
    pub fn open(&self, method: Method, url: &str, token: Option<&str>, from: u64) -> Result<Answer<'a>, Trouble> {
        let (mut at, mut hops) = (url.to_owned(), Vec::new());
        for _ in 0..=REDIRECTS {
            let token = token.filter(|_| origin(&at) == origin(url));
            let mut answer = self.ask(method, &at, token, from)?;
            hops.append(&mut answer.hops);
            let location = header(hops.last(), "location").map(str::to_owned);
            match (answer.status, location) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    let to = join(&at, &location)?;
                    // A repository that was renamed redirects to itself; its files redirect to a store elsewhere.
                    if method == Method::Head && (origin(&to) != origin(&at) || header(hops.last(), "x-linked-etag").is_some()) {
                        return Ok(Answer { hops, ..answer });
                    }
                    at = to;
                }
                (200 | 206, _) => return Ok(Answer { hops, ..answer }),
                (status, _) => return Err(refusal(status, hops.last())),
            }
        }
        Err(Trouble::passing(servers::TOO_MANY_REDIRECTS.text()))
    }

    fn ask(&self, method: Method, url: &str, token: Option<&str>, from: u64) -> Result<Answer<'a>, Trouble> {
        if self.stop.raised() {
            return Err(Trouble::Stopped);
        }
        let mut request = if method == Method::Head { self.agent.head(url) } else { self.agent.get(url) };
        // Compressed bytes have neither the length nor the hash that was announced.
        request = request.header("Accept-Encoding", "identity");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        if is_local(url) {
            request = request.config().proxy(None).build();
        }
        let (sender, parts) = sync_channel(8);
        let work = move || carry(request, &sender);
        std::thread::Builder::new().name("hub".to_owned()).spawn(work).map_err(|cause| Trouble::passing(cause.to_string()))?;
        let mut answer = Answer { status: 0, hops: Vec::new(), parts, patience: self.patience, stop: self.stop };
        match answer.wait()? {
            Part::Head(status, headers) => (answer.status, answer.hops) = (status, vec![headers]),
            Part::Broken(cause) => return Err(Trouble::passing(cause)),
            Part::Bytes(_) | Part::End => {}
        }
        Ok(answer)
    }
}

/// The thread's work: sends what comes until it ends or nobody listens.
fn carry(request: ureq::RequestBuilder<ureq::typestate::WithoutBody>, to: &SyncSender<Part>) {
    let response = match request.call() {
        Ok(response) => response,
        Err(cause) => return drop(to.send(Part::Broken(words(&cause)))),
    };
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    if to.send(Part::Head(response.status().as_u16(), headers)).is_err() {
        return;
    }
    let mut body = response.into_body().into_reader();
    loop {
        let mut block = vec![0; BLOCK];
        let part = match body.read(&mut block) {
            Ok(0) => Part::End,
            Ok(n) => {
                block.truncate(n);
                Part::Bytes(block)
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(cause) => Part::Broken(words_of(&cause)),
        };
        let last = !matches!(part, Part::Bytes(_));
        if to.send(part).is_err() || last {
            return;
        }
    }
}

/// What a server said; its body is read in blocks.
pub struct Answer<'a> {
    pub status: u16,
    /// Headers of each server on the way, the last one's last.
    hops: Vec<Headers>,
    parts: Receiver<Part>,
    patience: Duration,
    stop: &'a Stop,
}

impl Answer<'_> {
    /// A header of the last server.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(self.hops.last(), name)
    }

    /// A number in a header of the last server.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    /// The next block; `None` at the end.
    pub fn block(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        match self.wait()? {
            Part::Bytes(bytes) => Ok(Some(bytes)),
            Part::Broken(cause) => Err(Trouble::passing(cause)),
            Part::End | Part::Head(..) => Ok(None),
        }
    }

    /// All of the body, which must be JSON of at most `most` bytes.
    pub fn json(mut self, most: usize) -> Result<serde_json::Value, Trouble> {
        let mut all = Vec::new();
        while let Some(block) = self.block()? {
            all.extend(block);
            if all.len() > most {
                return Err(Trouble::passing(servers::TOO_LONG_ANSWER.with(&[("most", &most)])));
            }
        }
        serde_json::from_slice(&all).map_err(|cause| Trouble::passing(servers::NOT_JSON.with(&[("cause", &cause)])))
    }

    fn wait(&mut self) -> Result<Part, Trouble> {
        let begun = Instant::now();
        loop {
            if self.stop.raised() {
                return Err(Trouble::Stopped);
            }
            match self.parts.recv_timeout(LOOK.min(self.patience)) {
                Ok(part) => return Ok(part),
                Err(RecvTimeoutError::Disconnected) => return Ok(Part::End),
                Err(RecvTimeoutError::Timeout) if begun.elapsed() < self.patience => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Trouble::passing(servers::SILENT.with(&[("seconds", &self.patience.as_secs_f32())])));
                }
            }
        }
    }
}

fn header<'h>(headers: Option<&'h Headers>, name: &str) -> Option<&'h str> {
    headers?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Overload and the server's own faults pass; everything else is a no.
fn refusal(status: u16, headers: Option<&Headers>) -> Trouble {
    let code = header(headers, "x-error-code").unwrap_or_default().to_owned();
    if !matches!(status, 408 | 425 | 429 | 500..) {
        return Trouble::Refused { status, code };
    }
    // The form with a date is rare and needs a clock that is right.
    let wait = header(headers, "retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let cause = match wait {
        Some(wait) => servers::HTTP_STATUS_WAIT.with(&[("status", &status), ("seconds", &wait.as_secs())]),
        None => servers::HTTP_STATUS.with(&[("status", &status)]),
    };
    Trouble::Passing { cause, wait, moved: false }
}

fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(cause) => words_of(cause),
        ureq::Error::Timeout(_) => servers::SILENT.with(&[("seconds", &CONNECT.as_secs())]),
        other => other.to_string(),
    }
}

/// Without the address of a manual page, and with what to do about a proxy that opens connections.
fn words_of(error: &std::io::Error) -> String {
    let all = error.to_string();
    let text = all.split(": https://").next().unwrap_or(&all);
    if text.contains("certificate") { servers::CERTIFICATE.with(&[("cause", &text)]) } else { text.to_owned() }
}

/// `https://host:1` of `https://host:1/path`.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find(['/', '?', '#']).map_or(url, |at| &url[..start + at])
}

fn is_local(url: &str) -> bool {
    let host = origin(url).split_once("://").map_or(url, |(_, host)| host);
    ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local))
}

/// Where a redirect leads; never from an encrypted connection to an open one.
fn join(at: &str, location: &str) -> Result<String, Trouble> {
    let to = match location {
        full if full.contains("://") => full.to_owned(),
        other if other.starts_with("//") => format!("{}:{other}", at.split(':').next().unwrap_or("https")),
        path if path.starts_with('/') => format!("{}{path}", origin(at)),
        near => {
            let path = at.split(['?', '#']).next().unwrap_or(at);
            format!("{}/{near}", path.rsplit_once('/').map_or(path, |(folder, _)| folder))
        }
    };
    if at.starts_with("https:") && !to.starts_with("https:") {
        return Err(Trouble::passing(servers::OPEN_REDIRECT.with(&[("url", &origin(&to))])));
    }
    Ok(to)
}

/// The certificates that SSL_CERT_FILE or REQUESTS_CA_BUNDLE names, as a company's proxy may need.
fn roots() -> Result<Option<RootCerts>> {
    let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some(option) = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"].into_iter().find(set) else { return Ok(None) };
    let path = std::path::PathBuf::from(std::env::var_os(option).unwrap_or_default());
    let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
    let items = ureq::tls::parse_pem(&bytes).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = items.collect();
    if found.is_empty() {
        let (given, allowed) = (path.display().to_string(), servers::PEM_WANTED.text().to_owned());
        return Err(Error::BadValue { option: option.to_owned(), given, allowed });
    }
    Ok(Some(RootCerts::new_with_certs(&found)))
}
