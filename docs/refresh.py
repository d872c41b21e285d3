"""Put what the blocks of the pages print now into the pages; a look at `git diff` tells what changed.

python docs/refresh.py [PAGE...]        # all pages where none is named
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.docs.blocks import Block, blocks, replaced
from tests.docs.running import PAGES, SETUP, Folder, missing


def refresh(page: Path) -> bool:
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
            return reader.run(block)

        new = replaced(text, printed)
    if new != text:
        page.write_text(new, "utf-8")
    return new != text


def main() -> int:
    """Refresh the pages that are named; 1 where a block failed."""
    failed = False
    for page in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        if page == SETUP or not blocks(page.read_text("utf-8")):
            continue
        try:
            print(f"{'changed' if refresh(page) else 'as it was'}: {page.name}")
        except AssertionError as fault:
            failed = True
            print(f"FAILED: {page.name}: {fault}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
