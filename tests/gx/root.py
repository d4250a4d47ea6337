"""Root file systems for the tests, each built by a recipe and kept as a tar under .cache until the recipe changes.

`venus`: like Venus OS v3.60 (read-only /, Python 3.12 with the modules that a GX has, busybox, daemontools, dbus).
`armv7`: only the Python 3.13 of Debian trixie for armhf, less what a GX lacks, to be run by qemu-arm-static.
Needs root, debootstrap and gcc, and for `venus` a Python 3.12 of this machine to copy.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from .stdlib import ABSENT_3_60

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
SKELETON = HERE / "skeleton"

VENUS_PACKAGES = """
    bash busybox daemontools dbus-bin dbus-daemon libacl1 libapparmor1 libaudit1 libbz2-1.0 libc6 libcap-ng0 libcap2
    libcrypt1 libdbus-1-3 libexpat1 libffi8 libgcc-s1 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libpcre2-8-0
    libselinux1 libssl3 libsystemd0 libtinfo6 libuuid1 libzstd1 tar zlib1g
"""
ARMV7_PACKAGES = """
    libbz2-1.0 libc6 libexpat1 libffi8 libgcc-s1 liblzma5 libpython3.13-minimal libpython3.13-stdlib libssl3t64
    libuuid1 libzstd1 python3.13-minimal zlib1g
"""
EMPTY = ("data", "dev", "home", "proc", "run", "service", "sys", "u-boot", "usr/sbin", "var/volatile")
LINKS = {
    "bin/sh": "bash",
    "home/root": "/data/home/root",
    "media": "/run/media",
    "tmp": "/var/tmp",
    "usr/bin/python": "python3",
    "usr/bin/python3": "python3.12",
    "var/log": "/data/log",
    "var/run": "/run",
    "var/tmp": "/var/volatile/tmp",
}
# What the busybox of Debian has and that of Venus OS lacks: "is not set" in meta/recipes-core/busybox/busybox/defconfig
# of openembedded-core, which Venus OS builds it from.
ABSENT_APPLETS = (
    "base64", "cksum", "comm", "expand", "fold", "hostid", "install", "nice", "printenv", "split", "sum", "tac",
    "unexpand",
)  # fmt: skip
# Third-party packages that images have, in versions that differ: none of ours may import one.
OF_THE_IMAGE = "annotated_types dbus_fast paho pydantic pydantic_core serial tomli typing_extensions"
TRAP = 'raise RuntimeError("the {name} of the image was imported")\n'
NEEDED = "asyncio bz2 ctypes hashlib json lzma socket ssl uuid xml.etree.ElementTree zlib"
NOT_OURS = ("__pycache__", "site-packages", "test", "tests", "*.a", "config-3.12-*")


def venus() -> Path:
    """The tar of the Venus-like root, built if it is not there."""
    return _cached("gx-venus", _build_venus, of_this_machine=str(_python()))


def armv7() -> Path:
    """The tar of the armv7 root, built if it is not there."""
    return _cached("gx-armv7", _build_armv7)


def unpack(tar: Path, folder: Path) -> Path:
    """Unpack into a new folder, which is returned."""
    folder.mkdir()
    _run("tar", "-xf", tar, "-C", folder)
    return folder


def _cached(name: str, build: Callable[[Path], None], of_this_machine: str = "") -> Path:
    CACHE.mkdir(exist_ok=True)
    tar = CACHE / f"{name}-{_recipe(of_this_machine)}.tar"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tar.exists():
            for old in CACHE.glob(f"{name}-*.tar"):
                old.unlink()
            with tempfile.TemporaryDirectory(prefix=name) as folder:
                root = Path(folder, "root")
                root.mkdir()
                build(root)
                _run("tar", "-cf", tar.with_suffix(".new"), "-C", root, ".")
            tar.with_suffix(".new").rename(tar)
    return tar


def _recipe(of_this_machine: str) -> str:
    """What changes whenever the result would."""
    digest = hashlib.sha256(of_this_machine.encode())
    for file in (Path(__file__), HERE / "stdlib.py", HERE / "scan_on_alarm.c", *sorted(SKELETON.rglob("*"))):
        digest.update(f"{file.relative_to(HERE)} {file.stat().st_mode:o}\n".encode())
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()[:16]


# --- the recipes ---------------------------------------------------------------------------------------------------


def _build_venus(root: Path) -> None:
    _debian(root, "bookworm", "amd64", VENUS_PACKAGES.split())
    for name in EMPTY:
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(SKELETON, root, dirs_exist_ok=True, symlinks=True)
    _copy_python(root)
    for name, target in LINKS.items():
        link = root / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    (root / "bin/tar").rename(root / "usr/bin/gnu-tar")  # Debian's busybox has a tar without --exclude
    for applet in _run("chroot", root, "/bin/busybox", "--list-full").split():
        if Path(applet).name not in ABSENT_APPLETS and not os.path.lexists(root / applet):
            (root / applet).symlink_to("/bin/busybox")
    _run("gcc", "-shared", "-fPIC", "-O1", "-o", root / "usr/lib/scan-on-alarm.so", HERE / "scan_on_alarm.c")
    _check(["chroot", str(root), "/usr/bin/python3"], ABSENT_3_60)


def _build_armv7(root: Path) -> None:
    for name in ("bin", "lib", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    _debian(root, "trixie", "armhf", ARMV7_PACKAGES.split())
    _forget(root / "usr/lib/python3.13", ABSENT_3_60)
    _check(["qemu-arm-static", "-L", str(root), str(root / "usr/bin/python3.13")], ABSENT_3_60)


def _debian(root: Path, suite: str, architecture: str, packages: Collection[str]) -> None:
    """Unpack the named packages, and nothing else; no script of theirs is run."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = ",".join(packages)
        choice = ("--variant=minbase", f"--arch={architecture}", f"--include={wanted}")
        _run("debootstrap", "--download-only", *choice, suite, folder)
        for archive in Path(folder, "var/cache/apt/archives").glob("*.deb"):
            if archive.name.partition("_")[0] in packages:
                _unpack_package(archive, root)


