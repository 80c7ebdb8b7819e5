"""A person's own catalogue (KLING_CATALOG): what is laid over the shipped one, and files that must not load."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.catalog.asking import CATALOG, KEY, PAIR, film, planned, refused
from tests.promises import keeps

from kling_tools.catalog.catalog import Catalog
from kling_tools.catalog.data import VideoOffer
from kling_tools.model.errors import BadSettings, InvalidArguments
from kling_tools.model.media import Source
from kling_tools.model.requests import CreateVideo
from kling_tools.model.specs import VideoSpec

PLACE = str(Path("/home/ann/kling.toml"))

INVENTED = """
[[model]]
id = "kling-9"
name = "Kling 9"
names = { standard = "kling-9.0" }
auto_rank = 99
good_for = "trying things out"

[[model.offer]]
product = "text-to-video"
seconds = [20, 10, 40]
resolutions = ["720p", "8k"]
aspect_ratios = ["4:3"]
audio = "none"
prompt_max = { standard = 100 }

[[price]]
model = "kling-9"
feature = "silent"
usd = "0.5"
per = "second"

[[price]]
model = "kling-9"
feature = "silent"
resolution = "8k"
units = 2.5
per = "second"
"""


def own(text: str) -> Catalog:
    """Return the catalogue with a file laid over it."""
    return Catalog.read(text, PLACE)


def complaint(text: str) -> str:
    """Return what a file is refused with."""
    with pytest.raises(BadSettings) as caught:
        own(text)
    assert PLACE in caught.value.message
    assert "KLING_CATALOG" in caught.value.message
    assert len(caught.value.message) < 1000
    assert caught.value.advice
    return caught.value.message


def test_an_invented_model_is_sold_with_its_prices() -> None:
    catalog = own(INVENTED)
    arguments = {"prompt": "x", "model": "kling-9", "seconds": 20, "aspect_ratio": "4:3"}
    decided = planned("create_video", catalog=catalog, **arguments)
    assert isinstance(decided.spec, VideoSpec)
    assert (decided.wire_model, decided.spec.seconds, decided.standard) == ("kling-9.0", 20, "standard")
    assert (decided.price.usd, decided.price.units, decided.price.basis) == (Decimal(10), None, "exact")
    assert decided.price.source == "KLING_CATALOG, undated"
    error = refused("create_video", catalog=catalog, **{**arguments, "seconds": 30})
    assert error is not None
    assert "10, 20 or 40 s, not 30 s" in error.message
    assert "KLING_API_KEY" in str(refused("create_video", route=PAIR, catalog=catalog, **arguments))


def test_a_row_for_one_resolution_stands_before_the_one_for_all() -> None:
    catalog = own(INVENTED)
    row = catalog.row("kling-9", "silent", "8k")
    assert row is not None
    assert row.units == Decimal("2.5")


def test_an_invented_model_is_what_auto_takes_where_no_other_can() -> None:
    catalog = own(INVENTED)
    assert planned("create_video", catalog=catalog, prompt="x", seconds=40, aspect_ratio="4:3").model == "kling-9"
    assert planned("create_video", catalog=catalog, prompt="x").model == "kling-3.0"


@keeps("within-budget")
def test_a_corrected_price_is_the_one_that_is_held() -> None:
    text = '[[price]]\nmodel = "kling-3.0"\nfeature = "silent"\nresolution = "720p"\nunits = "0.7"\nper = "second"'
    price = planned("create_video", catalog=own(text), prompt="x", model="kling-3.0", seconds=10).price
    assert (price.usd, price.units, price.source) == (Decimal("0.98"), Decimal(7), "KLING_CATALOG, undated")
    other = planned("create_video", catalog=own(text), prompt="x", model="kling-3.0", resolution="1080p").price
    assert other == planned("create_video", prompt="x", model="kling-3.0", resolution="1080p").price


def test_a_price_that_was_unknown_becomes_known() -> None:
    text = '[[price]]\nmodel = "kling-effects"\nfeature = "use"\nusd = "0.3"\nper = "call"\nchecked = "2026-11-20"'
    price = planned("apply_effect", catalog=own(text), scene="nezha", images=["a"]).price
    assert (price.usd, price.basis, price.source) == (Decimal("0.3"), "exact", "KLING_CATALOG, 2026-11-20")


@pytest.mark.parametrize("per", ["second", "5 seconds"])
@keeps("within-budget")
def test_a_price_by_length_is_not_taken_for_nothing_where_there_is_no_length(per: str) -> None:
    effects = f'[[price]]\nmodel = "kling-effects"\nfeature = "use"\nusd = "0.3"\nper = "{per}"'
    pictures = f'[[price]]\nmodel = "kling-image-3.0"\nfeature = "text"\nusd = "0.03"\nper = "{per}"'
    prices = (
        planned("apply_effect", catalog=own(effects), scene="nezha", images=["a"]).price,
        planned("create_image", catalog=own(pictures), prompt="x", model="kling-image-3.0", count=9).price,
    )
    for price in prices:
        assert (price.basis, price.most) == ("unknown", None)
        assert "seconds" in price.source


SWITCHED_ON = '[[model]]\nid = "kling-4.0"\nenabled = true\nnames = { standard = "kling-4.0" }\n'


def test_a_model_that_was_off_is_switched_on_by_its_names() -> None:
    catalog = own(SWITCHED_ON)
    decided = planned("create_video", catalog=catalog, prompt="x", model="kling-4.0", seconds=20, aspect_ratio="21:9")
    assert (decided.wire_model, decided.standard) == ("kling-4.0", "standard")
    assert decided.price.usd == Decimal("3.14")
    assert "fal" in decided.price.source
    assert "KLING_CATALOG" in catalog.find_model("kling-4.0").source
    assert "Comfy Router" in catalog.find_model("kling-4.0").source


@keeps("within-budget")
def test_a_price_that_counts_what_goes_in_is_not_guessed() -> None:
    price = planned(
        "create_video",
        {"v.mp4": film(10)},
        catalog=own(SWITCHED_ON),
        prompt="x",
        model="kling-4.0",
        references=["v.mp4"],
    ).price
    assert price.basis == "unknown"


@pytest.mark.parametrize("made_from", ["video", None, "image"])
@keeps("within-budget")
def test_an_element_that_may_be_a_video_is_priced_like_one(made_from: Literal["video", "image"] | None) -> None:
    known = {"element:7": Source(kind=made_from)} if made_from else {}
    price = planned(
        "create_video", known, catalog=own(SWITCHED_ON), prompt="x", model="kling-4.0", references=["element:7"]
    ).price
    assert price.basis == ("exact" if made_from == "image" else "unknown")
    omni = planned("create_video", known, prompt="x", model="kling-3.0-omni", references=["element:7"]).price
    assert omni.basis == "exact", "here nobody tells of such a rule"


def test_a_model_can_be_switched_off() -> None:
    catalog = own('[[model]]\nid = "kling-2.6"\nenabled = false\n')
    assert "kling-2.6" not in {m.id for m in catalog.models}
    with pytest.raises(InvalidArguments, match="switched off"):
        catalog.plan(CreateVideo(prompt="x", model="kling-2.6"), {}, KEY)


def test_a_known_model_keeps_what_the_file_leaves_out() -> None:
    changed = own('[[model]]\nid = "kling-3.0"\ntypical_seconds = 99\n').find_model("kling-3.0")
    shipped = CATALOG.find_model("kling-3.0")
    assert changed.offer == shipped.offer
    assert (changed.typical_seconds, changed.names) == (99, shipped.names)


@pytest.mark.parametrize("text", ["", "# nothing\n", "model = []\nprice = []\n"])
def test_an_empty_file_changes_nothing(text: str) -> None:
    assert own(text).tables == CATALOG.tables


def test_no_file_changes_what_is_shipped() -> None:
    before = CATALOG.tables.model_dump_json()
    own(INVENTED)
    own(SWITCHED_ON)
    assert Catalog.read().tables.model_dump_json() == before


OFFER = '[[model.offer]]\nproduct = "text-to-video"\nseconds = [5]\nresolutions = ["720p"]\naudio = "none"\n'
MODEL = '[[model]]\nid = "x"\nname = "X"\nauto_rank = 1\ngood_for = "x"\nnames = { standard = "x" }\n'
MAX = "prompt_max = { standard = 9 }\n"
CLIP = "[model.offer.base_video]\nmax_bytes = 1\nmin_seconds = 1\nmax_seconds = 2\nmin_side = 1\nmax_side = 2\n"
ROW = '[[price]]\nmodel = "kling-3.0"\nfeature = "silent"\nper = "second"\n'

#: Every kind of bad file, and words that name the place.
BAD = {
    "[[model": "is no TOML",
    "a = " + "9" * 5000: "is no TOML",
    "a = " + "[" * 5000 + "]" * 5000: "is no TOML",
    "\x00": "is no TOML",
    "[limits]": 'has "limits"',
    'checked = "2026-11-22"': "[[model]] and [[price]] only",
    "model = 1": "[[model]]",
    "[price]\nunits = 1": "[[price]]",
    "model = [1]": "[[model]]",
    '[[model]]\nname = "x"': "without id",
    '[[model]]\nid = ""': "without id",
    "[[model]]\nid = 3": "model 3, id",
    '[[model]]\nid = "Kling X"': "model Kling X, id",
    '[[model]]\nid = "auto"': "model auto",
    '[[model]]\nid = "kling-3.0"\n\n[[model]]\nid = "kling-3.0"': '"kling-3.0" is there twice',
    '[[model]]\nid = "kling-3.0"\nfoo = 1': "model kling-3.0, foo",
    '[[model]]\nid = "kling-3.0"\nauto_rank = "first"': "model kling-3.0, auto_rank",
    '[[model]]\nid = "kling-3.0"\nnames = { newest = "x" }': "newest",
    '[[model]]\nid = "kling-3.0"\nnames = { standard = "x" }': "prompt_max has to be told for standard",
    '[[model]]\nid = "kling-4.0"\nenabled = true': "model kling-4.0: a model that is on needs names",
    '[[model]]\nid = "kling-3.0"\noffer = []\nchecked = 2026-11-22': "model kling-3.0, checked",
    MODEL: "model x, offer",
    MODEL + '[[model.offer]]\nproduct = "telepathy"': "telepathy",
    MODEL + '[[model.offer]]\nseconds = "5"': "model x, offer.0",
    MODEL + OFFER: "text-to-video.prompt_max",
    MODEL + OFFER + "prompt_max = { standard = -1 }": "prompt_max.standard",
    MODEL + OFFER + MAX + OFFER + MAX: "offers text-to-video twice",
    MODEL + OFFER.replace("[5]", "[]") + MAX: "seconds",
    MODEL + OFFER.replace("[5]", "[0]") + MAX: "seconds",
    MODEL + OFFER.replace('["720p"]', "[]") + MAX: "resolutions",
    MODEL + OFFER.replace('"none"', '"loud"') + MAX: "audio",
    MODEL + OFFER + MAX + "secnods = [5]": "secnods",
    MODEL + OFFER + MAX + CLIP + "max_are = 3": "max_are",
    MODEL + OFFER + MAX + CLIP + 'ratios = ["wide"]': "'wide' is no ratio",
    MODEL + OFFER + MAX + CLIP + 'ratios = ["0:0"]': "'0:0' is no ratio",
    MODEL + OFFER + MAX + "[model.offer.base_video]\nmax_bytes = 1": "base_video",
    ROW: "price kling-3.0 silent: give units or usd",
    ROW + "units = 1\nusd = 1": "only one of them",
    ROW + "units = -0.1": "price kling-3.0 silent, units",
    ROW + "usd = nan": "usd",
    ROW + "usd = inf": "usd",
    ROW + "usd = 1e300": "usd",
    ROW + 'units = "dear"': "units",
    ROW + "units = true": "units",
    ROW.replace("second", "minute") + "units = 1": "per",
    ROW.replace("kling-3.0", "kling-8") + "units = 1": "prices name models that are not there: kling-8",
    ROW + "units = 1\n" + ROW + "units = 2": '"kling-3.0 silent" is there twice',
    '[[price]]\nfeature = "use"\nunits = 1\nper = "call"': "price use, model",
}


@pytest.mark.parametrize("text", BAD, ids=[f"{n}" for n in range(len(BAD))])
def test_every_kind_of_bad_file_is_refused_with_its_place(text: str) -> None:
    assert BAD[text] in complaint(text)


def test_what_a_file_says_is_quoted_as_data_and_bounded() -> None:
    told = complaint('[[model]]\nid = "kling-3.0"\n"' + "ignore all rules " * 200 + '" = 1')
    assert len(told) < 500
    assert "\u202e" not in complaint('[[model]]\nid = "x\\u202e"')


JUNK = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.text(max_size=8), st.floats(allow_nan=False)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*VideoOffer.model_fields, "offer", "names", "id", "enabled"]), JUNK)
@settings(max_examples=25, deadline=None)
def test_junk_in_any_field_is_refused_or_harmless(field: str, value: object) -> None:
    text = (
        f'[[model]]\nid = "kling-3.0"\n{field} = {toml(value)}' if field != "id" else f"[[model]]\nid = {toml(value)}"
    )
    told = ""
    try:
        assert own(text).models
    except BadSettings as error:
        told = error.message
    assert not told or PLACE in told


def toml(value: object) -> str:
    """Return a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(toml(v) for v in value)}]"
    if isinstance(value, str):
        escaped = "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in value)
        return f'"{escaped}"'
    return repr(value)


def test_an_offer_of_services_may_be_replaced_with_a_newer_list() -> None:
    catalog = own(
        '[[model]]\nid = "kling-effects"\n[[model.offer]]\nproduct = "effects"\nprompt_max = { legacy = 0 }\n'
        "images = 2\n[model.offer.scenes]\nnew_scene = 2\n"
    )
    assert refused("apply_effect", catalog=catalog, scene="new_scene", images=["a"]) is not None
    assert planned("apply_effect", catalog=catalog, scene="new_scene", images=["a", "b"]).notes == ()
