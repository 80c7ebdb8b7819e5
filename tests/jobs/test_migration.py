"""A journal of the first version, opened by this one: every task is there, its money is the same, and it goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from tests.jobs.house import ADDRESS_FILE, NO_FILES, PAID, RICH, START, a_house, a_task
from tests.jobs.postgres_server import Server
from tests.jobs.stories import a_journal
from tests.promises import keeps
from tests.studio.open import a_picture

from kling_tools.clock import local_day
from kling_tools.jobs.database import migrations
from kling_tools.jobs.questions import Search
from kling_tools.model.media import ImageLimits
from kling_tools.model.money import from_micros
from kling_tools.model.plan import Input, Route
from kling_tools.model.specs import VideoSpec
from kling_tools.model.status import Status
from kling_tools.model.tasks import Task

pytestmark = pytest.mark.anyio

LIMITS = {"max_bytes": 10_485_760, "min_side": 300, "max_ratio": 2.5, "formats": ["jpeg", "png"]}
PRICE = {"basis": "exact", "usd": "0.252", "most": "0.252", "units": "1.8", "source": "kling-official 10.2, 2026-09-20"}
URL = "https://cdn.test/1.mp4"
OUTPUT = {
    "kind": "video", "url": URL, "path": "/videos/1.mp4", "seconds": 3.04, "width": 1280, "height": 720,
    "has_audio": False, "size": 12345, "sha256": "ab", "url_expires": START + 86_400.0,
}  # fmt: skip
FAILURE = {"code": "moderated", "message": "Blocked.", "spent": "no", "retryable": False, "advice": "Change it."}


def old_plan(**changes: Any) -> dict[str, Any]:
    """Return a plan as the first version wrote it."""
    return {
        "tool": "create_video",
        "effect": "text-to-video",
        "route": {"provider": "sandbox", "standard": "standard"},
        "model": "kling-3.0",
        "wire_model": "kling-3.0",
        "prompt": 'Ein "Fuchs" — 狐',
        "seconds": 3,
        "resolution": "720p",
        "aspect_ratio": "16:9",
        "audio": "off",
        "multi_shot": False,
        "image": None,
        "last_image": None,
        "image_limits": LIMITS,
        "price": PRICE,
        "typical_seconds": 60.0,
        "notes": ["auto chose kling-3.0 (all-round)."],
        **changes,
    }


@dataclass
class Old:
    """A task as the first version wrote it, with its money."""

    id: str
    status: str = "queued"
    plan: dict[str, Any] = field(default_factory=old_plan)
    more: dict[str, Any] = field(default_factory=dict)
    money: tuple[str, int, int] = ("held", 252_000, 0)

    def document(self) -> dict[str, Any]:
        """Return the whole task."""
        return {
            "id": self.id,
            "plan": self.plan,
            "status": self.status,
            "created": START,
            "updated": START,
            "label": "mine",
            "simulated": True,
            "account": "sandbox",
            "fingerprint": f"old-{self.id}",
            "remote": None,
            "outputs": [],
            "failure": None,
            "charge": None,
            "attempts": 0,
            "sent_at": None,
            "not_before": 0.0,
            "accepted_at": None,
            "ended_at": None,
            "trouble": "",
            "notes": [],
            **self.more,
        }


def write(folder: Path, *tasks: Old) -> None:
    """Write a journal as the first version left it."""
    schema = files("kling_tools.jobs").joinpath("migrations", "0001_tasks_ledger_history.sql").read_text("utf-8")
    with closing(sqlite3.connect(folder / "journal.sqlite3", isolation_level=None)) as raw:
        raw.executescript(schema)
        raw.execute("PRAGMA user_version = 1")
        for task in tasks:
            document = task.document()
            words = f"{document['label']}\n{task.plan['prompt']}".casefold()
            columns = [
                task.id,
                task.status,
                "sandbox",
                task.plan["model"],
                START,
                START,
                document["fingerprint"],
                words,
            ]
            took = 50.0 if task.status == "succeeded" else None
            raw.execute(
                "INSERT INTO tasks (id, status, account, model, created, updated, fingerprint, words, took, document)"
                " VALUES (?,?,?,?,?,?,?,?,?,?)",
                [*columns, took, json.dumps(document)],
            )
            day = local_day(START).isoformat()
            raw.execute("INSERT INTO ledger VALUES (?,?,1,?,?,?)", [task.id, day, *task.money])
            raw.execute("INSERT INTO history VALUES (?,?,'Enqueued','queued','')", [task.id, START])


KINDS = {
    "text": old_plan(),
    "one frame": old_plan(effect="image-to-video", image='/p/a "b".png', aspect_ratio=None, audio="native"),
    "two frames": old_plan(effect="image-to-video", image="/p/a.png", last_image="https://a.test/b.png", audio="none"),
    "a key pair": old_plan(route={"provider": "kling", "standard": "legacy"}, wire_model="kling-v3", multi_shot=None),
    "many shots": old_plan(multi_shot=True, audio="always", notes=[]),
    "no price": old_plan(price={"basis": "unknown", "usd": None, "most": None, "units": None, "source": ""}),
}


@pytest.mark.parametrize("plan", KINDS.values(), ids=KINDS)
@keeps("nothing-lost")
async def test_every_kind_of_old_plan_says_the_same_in_the_new_words(tmp_path: Path, plan: dict[str, Any]) -> None:
    async with a_house(tmp_path) as house:
        write(house.folder, Old("k000000000001", plan=plan))
        new = (await house.task("k000000000001")).plan
        spec = new.spec
        assert isinstance(spec, VideoSpec)
        kept = {"prompt", "seconds", "resolution", "aspect_ratio", "audio", "multi_shot"}
        assert {name: getattr(spec, name) for name in kept} == {name: plan[name] for name in kept}
        assert (spec.product, spec.shots, spec.references) == (plan["effect"], (), ())
        assert (new.tool, new.model, new.wire_model) == (plan["tool"], plan["model"], plan["wire_model"])
        key = plan["route"]["standard"] == "standard"
        assert new.standard == plan["route"]["standard"]
        assert new.route == Route(plan["route"]["provider"], ("standard", "legacy") if key else ("legacy",))
        given = [("first_frame", "image", plan["image"]), ("last_frame", "last_image", plan["last_image"])]
        limits = ImageLimits(max_bytes=10_485_760, min_side=300, max_ratio=2.5)
        assert new.inputs == tuple(
            Input(role=role, kind="image", text=text, name=name, limits=limits)  # type: ignore[arg-type]
            for role, name, text in given
            if text
        )
        most = plan["price"]["most"]
        assert new.price.most == (None if most is None else Decimal(most))
        assert new.price.source == plan["price"]["source"]
        assert new.price.unit_usd == Decimal("0.14")
        assert (new.notes, new.slots, new.video_seconds) == (tuple(plan["notes"]), 1, 3)
        assert new.words == plan["prompt"]


STATES = [
    Old("k000000000001", "queued", more={"not_before": START + 8, "attempts": 1, "trouble": "no slot"}),
    Old("k000000000002", "unsure", more={"attempts": 1, "sent_at": START, "trouble": "cut"}),
    Old(
        "k000000000003",
        "processing",
        more={"remote": {"id": "r-3", "product": "/text-to-video/kling-3.0", "host": "https://k.test"}, "attempts": 1},
    ),
    Old("k000000000004", "failed", more={"failure": FAILURE, "ended_at": START + 1}, money=("released", 252_000, 0)),
    Old("k000000000005", "cancelled", more={"ended_at": START + 1}, money=("released", 252_000, 0)),
    Old(
        "k000000000006",
        "succeeded",
        more={"outputs": [OUTPUT], "charge": {"units": "1.5", "usd": "0.21"}, "accepted_at": START, "ended_at": START},
        money=("settled", 252_000, 210_000),
    ),
]


@keeps("nothing-lost", "within-budget")
async def test_every_task_and_its_money_is_there_in_whatever_state_it_was(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        write(house.folder, *STATES)
        tasks = await house.journal.get([old.id for old in STATES])
        assert {i: task.status.value for i, task in tasks.items()} == {old.id: old.status for old in STATES}
        for old in STATES:
            line = await house.journal.entry(old.id)
            assert line is not None
            assert (line.state, line.held, line.charged) == old.money
            assert tasks[old.id].arguments == {}
            assert (tasks[old.id].label, tasks[old.id].account, tasks[old.id].created) == ("mine", "sandbox", START)
        assert await house.journal.spent_today(simulated=True) == from_micros(3 * 252_000 + 210_000)
        waiting, unsure, running, failed, _, done = (tasks[old.id] for old in STATES)
        assert (waiting.not_before, waiting.attempts, unsure.sent_at) == (START + 8, 1, START)
        assert running.remote is not None
        assert running.remote.id == "r-3"
        assert failed.failure is not None
        assert (failed.failure.code, failed.failure.spent) == ("moderated", "no")
        (output,) = done.outputs
        assert (output.path, output.url, output.seconds, output.remote_id) == ("/videos/1.mp4", URL, 3.04, "")
        assert done.charge is not None
        assert done.charge.usd == Decimal("0.21")
        found = await house.journal.search(Search(words="fuchs"))
        assert (len(found.tasks), found.total, found.more) == (6, 6, False)
        assert len(await house.journal.active("sandbox")) == 3
        assert await house.journal.times_taken() == {("sandbox", "kling-3.0", 3.0): [50.0]}
        assert [h.event for h in await house.journal.history(done.id)] == ["Enqueued"]


async def test_a_journal_is_moved_once_and_what_came_after_is_left_alone(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        write(house.folder, *STATES)
        before = await house.journal.get([old.id for old in STATES])
        new, _ = await house.decide("another")
        new = (await house.journal.enqueue(new, RICH, again=False)).task
        await house.open_again()
        assert await house.journal.get([*before, new.id]) == {**before, new.id: new}


@keeps("nothing-lost", "nothing-twice")
async def test_an_old_task_that_runs_is_watched_to_its_end(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        _, order = await house.decide('Ein "Fuchs" — 狐')
        bought = await house.client.submit(order)
        remote = vars(bought.remote)  # type: ignore[union-attr]
        more = {"remote": remote, "attempts": 1, "accepted_at": START, "sent_at": START}
        write(house.folder, Old(order.external_id, "processing", more=more))
        task = await house.until(order.external_id, Status.SUCCEEDED)
        assert Path(task.outputs[0].path).is_file()
        assert task.charge is not None
        assert task.charge.usd == PAID == await house.journal.spent_today(simulated=True)
        assert await house.bought() == [order.external_id]


async def test_an_old_task_that_runs_takes_a_slot(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        write(house.folder, STATES[2])
        new, _ = await house.decide("another")
        await house.journal.enqueue(new, RICH, again=False)
        assert await house.journal.claim(new.id, 1) is None
        assert await house.journal.claim(new.id, 2) is not None


@pytest.mark.parametrize("frames", [0, 1, 2])
@keeps("nothing-lost")
async def test_an_old_task_that_waits_is_sent_as_it_was_agreed_on(tmp_path: Path, frames: int) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        pictures = [a_picture(tmp_path, f"{n}.jpg", 640, 360) for n in range(frames)]
        named = dict(zip(("image", "last_image"), pictures, strict=False))
        effect = "image-to-video" if frames else "text-to-video"
        plan = old_plan(effect=effect, **named, aspect_ratio=None if frames else "9:16")
        write(house.folder, Old("k000000000001", plan=plan))
        await house.until("k000000000001", Status.FETCHING)
        (call,) = await house.calls("create")
        assert call["path"].endswith(f"/{effect}/kling-3.0")
        assert await house.bought() == ["k000000000001"]


@keeps("nothing-twice")
async def test_an_old_task_in_doubt_is_found_and_not_sent_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, NO_FILES) as house:
        _, order = await house.decide()
        await house.client.submit(order)
        write(house.folder, Old(order.external_id, "unsure", more={"attempts": 1, "sent_at": START}))
        await house.until(order.external_id, Status.FETCHING)
        assert await house.sent() == [order.external_id]


@keeps("nothing-lost")
async def test_an_older_database_keeps_its_tasks_in_line(tmp_path: Path, postgres: Server) -> None:
    url = postgres.new_database(empty=True)
    (tmp_path / ADDRESS_FILE).write_text(url)
    steps = list(takewhile(lambda step: "COLUMN label" not in step, migrations("migrations", "postgres")))
    tasks = [
        a_task(label=label, now=START + n, sent_at=at) for n, (label, at) in enumerate((("a", 5.0), ("b\0", None)))
    ]
    broken = a_task(now=START + 9)
    with postgres.connection(url.rpartition("/")[2]) as raw:
        raw.execute("CREATE SCHEMA kling_mcp")
        raw.execute("SET search_path = kling_mcp")
        raw.execute("CREATE TABLE journal_schema (version INTEGER NOT NULL)")
        for step in steps:
            raw.execute(step.encode())
        raw.execute("INSERT INTO journal_schema VALUES (%s)", [len(steps)])
        for task in [*tasks, broken]:
            told = "{" if task is broken else TypeAdapter(Task).dump_json(task).decode()
            row = [task.id, "queued", "sandbox", task.plan.model, task.created, task.updated, task.id, "", 2, told]
            raw.execute(
                "INSERT INTO tasks (id, status, account, model, created, updated, fingerprint, words, slots, document)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                row,
            )
    async with a_journal(tmp_path) as journal:
        found = {t.id: t for t in await journal.watched([task.id for task in tasks])}
        assert [(found[t.id].label, found[t.id].slots) for t in tasks] == [("a", 1), ("b\ufffd", 1)]
        position, news = await journal.news("")
        assert set(news) == {*found, broken.id}
        assert await journal.next_up("sandbox", tasks[0].plan.model, 2) == [tasks[0].id]
        assert await journal.claim(tasks[0].id, 2)
        assert (await journal.news(position))[1] == {tasks[0].id: "sandbox"}


@pytest.mark.parametrize(
    "more",
    [
        {"plan": {**old_plan(), "notes": "none"}},
        {"plan": {**old_plan(), "image": "/p/a.png", "image_limits": "none"}},
        {"plan": {**old_plan(), "price": "free"}},
        {"plan": 7},
        {"plan": {"spec": {}, "slots": "many"}},
        {"sent_at": "yesterday"},
        {"sent_at": [1]},
        {"label": 5},
    ],
    ids=["notes", "limits", "price", "plan", "slots", "sent", "sent a list", "label"],
)
@keeps("nothing-lost")
async def test_an_old_record_with_a_field_of_another_kind_keeps_nobody_from_the_others(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    async with a_house(tmp_path) as house:
        write(house.folder, Old("k000000000001"), Old("k000000000002", more=more))
        assert [task.id for task in await house.journal.watched(["k000000000001"])] == ["k000000000001"]
        assert await house.journal.spent_today(simulated=True) == from_micros(2 * 252_000)
