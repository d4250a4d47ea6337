"""Ask another version, in a process of its own, whether it can run here."""

from __future__ import annotations

import json
import subprocess

from smallbms.errors import InstallError
from smallbms.installer.layout import Layout
from smallbms.installer.module import module_of

SELFTEST_S = 120.0  # a GX imports slowly, and nothing is switched yet


def selftest(layout: Layout, version: str, *, configured: bool) -> int:
    """Return the protocol that the version's outputs process speaks; InstallError with what it says if it cannot run.

    `configured`: the configuration must be right, as it is with the version that runs.
    """
    arguments = ["--state", str(layout.state)]
    if configured:
        arguments += ["--config", str(layout.configuration)]
    program = module_of(layout.version(version), "smallbms", "selftest", *arguments)
    try:
        done = subprocess.run(
            program.command, env=program.environment, capture_output=True, text=True, timeout=SELFTEST_S, check=False
        )
        said = json.loads(done.stdout) if done.returncode == 0 else {}
    except subprocess.TimeoutExpired:
        raise InstallError(f"the self-test of {version} takes longer than {SELFTEST_S:g} s") from None
    except (OSError, ValueError) as error:
        raise InstallError(f"the self-test of {version} cannot be run: {error}") from None
    if said.get("version") != version:
        raise InstallError(f"the self-test of {version} failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
    return int(said["protocol"])
