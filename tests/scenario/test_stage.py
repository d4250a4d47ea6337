"""What can happen, happens: each event is seen in what the run says of the world, the wires or the processes."""

from __future__ import annotations

import pytest

from .house import play


@pytest.mark.parametrize(
    ("event", "expect"),
    [
        ('do = "load"\nname = "lamp"\npower_w = 500', 'load_a = "30 to 45"'),
        ('do = "load"\nname = "heater"\npower_w = 500', 'load_a = "38 to 50"'),
        ('do = "charger"\nname = "shore"\npower_w = 0', "charge_a = 0"),
        ('do = "disobey"\nname = "shore"\nsetpoint_v = 12.0', "charge_a = 0"),
        ('do = "sun"\nshare = 0.25', "sun = 0.25"),
        ('do = "ambient"\ntemperature_c = 33', "ambient_c = 33"),
        ('do = "worsen"\nbattery = 1\ncell = 2\nfactor = 20', 'max_cell_v = ">= 3.31"'),
        ('do = "flaky"\nbattery = 1\nsilent_s = 3600', 'atc = false, reasons = ["lost_battery"]'),
        ('do = "switches"\nbattery = 2\ncharge_on = false', 'atc = false, atd = true, reasons = ["battery_block"]'),
        ('do = "switches"\nbattery = 2\ndischarge_on = false', 'atc = true, atd = false, reasons = ["battery_block"]'),
        ('do = "break_sensor"\nbattery = 2\nsensor = "cell_voltage"', 'atc = false, reasons = ["lost_battery"]'),
        ('do = "set"\nsetting = "mode"\nvalue = "standby"', 'atc = false, atd = false, state = "standby"'),
        ('do = "set"\nsetting = "soc_pct"\nvalue = 5', 'atd = false, reasons = ["floor"]'),
        ('do = "remote"\non = false', 'atc = false, atd = false, reasons = ["remote_off"]'),
        ('do = "stick"\noutput = "atd"\nlevel = false', 'atd = false, reasons = ["output_fault_load"], error = 36'),
        ('do = "stop_main"', "atc = false, atd = false"),
        ('do = "stop_outputs"', 'atc = false, reasons = ["output_fault_charge"]'),
        ('do = "reboot"\noff_s = 3600', "atc = false, atd = false"),
        ('do = "begin_update"\nversion = "2"', 'atc = false, atd = true, update = "running"'),
    ],
)
def test_an_event_is_seen(event: str, expect: str) -> None:
    """From then on, and not before."""
    after = f'since = "0:01:20"\nalways = {{ {expect} }}'
    result = play(f'{after}\n[[expect]]\nsince = "0:00:05"\nuntil = "0:00:59"\nnever = {{ {expect} }}', event)
    assert result.met, result.failures[0].text


def test_a_leaking_cell_falls_behind() -> None:
    whole, leaking = (
        play("always = { running = true }", *events)
        for events in ((), ('do = "leak"\nbattery = 1\ncell = 2\ncurrent_a = 90',))
    )
    assert leaking.samples[-1].soc_pct < whole.samples[-1].soc_pct - 0.1


def test_a_refused_wish_is_told_and_changes_nothing() -> None:
    result = play("always = { running = true }", 'do = "set"\nsetting = "low_soc_warning_pct"\nvalue = 5')
    assert any("refused: Low SoC warning level" in line.text for line in result.timeline)


def test_a_wish_to_nobody_is_told() -> None:
    wish = 'do = "set"\nsetting = "acknowledge"\nvalue = 1'
    result = play('at = "0:02"\nalways = { running = false }', 'do = "stop_main"', wish)
    assert any("cannot be written: the main process is down" in line.text for line in result.timeline)


def test_the_same_file_is_the_same_run() -> None:
    runs = [play("always = { running = true }", 'do = "remote"\non = false') for _ in range(2)]
    assert runs[0].timeline == runs[1].timeline
    assert runs[0].energy == runs[1].energy
    assert [sample.flow for sample in runs[0].samples] == [sample.flow for sample in runs[1].samples]


def test_a_delay_ends_between_two_readings() -> None:
    result = play("always = { running = true }", 'do = "stop_outputs"', 'do = "start_outputs"', head="step_s = 0.7")
    released_s = next(line.time_s for line in result.timeline if line.text == "release output_fault_load is over")
    assert released_s / 0.7 % 1 == pytest.approx(5.0 / 0.7 % 1)


def test_energy_is_kept_account_of() -> None:
    energy = play("always = { running = true }").energy
    assert energy.loads_wh == pytest.approx(100 * 119.5 / 3600, rel=0.01)
    assert energy.chargers_wh - energy.loads_wh == pytest.approx(energy.charged_wh - energy.discharged_wh)


@pytest.mark.parametrize(
    ("head", "bank", "expect"),
    [
        ('[world]\ndemo = true\nstart = "12:00"', "", 'charge_a = ">= 20"'),
        ("[world]\nsun = 0.5", "", "sun = 0.5"),
        ('[world]\nclouds = 0.9\nstart = "13:00"', "", 'sun = "0.01 to 0.5"'),
        ("[world]\nambient_c = -3", "", 'ambient_c = "-3.001 to -2.999"'),
        ('[world]\nstart = "12:00"\n[load.t]\npower_w = 990\non_at = "9:00"\noff_at = "13:00"', "", 'load_a = ">= 80"'),
        ("[load.fridge]\npower_w = 999\non_s = 50\nperiod_s = 3600\n[world]\nstart = '12:00'", "", 'load_a = "<= 9"'),
        ("[charger.roof]\npower_w = 900\nlimit_a = 20\nsolar = true\n[world]\nsun = 1", "", 'charge_a = "41 to 44"'),
        ("", "temperature_c = -30", 'atd = false, reasons = ["discharge_cold", "charge_cold"]'),
        ("", "temperature_c = -30\nprotections = true", 'reasons = ["battery_block", "discharge_cold"]'),
        ("", "temperature_sensors = 0", "atc = true"),
        ("", "reports_soc = false", 'soc_pct = "none"'),
        ("", "current_offset_a = 10", 'true_soc_pct = "<= 50.3", soc_pct = ">= 50.3"'),
        ("[settings]\ndischarge_floor_pct = 60", "", 'reasons = ["floor"]'),
        ("[[battery]]\nnumber = 2\nsoc_pct = 90", "", 'true_soc_pct = "69 to 71"'),
    ],
)
def test_what_the_tables_describe_is_there(head: str, bank: str, expect: str) -> None:
    result = play(f'since = "0:01:10"\nalways = {{ {expect} }}', head=head, bank=bank)
    assert result.met, result.failures[0].text
