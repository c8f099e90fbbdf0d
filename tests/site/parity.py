"""Hold the English and the Chinese half of every page and example together.

`check` compares each pair of files (their skeletons must agree), and each pair of sections with
`docs/parity.json`, the record of what both sides said when they were last reviewed together.

    python -m tests.site.parity                          print every problem; exit 1 if there is one
    python -m tests.site.parity --reviewed               record what was edited on both sides
    python -m tests.site.parity --reviewed --one-sided   and what was edited on one side only
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tests.site.agreement import difference, form, quoted
from tests.site.skeleton import Document, Entry, Section, read

RECORD = "docs/parity.json"
RUN = "run: make reviewed"
FOLDERS = [("docs", "*.md"), ("examples", "*.py"), ("examples", "GALLERY_HEADER.rst")]
GENERATED = ("docs/en/gallery/", "docs/zh/gallery/")

# Compared as bags within a section, since word order differs between the languages.
INLINE = {"footnote", "formula", "image", "link", "literal", "role", "substitution"}
STRETCHES = {"block", "heading"}  # what begins a stretch with bags of its own

Sections = dict[str, dict[str, str]]  # section → language → digest
Record = dict[str, Sections]  # page → sections


@dataclass(frozen=True)
class Problem:
    kind: str  # the first word of an entry's kind, or file, record
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Pair(NamedTuple):
    name: str  # the path without its language, as the record spells it
    en: str
    zh: str


def check(root: Path) -> list[Problem]:
    """Every way in which the two languages differ, and every edit that was not reviewed."""
    record = read_record(root)
    problems = [
        Problem("record", f"{RECORD} {name}", f"this page no longer exists; {RUN}")
        for name in sorted(record.keys() - {pair.name for pair in pairs(root)})
    ]
    for pair in pairs(root):
        if lost := missing_files(root, pair):
            problems += lost
        else:
            en, zh = read(root, pair.en, "en"), read(root, pair.zh, "zh")
            problems += compare(en, zh)
            problems += check_reviewed(en, zh, record.get(pair.name, {}))
    return problems


def review(root: Path, one_sided: bool = False) -> list[Problem]:
    """Record what both sides say now; return what was refused and keeps its old record."""
    old, new = read_record(root), Record()
    refused = []
    for pair in pairs(root):
        before = old.get(pair.name, {})
        problems = missing_files(root, pair)
        if not problems:
            en, zh = read(root, pair.en, "en"), read(root, pair.zh, "zh")
            problems = compare(en, zh)
        if problems:
            new[pair.name] = before
        else:
            edits = section_edits(en, zh, before)
            held = [] if one_sided else [edit for edit in edits if len(edit.changed) == 1]
            problems = [one_sided_problem(en, zh, edit) for edit in held]
            new[pair.name] = {e.key: before[e.last_key] if e in held else e.now for e in edits}
        refused += problems
    pages = {name: sections for name, sections in new.items() if sections}
    text = json.dumps(pages, indent=2, sort_keys=True, ensure_ascii=False)
    (root / RECORD).write_text(text + "\n", encoding="utf-8")
    return refused


def pairs(root: Path) -> list[Pair]:
    """Every pair of files of which at least one exists."""
    found = {Pair("README.md", "README.md", "README.zh.md")}
    for folder, pattern in FOLDERS:
        for side in (root / folder / "en", root / folder / "zh"):
            for path in side.rglob(pattern):
                inner = path.relative_to(side).as_posix()
                found.add(Pair(*(f"{folder}/{part}{inner}" for part in ("", "en/", "zh/"))))
    return sorted(
        pair
        for pair in found
        if not pair.en.startswith(GENERATED)
        and ((root / pair.en).exists() or (root / pair.zh).exists())
    )


def missing_files(root: Path, pair: Pair) -> list[Problem]:
    return [
        Problem("file", lost, f"is missing, while {present} exists")
        for lost, present in [(pair.en, pair.zh), (pair.zh, pair.en)]
        if not (root / lost).exists()
    ]


# The skeletons of a pair


class Lone(NamedTuple):
    """Entries that only one side has, or that face entries of other kinds."""

    en: list[Entry]
    zh: list[Entry]
    near: tuple[int, int]  # lines of the last entries before them that belong together


def compare(en: Document, zh: Document) -> list[Problem]:
    """Where the skeletons of a pair disagree."""
    unreadable = [
        Problem("unreadable", document.place(entry.line), entry.value)
        for document in (en, zh)
        for entry in document.entries
        if entry.kind == "unreadable"
    ]
    if unreadable:
        return unreadable
    matched, lone = align(in_order(en), in_order(zh))
    problems = [lone_problem(en, zh, run) for run in lone]
    for one, other in matched:
        if found := difference(one, other):
            text = f"{one.kind}: {found.zh}, but {found.en} in {en.place(found.en_line)}"
            problems.append(Problem(word(one), zh.place(found.zh_line), text))
    if not any(word(entry) in STRETCHES for run in lone for entry in run.en + run.zh):
        problems += bag_problems(en, zh)  # else sections are compared once the headings agree
    return problems


def in_order(document: Document) -> list[Entry]:
    """What must stand in the same order in both languages."""
    return [entry for entry in document.entries if word(entry) not in INLINE]


def word(entry: Entry) -> str:
    return entry.kind.split()[0]


def align(en: list[Entry], zh: list[Entry]) -> tuple[list[tuple[Entry, Entry]], list[Lone]]:
    """Find the entries that belong together, so that one missing heading is one problem."""
    matched: list[tuple[Entry, Entry]] = []
    lone: list[Lone] = []
    for same, en_run, zh_run in runs(en, zh):
        if same:
            matched += zip(en_run, zh_run, strict=True)
        else:
            near = (matched[-1][0].line, matched[-1][1].line) if matched else (1, 1)
            lone.append(Lone(en_run, zh_run, near))
    return matched, lone


def runs(
    en: list[Entry], zh: list[Entry], by_kind: bool = False
) -> Iterator[tuple[bool, list[Entry], list[Entry]]]:
    """Match what is equal but for its words; between such matches, what is of one kind."""
    matcher = SequenceMatcher(
        None,
        [entry.kind if by_kind else form(entry) for entry in en],
        [entry.kind if by_kind else form(entry) for entry in zh],
        autojunk=False,
    )
    for tag, en_from, en_to, zh_from, zh_to in matcher.get_opcodes():
        en_run, zh_run = en[en_from:en_to], zh[zh_from:zh_to]
        if tag == "replace" and not by_kind:
            yield from runs(en_run, zh_run, by_kind=True)
        else:
            yield tag == "equal", en_run, zh_run


def lone_problem(en: Document, zh: Document, run: Lone) -> Problem:
    here, there, lone, facing = (en, zh, run.en, run.zh) if run.en else (zh, en, run.zh, run.en)
    line = facing[0].line if facing else run.near[there is zh]
    but = f", but {listing(facing)} in" if facing else " has no counterpart in"
    text = f"{listing(lone)}{but} {there.place(line)}"
    moved = [e.line for e in there.entries if "\n" in e.value and form(e) == form(lone[0])]
    if moved:
        text += f"; the same stands in {there.place(moved[0])}, in another order"
    return Problem(word(lone[0]), here.place(lone[0].line), text)


def listing(entries: list[Entry], most: int = 4) -> str:
    if not entries:
        return "nothing"
    named = [f"{e.kind} {quoted(e.value) if e.value else ''}".strip() for e in entries[:most]]
    return ", ".join(named) + (f" and {len(entries) - most} more" if entries[most:] else "")


def bag_problems(en: Document, zh: Document) -> Iterator[Problem]:
    """Compare the bags of the n-th stretch on both sides."""
    for ours, theirs in zip(stretches(en), stretches(zh), strict=True):
        for kind in sorted(INLINE):
            en_left, zh_left = pair_off(
                [entry for entry in ours if word(entry) == kind],
                [entry for entry in theirs if word(entry) == kind],
            )
            if en_left or zh_left:
                en_place = en.place((en_left or ours)[0].line)
                zh_place = zh.place((zh_left or theirs)[0].line)
                text = f"in this section: {listing(zh_left)}, but {listing(en_left)} in {en_place}"
                yield Problem(kind, zh_place, text)


def stretches(document: Document) -> list[list[Entry]]:
    """The entries from one heading (or block of an example) to the next."""
    cut: list[list[Entry]] = [[Entry("start", "", 1)]]
    for entry in document.entries:
        if word(entry) in STRETCHES:
            cut.append([])
        cut[-1].append(entry)
    return cut


def pair_off(en: list[Entry], zh: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Take away what both bags hold: first what is equal, then what may differ in words."""
    for exact in (True, False):
        for one in list(en):
            for other in zh:
                if one.kind == other.kind and (
                    one.value == other.value if exact else difference(one, other) is None
                ):
                    en.remove(one)
                    zh.remove(other)
                    break
    return en, zh


