//! A server of pages to browsers on this machine: reading requests alone, each on a thread of its own, so that a client that
//! is slow, broken or silent holds up nobody else.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long a client may take to send its request, and how long one may be silent that is sent an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients at a time, at most; others are turned away.
const MOST_CLIENTS: usize = 64;

/// The longest request, and the most headers, of any browser.
const LONGEST: usize = 64 << 10;
const MOST_HEADERS: usize = 100;

/// Listens on the loopback interface.
pub struct Server {
    address: SocketAddr,
    requests: Receiver<Request>,
}

/// A request of a browser on this machine.
pub struct Request {
    /// What is asked for, without what stands after a `?`.
    pub path: String,
    /// Whether the content is wanted, and not only what would be said of it.
    pub wants_content: bool,
    client: Client,
}

/// What is sent to a browser.
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
}

/// A connection; whoever holds it counts as one.
struct Client {
    stream: TcpStream,
    _count: Arc<()>,
}

impl Server {
    /// On a port, or on any free one for 0.
    ///
    /// # Errors
    ///
    /// Fails when the port is taken, or no thread can be started.
    pub fn listen(port: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let context = || format!("cannot listen on {address}: choose another port with --port");
        let listener = TcpListener::bind(address).with_context(context)?;
        let address = listener.local_addr().with_context(context)?;
        let (sender, requests) = channel();
        let clients = Arc::new(());
        let accept = move || {
            for stream in listener.incoming().flatten() {
                if Arc::strong_count(&clients) > MOST_CLIENTS {
                    continue;
                }
                let (client, sender) = (Client { stream, _count: clients.clone() }, sender.clone());
                // Where no thread can be started, the client is turned away too.
                let _ = thread::Builder::new().name("request".to_string()).spawn(move || {
                    if let Some(request) = client.request() {
                        // Nobody listens any more when the program is about to end.
                        let _ = sender.send(request);
                    }
                });
            }
        };
        thread::Builder::new().name("accept".to_string()).spawn(accept).context("cannot start a thread")?;
        Ok(Self { address, requests })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request, if one comes in this time.
    pub fn next(&self, time: Duration) -> Option<Request> {
        self.requests.recv_timeout(time).ok()
    }
}

impl Request {
    /// Sends an answer, on a thread of its own, since it takes as long as the client likes; then calls `sent`.
    pub fn answer(self, answer: Answer, sent: impl FnOnce() + Send + 'static) -> Result<()> {
        let Self { client, wants_content, .. } = self;
        let send = move || {
            if client.send(&answer, wants_content).is_ok() {
                sent();
            }
        };
        thread::Builder::new().name("answer".to_string()).spawn(send).context("cannot start a thread")?;
        Ok(())
    }
}

impl Answer {
    /// Some words.
    pub fn text(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into() }
    }
}

impl Client {
    /// Reads the request; `None` where it is none that is answered further, which the client is told.
    fn request(self) -> Option<Request> {
        let begun = Instant::now();
        let mut bytes = Vec::new();
        loop {
            let left = PATIENCE.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())?;
            self.stream.set_read_timeout(Some(left)).ok()?;
            let mut part = [0; 4096];
            match (&self.stream).read(&mut part) {
                Ok(count) if count > 0 && bytes.len() < LONGEST => bytes.extend(&part[..count]),
                _ => return None,
            }
            match read(&bytes) {
                Read::Part => {}
                Read::Request { path, wants_content } => {
                    return Some(Request { path, wants_content, client: self });
                }
                Read::Refused(answer) => {
                    // A client that does not hear it is refused all the same.
                    let _ = self.send(&answer, true);
                    return None;
                }
            }
        }
    }

    fn send(&self, answer: &Answer, wants_content: bool) -> std::io::Result<()> {
        let Answer { status, kind, body } = answer;
        let head = format!(
            "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            if *status == 200 { "OK" } else { "Refused" },
            body.len()
        );
        let mut stream = &self.stream;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(head.as_bytes())?;
        if wants_content {
            stream.write_all(body)?;
        }
        stream.flush()
    }
}

/// What the bytes of a client are.
enum Read {
    /// More are to come.
    Part,
    Request {
        path: String,
        wants_content: bool,
    },
    Refused(Answer),
}

/// A request must be a reading one, of a page that this server has sent. Another site can have its name stand for this
/// machine; a browser then sends the requests of that site's pages here, but with its name.
fn read(bytes: &[u8]) -> Read {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return Read::Part,
        Ok(httparse::Status::Complete(_)) => {}
        Err(error) => return Read::Refused(Answer::text(400, &format!("this is no request: {error}"))),
    }
    let wants_content = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Read::Refused(Answer::text(405, "only GET and HEAD are answered")),
    };
    let values = |name: &'static str| {
        let of_name = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        of_name.map(|header| std::str::from_utf8(header.value).unwrap_or_default())
    };
    let origin_is_here = |origin: &str| origin.strip_prefix("http://").is_some_and(is_this_machine);
    let is_ours = values("Host").count() == 1
        && values("Host").all(is_this_machine)
        && values("Origin").all(origin_is_here);
    if !is_ours {
        let names = "the report is for browsers on this machine: localhost, 127.0.0.1 or [::1]";
        return Read::Refused(Answer::text(403, names));
    }
    let path = request.path.unwrap_or_default().split('?').next().unwrap_or_default();
    Read::Request { path: path.to_string(), wants_content }
}

/// Whether `host` or `host:port` is a name of this machine itself.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        // The colons of `[::1]` are none before a port.
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    host.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_pass_with_any_port_and_no_others() {
        for ours in ["localhost", "LocalHost:80", "127.0.0.1:39121", "127.0.0.1", "[::1]", "[::1]:9"] {
            assert!(is_this_machine(ours), "{ours}");
        }
        for other in
            ["", "evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io", "::1", "localhost:", "a:b"]
        {
            assert!(!is_this_machine(other), "{other}");
        }
    }

    #[test]
    fn a_request_is_read_when_it_is_whole() {
        let whole = "HEAD /version?x=1 HTTP/1.1\r\nhost: localhost:5\r\n\r\n";
        for length in 0..whole.len() {
            assert!(matches!(read(&whole.as_bytes()[..length]), Read::Part), "{length}");
        }
        let Read::Request { path, wants_content } = read(whole.as_bytes()) else { panic!("it is whole") };
        assert_eq!((path.as_str(), wants_content), ("/version", false));
        let status = |request: &str| match read(request.as_bytes()) {
            Read::Refused(answer) => answer.status,
            _ => 200,
        };
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 403, "no name of a host");
        assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"), 403);
        assert_eq!(status("\0\r\n\r\n"), 400);
    }
}
