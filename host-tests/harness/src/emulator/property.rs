//! What properties say: attributes of the request, the connection and the route, metadata, filter state.

use serde_json::Value;

use super::{
    abi::{Answer, Status},
    pairs,
    stream::{StreamId, Way},
    world::World,
};
use crate::http::Protocol;

/// The property at `path` as bytes, serialised as Envoy does: text as it is, numbers as 8 bytes little-endian,
/// objects and lists as pairs.
pub(crate) fn find(world: &mut World, vm: usize, path: &[&[u8]]) -> Answer<Vec<u8>> {
    let (first, rest) = path.split_first().ok_or(Status::NotFound)?;
    match *first {
        b"plugin_name" => end(rest, || {
            let plugin = world.acting_plugin(vm)?;
            Some(world.plugins[plugin].name.clone().into_bytes())
        }),
        b"plugin_root_id" => end(rest, || {
            let plugin = world.acting_plugin(vm)?;
            Some(world.plugins[plugin].name.clone().into_bytes())
        }),
        b"plugin_vm_id" => end(rest, || Some(world.vm_ids[vm].clone().into_bytes())),
        b"node" => lookup(&node(), rest),
        name => {
            let (stream, filter) = world.acting_stream(vm).ok_or(Status::NotFound)?;
            of_stream(world, stream, filter, name, rest)
        }
    }
}

fn of_stream(world: &mut World, stream: StreamId, filter: usize, name: &[u8], rest: &[&[u8]]) -> Answer<Vec<u8>> {
    match name {
        b"request" => request(world, stream, filter, rest),
        b"response" => response(world, stream, filter, rest),
        b"source" => address(&world.gateway.surroundings.source, rest),
        b"destination" => address(&([127, 0, 0, 1], 10_000).into(), rest),
        b"connection" => match rest {
            [b"id"] => Ok(stream.0.to_le_bytes().to_vec()),
            [b"mtls"] => Ok(vec![0]),
            _ => Err(Status::NotFound),
        },
        b"connection_id" => end(rest, || Some(stream.0.to_le_bytes().to_vec())),
        b"xds" => {
            let surroundings = &world.gateway.surroundings;
            match rest {
                [b"route_name"] => Ok(surroundings.route_name.clone().into_bytes()),
                // As it was routed when it came: edits do not change what is shown.
                [b"cluster_name"] => Ok(world.stream(stream).cluster.clone().into_bytes()),
                [b"route_metadata", b"filter_metadata", keys @ ..] => lookup(&surroundings.route_metadata, keys),
                [b"node", keys @ ..] => lookup(&node(), keys),
                _ => Err(Status::NotFound),
            }
        }
        b"metadata" => match rest {
            [b"filter_metadata", keys @ ..] => lookup(&world.gateway.surroundings.filter_metadata, keys),
            _ => Err(Status::NotFound),
        },
        b"filter_state" => match rest {
            [key] => {
                let key = key.strip_prefix(b"wasm.").ok_or(Status::NotFound)?;
                state(world, stream, key)
            }
            _ => Err(Status::NotFound),
        },
        key if rest.is_empty() => state(world, stream, key),
        _ => Err(Status::NotFound),
    }
}

fn state(world: &mut World, stream: StreamId, key: &[u8]) -> Answer<Vec<u8>> {
    world.stream(stream).filter_state.get(key).map(|state| state.value.clone()).ok_or(Status::NotFound)
}

/// What is read from the headers is there only while the filter may read the headers.
fn request(world: &mut World, id: StreamId, filter: usize, rest: &[&[u8]]) -> Answer<Vec<u8>> {
    let now = world.now;
    let stream = world.stream(id);
    let open = stream.logging || stream.filters[filter].sides[Way::Request as usize].headers_open;
    let half = &stream.halves[Way::Request as usize];
    let headers = half.headers.as_ref().filter(|_| open);
    let field = |name: &[u8]| headers.and_then(|map| map.get(name)).map(<[u8]>::to_vec).ok_or(Status::NotFound);
    match rest {
        [b"path"] => field(b":path"),
        [b"url_path"] => field(b":path").map(|path| before(&path, b'?').to_vec()),
        [b"query"] => field(b":path").map(|path| {
            let query = before(&path, b'?').len() + 1;
            path.get(query..).unwrap_or_default().to_vec()
        }),
        [b"host"] => field(b":authority"),
        [b"method"] => field(b":method"),
        [b"scheme"] => field(b":scheme"),
        [b"id"] => field(b"x-request-id"),
        [b"referer"] => field(b"referer"),
        [b"useragent"] => field(b"user-agent"),
        [b"headers", name] => headers.and_then(|map| map.joined(name)).ok_or(Status::NotFound),
        [b"headers"] => {
            let fields: Vec<_> = headers.ok_or(Status::NotFound)?.visible().into_iter().cloned().collect();
            Ok(pairs::encode(&fields))
        }
        [b"protocol"] => Ok(match stream.protocol {
            Protocol::Http1 => b"HTTP/1.1".to_vec(),
            Protocol::Http2 => b"HTTP/2".to_vec(),
        }),
        [b"time"] => Ok(stream.received_at.to_le_bytes().to_vec()),
        [b"duration"] => Ok((now - stream.received_at).to_le_bytes().to_vec()),
        [b"size"] => Ok((half.size as u64).to_le_bytes().to_vec()),
        [] => Err(Status::SerializationFailure),
        _ => Err(Status::NotFound),
    }
}

