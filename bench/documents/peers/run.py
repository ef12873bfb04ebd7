"""Our reader and others on the same documents, one after the other in one run: speed, peak memory, fidelity of the text.

    PYTHONPATH=. python bench/documents/peers/run.py [--data DIR] [--only voiceagent markitdown ...] [--plot FILE]

Each peer has an environment of its own in `.peers/`, made from NAME.txt beside this file. Real documents: DIR/documents. Made ones, whose words are
known exactly: pages of DIR/qa/xquad-en as PDF with one and with two columns, DOCX and HTML.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from bench.documents.run import handbook
from tests.support.documents_kit import docx, paragraph, pdf

HERE = Path(__file__).parent
PEERS = ("markitdown", "unstructured", "docling")
KINDS = ("pdf-plain", "pdf-multi-column", "pdf-table", "pdf-form", "pdf-rotated", "pdf-non-latin", "pdf-many-pages", "docx-structure", "docx-table",
         "docx-many-pages", "html", "md")  # fmt: skip
RUN_S = 900.0
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower().replace("_", " "))


def f1(found: Counter[Any], wanted: Counter[Any]) -> float:
    shared = (found & wanted).total()
    return 2 * shared / max(found.total() + wanted.total(), 1)


def triples(of: list[str]) -> Counter[Any]:
    """Three words in a row: they are the same only where the order is."""
    return Counter(zip(of, of[1:], of[2:], strict=False))


class _Seen(HTMLParser):
    """The words between the tags, without those that no browser shows."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in ("script", "style", "template", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style", "template", "title") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def truth_of(path: Path) -> str | None:
    """The words of a real DOCX or HTML file, straight from its source; None for a format that does not tell."""
    if path.suffix == ".docx":
        xml = zipfile.ZipFile(path).read("word/document.xml").decode("utf-8", "replace")
        xml = re.sub(r"<w:del\b.*?</w:del>|<mc:Fallback>.*?</mc:Fallback>", "", xml, flags=re.S)
        parts = re.findall(r"<w:t(?: [^>]*)?>([^<]*)</w:t>|(</w:p>|<w:br\b|<w:tab\b)", xml)
        return _unescaped("".join(" " if mark else text for text, mark in parts))
    if path.suffix in (".html", ".htm"):
        seen = _Seen()
        seen.feed(path.read_bytes().decode("utf-8", "replace"))
        return " ".join(seen.parts)
    return None


def _unescaped(text: str) -> str:
    for mark, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(mark, sign)
    return text


def made(folder: Path, corpus: Path) -> dict[str, str]:
    """Files whose words are known: path to truth."""
    texts = [json.loads(line)["text"] for line in corpus.read_text().splitlines()]
    clean = [re.sub(r"[^ -~]", "", text) for text in texts]
    truth: dict[str, str] = {}

    def keep(name: str, data: bytes, text: str) -> None:
        (folder / name).write_bytes(data)
        truth[str(folder / name)] = text

    raw = handbook(100, corpus)
    pages = _handbook_words(100, corpus)
    keep("100-pages.pdf", raw, pages)
    columns, said = _two_columns(clean[:60])
    keep("two-columns.pdf", columns, said)
    keep("report.docx", docx("".join(paragraph(_escaped(text)) for text in clean[:200])), "\n".join(clean[:200]))
    keep(
        "page.html",
        f"<html><body>{''.join(f'<p>{_escaped(text)}</p>' for text in clean[:200])}</body></html>".encode(),
        "\n".join(clean[:200]),
    )
    return truth


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _handbook_words(page_count: int, corpus: Path) -> str:
    every = " ".join(json.loads(line)["text"] for line in corpus.read_text().splitlines()).split()
    starts = [number * 397 % max(len(every) - 500, 1) for number in range(page_count)]
    shown = [f"Chapter {number + 1} " + " ".join(every[start : start + 420]) for number, start in enumerate(starts)]
    return "\n".join(shown).encode("latin-1", "replace").decode("latin-1")


