# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The network interface by which a host reaches an endpoint, and how fast it is, as far as that can be known.

Needs psutil. A card knows the speed of its cable. It does not know what lies behind: a provider's limit, a shared line,
a slower switch. Virtual interfaces know nothing, and some make up a number.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from dataclasses import dataclass

#: What Linux tells of each interface: https://www.kernel.org/doc/Documentation/ABI/testing/sysfs-class-net
SYS_CLASS_NET = "/sys/class/net"
#: Drivers of a virtual machine's card. The speed that they tell was set by somebody, or is the same everywhere.
PARAVIRTUAL_DRIVERS = frozenset(
    ("virtio_net", "vmxnet3", "xen_netfront", "vif", "hv_netvsc", "ena", "gve", "ixgbevf", "iavf")
)
#: How names of virtual interfaces begin on macOS, which tells nothing else of them.
_MACOS_VIRTUAL = ("lo", "utun", "tun", "tap", "bridge", "gif", "stf", "awdl", "llw", "vmenet", "vmnet", "feth", "ipsec")
_GIVE_IT = "give link_mbps to know how much of the link was used"

GIVEN = "given"
INTERFACE = "interface"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Link:
    """The way to the endpoint: interface, speed in Mbit/s (10^6), and where that is from (GIVEN, INTERFACE, UNKNOWN).

    `virtual`: the interface is no hardware, or that of a virtual machine. `note` says what to know, '' if nothing.
    """

    interface: str | None
    mbps: float | None
    source: str
    virtual: bool
    note: str


def find_link(host: str, port: int, given_mbps: float | None = None) -> Link:
    """The link by which packets to this host leave. Sends none, but asks for the host's address."""
    interface = interface_to(host, port)
    if interface is None:
        note = f"the interface to {host} is not known, so its bytes are not counted"
        if given_mbps is None:
            return Link(None, None, UNKNOWN, False, f"{note}; {_GIVE_IT}")
        return Link(None, given_mbps, GIVEN, False, note)
    virtual = is_virtual(interface)
    told = _speed(interface)
    if given_mbps is not None:
        differs = told is not None and not virtual and told < given_mbps
        note = f"{interface} tells {told:.0f} Mbit/s, less than the {given_mbps:.0f} of link_mbps" if differs else ""
        return Link(interface, given_mbps, GIVEN, virtual, note)
    if told is None:
        return Link(interface, None, UNKNOWN, virtual, f"{_why_unknown(interface, virtual=virtual)}; {_GIVE_IT}")
    note = f"{interface} is a virtual machine's card, and tells {told:.0f} Mbit/s whatever the network does; {_GIVE_IT}"
    return Link(interface, told, INTERFACE, virtual, note if virtual else "")


def interface_to(host: str, port: int) -> str | None:
    """The interface whose address packets to this host carry; None if there is none."""
    import psutil

    address = _local_address(host, port)
    for interface, addresses in psutil.net_if_addrs().items():
        # macOS writes fe80::1%en0.
        if address is not None and any(entry.address.split("%")[0] == address for entry in addresses):
            return str(interface)
    return None


def bytes_sent(interface: str) -> int | None:
    """Bytes that the interface has sent since it is there, with all headers, whoever sent them; None if it is gone.

    On the loopback interface the answers of a server on this host are among them.
    """
    import psutil

    counters = psutil.net_io_counters(pernic=True).get(interface)
    return int(counters.bytes_sent) if counters else None


def is_virtual(interface: str) -> bool:
    """Whether there is no hardware below, or only that which a virtual machine is shown."""
    if sys.platform == "darwin":
        return interface.startswith(_MACOS_VIRTUAL)
    cards = _cards(interface)
    return not cards or any(_driver(card) in PARAVIRTUAL_DRIVERS for card in cards)


def _local_address(host: str, port: int) -> str | None:
    """The address that the kernel would send from."""
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return None
    for family, kind, protocol, _name, address in candidates:
        with closing(socket.socket(family, kind, protocol)) as probe:
            try:
                # Of a datagram socket this only chooses the route.
                probe.connect(address)
                return str(probe.getsockname()[0]).split("%", maxsplit=1)[0]
            except OSError:
                continue
    return None


def _speed(interface: str) -> float | None:
    """Mbit/s that the interface tells, where that means anything: not of veth (always 10,000) or tun (always 10)."""
    import psutil

    told = {name: float(card.speed) for name, card in psutil.net_if_stats().items() if card.speed > 0}
    # A bridge or a VLAN is as fast as the card below it. Only a bond knows better.
    stacked = sys.platform != "darwin" and not os.path.isdir(os.path.join(SYS_CLASS_NET, interface, "bonding"))
    below = _cards(interface) if stacked else {interface}
    return max((told[card] for card in below if card in told), default=None)


def _cards(interface: str) -> set[str]:
    """The hardware below an interface of Linux: itself, or that below the interfaces that it is made of."""
    folder = os.path.join(SYS_CLASS_NET, interface)
    if os.path.exists(os.path.join(folder, "device")):
        return {interface}
    cards: set[str] = set()
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith("lower_"):
            cards |= _cards(name[len("lower_") :])
    return cards


def _driver(card: str) -> str:
    """The driver's name; '' if it has none."""
    return os.path.basename(os.path.realpath(os.path.join(SYS_CLASS_NET, card, "device", "driver")))


def _why_unknown(interface: str, *, virtual: bool) -> str:
    return f"{interface} is virtual and has no speed" if virtual else f"{interface} tells no speed"
