//! The HTTP/1.1 side, on the bare socket: no HTTP library writes garbage or breaks off on purpose.

use std::sync::Arc;

use anyhow::Result;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{Answer, Handler, Responding, decide, record::Record};
use crate::wire::{
    Version, WireRequest,
    http1::{Piece, Reader, RequestHead, response},
};

/// Bytes that no HTTP client takes for a response.
const GARBAGE: &[u8] = b"\x16\x03\x01 this is not HTTP\r\n\r\n";
/// How many body bytes a truncated response promises and does not send.
const MISSING: usize = 1000;

pub(super) async fn serve(stream: TcpStream, record: Arc<Record>, handler: Handler) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    loop {
        let Some(head) = reader.request_head().await? else {
            return Ok(());
        };
        let is_head = head.method == "HEAD";
        let place = record.arrived(request(head));
        let trailers = loop {
            match reader.piece().await? {
                Piece::Data(data) => record.piece(place, &data),
                Piece::End(trailers) => break trailers,
            }
        };
        let whole = |answer: &Responding| {
            let body = if is_head { &[] } else { answer.body.as_slice() };
            response(answer.status, &answer.headers, answer.body.len(), body)
        };
        match decide(&handler, record.ended(place, trailers)).await {
            Answer::Respond(answer) => write.write_all(&whole(&answer)).await?,
            Answer::After(time, answer) => {
                // The caller may give up meanwhile; then there is nobody to answer.
                tokio::select! {
                    () = tokio::time::sleep(time) => write.write_all(&whole(&answer)).await?,
                    () = reader.closed() => return Ok(()),
                }
            }
            Answer::Hang => {
                reader.closed().await;
                return Ok(());
            }
            Answer::Reset => {
                // Closing with a zero linger time sends RST; `forget`, because dropping the half would send FIN first.
                write.as_ref().set_zero_linger()?;
                write.forget();
                return Ok(());
            }
            Answer::Garbage => {
                write.write_all(GARBAGE).await?;
                return Ok(());
            }
            Answer::Truncated(answer) => {
                let promised = answer.body.len().saturating_add(MISSING);
                write.write_all(&response(answer.status, &answer.headers, promised, &answer.body)).await?;
                return Ok(());
            }
        }
    }
}

fn request(head: RequestHead) -> WireRequest {
    let (hosts, headers): (Vec<_>, Vec<_>) =
        head.headers.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    WireRequest {
        method: head.method,
        path: head.path,
        authority: hosts.into_iter().next().map(|(_, value)| value).unwrap_or_default(),
        headers,
        version: Version::Http1,
        ..WireRequest::default()
    }
}
