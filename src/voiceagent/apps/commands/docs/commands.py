"""The commands of `voiceagent docs` and what they print."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from voiceagent.apps.commands.docs.adding import Added, Adding, files_of
from voiceagent.apps.commands.docs.library import Library, library
from voiceagent.apps.commands.docs.screen import Bars
from voiceagent.apps.commands.options import (
    CaOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    KeyOption,
    SetOption,
    UrlOption,
    api_key,
    gateway_tls,
    gateway_url,
    loaded,
)
from voiceagent.apps.commands.outcome import err, out, plain, print_json, run
from voiceagent.apps.settings import Settings
from voiceagent.kit.errors import InvalidInput

T = TypeVar("T")
app = typer.Typer(help="Give documents to the running platform, search them, ask them.", no_args_is_help=True)
CollectionOption = Annotated[
    list[str] | None, typer.Option("--collection", help="Id of a collection; may be repeated.", show_default=False)
]
PasswordOption = Annotated[
    str,
    typer.Option(
        envvar="VOICEAGENT_DOCUMENT_PASSWORD",
        help="Of encrypted files. Without it, or where it is wrong, it is asked for on a terminal.",
        show_default=False,
    ),
]
_SNIPPET_CHARS = 240


@app.command(epilog="Examples: `voiceagent docs add handbook.pdf`, `voiceagent docs add papers/ --watch`")
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with files of every kind that is read.")],
    watch: Annotated[bool, typer.Option("--watch", help="Go on adding what is new or changed, until Ctrl-C.")] = False,
    collection: Annotated[
        str | None, typer.Option(help="Id of the collection they go into.", show_default=False)
    ] = None,
    password: PasswordOption = "",
    url: UrlOption = None,
    key: KeyOption = None,
    ca: CaOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Upload documents and follow them until they can be searched. The same file twice is one document."""
    files = files_of(paths)
    if not files and not watch:
        raise InvalidInput("nothing_to_add", "there is no file of a kind that is read", param="paths")

    async def added(books: Library) -> list[Added]:
        with Bars(quiet=as_json) as bars:
            adding = Adding(books, bars, collection_id=collection, password=password)
            results = await adding.add(files)
            if watch:
                err.print("watching; Ctrl-C ends")
                await adding.watch(paths)
            return results

    results = _called(_Gateway(loaded(config, sets, data_dir).settings, url, key, ca), added)
    _show_added(results, as_json=as_json)
    failed = sum(bool(one.code) for one in results)
    if failed:
        raise InvalidInput("documents_failed", f"{failed} of {len(results)} files cannot be searched", param="paths")


@app.command(epilog="Example: `voiceagent docs search 'notice period' --limit 3`")
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 5,
    collection: CollectionOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    ca: CaOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the passages that fit best."""

    async def found(books: Library) -> list[dict[str, Any]]:
        return await books.search(query, limit=limit, collection_ids=collection or None)

    passages = _called(_Gateway(loaded(config, sets, data_dir).settings, url, key, ca), found)
    if as_json:
        print_json(passages)
        return
    for passage in passages:
        out.print(f"[bold]{plain(passage['title'])}[/], page {passage['page']}  [dim]{passage['score']:.2f}[/]")
        text = " ".join(str(passage["text"]).split())
        out.print(f"  {plain(text[:_SNIPPET_CHARS])}{'…' if len(text) > _SNIPPET_CHARS else ''}")


@app.command(epilog="Example: `voiceagent docs ask 'How many days of leave do I have?'`")
def ask(
    question: Annotated[str, typer.Argument(help="A question about the documents.")],
    agent: Annotated[str | None, typer.Option(help="Id of the agent that answers.", show_default=False)] = None,
    collection: CollectionOption = None,
    url: UrlOption = None,
    key: KeyOption = None,
    ca: CaOption = None,
    config: ConfigOption = None,
    sets: SetOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer one question from the documents, with its sources."""

    async def answered(books: Library) -> dict[str, Any]:
        return await books.ask(question, agent_id=agent, collection_ids=collection or None)

    answer = _called(_Gateway(loaded(config, sets, data_dir).settings, url, key, ca), answered)
    if as_json:
        print_json(answer)
        return
    out.print(plain(answer["answer"]))
    for source in answer["sources"]:
        out.print(
            f"[dim]  {plain(source['title'])}, page {source['page']}: {plain(' '.join(source['quote'].split()))}[/]"
        )


@dataclass(frozen=True, slots=True)
class _Gateway:
    """The gateway as settings and options name it."""

    settings: Settings
    url: str | None
    key: str | None
    ca: str | None


def _called(gateway: _Gateway, call: Callable[[Library], Awaitable[T]]) -> T:
    settings = gateway.settings
    address, secret = gateway_url(settings, gateway.url), api_key(settings, gateway.key)
    tls = gateway_tls(settings, gateway.ca)

    async def work() -> T:
        async with library(address, secret, tls) as books:
            return await call(books)

    return run(work())


def _show_added(results: list[Added], *, as_json: bool) -> None:
    if as_json:
        print_json([
            {"path": str(one.path), "code": one.code or None, "message": one.message or None, "document": one.document or None}
            for one in results
        ])  # fmt: skip
        return
    table = Table("file", "document", "kind", "pages", "state", box=None, pad_edge=False)
    for one in results:
        told = one.document
        state = f"{one.code}: {plain(one.message)}" if one.code else "ready"
        table.add_row(
            plain(one.path.name),
            told.get("document_id", ""),
            plain(str(told.get("kind", ""))),
            str(told.get("page_count", "")),
            state,
        )
    out.print(table)
