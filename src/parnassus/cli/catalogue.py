"""`parnassus models`, `systems` and `verify`: what there is, and whether it is right."""

from textwrap import indent
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import SettingError, did_you_mean
from . import settings
from .console import Console
from .settings import Declared
from .values import shown

# What a fact says of the data it comes from; facts of answers and rows say nothing of their form.
TAKES = {
    "in_features": "any data, as vectors",
    "cardinalities": "tables, with ids of categories",
    "tokens": "rows of tokens",
    "symbols": "sequences of symbols",
    "step_features": "sequences of vectors",
    "vocab_size": "texts, as ids",
    "source_vocab_size": "pairs of texts",
    "in_channels": "pictures",
    "frames": "video",
    "sample_rate": "sound",
    "history": "time series",
}
MODALITIES = {
    "table": ("in_features", "cardinalities"),
    "image": ("in_features", "in_channels"),
    "text": ("in_features", "tokens", "vocab_size", "source_vocab_size"),
    "sequence": ("in_features", "step_features", "symbols", "history"),
    "video": ("frames",),
    "sound": ("in_features", "step_features", "sample_rate"),
}

if TYPE_CHECKING:
    from ..checks import Result


def models(name: str | None, *, task: str | None, modality: str | None, json: bool) -> int:
    """The registered models, or one of them, read off their sources."""
    found = list(settings.builders("model"))
    if name is not None:
        known = {b.name for b in found}
        if name not in known:
            raise SettingError(f"there is no model {name!r}; {did_you_mean(name, known)}")
        found = [b for b in found if b.name == name]
    if task is not None:
        known, task = {t for b in found for t in b.tasks}, task.replace("-", "_")
        if task not in known:
            raise SettingError(f"no model serves {task!r}; {did_you_mean(task, known)}")
        found = [b for b in found if task in b.tasks]
    if modality is not None:
        if modality not in MODALITIES:
            raise SettingError(f"unknown modality {modality!r}; {did_you_mean(modality, MODALITIES)}")
        found = [b for b in found if fits(b, modality)]
    console = Console(json=json)
    for one in {(b.name, *b.tasks, takes(b)): b for b in found}.values():  # of one told more or fewer facts the last
        console.say(f"{one.name}  ({', '.join(one.tasks)}; takes {takes(one)})")
        console.say(indent(one.docstring if name is not None else one.summary, "    "))
        if one.settings:
            console.say(
                "    " + "  ".join(f"--model.{k.replace('_', '-')} {shown(s.default)}" for k, s in one.settings.items())
            )
    if not found:
        console.say("no model yet")
    console.result(
        [
            {
                "name": b.name,
                "tasks": list(b.tasks),
                "takes": takes(b),
                "needs": list(b.facts),
                "options": {k: s.default for k, s in b.settings.items()},
                "summary": b.summary,
            }
            for b in found
        ]
    )
    return 0


def costs(*, size: int | None, json: bool) -> int:
    """Nets for pictures, each built without memory and counted on one picture."""
    from dataclasses import asdict

    from ..insight.zoo import net_costs

    if size is not None and size < 8:
        raise SettingError(f"--size is pixels a side, at least 8; got {size}")
    console, found = Console(json=json), net_costs(size=size)
    heads = ("model", "pixels", "parameters", "multiply-adds", "memory", "year", "top-1", "top-5")
    rows: list[tuple[str, ...]] = [heads]
    rows += [
        (
            one.name,
            str(one.size),
            f"{one.n_parameters:,}",
            f"{one.n_products / 1e9:.3f} G",
            f"{one.n_bytes / 2**20:.0f} MiB",
            *("-" if v is None else f"{v}" for v in (one.year, one.top1, one.top5)),
        )
        for one in found
    ]
    console.table(rows)
    console.say("\n1,000 classes, one picture with colours; memory is weights and maps in float32.")
    console.say("Years and shares of ImageNet's validation pictures are cited (torchvision, Keras), not measured here.")
    console.result([asdict(one) for one in found])
    return 0


def takes(builder: Declared) -> str:
    """What a model takes, in words."""
    return ", ".join(TAKES[fact] for fact in forms_of(builder) if fact in TAKES) or "anything"


def forms_of(builder: Declared) -> list[str]:
    """The facts of what a model takes; a tagger's categories are those of tokens, its ids those of symbols."""
    steps = {"hmm", "tagger"} & set(builder.tasks)
    meant = {"cardinalities": "tokens", "vocab_size": "symbols"} if steps else {}
    return [meant.get(fact, fact) for fact in builder.facts]


