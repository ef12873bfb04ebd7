"""The commands of `voiceagent privacy`. They work on the stores themselves, whether the platform runs or not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import typer

from voiceagent.apps.commands.options import ConfigOption, DataDirOption, JsonOption, SetOption, loaded, settled
from voiceagent.apps.commands.outcome import out, print_json, run
from voiceagent.apps.commands.stores import check_installed, local_deed
from voiceagent.apps.custody.rights import default_retention, open_rights
from voiceagent.apps.parts import Parts
from voiceagent.apps.privacy import masked
from voiceagent.apps.settings import Settings
from voiceagent.domain.erasure import DocumentPolicy, Erasure
from voiceagent.domain.identity import DEFAULT_TENANT_ID
from voiceagent.kit.errors import Conflict, InvalidInput
from voiceagent.rights.export import exported
from voiceagent.rights.parts import RightsParts
from voiceagent.rights.requests import request_erasure, subject_of
from voiceagent.rights.retention import RetentionWork
from voiceagent.rights.worker import RightsWorker

app = typer.Typer(help="Erase or take along what is kept of a person.", no_args_is_help=True)
TenantOption = Annotated[str, typer.Option("--tenant", help="Id of the tenant.")]
SubjectArgument = Annotated[str, typer.Argument(help="Id or e-mail address of a person, or id of a key.")]
POLL_S = 0.5
T = TypeVar("T")


@app.command(epilog="Example: `voiceagent privacy erase ann@example.com --yes`")
def erase(
    subject: SubjectArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: this cannot be undone.")] = False,
    documents: Annotated[
        str, typer.Option(help="delete or keep the documents they uploaded; empty: as the settings say.")
    ] = "",
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove every copy of what is kept of a person, and print the signed certificate."""
    if not yes:
        raise InvalidInput("not_confirmed", "give --yes: what is erased cannot be brought back", param="--yes")
    if documents not in ("", "delete", "keep"):
        raise InvalidInput("bad_flag", "--documents is delete or keep", param="--documents")

    async def use(rights: RightsParts) -> Erasure:
        policy: DocumentPolicy = documents or rights.documents  # type: ignore[assignment]
        async with rights.store.begin(tenant) as work:
            entry = local_deed("erasure_requested", "")
            erasure = await request_erasure(work, rights, tenant, subject, policy, entry)
        return await _ended(rights, erasure)

    done = _with_rights(settled(loaded(config, sets, data_dir).settings), use)
    if as_json:
        print_json({"erasure_id": done.erasure_id, "removed": done.counts, "certificate": done.certificate})
    else:
        told = ", ".join(f"{count} {name}" for name, count in done.counts.items() if count)
        out.print(f"{done.erasure_id}: {told or 'nothing was left'}")


async def _ended(rights: RightsParts, erasure: Erasure) -> Erasure:
    """Work on erasures until this one is done; another process may be at it."""
    worker = RightsWorker(rights)
    while erasure.state not in ("done", "held"):
        if not await worker.run_one():
            await asyncio.sleep(POLL_S)
        async with rights.store.begin(erasure.tenant_id, read_only=True) as work:
            erasure = await work.erasures.get(erasure.erasure_id)
    if erasure.state == "held":
        raise Conflict("legal_hold", "a legal hold has stopped it; release the hold, then ask again")
    return erasure


@app.command(epilog="Example: `voiceagent privacy export ann@example.com -o ann.zip`")
def export(
    subject: SubjectArgument,
    to: Annotated[Path, typer.Option("-o", "--output", help="The ZIP file to write; it must not be there yet.")],
    tenant: TenantOption = DEFAULT_TENANT_ID,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everything that is kept of a person into a ZIP file, readable by its owner alone."""
    settings = settled(loaded(config, sets, data_dir).settings)
    words = masked if "exports" in settings.privacy.redact else None

    async def use(rights: RightsParts) -> int:
        async with rights.store.begin(tenant) as work:
            found = await subject_of(work, subject)
            name = rights.names.of(tenant, found)
            await work.audit.append(local_deed("person_exported", found, subject_hmac=name))
        count = 0
        with _new_file(to) as file:
            async for piece in exported(rights, tenant, found, words):
                count += file.write(piece)
        return count

    count = _with_rights(settings, use)
    if as_json:
        print_json({"file": str(to), "bytes": count})
    else:
        out.print(f"{to}: {count} bytes", markup=False)


@app.command(
    epilog="Example: `voiceagent privacy replay`, after data was brought back by other means than `backup restore`"
)
def replay(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Erase again whoever was erased and has come back with older data. `up` and `restore` do it by themselves."""

    async def use(rights: RightsParts) -> int:
        return await RightsWorker(rights).replay()

    count = _with_rights(settled(loaded(config, sets, data_dir).settings), use)
    if as_json:
        print_json({"replayed": count})
    else:
        out.print(f"{count} erasures were carried out again")


@app.command(epilog="Example: `voiceagent privacy forget-old`; the worker does it every hour")
def forget_old(
    config: ConfigOption = None, sets: SetOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Remove now what is older than its class may become."""
    settings = settled(loaded(config, sets, data_dir).settings)

    async def use(rights: RightsParts) -> dict[str, int]:
        return await RetentionWork(rights, default_retention(settings)).look()

    counts = _with_rights(settings, use)
    if as_json:
        print_json(counts)
    else:
        out.print(", ".join(f"{count} {name}" for name, count in counts.items()))


def _new_file(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise InvalidInput("bad_file", f"{path}: {error.strerror}", param="--output") from error


def _with_rights(settings: Settings, use: Callable[[RightsParts], Awaitable[T]]) -> T:
    async def work() -> T:
        await check_installed(settings)
        parts = Parts(settings, apart=True)
        try:
            await parts.open("store", "blobs", "vectors", "cache")
            await parts.store.migrate()
            return await use(await open_rights(parts))
        finally:
            await parts.close()

    return run(work())
