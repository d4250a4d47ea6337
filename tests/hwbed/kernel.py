"""The kernel of the test bed: User-Mode Linux, built from Debian's own source package and kept under .cache.

Few machines have kernels with the hardware that `kernel.config` asks for; this one is a program. It is built again when
its recipe changes, needs 2 GB for some minutes, and leaves 6 MB. The source comes from where this machine gets its
packages; no package source of it is touched.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache"
CONFIG = HERE / "kernel.config"
SOURCE = "linux-source-6.12"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITE = "trixie"
# what a kernel without such devices does not compile: two thirds of the tree; all its Kconfig files are read
DRIVERS_LEFT_OUT = (
    "accel", "clk", "comedi", "crypto", "gpu", "iio", "infiniband", "md", "media", "mmc", "net/ethernet",
    "net/wireless", "platform", "scsi", "staging", "video",
)  # fmt: skip
LEFT_OUT = (
    *("arch/[!ux]*.[chS]", "arch/*.dts*", "Documentation/*.[rty]*", "sound/*.[ch]", "tools/perf/*", "tools/testing/*"),
    *(f"drivers/{name}/*.[ch]" for name in DRIVERS_LEFT_OUT),
)


class KernelError(Exception):
    """The kernel cannot be built or run here; the text says why."""


def built() -> Path:
    """The kernel, built first if it is not there; KernelError if that fails."""
    if platform.machine() != "x86_64":
        raise KernelError(f"the test bed's kernel is a program for x86_64, this is {platform.machine()}")
    CACHE.mkdir(exist_ok=True)
    kernel = CACHE / f"hwbed-{_recipe()}" / "linux"
    with (CACHE / "hwbed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kernel.exists():
            for old in CACHE.glob("hwbed-*"):  # of another recipe, or never finished
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(prefix="hwbed-build-", dir=CACHE) as folder:
                made = _build(Path(folder))
                kernel.parent.mkdir()
                made.rename(kernel)
    return kernel


def _recipe() -> str:
    return hashlib.sha256(SOURCE.encode() + CONFIG.read_bytes()).hexdigest()[:16]


def _build(folder: Path) -> Path:
    tree, out = folder / SOURCE, folder / "out"
    _fetch(folder)
    out.mkdir()
    make = ("make", "-s", "-C", str(tree), "ARCH=um", f"O={out}", f"-j{os.cpu_count() or 1}")
    _run(*make, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig")
    _check(out / ".config")
    _run(*make, "linux")
    _run("strip", "-o", str(folder / "linux"), str(out / "linux"))
    return folder / "linux"


def _fetch(folder: Path) -> None:
    """Unpack the source, with package lists of its own."""
    (folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {mirror()} {SUITE} main\n", encoding="utf-8")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    places = {
        "Dir::State": folder / "state",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
    }
    apt = ("apt-get", "-qq", *(f"-o{key}={value}" for key, value in places.items()))
    _run(*apt, "update", where=folder)
    _run(*apt, "download", SOURCE, where=folder)
    (package,) = folder.glob(f"{SOURCE}_*.deb")
    _run("dpkg-deb", "--extract", str(package), str(folder / "package"))
    left_out = (f"--exclude={SOURCE}/{pattern}" for pattern in LEFT_OUT)
    _run("tar", "-xJf", str(folder / f"package/usr/src/{SOURCE}.tar.xz"), "-C", str(folder), *left_out)


def mirror() -> str:
    """Where this machine gets Debian's packages; KernelError if it gets none."""
    for line in _run("apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN) $(RELEASE)").splitlines():
        site, origin, release = (*line.split(" "), "", "")[:3]
        if origin == "Debian" and not release.endswith(("-security", "-updates", "-backports")):
            return site
    raise KernelError("the test bed's kernel cannot be built: apt has no source of Debian's packages here")


def _check(config: Path) -> None:
    """An option whose dependencies are not met vanishes without a word."""
    there = set(config.read_text(encoding="utf-8").splitlines())
    wanted = re.findall(r"^CONFIG_.*", CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    vanished = [option for option in wanted if option not in there]
    if vanished:
        raise KernelError(f"{SOURCE} does not take {', '.join(vanished)} of {CONFIG.name}")


def _run(*command: str, where: Path | None = None) -> str:
    """What it said; KernelError if it failed."""
    try:
        done = subprocess.run(command, cwd=where, check=False, capture_output=True, text=True, errors="replace")
    except FileNotFoundError as error:
        raise KernelError(f"the test bed's kernel cannot be built: there is no {error.filename} here") from None
    if done.returncode:
        said = (done.stderr or done.stdout)[-2000:]
        raise KernelError(f"the test bed's kernel cannot be built: {' '.join(command)} failed:\n{said}")
    return done.stdout
