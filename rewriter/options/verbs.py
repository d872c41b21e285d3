"""Every verb, with the dataclass of its options."""

from __future__ import annotations

from rewriter.options import compare, look, write

VERBS: dict[str, type] = {
    each.__name__.lower(): each
    for each in (
        *(look.Tree, write.Rewrite, write.Carry, write.Batch, write.Flatten, look.Passes),
        *(compare.Verify, compare.Diff, compare.Profile, write.Extract, write.Split),
        *(look.Explain, look.Select, look.Stats, look.Report, look.Doctor, look.Export, look.Completion),
    )
}
