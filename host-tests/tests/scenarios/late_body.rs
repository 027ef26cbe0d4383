//! A body that goes on after the verdict, on a real Envoy: what no scenario can time through the runners.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use fourleg_lab::{
    echo_upstream::EchoUpstream,
    envoy::{Bootstrap, Cluster, WasmFilter, target_dir},
};
use fourleg_tests::warm;
use serde_json::json;

mod on_envoy {
    use super::*;

    #[test]
    fn a_body_that_goes_on_after_the_verdict_arrives_whole() {
        let upstream = EchoUpstream::start().unwrap();
        // Answers only after the first piece of the body has long arrived.
        let slow = EchoUpstream::start_with(|_| {
            thread::sleep(Duration::from_millis(300));
            fourleg_lab::echo_upstream::Answer::from(fourleg_lab::echo_upstream::Responding::new(200, "{}"))
        })
        .unwrap();
        let call = json!({"call": {"cluster": "slow", "key": "k", "timeout_ms": 5000}});
        let config = json!({"routes": {"/a": [call, {"allow": {}}]}});
        let module = target_dir().join("wasm/driver_probe.wasm");
        let bootstrap = Bootstrap::before(upstream.address())
            .filter(WasmFilter::new("driver_probe", module, config.to_string()))
            .cluster(Cluster::new("slow", slow.address()));
        let running = warm::serve(&bootstrap);
        let mut client = TcpStream::connect(running.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client
            .write_all(
                b"POST /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            )
            .unwrap();
        assert!(slow.wait_for(1, Duration::from_secs(5)));
        // The verdict has fallen when the upstream has the headers.
        assert!(upstream.wait_for(1, Duration::from_secs(5)));
        client.write_all(b"3\r\ndef\r\n").unwrap();
        client.write_all(b"3\r\nghi\r\n0\r\n\r\n").unwrap();
        let mut response = Vec::new();
        client.read_to_end(&mut response).unwrap();
        assert!(response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));
        let received = upstream.received();
        assert_eq!(received.len(), 1);
        assert_eq!(String::from_utf8_lossy(&received[0].request.chunks.concat()), "abcdefghi");
    }
}
