//! A client that sends exactly the bytes it is told to, each request on a connection of its own.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, bail};
use http::Uri;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    runtime,
    wire::{
        Version, WireRequest, WireResponse,
        http1::{Piece, Reader, write_request},
        http2,
    },
};

/// Sends one request and waits for the end of its response.
///
/// # Errors
/// If nothing listens there, if the protocol cannot carry the request, or if no end came within `timeout`. A
/// connection that breaks is no error but an incomplete response: that is what a client sees.
pub fn send(address: SocketAddr, request: &WireRequest, timeout: Duration) -> Result<WireResponse> {
    runtime::block_on(send_async(address, None, request, timeout))
}

/// Sends all requests at once and waits for the end of each.
///
/// With a `source`, each connection begins with a PROXY protocol header that says that it comes from there.
pub fn send_all(
    address: SocketAddr,
    source: Option<SocketAddr>,
    requests: &[WireRequest],
    timeout: Duration,
) -> Vec<Result<WireResponse>> {
    let sent: Vec<_> = requests
        .iter()
        .cloned()
        .map(|request| runtime::spawn(async move { send_async(address, source, &request, timeout).await }))
        .collect();
    runtime::block_on(async {
        let mut responses = Vec::with_capacity(sent.len());
        for response in sent {
            responses.push(response.await.context("the client panicked").flatten());
        }
        responses
    })
}

/// A plain HTTP/1.1 GET, for admin pages and metadata documents.
///
/// # Errors
/// As [`send`].
pub fn get(address: SocketAddr, path: &str, timeout: Duration) -> Result<WireResponse> {
    let request = WireRequest {
        method: "GET".to_owned(),
        path: path.as_bytes().to_vec(),
        authority: address.to_string().into_bytes(),
        ..WireRequest::default()
    };
    send(address, &request, timeout)
}

async fn send_async(
    address: SocketAddr,
    source: Option<SocketAddr>,
    request: &WireRequest,
    timeout: Duration,
) -> Result<WireResponse> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.with_context(|| format!("nothing listens on {address}"))?;
        stream.set_nodelay(true)?;
        if let Some(source) = source {
            stream.write_all(proxy_header(source, address).as_bytes()).await?;
        }
        match request.version {
            Version::Http1 => over_http1(stream, request).await,
            Version::Http2 => over_http2(stream, request).await,
        }
    };
    match tokio::time::timeout(timeout, exchange).await {
        Ok(response) => response,
        Err(_) => bail!("no end of a response within {timeout:?}"),
    }
}

/// Version 1 of the PROXY protocol.
fn proxy_header(source: SocketAddr, destination: SocketAddr) -> String {
    match source {
        SocketAddr::V4(_) => {
            format!("PROXY TCP4 {} {} {} {}\r\n", source.ip(), destination.ip(), source.port(), destination.port())
        }
        // Both addresses must be of one family.
        SocketAddr::V6(_) => {
            format!("PROXY TCP6 {} ::1 {} {}\r\n", source.ip(), source.port(), destination.port())
        }
    }
}

async fn over_http1(mut stream: TcpStream, request: &WireRequest) -> Result<WireResponse> {
    let (read, mut write) = stream.split();
    let mut reader = Reader::new(read);
    let mut response = WireResponse::default();
    let reading = async {
        let Some(head) = reader.response_head(&request.method).await? else {
            return Ok(());
        };
        response.status = head.status;
        response.headers = head.headers;
        loop {
            match reader.piece().await? {
                Piece::Data(data) => response.body.extend_from_slice(&data),
                Piece::End(trailers) => {
                    response.trailers = trailers;
                    response.complete = true;
                    return Ok::<_, std::io::Error>(());
                }
            }
        }
    };
    // A proxy may answer before it has read the body: the response counts, not how far the writing came.
    let writing = async {
        let _ = write_request(&mut write, request).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _broken = reading => {}
        () = writing => {}
    }
    Ok(response)
}

async fn over_http2(stream: TcpStream, request: &WireRequest) -> Result<WireResponse> {
    let (sender, connection) = h2::client::handshake(stream).await.context("the HTTP/2 handshake failed")?;
    let connection = runtime::Task::spawn(async move {
        let _ = connection.await;
    });
    let mut response = WireResponse::default();
    let head = http2_head(request)?;
    let ends_at_once = request.chunks.is_empty() && request.trailers.is_none();
    let mut sender = sender.ready().await.context("the HTTP/2 connection broke")?;
    let (answer, mut body) = sender.send_request(head, ends_at_once).context("HTTP/2 cannot carry this request")?;
    let reading = async {
        let (head, mut stream) = answer.await?.into_parts();
        response.status = head.status.as_u16();
        response.headers = http2::fields(&head.headers);
        response.trailers = http2::read_body(&mut stream, |data| response.body.extend_from_slice(&data)).await?;
        response.complete = true;
        Ok::<_, anyhow::Error>(())
    };
    let writing = async {
        if !ends_at_once {
            let _ = http2::send_body(&mut body, &request.chunks, request.trailers.as_deref()).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _broken = reading => {}
        () = writing => {}
    }
    drop(connection);
    Ok(response)
}

fn http2_head(request: &WireRequest) -> Result<http::Request<()>> {
    let mut uri = Uri::builder();
    if !request.authority.is_empty() {
        uri = uri.scheme("http").authority(request.authority.as_slice());
    }
    if request.method != "CONNECT" {
        uri = uri.path_and_query(request.path.as_slice());
    }
    let uri = uri.build().with_context(|| {
        format!("the client cannot carry the path {:?} over HTTP/2", String::from_utf8_lossy(&request.path))
    })?;
    let mut head = http::Request::builder()
        .method(request.method.as_str())
        .uri(uri)
        .version(http::Version::HTTP_2)
        .body(())
        .context("HTTP/2 cannot carry this request")?;
    *head.headers_mut() = http2::header_map(&request.headers)?;
    Ok(head)
}
