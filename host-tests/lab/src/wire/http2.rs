//! Between wire messages and the types of the `http` and `h2` crates.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Field;

/// Fields as a header map.
///
/// # Errors
/// If HTTP/2 cannot carry a name or a value: the caller has to send it over HTTP/1.1.
pub(crate) fn header_map(fields: &[Field]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let shown = String::from_utf8_lossy(name);
        map.append(
            HeaderName::from_bytes(name).with_context(|| format!("HTTP/2 cannot carry the field name {shown:?}"))?,
            HeaderValue::from_bytes(value).with_context(|| format!("HTTP/2 cannot carry the value of {shown}"))?,
        );
    }
    Ok(map)
}

/// A header map as fields.
pub(crate) fn fields(map: &HeaderMap) -> Vec<Field> {
    map.iter().map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// Sends the pieces as DATA frames, within the peer's flow control, then the trailers, or ends with the last piece.
pub(crate) async fn send_body(
    stream: &mut SendStream<Bytes>,
    chunks: &[Vec<u8>],
    trailers: Option<&[Field]>,
) -> Result<()> {
    for (index, chunk) in chunks.iter().enumerate() {
        let last = index.saturating_add(1) == chunks.len() && trailers.is_none();
        send_data(stream, Bytes::copy_from_slice(chunk), last).await?;
    }
    if let Some(trailers) = trailers {
        stream.send_trailers(header_map(trailers)?)?;
    }
    Ok(())
}

async fn send_data(stream: &mut SendStream<Bytes>, mut data: Bytes, last: bool) -> Result<()> {
    if data.is_empty() {
        stream.send_data(data, last)?;
        return Ok(());
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let capacity = std::future::poll_fn(|context| stream.poll_capacity(context))
            .await
            .context("the stream ended while its body was sent")??;
        let part = data.split_to(capacity.min(data.len()));
        let end = last && data.is_empty();
        stream.send_data(part, end)?;
    }
    Ok(())
}

/// Reads a body piece by piece, gives each to `sink`, and returns the trailers, if any.
pub(crate) async fn read_body(stream: &mut RecvStream, mut sink: impl FnMut(Bytes)) -> Result<Option<Vec<Field>>> {
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        sink(data);
    }
    Ok(stream.trailers().await?.map(|map| fields(&map)))
}
