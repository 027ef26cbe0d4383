//! Runs a scenario in both worlds and compares what they tell.

use std::fmt::Write;

use fourleg_harness::{Envoy, Gateway, Request, Runner, Wasmtime};

/// What one world made of a scenario, in lines.
fn tell(runner: &dyn Runner, gateway: Gateway, requests: &[Request]) -> Vec<String> {
    let gateway = match runner.start(gateway) {
        Ok(gateway) => gateway,
        Err(_) => return vec!["the configuration was refused".to_owned()],
    };
    let mut lines = Vec::new();
    for request in requests {
        let before = gateway.logs().len();
        let outcome = gateway.send(request.clone());
        if runner.name() == "envoy" {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let mut line = String::new();
        let _ = write!(line, "> {} {} ", request.method, String::from_utf8_lossy(&request.path));
        lines.push(line);
        lines.extend(logged(&gateway.logs()[before..]));
        lines.push(format!("< {} {:?}", outcome.response.status, String::from_utf8_lossy(&outcome.response.body)));
        lines.extend(fields("  ", &outcome.response.headers));
        for request in &outcome.upstream {
            lines.push(format!(
                "= {} {} {} {:?}",
                request.method,
                String::from_utf8_lossy(&request.authority),
                String::from_utf8_lossy(&request.path),
                String::from_utf8_lossy(&request.whole_body())
            ));
            lines.extend(fields("  ", &request.headers));
            if let Some(trailers) = &request.trailers {
                lines.extend(fields("  trailer ", trailers));
            }
        }
    }
    lines
}

fn fields(lead: &str, fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<String> {
    const UNSTABLE: [&str; 7] = [
        "date",
        "x-request-id",
        "x-envoy-upstream-service-time",
        "x-envoy-expected-rq-timeout-ms",
        "x-fourleg-number",
        "connection",
        "x-forwarded-for",
    ];
    let mut lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| (String::from_utf8_lossy(name).to_ascii_lowercase(), String::from_utf8_lossy(value)))
        .filter(|(name, _)| !UNSTABLE.contains(&name.as_str()) && !name.contains("harness"))
        .map(|(name, value)| format!("{lead}{name}: {value}"))
        .collect();
    lines.sort();
    lines
}

/// What filters logged, after their names; what no two worlds can have in common is left out.
pub(super) fn logged(logs: &[String]) -> Vec<String> {
    logs.iter()
        .filter_map(|line| line.split_once("wasm log "))
        .filter_map(|(_, line)| {
            let (prefix, text) = line.split_once(": ")?;
            if text.contains("x-harness-request")
                || (text.len() == 36 && text.split('-').count() == 5)
                || text.parse::<u16>().is_ok()
                || text.parse::<std::net::Ipv4Addr>().is_ok()
            {
                return None;
            }
            Some(format!("{}: {text}", prefix.split(' ').next()?))
        })
        .collect()
}

/// Fails with the differences, if the two worlds do not say the same of these requests.
pub(super) fn certify(gateway: impl Fn() -> Gateway, requests: Vec<Request>) {
    let emulated = tell(&Wasmtime::default(), gateway(), &requests);
    let real = tell(&Envoy::default(), gateway(), &requests);
    let mut report = String::new();
    let mut same = true;
    for line in diff(&emulated, &real) {
        same &= line.starts_with("  ");
        let _ = writeln!(report, "{line}");
    }
    eprintln!("{report}");
    assert!(same, "emulator (-) and Envoy (+) differ:\n{report}");
}

/// A plain longest-common-subsequence diff.
fn diff(a: &[String], b: &[String]) -> Vec<String> {
    let mut table = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i][j] = if a[i] == b[j] { table[i + 1][j + 1] + 1 } else { table[i + 1][j].max(table[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push(format!("  {}", a[i]));
            i += 1;
            j += 1;
        } else if j >= b.len() || (i < a.len() && table[i + 1][j] >= table[i][j + 1]) {
            lines.push(format!("- {}", a[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", b[j]));
            j += 1;
        }
    }
    lines
}
