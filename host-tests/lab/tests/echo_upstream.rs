//! The recording upstream, seen by the raw client.

use std::time::Duration;

use fourleg_lab::{
    echo_upstream::{Answer, EchoUpstream, Responding},
    raw_client::send,
    wire::{Version, WireRequest, WireResponse},
};

const TIMEOUT: Duration = Duration::from_secs(10);

fn post(version: Version) -> WireRequest {
    WireRequest {
        method: "POST".to_owned(),
        path: b"/a?b=c".to_vec(),
        authority: b"tools.example".to_vec(),
        version,
        ..WireRequest::default()
    }
}

fn field(name: &str, value: &[u8]) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.to_vec())
}

#[test]
fn every_byte_of_a_request_is_recorded_over_both_protocols() {
    for version in [Version::Http1, Version::Http2] {
        let upstream = EchoUpstream::start().unwrap();
        let mut request = post(version);
        request.headers = vec![field("x-twice", b"one"), field("x-twice", b"two"), field("x-raw", b"\xff\xfe")];
        request.chunks = vec![b"first".to_vec(), b"second".to_vec()];
        request.trailers = Some(vec![field("x-end", b"yes")]);
        let response = send(upstream.address(), &request, TIMEOUT).unwrap();
        assert_eq!((response.status, response.text()), (200, "upstream".to_owned()));

        let received = upstream.received();
        assert_eq!(received.len(), 1, "{version:?}");
        let got = &received[0].request;
        assert!(received[0].complete);
        assert_eq!((got.method.as_str(), got.path.as_slice()), ("POST", b"/a?b=c".as_slice()));
        assert_eq!(got.authority, b"tools.example");
        assert_eq!(got.headers.get(..3), Some(request.headers.as_slice()));
        assert_eq!(got.chunks.concat(), b"firstsecond");
        assert_eq!(got.trailers, request.trailers);
        assert_eq!(got.version, version);
    }
}

#[test]
fn a_path_that_no_library_would_send_arrives_as_it_is() {
    let upstream = EchoUpstream::start().unwrap();
    let mut request = post(Version::Http1);
    request.path = b"/<\xff>\\ ^".to_vec();
    send(upstream.address(), &request, TIMEOUT).unwrap();
    assert_eq!(upstream.received()[0].request.path, request.path);
}

#[test]
fn a_reset_garbage_and_a_truncated_response_are_incomplete() {
    for (answer, status) in
        [(Answer::Reset, 0), (Answer::Garbage, 0), (Answer::Truncated(Responding::new(200, "half")), 200)]
    {
        let upstream = EchoUpstream::start_with(move |_| answer.clone()).unwrap();
        let response = send(upstream.address(), &post(Version::Http1), TIMEOUT).unwrap();
        assert_eq!((response.status, response.complete), (status, false));
    }
    let upstream = EchoUpstream::start_with(|_| Answer::Reset).unwrap();
    assert_eq!(send(upstream.address(), &post(Version::Http2), TIMEOUT).unwrap(), WireResponse::default());
}

#[test]
fn a_server_that_hangs_ends_by_the_clients_timeout() {
    let upstream = EchoUpstream::start_with(|_| Answer::Hang).unwrap();
    let error = send(upstream.address(), &post(Version::Http1), Duration::from_millis(50)).unwrap_err();
    assert!(error.to_string().contains("no end of a response within 50ms"), "{error}");
}
