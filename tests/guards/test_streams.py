"""What a cell printed stands on the page as it was printed, wherever the kernel cut it."""

from __future__ import annotations

from nbformat.v4 import new_output

from docs._ext.notebooks import join_streams


def printed(text: str, name: str = "stdout") -> object:
    return new_output("stream", name=name, text=text)


def test_a_chunk_ends_no_line() -> None:
    joined = join_streams([printed("576"), printed(" 0.0417\n"), printed("\nnext\n")])
    assert [output["text"] for output in joined] == ["576 0.0417\n\nnext\n"]


def test_what_is_said_elsewhere_and_what_is_shown_stay_apart() -> None:
    figure = new_output("display_data", {"text/plain": "figure"})
    joined = join_streams([printed("a\n"), figure, printed("b\n"), printed("oh\n", "stderr")])
    assert [output.get("text") for output in joined] == ["a\nb\n", None, "oh\n"]


def test_a_cell_may_say_nothing() -> None:
    assert join_streams([]) == []
