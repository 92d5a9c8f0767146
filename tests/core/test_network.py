"""Which address a client has, whoever stands in between and whatever it claims."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_server.core.network import client_address

PROXIES = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
CLIENT = "203.0.113.9"


def test_without_trusted_proxies_the_socket_says_it() -> None:
    assert client_address(CLIENT, "198.51.100.1", ()) == CLIENT


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (CLIENT, CLIENT),
        (f" {CLIENT} ", CLIENT),
        (f"{CLIENT}:4711", CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"198.51.100.1,{CLIENT}, 10.1.2.3", CLIENT),
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (f"::ffff:{CLIENT}", CLIENT),
        (None, "10.0.0.1"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        (f"{CLIENT}, unknown", "10.0.0.1"),
        (f"{CLIENT}, ", "10.0.0.1"),
        ("localhost", "10.0.0.1"),
        ("1.2.3", "10.0.0.1"),
        ("1.2.3.4.5", "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_who_is_behind_it(header: str | None, address: str) -> None:
    assert client_address("10.0.0.1", header, PROXIES) == address


@pytest.mark.parametrize("header", [CLIENT, "127.0.0.1", "10.0.0.1, 10.0.0.2", "'; drop table"])
def test_nobody_else_is_believed(header: str) -> None:
    assert client_address("192.0.2.7", header, PROXIES) == "192.0.2.7"


def test_what_the_client_wrote_itself_is_never_reached() -> None:
    forged = "127.0.0.1, 10.0.0.9, 198.51.100.1"
    assert client_address("10.0.0.1", f"{forged}, {CLIENT}", PROXIES) == CLIENT
    assert client_address("10.0.0.1", f"{forged}, {CLIENT}, 10.0.0.2", PROXIES) == CLIENT


def test_neighbours_of_one_ipv6_network_are_one() -> None:
    one, other = "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"
    assert client_address(one, None, ()) == client_address(other, None, ()) == "2001:db8::/64"
    assert client_address("2001:db8:0:1::1", None, ()) != client_address(one, None, ())


@given(st.text(max_size=200), st.sampled_from(["10.0.0.1", CLIENT, "", "@unix"]))
def test_no_header_does_harm(header: str, peer: str) -> None:
    address = client_address(peer, header, PROXIES)
    assert len(address) <= 64
    if peer == CLIENT:
        assert address == CLIENT


def test_a_long_chain_is_read_from_its_end_only() -> None:
    chain = ", ".join(["10.0.0.2"] * 10_000)
    assert client_address("10.0.0.1", f"{CLIENT}, {chain}", PROXIES) == "10.0.0.2"