def _unpack_package(archive: Path, root: Path) -> None:
    unwanted = [f"--exclude=./usr/share/{name}" for name in ("doc", "lintian", "locale", "man")]
    tar = ["tar", "-x", "--keep-directory-symlink", "-C", str(root), *unwanted]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as content:
        subprocess.run(tar, stdin=content.stdout, check=True)
    assert content.returncode == 0, archive


def _python() -> Path:
    """A Python 3.12 of this machine."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.12.*/bin/python3.12"))
    for found in (shutil.which("python3.12"), "/usr/local/bin/python3.12", *pyenv):
        if found and Path(found).exists() and not subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL):
            return Path(found)
    raise FileNotFoundError("a Python 3.12 is needed on this machine: its standard library goes into the root")


def _copy_python(root: Path) -> None:
    """Program, shared library and the part of the standard library that a GX has."""
    asked = "s.get_config_vars(), s.get_path('stdlib'), sys.base_prefix"
    ask = f"import json, sys, sysconfig as s; print(json.dumps([{asked}]))"
    config, library, prefix = json.loads(_run(_python(), "-c", ask))
    shutil.copy(Path(prefix, "bin/python3.12"), root / "usr/bin/python3.12")
    if config["Py_ENABLE_SHARED"]:
        shutil.copy(Path(config["LIBDIR"], config["INSTSONAME"]), root / "usr/lib")
    to = root / "usr/lib/python3.12"
    shutil.copytree(library, to, symlinks=True, ignore=shutil.ignore_patterns(*NOT_OURS))
    _forget(to, ABSENT_3_60)
    _run("chroot", root, "/usr/bin/python3.12", "-S", "-c", _COMPILE)
    for name in OF_THE_IMAGE.split():
        (to / "site-packages" / name).mkdir(parents=True)
        (to / "site-packages" / name / "__init__.py").write_text(TRAP.format(name=name))


def _forget(library: Path, modules: Iterable[str]) -> None:
    """Remove modules from a standard library."""
    for name in modules:
        for file in (*library.glob(f"{name}.py"), *library.glob(f"lib-dynload/{name}.*.so")):
            file.unlink()
        if (library / name).is_dir():
            shutil.rmtree(library / name)


# Images have their modules compiled; compileall is not on them.
_COMPILE = """
import importlib.machinery as m, os
for folder, _, names in os.walk("/usr/lib/python3.12"):
    for name in names:
        if name.endswith(".py"):
            loader = m.SourceFileLoader("x", os.path.join(folder, name))
            try:
                loader.get_code("x")
            except SyntaxError:
                pass
"""


def _check(python: list[str], absent: Iterable[str]) -> None:
    """AssertionError unless this Python has what a GX has, and lacks what it lacks (but for what is built in)."""
    _run(*python, "-c", f"import {', '.join(NEEDED.split())}")
    found = f"[n for n in {sorted(absent)} if u.find_spec(n) and n not in sys.builtin_module_names]"
    there = _run(*python, "-c", f"import importlib.util as u, sys; print(*{found})").split()
    assert not there, there


def _run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