def _two_columns(texts: list[str]) -> tuple[bytes, str]:
    """Pages of two columns drawn row by row, left and right in turn: the file's own order is not the reader's."""
    every = " ".join(texts).split()
    rows, wide = 48, 6
    per_page = rows * wide * 2
    pages, said = [], []
    for at in range(0, len(every) - per_page, per_page):
        lines = [" ".join(every[at + wide * n : at + wide * (n + 1)]) for n in range(rows * 2)]
        said += lines
        drawn = []
        for row in range(rows):
            drawn += [(50, 780 - 15 * row, lines[row]), (320, 780 - 15 * row, lines[rows + row])]
        pages.append(drawn)
    data = pdf(*["x"] * len(pages), size=9)
    for drawn in pages:
        shown = " ".join(f"1 0 0 1 {x} {y} Tm ({_pdf_text(line)}) Tj" for x, y, line in drawn)
        stream = f"BT /F1 9 Tf {shown} ET".encode("latin-1", "replace")
        start = data.index(b"BT /F1 9 Tf 60 760 Td (x) Tj")
        head = data.rindex(b"<< /Length", 0, start)
        end = data.index(b"\nendstream", start)
        data = data[:head] + b"<< /Length %d >>\nstream\n%s" % (len(stream), stream) + data[end:]
    return data, " ".join(said)


