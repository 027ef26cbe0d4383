//! Address ranges (RFC 4632 §3.1, RFC 4291 §2.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cidr {
    V4 { network: u32, mask: u32 },
    V6 { network: u128, mask: u128 },
}

impl Cidr {
    /// Reads `address/prefix`, or one address.
    ///
    /// `None` for anything else, and if bits are set beyond the prefix: then one of the two is a mistake. Addresses of
    /// IPv4 written in IPv6 (`::ffff:a.b.c.d`) are the same as without.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(number(prefix)?)),
            None => (text, None),
        };
        match address.parse().ok()? {
            IpAddr::V4(address) => Self::v4(address, prefix.unwrap_or(32)),
            IpAddr::V6(address) => {
                let prefix = prefix.unwrap_or(128);
                match (address.to_ipv4_mapped(), prefix.checked_sub(96)) {
                    (Some(mapped), Some(prefix)) => Self::v4(mapped, prefix),
                    _ => Self::v6(address, prefix),
                }
            }
        }
    }

    fn v4(address: Ipv4Addr, prefix: u32) -> Option<Self> {
        let network = u32::from(address);
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
        (network & !mask == 0).then_some(Self::V4 { network, mask })
    }

    fn v6(address: Ipv6Addr, prefix: u32) -> Option<Self> {
        let network = u128::from(address);
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix)?).unwrap_or(0);
        (network & !mask == 0).then_some(Self::V6 { network, mask })
    }

    /// Whether the address is in the range. A range of IPv6 holds no address of IPv4, `::/0` neither.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4 { network, mask }, IpAddr::V4(address)) => u32::from(address) & mask == network,
            (Self::V6 { network, mask }, IpAddr::V6(address)) => u128::from(address) & mask == network,
            _ => false,
        }
    }
}

/// A prefix length: digits without sign and leading zero.
fn number(text: &str) -> Option<u32> {
    let plain = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

/// The address in the text that a proxy gives for a peer: with a port (`192.0.2.1:443`, `[2001:db8::1]:443`) or
/// without. `None` for anything else, as the path of a Unix socket.
#[must_use]
pub fn source_ip(peer: &str) -> Option<IpAddr> {
    let address = peer.parse::<SocketAddr>().map(|peer| peer.ip()).or_else(|_| peer.parse());
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(cidr: &str, address: &str) -> bool {
        Cidr::parse(cidr).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_the_addresses_of_its_prefix_and_no_others() {
        for (cidr, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.0.0.0/8", "10.0.0.0", "9.255.255.255"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1/128", "2001:db8::1", "2001:db8::2"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("::1", "::1", "0.0.0.1"),
        ] {
            assert!(holds(cidr, inside), "{cidr} {inside}");
            assert!(!holds(cidr, outside), "{cidr} {outside}");
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_when_it_is_written_in_ipv6() {
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(holds("::ffff:10.1.2.3", "::ffff:10.1.2.3"));
        assert!(!holds("10.0.0.0/8", "::ffff:11.1.2.3"));
        assert!(!holds("::/0", "::ffff:10.1.2.3"));
        // The deprecated compatible form (RFC 4291 §2.5.5.1) is no IPv4 address.
        assert!(!holds("10.0.0.0/8", "::10.1.2.3"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "/8",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/8/8",
            "10.0.0.0/ 8",
            " 10.0.0.0/8",
            "10.0.0/8",
            "10.0.0.1/8",
            "010.0.0.0/8",
            "10.0.0.0/255.0.0.0",
            "10.0.0.256",
            "10.0.0.0:80/8",
            "::/129",
            "2001:db8::1/32",
            "[::1]/128",
            "fe80::1%1/64",
            "::ffff:10.0.0.1/104",
            "*",
            "any",
            "10.0.0.0/4294967304",
            "::ffff:0:0/90",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_address_of_a_peer_is_read_with_and_without_port() {
        for (peer, address) in [
            ("192.0.2.1:443", "192.0.2.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
            ("[fe80::1%3]:443", "fe80::1"),
        ] {
            assert_eq!(source_ip(peer), Some(address.parse().unwrap()), "{peer}");
        }
        for peer in
            ["", "@/tmp/socket", "/tmp/socket", "host:80", "192.0.2.1:", "192.0.2.1:70000", "192.0.2.1, 10.0.0.1"]
        {
            assert_eq!(source_ip(peer), None, "{peer}");
        }
    }
}
