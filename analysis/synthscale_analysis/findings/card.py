"""The part of a study's README.md that says where its records come from; what stands around it is left as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from synthscale.study.error import UserError
from synthscale_analysis.findings.origin import Origin
from synthscale_analysis.numbers.wording import duration

BEGIN, END = "<!-- origin of the records: written by findings.keep -->", "<!-- end of the origin -->"
MAX_LISTED = 5
_SHORT_COMMIT = 7


def readme_with(earlier: str | None, origin: Origin, left_out: str) -> str:
    """A README with the card; of an earlier one, the card is replaced, or put at its end."""
    card = f"{BEGIN}\n\n{card_of(origin, left_out)}\n\n{END}\n"
    if earlier is None:
        return f"# {origin.name}\n\n{card}"
    before, begin, rest = earlier.partition(BEGIN)
    if not begin:
        return f"{earlier.rstrip()}\n\n## Records of the study {origin.name}\n\n{card}"
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"the README of {origin.name} has the mark {BEGIN} and no {END} after it; put that back")
    return before + card + after.removeprefix("\n")


def card_of(origin: Origin, left_out: str) -> str:
    """A table in Markdown, a fact a row."""
    rows = {
        "command": "; ".join(f"`{command}`" for command in origin.commands) or "not known",
        "version": _version(origin.made_with),
        "versions": _counted(_others(origin.made_with)) or "not known",
        "hardware": _hardware(origin),
        "time": _time(origin),
        "points": f"{origin.num_records:,} records of {origin.num_points:,} points that were asked for",
        "left out": "; ".join(filter(None, [_missing(origin.missing), left_out])) or "nothing",
    }
    lines = [f"| {name} | {_cell(text)} |" for name, text in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _version(made: Mapping[str, Any]) -> str:
    versions = list(made["versions"].get("synthscale", {}))
    commits = [commit[:_SHORT_COMMIT] for commit in made["git_commits"]]
    told = [f"synthscale {', '.join(versions)}" if versions else "", f"commit {', '.join(commits)}" if commits else ""]
    return ", ".join(filter(None, told)) or "not known"


def _others(made: Mapping[str, Any]) -> dict[str, list[str]]:
    return {package: list(found) for package, found in made["versions"].items() if package != "synthscale"}


def _counted(found: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{package} {' and '.join(versions)}" for package, versions in found.items())


def _hardware(origin: Origin) -> str:
    devices = " and ".join(origin.made_with["devices"]) or "not known"
    cores = f"{origin.num_cores} core{'s' * (origin.num_cores != 1)}"
    return f"{origin.processor}, {cores}; computed on {devices}"


def _time(origin: Origin) -> str:
    told = []
    if origin.wall_seconds is not None:
        verb = "stage was" if origin.num_reused == 1 else "stages were"
        reused = f" ({origin.num_reused:,} {verb} there before)" if origin.num_reused else ""
        told.append(f"{origin.wall_seconds:,.0f} wall seconds with a stage at work{reused}")
    if origin.num_artifacts:
        took = f"{origin.stage_seconds:,.0f} seconds ({duration(origin.stage_seconds)})"
        told.append(f"{took} summed over {origin.num_artifacts:,} stages")
    if origin.num_unknown:
        told.append(f"without the stages of {origin.num_unknown:,} records, whose artifacts are not here")
    return "; ".join(told) or "not known"


def _missing(labels: Sequence[str]) -> str:
    if not labels:
        return ""
    more = f" and {len(labels) - MAX_LISTED:,} more" if len(labels) > MAX_LISTED else ""
    points = "1 point that is" if len(labels) == 1 else f"{len(labels):,} points that are"
    return f"{points} not finished: {', '.join(labels[:MAX_LISTED])}{more}"


def _cell(text: str) -> str:
    """Without what would end the cell, the row or the card."""
    return " ".join(text.split()).replace("|", "\\|").replace("<!--", "&lt;!--")