# The record of what was reviewed together


class Edit(NamedTuple):
    """A section of both sides as it is now, and what changed since it was recorded."""

    key: str
    en: Section
    zh: Section
    now: dict[str, str]
    last_key: str | None  # the key under which it was recorded
    changed: list[str]  # languages

    @property
    def title(self) -> str:
        headings = dict.fromkeys(filter(None, (self.en.heading, self.zh.heading)))
        return f'section "{self.key}"' + (f" ({' / '.join(headings)})" if headings else "")


def check_reviewed(en: Document, zh: Document, recorded: Sections) -> list[Problem]:
    if not en.sections or len(en.sections) != len(zh.sections):
        return []  # compare() says what is wrong; until then there are no pairs of sections
    if not recorded:
        text = f"is not in {RECORD}; once {en.path} says the same, {RUN}"
        return [Problem("record", zh.path, text)]
    problems = []
    edits = section_edits(en, zh, recorded)
    for edit in edits:
        place = f"{zh.path}:{edit.zh.line} {edit.title}"
        english = f"{en.path}:{edit.en.line}"
        if edit.last_key is None:
            text = f"was never reviewed together with {english}; once both say the same, {RUN}"
            problems.append(Problem("record", place, text))
        elif len(edit.changed) == 2:
            text = f"changed, and so did {english}; once both say the same, {RUN}"
            problems.append(Problem("record", place, text))
        elif edit.changed:
            problems.append(one_sided_problem(en, zh, edit))
    for key in sorted(recorded.keys() - {edit.last_key for edit in edits}):
        text = f"no longer exists, nor does its twin in {en.path}; {RUN}"
        problems.append(Problem("record", f'{zh.path} section "{key}"', text))
    return problems


