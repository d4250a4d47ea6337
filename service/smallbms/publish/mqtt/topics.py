"""Our own topics: what they are called, what is on them, and what is due next. No I/O.

`device/bms_<serial>/status` online or offline, retained, also the last will · `…/link` online or offline, retained:
whether every battery is read · `…/state` a Report, on change, at most once a second · `…/event` and `…/minute` by the
uplink, nothing of them is lost · `…/set/<setting>` a wish, its answer on `…/set/<setting>/result`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from smallbms.core.state import Snapshot
from smallbms.errors import SettingsError
from smallbms.publish import homeassistant
from smallbms.publish.feed import Door
from smallbms.publish.mqtt.connection import Message
from smallbms.publish.report import Report, report_of, to_json
from smallbms.settings import to_json as settings_as_json
from smallbms.wording import refusal, shown

STATE_EVERY_S = 1.0
STATE_REPEAT_S = 10.0  # though nothing changed: who listens knows that we are well
ANSWERS_KEPT = 100  # for a broker that takes nothing
WISH_LIMIT = 4096  # bytes
NAME_LIMIT = 64  # characters: nothing of ours is called so, and an answer's topic would be longer than MQTT allows
ONLINE, OFFLINE = b"online", b"offline"


class OwnTopics:
    """What of the newest Snapshot a broker has not heard yet; `begin` at each connection, then `due` until None.

    `discover`: tell Home Assistant what all this is; `commands`: with entities that change settings.
    """

    def __init__(self, serial: str, door: Door, origin: str, *, discover: bool = False, commands: bool = False) -> None:
        self._serial = serial
        self._door = door
        self._origin = origin
        self._answers: deque[Message] = deque(maxlen=ANSWERS_KEPT)
        self._discover = discover
        self._commands = commands
        self._shape: object = None  # of the discovery message as this broker has it
        self.root = f"device/bms_{serial}"
        self.client_id = f"bms_{serial}"
        self._snapshot: Snapshot | None = None
        self._told: Report | None = None
        self._state_due_s = 0.0
        self._repeat_at_s = 0.0
        self._state_sent = False  # and not acknowledged
        self._status: bytes | None = None  # as this broker knows it
        self._link: bytes | None = None

    @property
    def will(self) -> Message:
        """What the broker says when we are gone."""
        return Message(f"{self.root}/status", OFFLINE, qos=1, retain=True)

    def show(self, snapshot: Snapshot, now_s: float) -> None:
        """The newest."""
        self._snapshot = snapshot

    def begin(self) -> None:
        """A broker that knows nothing."""
        self._status = self._link = self._told = self._shape = None
        self._state_sent = False
        self._state_due_s = 0.0

    def due(self, now_s: float) -> Message | None:
        """What to say now; it counts as said."""
        if self._answers:
            return self._answers.popleft()
        if self._snapshot is None:
            return None
        if self._status is None:
            self._status = ONLINE
            return Message(f"{self.root}/status", ONLINE, qos=1, retain=True)
        bank = self._snapshot.decision.bank
        link = ONLINE if bank.batteries and bank.online == len(bank.batteries) else OFFLINE
        if link != self._link:
            self._link = link
            return Message(f"{self.root}/link", link, qos=1, retain=True)
        if self._discover and (shape := homeassistant.shape_of(self._snapshot)) != self._shape:
            self._shape = shape
            return self._discovery(self._snapshot)
        return None if self._state_sent or now_s < self._state_due_s else self._state(self._snapshot, now_s)

    def _discovery(self, snapshot: Snapshot) -> Message:
        payload = homeassistant.discovery(snapshot, report_of(snapshot), self.root, commands=self._commands)
        return Message(homeassistant.config_topic(self._serial), payload, qos=1, retain=True)

    @property
    def removal(self) -> Message:
        """Takes the device out of Home Assistant."""
        return Message(homeassistant.config_topic(self._serial), b"", qos=1, retain=True)

    @property
    def filters(self) -> tuple[str, ...]:
        """What is to be subscribed to."""
        wishes = (f"{self.root}/set/+",) if self._commands else ()
        return (*wishes, homeassistant.BIRTH_TOPIC) if self._discover else wishes

    def delivered(self, topic: str) -> None:
        """The broker has it, or never will."""
        if topic == f"{self.root}/state":
            self._state_sent = False

    def _state(self, snapshot: Snapshot, now_s: float) -> Message | None:
        self._state_due_s = now_s + STATE_EVERY_S
        report = report_of(snapshot)
        if self._told is not None and replace(self._told, at=report.at) == report and now_s < self._repeat_at_s:
            return None
        self._repeat_at_s = now_s + STATE_REPEAT_S
        self._told = report
        self._state_sent = True
        return Message(f"{self.root}/state", to_json(report), qos=1)

    def goodbye(self) -> Iterator[Message]:
        """We leave."""
        yield self.will

    # --- wishes -----------------------------------------------------------------------------------------------------

    def received(self, message: Message, now_s: float) -> None:
        """A wish, which gets an answer, or the birth of Home Assistant, which wants to hear everything again."""
        if message.topic == homeassistant.BIRTH_TOPIC:
            if message.payload == ONLINE and not message.retain:
                self.begin()
            return
        root, _, name = message.topic.rpartition("/")
        if not self._commands or root != f"{self.root}/set" or message.retain or len(name) > NAME_LIMIT:
            return
        try:
            wish = wish_in(name, message.payload)
            self._door.apply(name, wish, self._origin)
            in_force = settings_as_json(self._door.settings)
            self._answer(name, {"accepted": True, "value": in_force.get(name, wish)})
        except SettingsError as refusal:
            self._answer(name, {"accepted": False, "reason": str(refusal)})

    def _answer(self, name: str, answer: dict[str, object]) -> None:
        payload = json.dumps(answer, ensure_ascii=False).encode()
        self._answers.append(Message(f"{self.root}/set/{name}/result", payload, qos=1))


def wish_in(name: str, payload: bytes) -> object:
    """What somebody wants a setting to be: a JSON number, text or true and false, or plain text.

    Raises SettingsError.
    """
    if len(payload) > WISH_LIMIT:
        raise SettingsError(f"{shown(name)}: {len(payload)} bytes; at most {WISH_LIMIT}")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise SettingsError(refusal(shown(name), payload, "a number or a text")) from None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and value.keys() == {"value"}:
        value = value["value"]
    if isinstance(value, bool | int | float | str):
        return value
    raise SettingsError(refusal(shown(name), text, "a number or a text"))
