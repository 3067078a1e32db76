//! The speed of the network that an address lies behind.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::path::Path;

use crate::line::{Basis, Line};

/// The line to `host:port` as the kernel under `root` (`/`) tells it: the speed of the interface that
/// the route to it leaves by. `None` where it tells none, as for loopback, wireless, tunnels, and
/// IPv6, whose routes are not looked at.
pub fn line_to(host_and_port: &str, root: &Path) -> Option<Line> {
    let mut found = host_and_port.to_socket_addrs().ok()?;
    let address = found.find_map(|address| match address.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })?;
    let routes = fs::read_to_string(root.join("proc/net/route")).ok()?;
    let interface = interface(&routes, address)?;
    let speed = root.join("sys/class/net").join(interface).join("speed");
    // Megabits in a second; -1 or an error where there is no such thing (sysfs-class-net).
    let mbit: u64 = fs::read_to_string(speed).ok()?.trim().parse().ok()?;
    Line::ethernet(mbit.checked_mul(1_000_000)?, Basis::Kernel)
}

/// Of the routes that hold the address, the one with the longest mask; among those the least metric.
/// `/proc/net/route` (proc(5)): a heading, then interface, destination, gateway, flags, references,
/// use, metric, mask, ...; addresses as hexadecimal words in the machine's order.
fn interface(routes: &str, address: Ipv4Addr) -> Option<&str> {
    const UP: u16 = 1;
    let address = u32::from(address);
    let route = |line: &'_ str| -> Option<(u32, std::cmp::Reverse<u32>)> {
        let mut fields = line.split_whitespace().skip(1);
        let word = |text: &str| Some(u32::from_be(u32::from_str_radix(text, 16).ok()?));
        let destination = word(fields.next()?)?;
        let flags = u16::from_str_radix(fields.nth(1)?, 16).ok()?;
        let metric: u32 = fields.nth(2)?.parse().ok()?;
        let mask = word(fields.next()?)?;
        (flags & UP != 0 && address & mask == destination)
            .then_some((mask, std::cmp::Reverse(metric)))
    };
    let lines = routes.lines().skip(1).filter_map(|line| Some((route(line)?, line)));
    let (_, line) = lines.max_by_key(|(rank, _)| *rank)?;
    line.split_whitespace().next().filter(|name| !name.contains('/') && !name.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth1\t0002000A\t00000000\t0001\t0\t0\t200\t00FFFFFF\t0\t0\t0\n\
        eth2\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        eth3\t0702000A\t00000000\t0000\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";

    #[test]
    fn the_longest_mask_and_the_least_metric_win() {
        let to = |text: &str| interface(ROUTES, text.parse().unwrap());
        assert_eq!(to("10.0.2.9"), Some("eth2"));
        assert_eq!(to("10.0.2.7"), Some("eth2"), "eth3 is down");
        assert_eq!(to("8.8.8.8"), Some("eth0"));
        assert_eq!(interface("Iface\n", Ipv4Addr::LOCALHOST), None);
        assert_eq!(
            interface("Iface\n../x\t00000000\t0\t0001\t0\t0\t0\t00000000", Ipv4Addr::LOCALHOST),
            None
        );
    }

    #[test]
    fn the_speed_is_what_the_link_came_up_with() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(line_to("10.0.2.9:7700", root.path()), None, "no routes");
        put("proc/net/route", ROUTES);
        assert_eq!(line_to("10.0.2.9:7700", root.path()), None, "no speed");
        put("sys/class/net/eth2/speed", "1000\n");
        let line = line_to("10.0.2.9:7700", root.path()).unwrap();
        assert_eq!(line, Line { bytes_per_s: 117_685_305, basis: Basis::Kernel });
        put("sys/class/net/eth2/speed", "-1\n");
        assert_eq!(line_to("10.0.2.9:7700", root.path()), None, "a link that is down");
        assert_eq!(line_to("[::1]:7700", root.path()), None, "IPv6");
        assert_eq!(line_to("nonsense", root.path()), None);
    }
}