fn response(world: &mut World, id: StreamId, filter: usize, rest: &[&[u8]]) -> Answer<Vec<u8>> {
    let stream = world.stream(id);
    let side = stream.filters[filter].sides[Way::Response as usize];
    let half = &stream.halves[Way::Response as usize];
    let headers = half.headers.as_ref().filter(|_| stream.logging || side.headers_open);
    match rest {
        // Set once the client has been answered, or is being answered.
        [b"code"] if half.headers.is_some() => {
            let status = half.headers.as_ref().and_then(|map| map.get(b":status")).unwrap_or_default();
            let status = String::from_utf8_lossy(status).parse::<u64>().unwrap_or_default();
            Ok(status.to_le_bytes().to_vec())
        }
        [b"code_details"] if half.headers.is_some() => Ok(stream.code_details.clone()),
        [b"headers", name] => headers.and_then(|map| map.joined(name)).ok_or(Status::NotFound),
        [b"flags"] => Ok(0u64.to_le_bytes().to_vec()),
        [b"size"] => Ok((half.size as u64).to_le_bytes().to_vec()),
        [] => Err(Status::SerializationFailure),
        _ => Err(Status::NotFound),
    }
}

fn address(address: &std::net::SocketAddr, rest: &[&[u8]]) -> Answer<Vec<u8>> {
    match rest {
        [b"address"] => Ok(address.to_string().into_bytes()),
        [b"port"] => Ok(u64::from(address.port()).to_le_bytes().to_vec()),
        _ => Err(Status::NotFound),
    }
}

fn node() -> Value {
    serde_json::json!({"id": "fourleg-harness", "cluster": "fourleg-harness"})
}

fn end(rest: &[&[u8]], value: impl FnOnce() -> Option<Vec<u8>>) -> Answer<Vec<u8>> {
    if rest.is_empty() { value().ok_or(Status::NotFound) } else { Err(Status::NotFound) }
}

fn before(bytes: &[u8], end: u8) -> &[u8] {
    bytes.split(|byte| *byte == end).next().unwrap_or_default()
}

fn lookup(value: &Value, path: &[&[u8]]) -> Answer<Vec<u8>> {
    let Some((key, rest)) = path.split_first() else { return serialise(value) };
    let key = std::str::from_utf8(key).map_err(|_| Status::NotFound)?;
    let next = match value {
        Value::Object(fields) => fields.get(key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    };
    lookup(next.ok_or(Status::NotFound)?, rest)
}

/// Numbers are doubles in metadata, and one null makes all around it unreadable.
fn serialise(value: &Value) -> Answer<Vec<u8>> {
    match value {
        Value::Null => Err(Status::SerializationFailure),
        Value::Bool(truth) => Ok(vec![u8::from(*truth)]),
        Value::Number(number) => Ok(number.as_f64().unwrap_or(f64::NAN).to_le_bytes().to_vec()),
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Array(items) => {
            let pairs: Vec<(Vec<u8>, &[u8])> =
                items.iter().map(|item| Ok((serialise(item)?, &[][..]))).collect::<Answer<_>>()?;
            Ok(pairs::encode(&pairs))
        }
        Value::Object(fields) => {
            let pairs: Vec<(&str, Vec<u8>)> =
                fields.iter().map(|(name, field)| Ok((name.as_str(), serialise(field)?))).collect::<Answer<_>>()?;
            Ok(pairs::encode(&pairs))
        }
    }
}