def _pdf_text(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def environment(name: str, folder: Path) -> Path | None:
    """The peer's Python, its environment made when it is not there; None when it does not install."""
    python = folder / name / "bin" / "python"
    if python.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
    done = subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", str(HERE / f"{name}.txt")], check=False)
    return python if done.returncode == 0 else None


def read_with(name: str, python: Path, paths: list[str], scratch: Path, limit_s: float) -> list[dict[str, Any]]:
    """What the reader made of each file; a reader that dies or is late loses what it had not read."""
    listed, out = scratch / "list.json", scratch / f"{name}.jsonl"
    listed.write_text(json.dumps(paths))
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch / "hub"), "TOKENIZERS_PARALLELISM": "false"}
    try:
        subprocess.run(
            [str(python), str(HERE / "readers.py"), name, str(listed), str(out)], timeout=limit_s, check=False,
            env={**os.environ, **offline}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"{name}: over {limit_s:.0f} s, the rest is not read")
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def scored(told: list[dict[str, Any]], truths: dict[str, str], entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The figures of one reader. Files that it failed to read count as empty text."""
    read = {one["path"]: one for one in told if "path" in one}
    row: dict[str, Any] = {
        "files": sum("text" in one for one in read.values()),
        "failed": sum("error" in one for one in read.values()),
    }
    row["seconds"] = sum(one["seconds"] for one in read.values())
    row["peak_mib"] = next((one["peak_mib"] for one in told if "peak_mib" in one), None)
    row["ready_s"] = next((one["ready_s"] for one in told if "ready_s" in one), None)
    row["errors"] = Counter(one["error"].partition(":")[0] for one in read.values() if "error" in one)
    row["first_error"] = next((one["error"] for one in read.values() if "error" in one), "")
    for path, text in truths.items():
        found, wanted = words(read.get(path, {}).get("text", "")), words(text)
        row[f"{Path(path).name} words"] = f1(Counter(found), Counter(wanted))
        row[f"{Path(path).name} order"] = f1(triples(found), triples(wanted))
        row[f"{Path(path).name} s"] = read.get(path, {}).get("seconds")
    phrases = found_phrases = 0
    real: list[tuple[float, float]] = []
    for path, entry in entries.items():
        text = " ".join(words(read.get(path, {}).get("text", "")))
        wanted_phrases = [" ".join(words(one)) for one in entry.get("expected_contains", [])]
        phrases += len(wanted_phrases)
        found_phrases += sum(one in text for one in wanted_phrases)
        truth = truth_of(Path(path))
        if truth is not None and words(truth):
            real.append(
                (f1(Counter(text.split()), Counter(words(truth))), f1(triples(text.split()), triples(words(truth))))
            )
    row["phrases"] = (found_phrases, phrases)
    row["real words"], row["real order"] = (sum(one[at] for one in real) / max(len(real), 1) for at in (0, 1))
    row["real pdf s"] = sum(read[path]["seconds"] for path in entries if path in read and path.endswith(".pdf"))
    row["real other s"] = sum(read[path]["seconds"] for path in entries if path in read and not path.endswith(".pdf"))
    return row


def table(rows: dict[str, dict[str, Any]]) -> str:
    def of(row: dict[str, Any], name: str, form: str) -> str:
        return "-" if row.get(name) is None else format(row[name], form)

    columns = [
        ("files read", lambda r: f"{r['files']} of {r['files'] + r['failed']}"),
        ("phrases found, real", lambda r: f"{r['phrases'][0]} of {r['phrases'][1]}"),
        ("words / order, real DOCX and HTML", lambda r: f"{of(r, 'real words', '.3f')} / {of(r, 'real order', '.3f')}"),
        ("words / order, 100 pages PDF", lambda r: f"{of(r, '100-pages.pdf words', '.3f')} / {of(r, '100-pages.pdf order', '.3f')}"),
        ("words / order, two columns PDF", lambda r: f"{of(r, 'two-columns.pdf words', '.3f')} / {of(r, 'two-columns.pdf order', '.3f')}"),
        ("pages/s, 100 pages PDF", lambda r: "-" if r["100-pages.pdf words"] == 0 else f"{100 / r['100-pages.pdf s']:.0f}"),
        ("real PDFs, s", lambda r: of(r, "real pdf s", ".1f")),
        ("other real files, s", lambda r: of(r, "real other s", ".1f")),
        ("peak MiB", lambda r: of(r, "peak_mib", ".0f")),
        ("start, s", lambda r: of(r, "ready_s", ".1f")),
    ]  # fmt: skip
    lines = ["| | " + " | ".join(rows) + " |", "|---|" + "---|" * len(rows)]
    lines += [f"| {title} | " + " | ".join(cell(row) for row in rows.values()) + " |" for title, cell in columns]
    return "\n".join(lines)


def plot(rows: dict[str, dict[str, Any]], file: str) -> None:
    """Speed against fidelity, one bubble a reader. Left out when matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, row in rows.items():
        if row["100-pages.pdf words"] == 0:
            continue
        speed, order = 100 / row["100-pages.pdf s"], row["two-columns.pdf order"]
        axes.scatter(speed, order, s=max((row["peak_mib"] or 50) / 2, 20), alpha=0.6)
        axes.annotate(
            f"{name} ({row['peak_mib'] or 0:.0f} MiB)", (speed, order), xytext=(6, 6), textcoords="offset points"
        )
    axes.set(
        xscale="log",
        xlabel="pages a second, 100 pages of a digital PDF",
        ylabel="order of words, two columns (F1 of triples)",
        ylim=(0, 1.08),
    )
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default=os.environ.get("VOICEAGENT_DATA", "../shared/data"))
    options.add_argument("--environments", default=".peers")
    options.add_argument("--only", nargs="*", default=["voiceagent", *PEERS])
    options.add_argument("--plot", default="")
    options.add_argument("--limit-s", type=float, default=RUN_S, help="longest run of one reader")
    options.add_argument("--json", default="", help="also write the figures here")
    chosen = options.parse_args()
    data = Path(chosen.data).resolve()
    listed = [json.loads(line) for line in (data / "documents" / "manifest.jsonl").read_text().splitlines()]
    entries = {
        str(data / "documents" / one["file"]): one for one in listed if one["kind"] in KINDS and not one["should_fail"]
    }
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        truths = made(scratch, data / "qa/xquad-en/corpus.jsonl")
        paths = [*truths, *entries]
        for name in chosen.only:
            home = name.partition("-")[0]
            python = (
                Path(sys.executable)
                if name == "voiceagent"
                else environment(home, Path(chosen.environments).absolute())
            )
            if python is None:
                print(f"{name}: does not install here")
                continue
            rows[name] = scored(read_with(name, python, paths, scratch, chosen.limit_s), truths, entries)
            print(
                f"{name}: failures {dict(rows[name]['errors'])}; the first: {rows[name]['first_error'][:200]}",
                flush=True,
            )
    print(table(rows))
    print(f"load {os.getloadavg()[0]:.1f}")
    if chosen.json:
        Path(chosen.json).write_text(json.dumps(rows, indent=1))
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