def fits(builder: Declared, modality: str) -> bool:
    """Whether a model takes data of a modality; every kind of data can be had as vectors."""
    forms = {fact for fact in forms_of(builder) if fact in TAKES}
    if modality != "video" and "frames" in forms:
        return False
    return not forms or bool(forms & set(MODALITIES[modality]))


# --- systems --------------------------------------------------------------------------------------


def systems(name: str | None, *, family: str | None, claimed: bool, missing: bool, json: bool) -> int:
    """One system in full, or a list of them."""
    from ..systems import claims, system
    from ..systems import systems as known

    console, where = Console(json=json), claims()
    if name is not None:
        one = system(name)
        console.say(f"{one.id}: {one.name} ({one.kind}, {one.family})")
        console.say(f"    {one.definition}")
        console.say(f"    books: {one.references}")
        console.say(f"    computed: {', '.join(where.get(name, [])) or 'not yet'}")
        console.result(record(one, where))
        return 0
    if claimed and missing:
        raise SettingError("--claimed and --missing leave nothing; give one of them")
    families = {s.family for s in known().values()}
    if family is not None and family not in families:
        raise SettingError(f"unknown family {family!r}; {did_you_mean(family, families)}")
    found = [
        s
        for s in known().values()
        if family in (None, s.family) and not (claimed and s.id not in where) and not (missing and s.id in where)
    ]
    rows = [("id", "family", "name", "computed")]
    rows += [
        (s.id, s.family, s.name, ", ".join(w.removeprefix("parnassus.") for w in where.get(s.id, [])) or "-")
        for s in found
    ]
    console.table(rows)
    console.say(f"\n{sum(s.id in where for s in found)} of {len(found)} are computed here")
    console.result([record(s, where) for s in found])
    return 0


def record(one: Any, where: dict[str, list[str]]) -> dict[str, Any]:
    """A system as JSON values."""
    return {
        "id": one.id,
        "family": one.family,
        "name": one.name,
        "kind": one.kind,
        "definition": one.definition,
        "priority": one.priority,
        "references": one.references.split("; "),
        "computed": where.get(one.id, []),
    }


# --- verify ---------------------------------------------------------------------------------------


def told_of(result: "Result") -> dict[str, Any]:
    """A check's outcome as JSON values."""
    return {
        "systems": list(result.check.systems),
        "check": result.check.name,
        "oracle": result.check.oracle,
        "version": result.version,
        "difference": result.difference,
        "tolerance": result.check.tolerance,
        "verdict": result.verdict,
    }


def verify(
    what: Annotated[str, Parameter(help="a family, a system, a check, or all")] = "all",
    /,
    *,
    json: Annotated[bool, Parameter(name="--json", negative=(), help="print JSON, and nothing else")] = False,
) -> int:
    """Compare what is computed here with outside oracles; the exit code is 1 where something differs."""
    from ..checks import selected
    from ..checks import verify as results

    console = Console(json=json)
    checks = selected(what)
    widths = [
        max(len(w) for w in column)
        for column in zip(
            *[(", ".join(c.systems), c.name, f"{c.oracle} 10.10.10") for c in checks],
            ("system", "check", "oracle"),
            strict=True,
        )
    ]
    line = "  ".join(f"{{:<{w}}}" for w in widths) + "  {:>10}  {:>9}  {}"
    console.say(line.format("system", "check", "oracle", "difference", "tolerance", "verdict"))
    found = []
    for one in results(what):
        told = told_of(one)
        difference = "" if one.difference is None else f"{one.difference:.2g}"
        oracle = f"{told['oracle']} {told['version']}".strip()
        tolerance = f"{told['tolerance']:.2g}"
        console.say(line.format(", ".join(told["systems"]), told["check"], oracle, difference, tolerance, one.verdict))
        found.append(told)
    differs = sum(f["verdict"] == "differs" for f in found)
    absent = sum(f["verdict"] == "not installed" for f in found)
    console.say(f"\n{len(found) - differs - absent} of {len(found)} agree" + (f", {differs} differ" if differs else ""))
    if absent:
        console.say(f"{absent} need an oracle that is not installed: pip install 'parnassus[verify]'")
    console.result(found)
    return 1 if differs else 0
