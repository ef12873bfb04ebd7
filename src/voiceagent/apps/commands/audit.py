"""`voiceagent audit`: check the audit log offline, and the public key by which its anchors are checked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from voiceagent.adapters.anchors.file import anchors_path, read_anchors
from voiceagent.adapters.anchors.lines import Reading
from voiceagent.apps.build import opened
from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import OK, REFUSED, err, listing, out, plain, print_json, run
from voiceagent.apps.commands.stores import check_installed
from voiceagent.apps.custody.signing import audit_signer
from voiceagent.apps.custody.verification import TenantReport
from voiceagent.apps.custody.verification import verify as verified
from voiceagent.domain.trail.check import Anchor
from voiceagent.kit.clock import SystemClock
from voiceagent.kit.errors import InvalidInput
from voiceagent.ports.store import Store

app = typer.Typer(help="Check the audit log.", no_args_is_help=True)
_KEY_DIGITS = 64


@app.command(
    epilog="Examples: `voiceagent audit verify`, "
    "`voiceagent audit verify --database copy.db --anchors copy.jsonl --public-key 3f0c...`"
)
def verify(
    database: Annotated[
        str | None, typer.Option(help="File or URL of the database; a copy will do.", show_default=False)
    ] = None,
    anchors: Annotated[Path | None, typer.Option(help="File of the anchors.", show_default=False)] = None,
    public_key: Annotated[
        str | None, typer.Option(help="What `voiceagent audit key` printed, kept elsewhere.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check every record against its chain and its signed anchors. Exits with 4 when a record is bad, named, or anchors are missing."""
    settings = settled(loaded(config, sets, data_dir).settings)
    if not (public_key and database):
        run(check_installed(settings))
    key = _checked_key(public_key) if public_key else audit_signer(settings).public_hex
    reading = read_anchors(anchors or anchors_path(settings.url("anchors")), key)
    url = _existing(database) if database else settings.url("store")
    reports = run(_verified(url, reading.anchors))
    is_none_kept = not reading.anchors and (
        anchors is not None or not reading.starts
    )  # a writer begins with a line of its own
    now = None if database or anchors else SystemClock().now()
    lacking = [
        one.tenant_id
        for one in reports
        if one.lacks_anchors(now) or (is_none_kept and one.unanchored and not one.finding)
    ]
    is_good = reading.bad_line is None and not lacking and not any(report.finding for report in reports)
    if as_json:
        tenants = [asdict(report) | {"anchors_missing": report.tenant_id in lacking} for report in reports]
        print_json({"good": is_good, "bad_anchor_line": reading.bad_line, "starts": reading.starts, "tenants": tenants})
    else:
        _tell(reading, reports, lacking)
    return OK if is_good else REFUSED


@app.command(epilog="Example: `voiceagent audit key > audit-public-key.txt`")
def key(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Print the public key of the anchors. Keep it where who can change the data folder cannot change it."""
    settings = settled(loaded(config, sets, data_dir).settings)
    run(check_installed(settings))
    public_hex = audit_signer(settings).public_hex
    if as_json:
        print_json({"public_key": public_hex})
    else:
        out.print(public_hex)


async def _verified(url: str, anchors: tuple[Anchor, ...]) -> tuple[TenantReport, ...]:
    store: Store = await opened("store", url)
    try:
        return await verified(store, anchors)
    finally:
        await store.close()


def _existing(database: str) -> str:
    """Its URL. A file that is not there is told: opened, it would be made, and be empty."""
    if "://" in database:
        return database
    path = Path(database).absolute()
    if not path.is_file():
        raise InvalidInput("no_such_file", f"there is no file {path}", param="--database")
    return f"sqlite:///{path}"


def _checked_key(public_key: str) -> str:
    if len(public_key) != _KEY_DIGITS or set(public_key.lower()) - set("0123456789abcdef"):
        raise InvalidInput("bad_public_key", "a public key is 64 hexadecimal digits", param="--public-key")
    return public_key.lower()


def _tell(reading: Reading, reports: tuple[TenantReport, ...], lacking: list[str]) -> None:
    table = listing("organisation", "records", "anchored up to", "without anchor", "verdict")
    for report in reports:
        verdict = "anchors are missing" if report.tenant_id in lacking else "good"
        if report.finding:
            verdict = f"record {report.finding.sequence} is {report.finding.what}"
        counts = map(str, (report.records, report.anchored, report.unanchored))
        table.add_row(plain(report.tenant_id), *counts, verdict.replace("_", " "))
    out.print(table)
    if lacking:
        err.print(
            "what no anchor covers may have been rewritten: is this the whole file of the anchors? What was written while the platform "
            "was stopped is anchored within a minute of its next start"
        )
    if reading.bad_line is not None:
        err.print(f"line {reading.bad_line} of the anchors is not what was written; nothing after it counts")