def one_sided_problem(en: Document, zh: Document, edit: Edit) -> Problem:
    sides = [("English", en, edit.en), ("Chinese", zh, edit.zh)]
    (language, page, section), (_, other, other_section) = (
        sides if edit.changed == ["en"] else reversed(sides)
    )
    text = (
        f"only the {language} side changed since both were last reviewed; bring "
        f"{other.path}:{other_section.line} in line, then {RUN} "
        f"(a change that concerns {language} only: make reviewed ONE_SIDED=yes)"
    )
    return Problem("record", f"{page.path}:{section.line} {edit.title}", text)


def read_record(root: Path) -> Record:
    path = root / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def section_edits(en: Document, zh: Document, recorded: Sections) -> list[Edit]:
    """The sections of a pair, the n-th of one side with the n-th of the other."""
    edits = []
    first = 1 if en.sections[0].heading else 0  # a page's text before its first heading is §0
    for number, (one, other) in enumerate(zip(en.sections, zh.sections, strict=True), first):
        key = one.label or f"§{number} {one.heading}".strip()
        now = {"en": digest(one), "zh": digest(other)}
        if one.text.strip() or other.text.strip():
            last = last_key(key, now, recorded)
            then = recorded[last] if last else now
            changed = [side for side in now if now[side] != then[side]]
            edits.append(Edit(key, one, other, now, last, changed))
    return edits


def last_key(key: str, now: dict[str, str], recorded: Sections) -> str | None:
    """The key under which a section was recorded.

    An unlabelled section gets another key when a section is put in before it, or when its
    heading changes: it is known again by the digests, so that neither hides a one-sided edit.
    """

    def likeness(candidate: str) -> tuple[int, bool]:
        same = sum(recorded[candidate][side] == now[side] for side in now)
        return same, candidate == key

    best = max(recorded, key=likeness, default=None)
    return best if best is not None and any(likeness(best)) else None


def digest(section: Section) -> str:
    text = "\n".join(row.rstrip() for row in section.text.splitlines()).rstrip()
    return sha256(text.encode()).hexdigest()[:12]


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold both languages of the site together.")
    parser.add_argument("--reviewed", action="store_true", help="record what both sides say now")
    parser.add_argument(
        "--one-sided", action="store_true", help="record sections edited on one side only, too"
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    options = parser.parse_args()
    if options.one_sided and not options.reviewed:
        parser.error("--one-sided says what to record: give --reviewed too")
    problems = review(options.root, options.one_sided) if options.reviewed else check(options.root)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
