"""Put what the blocks of the pages print now into the pages; a look at `git diff` tells what changed.

python docs/refresh.py [PAGE...]            # all pages where none is named
python docs/refresh.py --figures [PAGE...]  # measured times too, though they may vary
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.docs.blocks import Block, replaced
from tests.docs.running import Folder, missing, pages_that_run
from tests.news import other


def refresh(page: Path, figures: bool) -> bool:
    """Run a page and write what is new; whether anything was."""
    text = page.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        reader = Folder(Path(folder) / "reader")

        def printed(block: Block) -> str | None:
            if block.not_run:
                return None
            if lacking := missing(block):
                print(f"{page}, line {block.line}: left as it is, without {', '.join(lacking)}")
                return None
            if others := other(*block.tools):
                print(f"{page}, line {block.line}: left as it is, with {', '.join(others)}")
                with suppress(AssertionError):  # later blocks may read what it writes
                    reader.run(block)
                return None
            return reader.run(block)

        new = replaced(text, printed, figures)
    if new != text:
        page.write_text(new, "utf-8")
    return new != text


def main() -> int:
    """Refresh the pages that are named; 1 where a block failed."""
    failed = False
    names = [name for name in sys.argv[1:] if name != "--figures"]
    for page in [Path(name).resolve() for name in names] or pages_that_run():
        try:
            print(f"{'changed' if refresh(page, names != sys.argv[1:]) else 'as it was'}: {page.name}")
        except AssertionError as fault:
            failed = True
            print(f"FAILED: {page.name}: {fault}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
