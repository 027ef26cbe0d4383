//! HTTP/1.1 without opinions: libraries refuse or repair what an attacker sends, this writes and reads bytes as they are.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Field, WireRequest, find};

/// More fields than any proxy lets through.
const MAX_FIELDS: usize = 512;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) path: Vec<u8>,
    pub(crate) headers: Vec<Field>,
}

pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) headers: Vec<Field>,
}

/// A piece of a body, or its end with the trailers, if there were any.
pub(crate) enum Piece {
    Data(Bytes),
    End(Option<Vec<Field>>),
}

/// The reading half of a connection.
pub(crate) struct Reader<R> {
    io: R,
    buffer: BytesMut,
    framing: Framing,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(io: R) -> Self {
        Self { io, buffer: BytesMut::new(), framing: Framing::None }
    }

    /// The next request line with its fields; `None` when the peer closed between requests.
    pub(crate) async fn request_head(&mut self) -> io::Result<Option<RequestHead>> {
        let Some(head) = self.head().await? else {
            return Ok(None);
        };
        let (line, fields) = split_line(&head)?;
        let mut words = line.splitn(2, |byte| *byte == b' ');
        let method = words.next().unwrap_or_default();
        let rest = words.next().ok_or_else(|| bad("a request line without a path"))?;
        let end = rest.iter().rposition(|byte| *byte == b' ').ok_or_else(|| bad("a request line without a version"))?;
        let headers = parse_fields(fields)?;
        self.framing = body_framing(&headers).unwrap_or(Framing::None);
        Ok(Some(RequestHead {
            method: String::from_utf8_lossy(method).into_owned(),
            path: rest.get(..end).unwrap_or_default().to_vec(),
            headers,
        }))
    }

    /// The next final response to a request of this method; `None` when the peer closed before one.
    pub(crate) async fn response_head(&mut self, method: &str) -> io::Result<Option<ResponseHead>> {
        loop {
            let Some(head) = self.head().await? else {
                return Ok(None);
            };
            let (line, fields) = split_line(&head)?;
            let status = line
                .split(|byte| *byte == b' ')
                .nth(1)
                .and_then(|code| std::str::from_utf8(code).ok()?.parse::<u16>().ok())
                .filter(|_| line.starts_with(b"HTTP/1."))
                .ok_or_else(|| bad("not an HTTP/1 status line"))?;
            let headers = parse_fields(fields)?;
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            self.framing = if method == "HEAD" || matches!(status, 204 | 304) {
                Framing::None
            } else {
                body_framing(&headers).unwrap_or(Framing::UntilClose)
            };
            return Ok(Some(ResponseHead { status, headers }));
        }
    }

    /// The next piece of the body of the head that was read last.
    pub(crate) async fn piece(&mut self) -> io::Result<Piece> {
        match self.framing {
            Framing::None | Framing::Length(0) => {
                self.framing = Framing::None;
                Ok(Piece::End(None))
            }
            Framing::Length(left) => {
                if self.buffer.is_empty() && !self.fill().await? {
                    return Err(truncated());
                }
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
                self.framing = Framing::Length(left.saturating_sub(take as u64));
                Ok(Piece::Data(self.buffer.split_to(take).freeze()))
            }
            Framing::UntilClose => {
                if self.buffer.is_empty() && !self.fill().await? {
                    self.framing = Framing::None;
                    return Ok(Piece::End(None));
                }
                Ok(Piece::Data(self.buffer.split().freeze()))
            }
            Framing::Chunked => self.chunk().await,
        }
    }

    /// Waits until the peer closes, whatever it sends until then.
    pub(crate) async fn closed(&mut self) {
        while self.fill().await.unwrap_or(false) {
            self.buffer.clear();
        }
    }

