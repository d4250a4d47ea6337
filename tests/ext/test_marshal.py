"""Our marshaller against those of both libraries, byte for byte."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velib_python._frames import FrameReader
from velib_python._item import Item
from velib_python._library import LibraryName, load_parser
from velib_python._marshal import (
    Field,
    MessageKind,
    Variant,
    complete_types,
    header_fields,
    marshal,
    message,
)
from velib_python._segments import items_body
from velib_python.ve_utils import unwrap_dbus_value

LIBRARIES: tuple[LibraryName, ...] = ("dbus-next", "dbus-fast")

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "y": st.integers(0, 255),
    "n": st.integers(-(1 << 15), (1 << 15) - 1),
    "q": st.integers(0, (1 << 16) - 1),
    "i": st.integers(-(1 << 31), (1 << 31) - 1),
    "u": st.integers(0, (1 << 32) - 1),
    "x": st.integers(-(1 << 63), (1 << 63) - 1),
    "t": st.integers(0, (1 << 64) - 1),
    "d": st.floats(allow_nan=False, allow_infinity=False),
    "b": st.booleans(),
    "s": TEXT,
}
NAMES = st.text("abcXYZ019_", min_size=1, max_size=9)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))


@st.composite
def items(draw: st.DrawFn) -> Item:
    """An item after a history of values, so that its entry was laid out for others before."""
    signature = draw(st.sampled_from(sorted(VALUES)))
    values = st.none() | VALUES[signature]
    text = draw(st.none() | TEXT)
    limits = {name: draw(values) for name in ("minimum", "maximum", "default")}
    item = Item(
        draw(PATHS), signature, writeable=False, onchange=None, description="", **limits,
        gettext=None if text is None else lambda path, value: text,
    )  # fmt: skip
    for value in draw(st.lists(values, max_size=3)):
        item.assign(value)
    return item


def by_library(name: LibraryName, signature: str, body: list[Any]) -> bytes:
    package = name.replace("-", "_")
    marshaller = import_module(f"{package}._private.marshaller").Marshaller(signature, body)
    return bytes(marshaller.marshall())


def variant_of(name: LibraryName, variant: Variant) -> Any:
    return import_module(name.replace("-", "_")).Variant(variant.signature, _with_variants(name, variant.value))


def _with_variants(name: LibraryName, value: Any) -> Any:
    if isinstance(value, Variant):
        return variant_of(name, value)
    if isinstance(value, dict):
        return {key: _with_variants(name, member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_variants(name, member) for member in value]
    return value


@pytest.mark.parametrize("name", LIBRARIES)
@given(listed=st.lists(items(), max_size=5, unique_by=lambda item: item.path))
def test_joined_entries_are_what_the_library_marshals(name: LibraryName, listed: list[Item]) -> None:
    body: dict[str, dict[str, Variant]] = {}
    for item in listed:
        limits = {key: item.limit(key) for key in ("Min", "Max", "Default") if item.limit(key).signature != "ai"}
        body[item.path] = {"Value": item.variant} | limits | {"Text": Variant("s", item.text)}
    expected = by_library(name, "a{sa{sv}}", [_with_variants(name, body)])
    assert items_body(item.segment for item in listed) == expected
    assert marshal("a{sa{sv}}", body) == expected


@pytest.mark.parametrize("name", LIBRARIES)
@given(data=st.data())
def test_any_body_is_what_the_library_marshals(name: LibraryName, data: st.DataObject) -> None:
    scalar = st.sampled_from(sorted(VALUES)).flatmap(
        lambda code: VALUES[code].map(lambda value: Variant(code, value)),
    )
    tree = st.recursive(
        scalar,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda members: Variant("av", members)),
            st.dictionaries(TEXT, inner, max_size=3).map(lambda members: Variant("a{sv}", members)),
            st.tuples(st.integers(0, 255), inner).map(lambda pair: Variant("(yv)", pair)),
            st.lists(VALUES["x"], max_size=3).map(lambda members: Variant("ax", members)),
        ),
        max_leaves=6,
    )
    first, second = data.draw(tree), data.draw(tree)
    body = [variant_of(name, first), 7, variant_of(name, second)]
    assert marshal("vyv", first, 7, second) == by_library(name, "vyv", body)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_message_survives_the_library(name: LibraryName) -> None:
    fields = {
        Field.PATH: "/a/b", Field.INTERFACE: "a.b", Field.MEMBER: "C", Field.DESTINATION: ":1.7",
        Field.SIGNATURE: "a{sv}ai",
    }  # fmt: skip
    body = marshal("a{sv}ai", {"x": Variant("d", 1.5)}, [])
    parsed = load_parser(name)(message(MessageKind.CALL, 9, header_fields(fields), body, flags=1))
    assert (parsed.kind, parsed.serial, parsed.reply_expected) == (MessageKind.CALL, 9, False)
    assert (parsed.path, parsed.interface, parsed.member, parsed.signature) == ("/a/b", "a.b", "C", "a{sv}ai")
    assert unwrap_dbus_value(parsed.body) == [{"x": 1.5}, None]


@pytest.mark.parametrize("name", LIBRARIES)
@given(flips=st.dictionaries(st.integers(0, 111), st.integers(1, 255), max_size=4), end=st.integers(16, 200))
def test_damaged_messages_are_value_errors(name: LibraryName, flips: dict[int, int], end: int) -> None:
    fields = header_fields({Field.PATH: "/a", Field.INTERFACE: "a.b", Field.MEMBER: "C", Field.SIGNATURE: "a{sv}s"})
    frame = bytearray(message(MessageKind.CALL, 1, fields, marshal("a{sv}s", {"x": Variant("as", ["y"])}, "z")))
    for at, flip in flips.items():
        frame[at % len(frame)] ^= flip
    try:
        load_parser(name)(bytes(frame[:end]))
    except ValueError as error:
        assert str(error)


@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_frames_are_found_in_any_chunking(cuts: list[int]) -> None:
    fields = header_fields({Field.PATH: "/a", Field.INTERFACE: "a.b", Field.MEMBER: "C", Field.SIGNATURE: "s"})
    sent = [message(MessageKind.SIGNAL, n, fields, marshal("s", "x" * n)) for n in range(1, 6)]
    stream, reader, found = b"".join(sent), FrameReader(), []
    while stream:
        size = cuts[len(found) % len(cuts)]
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == sent


@pytest.mark.parametrize("head", [b"X" + bytes(15), b"l" + bytes(3) + b"\xff" * 12])
def test_a_stream_that_is_not_dbus_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match="D-Bus message"):
        FrameReader().feed(head)


@pytest.mark.parametrize(
    ("signature", "types"),
    [
        ("", ()),
        ("ii", ("i", "i")),
        ("a{sa{sv}}u", ("a{sa{sv}}", "u")),
        ("aa{sv}(i(ss))as", ("aa{sv}", "(i(ss))", "as")),
    ],
)
def test_complete_types(signature: str, types: tuple[str, ...]) -> None:
    assert complete_types(signature) == types


@pytest.mark.parametrize(
    ("signature", "values"),
    [
        ("s", ("a\0b",)), ("s", ("\ud800",)), ("s", (3,)), ("y", (256,)), ("i", (1.5,)), ("u", (-1,)), ("d", ("x",)),
        ("a{sv}", ({"a": 1},)), ("i", ()), ("i", (1, 2)), ("(ii)", ((1,),)), ("(i", ((1,),)), ("v", (None,)),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_value_error(signature: str, values: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        marshal(signature, *values)


@pytest.mark.parametrize(
    ("signature", "value", "published"),
    [
        ("d", math.nan, None), ("d", math.inf, None), ("d", 3, 3.0), ("d", True, 1.0), ("i", math.nan, None),
        ("i", 3.0, 3), ("i", True, 1), ("u", (1 << 32) - 1, (1 << 32) - 1), ("b", 1, True), ("s", "", ""),
    ],
)  # fmt: skip
def test_published_values_become_exactly_their_type(signature: str, value: Any, published: Any) -> None:
    item = _item(signature)
    assert item.assign(value) == (published is not None)
    assert item.value == published and type(item.value) is type(published)


@pytest.mark.parametrize(
    ("signature", "value"),
    [
        ("i", 1 << 31), ("u", -1), ("y", 256), ("i", 1.5), ("i", "1"), ("d", "1.0"), ("d", 10**400), ("b", 2),
        ("s", 5), ("s", "a\0"), ("s", "\ud800"), ("i", [1]),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_named_and_leaves_the_path_invalid(signature: str, value: Any) -> None:
    item = _item(signature)
    item.assign("a" if signature == "s" else 1)
    with pytest.raises(ValueError, match=r"\S"):
        item.assign(value)
    assert item.value is None and item.text == ""
    assert items_body([item.segment]) == marshal(
        "a{sa{sv}}", {"/Path": {"Value": Variant("ai", []), "Text": Variant("s", "")}}
    )


@pytest.mark.parametrize("signature", ["", "v", "ai", "ii", "h", "o"])
def test_a_path_has_a_plain_type(signature: str) -> None:
    with pytest.raises(ValueError, match="no path can have the type"):
        _item(signature)


def _item(signature: str) -> Item:
    return Item(
        "/Path", signature, gettext=None, writeable=False, onchange=None, minimum=None, maximum=None, default=None,
        description="",
    )  # fmt: skip
