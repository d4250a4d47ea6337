"""Days in a file: what happens, and what must come of it. `smallbms simulate FILE` runs one in seconds.

The batteries and the world around them are simulated (`drivers.simulated`, `simulation`); the BMS is the real one:
engine, interlock, settings, what is kept over a restart, and the rules of the outputs process with its heartbeats.

A scenario is TOML. Times are written "1:30" or "0:00:45", since the start; in [world], since midnight. All else is in
the unit that ends its name; current > 0 charges. Every key but those marked * may be left out.

    name = "Empty at dawn"          # *
    about = "The floor takes the loads away, the sun gives them back."   # *
    duration = "24:00"              # *
    step_s = 0.5                    # how often the batteries are read, 0.1…1

    [bank]
    model = "12.8/200"              # * one of the table of batteries
    batteries = 2
    series = 1                      # with vbat = true found; shunt = true measures the current of all
    soc_pct = 30                    # also temperature_c, temperature_sensors, reports_soc, current_offset_a, seed,
                                    # current_noise_a, voltage_noise_v, capacity_spread_pct, balance_a, protections
    [[battery]]                     # one that differs
    number = 2                      # *
    cell_offsets_pct = [0, 0, 0.4]  # SoC of its cells against its own; also soc_pct, temperature_c

    [world]
    start = "20:00"                 # the time of day; also ambient_c, ambient_swing_c, sunrise, sunset
    wiring = "dvcc"                 # chargers follow CVL and CCL; "disconnect": ATC cuts them
    clouds = 0.3                    # the share of the sun that they take; sun = 0.5 holds it
    demo = false                    # true: chargers, loads and weather of the demo's house

    [charger.roof]
    power_w = 800                   # *
    limit_a = 60                    # *
    solar = true                    # also setpoint_v, obeys_gx
    [load.lights]
    power_w = 120                   # *
    on_at = "18:00"                 # with off_at; or on_s of every period_s; or always
    off_at = "23:00"                # also inverter (keeps within the DCL), wired_past (the load disconnect)

    [settings]
    discharge_floor_pct = 20        # any of settings.py, by its name

    [[event]]
    at = "2:00"                     # *
    do = "unplug"                   # * and its keys: world_events.py, system_events.py
    battery = 1

    [[expect]]
    since = "2:00:11"               # with until (left out: the start, the end); or at = "2:00:11"; or the whole run
    until = "3:00"
    always = { atc = false, reasons = ["lost_battery"], alarms = { BmsCable = 2 } }

What happens (`do`): load, charger, disobey, sun, ambient; unplug, replug, flaky, leak, worsen, break_sensor,
heal_sensors, switches; vbat, shunt; set (a setting, an action or the SoC), remote, stick (an output); stop_main,
stall_main, start_main, stop_outputs, start_outputs, reboot, clock (the wall clock jumps), begin_update.

What is expected, one of
    always      every condition holds at every moment of the window
    never       at no moment do all of them hold
    sometime    at one moment at least all of them hold
    once        all of them begin to hold exactly once
    swing       { cvl_v = 0.08 }: the value moves by no more than this within the window

Conditions: a figure of figures.py with true, false, a number, a word, "<= 3.65", ">= 3.2", "9 to 11" or "none" (not
there); `reasons`, `no_reasons`: lists of codes; `alarms`: levels by name. atc, atd, pre_alarm are the pins; cells,
temperatures, voltage and current are the true ones, whatever the batteries say.
"""
