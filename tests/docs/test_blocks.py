"""The runner of the pages finds what it is there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks, plain, replaced
from tests.docs.running import Folder

PAGE = """Text.

```sh
echo one
```

```text
one
```

<!-- needs torch no_such_package; figures vary -->
```python
print(2)
```

<!-- not run: it takes minutes -->
```sh
sleep 1000
```

```text
This is no output: a paragraph would have to stand between.
```
"""


def test_blocks_with_their_outputs_and_notes() -> None:
    first, second, third = blocks(PAGE)
    assert first == Block("sh", "echo one\n", "one", line=3)
    assert second == Block("python", "print(2)\n", "", ("torch", "no_such_package"), True, line=12)
    assert third.not_run == "it takes minutes"


def test_a_block_with_a_name_is_a_file(tmp_path: Path) -> None:
    page = "```toml file=some.toml\na = 1\n```\n\n```sh\ncat some.toml\n```\n"
    written, read = blocks(page)
    assert (written.language, written.file, read.file) == ("toml", "some.toml", "")
    folder = Folder(tmp_path / "reader")
    assert [folder.run(written), folder.run(read)] == ["", "a = 1"]


def test_nothing_is_replaced_where_all_agrees() -> None:
    assert replaced(PAGE, lambda block: block.shown) == PAGE
    assert replaced(PAGE, lambda block: None) == PAGE


def test_figures_that_vary_are_replaced_on_demand() -> None:
    page = "<!-- figures vary -->\n```sh\ntime\n```\n\n```text\ntook 3 ms\n```\n"
    assert replaced(page, lambda block: "took 4 ms") == page
    assert blocks(replaced(page, lambda block: "took 4 ms", figures=True))[0].shown == "took 4 ms"


def test_outputs_are_replaced_added_and_removed() -> None:
    now = {"echo one\n": "two", "print(2)\n": "2", "sleep 1000\n": ""}
    first, second, third = blocks(replaced(PAGE, lambda block: now[block.code]))
    assert (first.shown, second.shown, third.shown) == ("two", "2", "")


def test_seconds_and_sizes_do_not_count_and_all_else_does() -> None:
    shown = Block("sh", "", "took  load 0.01 s · 3 us\nwritten   a.onnx (1.9 MB)\nparams 421k")
    assert shown.agrees("took  load 12.01 s · 33 us\nwritten   a.onnx (978 kB)\nparams   421k  \n")
    assert not shown.agrees("took  load 0.01 s · 3 us\nwritten   a.onnx (1.9 MB)\nparams 422k")
    assert not shown.agrees("took  load 0.01 s · 3 us\nwritten   b.onnx (1.9 MB)\nparams 421k")


def test_the_state_of_a_slow_batch_does_not_count() -> None:
    state = "rewriter: 0 of 3 files · 10 s · bert/model.onnx takes 10 s\n"
    assert plain(f"{state}3 files · models") == plain("3 files · models")
    assert plain("rewriter: 3 of 4 models\n") != plain("")


def test_where_figures_vary_words_still_count() -> None:
    one = "Linear  317 us  48% ████\nTanh  4 us  1%\n100.0% mapped, 1.76 MB"
    other = "Tanh  2 us  <1%\nLinear  1.2 ms  8% ▌\n99.9% mapped, 12 MB"
    assert plain(one, figures_vary=True) == plain(other, figures_vary=True)
    assert plain(one) != plain(other)
    assert plain(one, figures_vary=True) != plain(one.replace("Tanh", "Gelu"), figures_vary=True)


def test_a_block_that_fails_fails(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "reader")
    assert folder.run(Block("sh", "rewriter --version | head -n 1 | cut -c 1-8\n", "")) == "rewriter"
    with pytest.raises(AssertionError, match="leaves with 3"):
        folder.run(Block("sh", "rewriter tree no.onnx\n", ""))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        folder.run(Block("python", "1 / 0\n", ""))
