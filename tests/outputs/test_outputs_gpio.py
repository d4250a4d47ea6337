"""The GPIO structures and numbers against the kernel's own header, and what is said where there is no chip."""

from __future__ import annotations

import errno
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from smallbms.errors import OutputError
from smallbms.outputs import gpio
from smallbms.outputs.gpio_pins import Held, request_output
from smallbms.outputs.pinout import LineConfig

# linux/gpio.h of Linux 5.10 and later: the expression, and its value on every machine.
FACTS = {
    "sizeof(struct gpiochip_info)": gpio.CHIP_INFO.size,
    "sizeof(struct gpio_v2_line_info)": gpio.LINE_INFO_SIZE,
    "offsetof(struct gpio_v2_line_info, offset)": gpio.LINE_INFO.size - 4,
    "sizeof(struct gpio_v2_line_request)": gpio.REQUEST_SIZE,
    "offsetof(struct gpio_v2_line_request, config)": gpio.REQUEST_CONFIG_AT,
    "offsetof(struct gpio_v2_line_request, num_lines)": gpio.REQUEST_COUNT_AT,
    "offsetof(struct gpio_v2_line_request, fd)": gpio.REQUEST_FD_AT,
    "offsetof(struct gpio_v2_line_config, attrs)": gpio.CONFIG_HEAD.size,
    "sizeof(struct gpio_v2_line_config)": 272,
    "sizeof(struct gpio_v2_line_config_attribute)": gpio.ATTRIBUTE_VALUES.size,
    "sizeof(struct gpio_v2_line_values)": gpio.VALUES.size,
    "sizeof(struct gpio_v2_line_event)": gpio.EVENT_SIZE,
    "GPIO_GET_CHIPINFO_IOCTL": gpio.GET_CHIP_INFO,
    "GPIO_V2_GET_LINEINFO_IOCTL": gpio.GET_LINE_INFO,
    "GPIO_V2_GET_LINE_IOCTL": gpio.GET_LINE,
    "GPIO_V2_LINE_GET_VALUES_IOCTL": gpio.GET_VALUES,
    "GPIO_V2_LINE_SET_VALUES_IOCTL": gpio.SET_VALUES,
    "GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES": gpio.ID_OUTPUT_VALUES,
    "GPIO_V2_LINE_ATTR_ID_DEBOUNCE": gpio.ID_DEBOUNCE,
    "GPIO_V2_LINE_FLAG_ACTIVE_LOW": gpio.Flag.ACTIVE_LOW,
    "GPIO_V2_LINE_FLAG_INPUT": gpio.Flag.INPUT,
    "GPIO_V2_LINE_FLAG_OUTPUT": gpio.Flag.OUTPUT,
    "GPIO_V2_LINE_FLAG_EDGE_RISING": gpio.Flag.EDGE_RISING,
    "GPIO_V2_LINE_FLAG_EDGE_FALLING": gpio.Flag.EDGE_FALLING,
    "GPIO_V2_LINE_FLAG_OPEN_DRAIN": gpio.Flag.OPEN_DRAIN,
    "GPIO_V2_LINE_FLAG_OPEN_SOURCE": gpio.Flag.OPEN_SOURCE,
    "GPIO_V2_LINE_FLAG_BIAS_PULL_UP": gpio.Flag.PULL_UP,
    "GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN": gpio.Flag.PULL_DOWN,
    "GPIO_V2_LINE_FLAG_BIAS_DISABLED": gpio.Flag.BIAS_DISABLED,
}
# The same figures without a compiler, from the header of Linux 6.12.
FIXED = {"GPIO_V2_GET_LINE_IOCTL": 0xC250B407, "GPIO_V2_LINE_SET_VALUES_IOCTL": 0xC010B40F}


def test_layout_and_numbers_are_those_of_the_header(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/usr/include/linux/gpio.h").exists():
        assert {name: FACTS[name] for name in FIXED} == FIXED
        return
    lines = "".join(f'printf("%llu\\n", (unsigned long long)({expression}));' for expression in FACTS)
    source = tmp_path / "facts.c"
    headers = ("stdio.h", "stddef.h", "sys/ioctl.h", "linux/gpio.h")
    source.write_text("".join(f"#include <{name}>\n" for name in headers) + f"int main(void) {{ {lines} }}\n")
    subprocess.run([compiler, "-o", tmp_path / "facts", source], check=True)
    printed = subprocess.run([tmp_path / "facts"], check=True, capture_output=True, text=True).stdout
    assert dict(zip(FACTS, map(int, printed.split()), strict=True)) == {name: int(v) for name, v in FACTS.items()}


def test_a_chip_that_is_not_there_is_named() -> None:
    with pytest.raises(OutputError, match="no GPIO chip 'pinctrl-none'"), gpio.open_chip("pinctrl-none"):
        pass


@pytest.mark.parametrize("chip", ["pinctrl-none", "/dev/null"])
def test_a_line_that_cannot_be_had_is_an_error_and_tried_again_later(chip: str) -> None:
    held = Held(partial(request_output, LineConfig(chip, 1)))
    assert held.use(gpio.Line.get, 100.0) is None
    assert held.error
    held.error = ""
    assert held.use(gpio.Line.get, 101.9) is None
    assert held.error == ""  # not tried
    assert held.use(gpio.Line.get, 102.0) is None
    assert held.error


class Bench:
    """A chip of one line, some of whose next writes fail; `level` is None while nobody holds the line."""

    def __init__(self) -> None:
        self.level: bool | None = None
        self.failing = 0
        self.taken = 0

    def take(self) -> gpio.Line:
        if self.failing:
            self.failing -= 1
            raise OSError(errno.EREMOTEIO, "no answer")
        self.taken += 1
        self.level = False
        return FlakyLine(self)


class FlakyLine(gpio.Line):
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def set(self, on: bool) -> None:
        if self._bench.failing:
            self._bench.failing -= 1
            raise OSError(errno.EREMOTEIO, "no answer")
        self._bench.level = on

    def close(self) -> None:
        self._bench.level = None


@pytest.mark.parametrize("level", [False, True])
def test_a_level_that_could_not_be_put_is_tried_on_the_line_taken_anew(level: bool) -> None:
    bench = Bench()
    held = Held(bench.take)
    held.set(True, 100.0)
    bench.failing = 1
    held.set(level, 100.5)
    assert (bench.level, bench.taken, held.error) == (level, 2, "")


def test_off_is_tried_at_once_and_on_no_sooner_than_after_a_pause() -> None:
    bench = Bench()
    held = Held(bench.take)
    held.set(True, 100.0)
    bench.failing = 2
    held.set(True, 100.5)
    assert (bench.level, bench.failing, held.error) == (None, 0, "[Errno 121] no answer")
    held.set(True, 100.6)
    assert bench.taken == 1
    held.set(False, 100.7)
    assert (bench.level, held.error) == (False, "")


def test_a_lamp_that_cannot_be_had_is_not_tried_at_every_turn() -> None:
    """On a bus that hangs each try takes its time, and the outputs that protect wait for it."""
    bench = Bench()
    held = Held(bench.take)
    bench.failing = 1000
    for turn in range(40):
        held.set(False, 100.0 + turn / 20)
    assert 1000 - bench.failing == 1
    for turn in range(40):
        held.set(turn % 8 < 4, 110.0 + turn / 20)
    assert 1000 - bench.failing <= 1 + 2 * 2