    async fn chunk(&mut self) -> io::Result<Piece> {
        let (start, size) = loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) => {}
                Err(_) => return Err(bad("a bad chunk size")),
            }
            self.fill_or_truncated().await?;
        };
        if size > 0 {
            let size = usize::try_from(size).map_err(|_| bad("a chunk beyond memory"))?;
            // The chunk and its CRLF.
            while self.buffer.len() < start.saturating_add(size).saturating_add(2) {
                self.fill_or_truncated().await?;
            }
            self.buffer.advance(start);
            let data = self.buffer.split_to(size).freeze();
            self.buffer.advance(2);
            return Ok(Piece::Data(data));
        }
        self.buffer.advance(start);
        loop {
            let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
            match httparse::parse_headers(&self.buffer, &mut fields) {
                Ok(httparse::Status::Complete((length, parsed))) => {
                    let trailers = owned(parsed);
                    self.buffer.advance(length);
                    self.framing = Framing::None;
                    return Ok(Piece::End((!trailers.is_empty()).then_some(trailers)));
                }
                Ok(httparse::Status::Partial) => {}
                Err(error) => return Err(bad(&error.to_string())),
            }
            self.fill_or_truncated().await?;
        }
    }

    /// Everything up to and with the empty line.
    async fn head(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                return Ok(Some(self.buffer.split_to(at.saturating_add(4)).freeze()));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() { Ok(None) } else { Err(truncated()) };
            }
        }
    }

    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.io.read_buf(&mut self.buffer).await? > 0)
    }

    async fn fill_or_truncated(&mut self) -> io::Result<()> {
        if self.fill().await? { Ok(()) } else { Err(truncated()) }
    }
}

/// Writes a request. The body is framed by its length when it is one piece without trailers, else by chunks; a
/// `content-length` or `transfer-encoding` among the fields is sent as it is and nothing is added.
pub(crate) async fn write_request<W: AsyncWrite + Unpin>(io: &mut W, request: &WireRequest) -> io::Result<()> {
    let mut head = Vec::new();
    head.extend_from_slice(request.method.as_bytes());
    head.push(b' ');
    head.extend_from_slice(&request.path);
    head.extend_from_slice(b" HTTP/1.1\r\n");
    if !request.authority.is_empty() {
        push_field(&mut head, b"host", &request.authority);
    }
    push_fields(&mut head, &request.headers);
    let said_chunked = find(&request.headers, "transfer-encoding").is_some();
    let said_length = find(&request.headers, "content-length").is_some();
    let mut chunked = said_chunked;
    if !said_chunked && !said_length {
        if request.trailers.is_some() || request.chunks.len() > 1 {
            chunked = true;
            push_field(&mut head, b"transfer-encoding", b"chunked");
        } else if let Some(only) = request.chunks.first() {
            push_field(&mut head, b"content-length", only.len().to_string().as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    io.write_all(&head).await?;
    io.flush().await?;
    // Each piece is a write of its own, so that a reader gets the chance to see it as a piece.
    for chunk in &request.chunks {
        // An empty chunk would be the end of the body.
        if chunk.is_empty() {
            continue;
        }
        if chunked {
            let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
            io.write_all(&framed).await?;
        } else {
            io.write_all(chunk).await?;
        }
        io.flush().await?;
        tokio::task::yield_now().await;
    }
    if chunked {
        let mut end = b"0\r\n".to_vec();
        push_fields(&mut end, request.trailers.as_deref().unwrap_or_default());
        end.extend_from_slice(b"\r\n");
        io.write_all(&end).await?;
        io.flush().await?;
    }
    Ok(())
}

/// The bytes of a response with a `content-length` of `length`.
pub(crate) fn response(status: u16, headers: &[Field], length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Status\r\n").into_bytes();
    push_fields(&mut bytes, headers);
    let bodiless = status == 204 || status == 304;
    if !bodiless && find(headers, "content-length").is_none() && find(headers, "transfer-encoding").is_none() {
        push_field(&mut bytes, b"content-length", length.to_string().as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn push_fields(out: &mut Vec<u8>, fields: &[Field]) {
    for (name, value) in fields {
        push_field(out, name, value);
    }
}

fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The first line and what follows it.
fn split_line(head: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let at = head.windows(2).position(|window| window == b"\r\n").ok_or_else(|| bad("a head without lines"))?;
    let (line, rest) = head.split_at(at);
    Ok((line, rest.get(2..).unwrap_or_default()))
}

fn parse_fields(bytes: &[u8]) -> io::Result<Vec<Field>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete((_, parsed))) => Ok(owned(parsed)),
        Ok(httparse::Status::Partial) => Err(bad("fields without an end")),
        Err(error) => Err(bad(&error.to_string())),
    }
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<Field> {
    fields.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect()
}

/// `None`: the fields say nothing about a body.
fn body_framing(headers: &[Field]) -> Option<Framing> {
    if find(headers, "transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked")) {
        return Some(Framing::Chunked);
    }
    let length = std::str::from_utf8(find(headers, "content-length")?).ok()?.trim().parse().ok()?;
    Some(Framing::Length(length))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection broke inside a message")
}
