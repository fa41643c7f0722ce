"""Which addresses belong to the public internet."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890 and successors), multicast (RFC 5771), and the one public
# address that serves a cloud's machines their secrets (Azure's wire server). `ipaddress.is_global` is no
# substitute: it is true for 192.0.0.8, 224.0.0.1 and the IPv6 forms that carry an IPv4 address.
_INTERNAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# Global unicast (RFC 4291 section 2.4) less what IANA's IPv6 registry sets aside in it. All else is refused: loopback,
# link-local, unique local, multicast, mapped and translated IPv4 (``::ffff:0:0/96``, ``64:ff9b::/96``, ``64:ff9b:1::/48``).
_GLOBAL_V6 = IPv6Network("2000::/3")
_INTERNAL_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo and ORCHID among them
            "2001:db8::/32",
            "2002::/16",  # 6to4 carries any IPv4 address
            "3fff::/20",
        ),
    )
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether *address* is a host of the public internet and nothing else."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _INTERNAL_V4)
    return address in _GLOBAL_V6 and address.scope_id is None and not any(address in network for network in _INTERNAL_V6)
