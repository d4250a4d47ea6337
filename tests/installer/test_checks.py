from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from smallbms.errors import InstallError
from smallbms.installer import checks
from smallbms.installer.layout import Layout, venus
from smallbms.installer.tree import Bundle

from .project import PYTHON, make_tree

pytestmark = pytest.mark.usefixtures("as_root")

FITS = Bundle(version="1", architecture=os.uname().machine, python=PYTHON)


class Usage(NamedTuple):
    free: int


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "root").mkdir()
    return venus(tmp_path / "root")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "source")


def test_a_bundle_that_fits_is_welcome(layout: Layout, source: Path) -> None:
    checks.check(layout, source, FITS)


@pytest.mark.parametrize(
    ("bundle", "sentence"),
    [
        (Bundle(version="1", architecture="mips", python=PYTHON), "for mips, this machine is"),
        (Bundle(version="1", architecture=FITS.architecture, python="2.7"), "for Python 2.7, here is"),
    ],
)
def test_one_for_another_machine_or_python_is_refused(
    layout: Layout, source: Path, bundle: Bundle, sentence: str
) -> None:
    with pytest.raises(InstallError, match=rf"{sentence}(.|\n)*Nothing was changed\."):
        checks.check(layout, source, bundle)


def test_without_room_it_says_how_much_is_needed(layout: Layout, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(free=1_000_000))
    with pytest.raises(InstallError, match="has 1 MB free, 20 MB are needed"):
        checks.check(layout, source, FITS)


def test_all_faults_are_told_at_once(layout: Layout, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(InstallError) as refused:
        checks.check(layout, source, Bundle(version="1", architecture="mips", python="2.7"))
    begun = [sentence.partition(" ")[0] for sentence in str(refused.value).splitlines()]
    assert begun == [
        "only",
        "this",
        "this",
        str(layout.root),
        "Nothing",
    ]
