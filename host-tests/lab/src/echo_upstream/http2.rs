//! The HTTP/2 side.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use tokio::{net::TcpStream, task::JoinSet};

use super::{Answer, Handler, Responding, decide, record::Record};
use crate::wire::{Version, WireRequest, http2};

pub(super) async fn serve(stream: TcpStream, record: Arc<Record>, handler: Handler) -> Result<()> {
    let mut connection = h2::server::handshake(stream).await?;
    let mut streams = JoinSet::new();
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let (record, handler) = (Arc::clone(&record), Arc::clone(&handler));
        streams.spawn(async move {
            let _ended = serve_stream(request, respond, record, handler).await;
        });
    }
    Ok(())
}

async fn serve_stream(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    record: Arc<Record>,
    handler: Handler,
) -> Result<()> {
    let (head, mut body) = request.into_parts();
    let place = record.arrived(WireRequest {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(|path| path.as_str().as_bytes().to_vec()).unwrap_or_default(),
        authority: head.uri.authority().map(|authority| authority.as_str().as_bytes().to_vec()).unwrap_or_default(),
        headers: http2::fields(&head.headers),
        version: Version::Http2,
        ..WireRequest::default()
    });
    let trailers = http2::read_body(&mut body, |data| record.piece(place, &data)).await?;
    match decide(&handler, record.ended(place, trailers)).await {
        Answer::Respond(answer) => send(&mut respond, &answer).await,
        Answer::After(time, answer) => {
            tokio::time::sleep(time).await;
            send(&mut respond, &answer).await
        }
        Answer::Hang => {
            let _reset = std::future::poll_fn(|context| respond.poll_reset(context)).await;
            Ok(())
        }
        Answer::Reset => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        Answer::Garbage => {
            respond.send_reset(Reason::PROTOCOL_ERROR);
            Ok(())
        }
        Answer::Truncated(answer) => {
            let mut stream = respond.send_response(head_of(&answer)?, false)?;
            stream.send_data(Bytes::from(answer.body), false)?;
            stream.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
    }
}

async fn send(respond: &mut SendResponse<Bytes>, answer: &Responding) -> Result<()> {
    let mut stream = respond.send_response(head_of(answer)?, answer.body.is_empty())?;
    if !answer.body.is_empty() {
        http2::send_body(&mut stream, std::slice::from_ref(&answer.body), None).await?;
    }
    Ok(())
}

fn head_of(answer: &Responding) -> Result<http::Response<()>> {
    let mut head = http::Response::builder().status(answer.status).body(())?;
    *head.headers_mut() = http2::header_map(&answer.headers)?;
    Ok(head)
}
