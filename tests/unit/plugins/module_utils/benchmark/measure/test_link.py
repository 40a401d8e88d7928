# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The link is that by which packets leave, and a speed that an interface makes up is not taken for one."""

from __future__ import annotations

import socket
from typing import NamedTuple

import psutil
import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure import link
from ansible_collections.datasync.turbo.plugins.module_utils.benchmark.measure.link import (
    GIVEN,
    INTERFACE,
    UNKNOWN,
    bytes_sent,
    find_link,
)

HOST = "192.0.2.1"


class Card(NamedTuple):
    """What psutil tells of an interface."""

    speed: int


class Address(NamedTuple):
    """What psutil tells of an address."""

    address: str


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A Linux host with interfaces of our making; `add` makes one."""
    monkeypatch.setattr(link, "SYS_CLASS_NET", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    speeds = {}
    monkeypatch.setattr(psutil, "net_if_stats", lambda: {name: Card(speed) for name, speed in speeds.items()})
    monkeypatch.setattr(link, "interface_to", lambda host, port: next(reversed(list(speeds)), None))

    def add(name, speed, *, driver=None, below=(), bonding=False):
        folder = tmp_path / name
        folder.mkdir()
        if driver is not None:
            (tmp_path / "drivers" / driver).mkdir(parents=True)
            (folder / "device").mkdir()
            (folder / "device" / "driver").symlink_to(tmp_path / "drivers" / driver)
        for lower in below:
            (folder / f"lower_{lower}").symlink_to(tmp_path / lower)
        if bonding:
            (folder / "bonding").mkdir()
        speeds[name] = speed

    return add


def found(given=None):
    return find_link(HOST, 443, given)


def test_a_card_tells_its_speed(host):
    host("eno1", 10_000, driver="ixgbe")
    assert found() == link.Link("eno1", 10_000.0, INTERFACE, False, "")


def test_a_card_without_a_cable_tells_none(host):
    host("eno1", 0, driver="ixgbe")
    assert found() == link.Link(
        "eno1", None, UNKNOWN, False, "eno1 tells no speed; give link_mbps to know how much of the link was used"
    )


@pytest.mark.parametrize(("name", "made_up"), [("veth0", 10_000), ("tun0", 10), ("lo", 0), ("br0", 10_000)])
def test_the_number_of_an_interface_without_hardware_is_not_believed(host, name, made_up):
    host(name, made_up)
    seen = found()
    assert (seen.interface, seen.mbps, seen.source, seen.virtual) == (name, None, UNKNOWN, True)
    assert seen.note == f"{name} is virtual and has no speed; give link_mbps to know how much of the link was used"


@pytest.mark.parametrize("driver", ["vmxnet3", "virtio_net"])
def test_the_speed_of_a_virtual_machines_card_comes_with_a_warning(host, driver):
    host("ens192", 10_000, driver=driver)
    seen = found()
    assert (seen.mbps, seen.source, seen.virtual) == (10_000.0, INTERFACE, True)
    assert "virtual machine's card" in seen.note
    assert "link_mbps" in seen.note


def test_a_bridge_or_vlan_is_as_fast_as_the_card_below_it(host):
    host("eno1", 2_500, driver="igc")
    host("veth7", 10_000)
    host("vlan5", 10_000, below=["eno1"])
    host("br0", 10_000, below=["veth7", "vlan5"])
    assert found() == link.Link("br0", 2_500.0, INTERFACE, False, "")


def test_a_bond_tells_the_sum_of_its_cards(host):
    host("eno1", 1_000, driver="igb")
    host("bond0", 2_000, below=["eno1"], bonding=True)
    assert found() == link.Link("bond0", 2_000.0, INTERFACE, False, "")


def test_a_bond_without_a_live_card_tells_no_speed(host):
    host("eno1", 0, driver="igb")
    host("bond0", 0, below=["eno1"], bonding=True)
    assert found().source == UNKNOWN


def test_what_is_given_counts(host):
    host("veth0", 10_000)
    assert found(3_000.0) == link.Link("veth0", 3_000.0, GIVEN, True, "")


def test_more_than_the_card_can_do_is_remarked(host):
    host("eno1", 1_000, driver="igb")
    assert found(3_000.0) == link.Link(
        "eno1", 3_000.0, GIVEN, False, "eno1 tells 1000 Mbit/s, less than the 3000 of link_mbps"
    )


def test_without_an_interface_no_bytes_are_counted(host):
    assert found().source == UNKNOWN
    assert "192.0.2.1 is not known" in found().note
    assert found(100.0).mbps == 100.0


def test_on_macos_the_name_tells_what_is_virtual(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(psutil, "net_if_stats", lambda: {"en0": Card(1000), "utun3": Card(0)})
    monkeypatch.setattr(link, "interface_to", lambda host, port: "en0")
    assert found() == link.Link("en0", 1000.0, INTERFACE, False, "")
    monkeypatch.setattr(link, "interface_to", lambda host, port: "utun3")
    assert (found().source, found().virtual) == (UNKNOWN, True)


def test_the_real_loopback_interface_is_found_and_counts():
    interface = link.interface_to("127.0.0.1", 80)
    assert interface in ("lo", "lo0")
    seen = find_link("127.0.0.1", 80)
    assert (seen.source, seen.virtual) == (UNKNOWN, True)
    before = bytes_sent(interface)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        for _dummy in range(20):
            ours.sendto(bytes(1000), ("127.0.0.1", 9))
    assert bytes_sent(interface) - before >= 20_000


def test_an_interface_that_is_gone_counts_nothing():
    assert bytes_sent("no-such-interface0") is None


def test_a_host_without_an_address_has_no_interface(monkeypatch):
    def fail(*arguments, **options):
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert link.interface_to("no.such.host", 443) is None


def test_a_scope_does_not_hide_the_interface(monkeypatch):
    monkeypatch.setattr(link, "_local_address", lambda host, port: "fe80::1")
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"lo0": [Address("::1")], "en0": [Address("fe80::1%en0")]})
    assert link.interface_to("fe80::2", 443) == "en0"
