//! `ip=`, Linux's `Documentation/admin-guide/nfs/nfsroot.rst`.

use super::{CommandLine, text};
use crate::handover::Network;
use core::net::Ipv4Addr;

impl CommandLine<'_> {
    /// What `ip=` says of the network device: `ip=ADDRESS:SERVER:GATEWAY:MASK:NAME:DEVICE:PROTOCOL:DNS`, of which the
    /// address, gateway, mask, protocol and first name server count, or `ip=PROTOCOL`. `None`: it is not to be used
    /// (`off`, `none`). Without the word, or where it cannot be read, the address is asked for by DHCP.
    pub fn network(self) -> Option<Network> {
        let words = self.value("ip").and_then(text).unwrap_or("dhcp");
        if matches!(words, "off" | "none") {
            return None;
        }
        Some(parse(words).unwrap_or(Network::Dynamic))
    }
}

fn parse(words: &str) -> Option<Network> {
    let mut fields = words.split(':');
    let mut address = || fields.next().and_then(|field| field.parse::<Ipv4Addr>().ok());
    let own = address()?;
    let (_, gateway, mask) = (address(), address(), address());
    let prefix = match mask {
        Some(mask) => mask.to_bits().leading_ones() as u8,
        None => 24,
    };
    let name_server = fields.nth(3).and_then(|field| field.parse().ok());
    Some(Network::Static { address: own, prefix, gateway, name_server })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_linux_are_read() {
        let network = |line: &'static str| CommandLine::new(line.as_bytes()).network();
        assert_eq!(network("quiet"), Some(Network::Dynamic));
        assert_eq!(network("ip=dhcp"), Some(Network::Dynamic));
        assert_eq!(network("ip=off"), None);
        let address = Ipv4Addr::new(10, 0, 2, 15);
        let gateway = Some(Ipv4Addr::new(10, 0, 2, 2));
        let plain = Network::Static { address, prefix: 24, gateway: None, name_server: None };
        assert_eq!(network("ip=10.0.2.15"), Some(plain));
        assert_eq!(
            network("ip=10.0.2.15::10.0.2.2:255.255.0.0:crab:eth0:off:10.0.2.3"),
            Some(Network::Static { address, prefix: 16, gateway, name_server: Some(Ipv4Addr::new(10, 0, 2, 3)) })
        );
    }
}
