"""[[mqtt]] in the configuration file."""

from __future__ import annotations

import pytest

from smallbms.config import Config, parse
from smallbms.errors import ConfigError

REST = '[[battery]]\ndriver = "simulated"\nmodel = "12.8/100"\n[outputs]\nkind = "simulated"\nstate_file = "/tmp/p"\n'


def parsed(*tables: str) -> Config:
    return parse(REST + "".join(f"[[mqtt]]\n{table}\n" for table in tables), "test.toml", {})


def test_without_a_table_there_is_no_broker() -> None:
    assert parsed().brokers == ()


def test_each_broker_has_its_table() -> None:
    plain, secure = parsed('host = "a"', 'host = "b"\ntls = true\nuser = "me"\npassword = "x"\ncommands = true').brokers
    assert (plain.host, plain.port_used, plain.commands) == ("a", 1883, False)
    assert (secure.host, secure.port_used, secure.commands) == ("b", 8883, True)


@pytest.mark.parametrize("host", ["münchen.example", "example.org.", "fe80::1%eth0", "192.168.1.10", "bms_1.local"])
def test_names_and_addresses_of_every_kind_are_allowed(host: str) -> None:
    assert parsed(f'host = "{host}"').brokers[0].host == host


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "host is missing"),
        ('host = "a b"', "host = 'a b' is not allowed; allowed is a host name or address"),
        (
            'host = "192.168.1..10"',
            "host = '192.168.1..10' is not allowed; allowed is a host name or address, between dots",
        ),
        ('host = ".example.org"', "host = '.example.org' is not allowed"),
        (f'host = "{"a" * 64}.org"', "a host name or address, between dots 1…63 characters"),
        (f'host = "{"ä" * 64}.org"', "a host name or address, between dots 1…63 characters"),
        ('host = "a\\u0000"', "is not allowed; allowed is a host name or address"),
        ('host = "a"\nport = 0', "port = 0 is not allowed; allowed is 1…65535"),
        ('host = "a"\ntls = "yes"', "tls = 'yes' is not allowed; allowed is true or false"),
        ('host = "a"\nca_file = "/ca.pem"', "ca_file needs tls = true"),
        ('host = "a"\ntls = true\nca_file = "/a"\npinned_certificate = "/b"', "only one of them"),
        ('host = "a"\ntls = true\nclient_key = "/a"', "client_certificate and client_key: both or none"),
        ('host = "a"\npassword = "x"', "a password needs a user"),
        ('host = "a"\nuser = "u"\npassword = "x"\npassword_file = "/x"', "only one of them"),
        ('host = "a"\nretain = true', "retain is unknown; known are host, port, tls"),
    ],
)
def test_what_is_wrong_is_named(table: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parsed(table)
    assert f"test.toml: [[mqtt]] 1 {said}" in str(error.value) or said in str(error.value)


def test_a_broker_stands_there_once() -> None:
    with pytest.raises(ConfigError, match="names a broker twice"):
        parsed('host = "a"', 'host = "a"\nport = 1883')


def test_one_bracket_is_not_enough() -> None:
    with pytest.raises(ConfigError, match="two brackets"):
        parse(REST + '[mqtt]\nhost = "a"\n', "test.toml", {})
