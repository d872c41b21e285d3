"""The request of a batch: data that can be sent to any process, and that determines the results."""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from rewriter.api.input_arrays import read_inputs
from rewriter.api.side_inputs import read_evidence
from rewriter.basics.option_declaration import again, values
from rewriter.evidence.reference.config_beside import config_beside, with_config
from rewriter.evidence.side_inputs import Given
from rewriter.model import limits as file_limits
from rewriter.model.storage.digests import digest_of, of_file
from rewriter.options.groups import Rewriting, Writing
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.registry.syntax import parse_passes
from rewriter.pipeline import Options
from rewriter.runtime import child_limits


@dataclass(frozen=True)
class Request(Rewriting):
    """Options of a rewrite, in the form sent to a worker.

    Equal requests give equal bytes for equal files, with the same versions of this and other packages.

    The fields are those of `Rewriting`, and these:

    Attributes:
        passes: the passes, in order; or as text, as for `--passes`.
        children: limits of the processes that run models.
        files: limits on the size of files.
        narrow: whether a glob of a pass that matches nothing in a file is ignored and recorded as a miss; by
            default it is an error.
        seal: digest of the request; see `sealed`.
    """

    passes: str | tuple[Pass, ...] = (Annotate(),)
    _: KW_ONLY
    inputs: Path | str | None = again(Writing, "inputs")
    children: child_limits.ChildLimits = field(default_factory=child_limits.current)
    files: file_limits.Limits = field(default_factory=file_limits.current)
    narrow: bool = False
    seal: str = ""

    def options(self, model: Path) -> Options:
        """Return the options of the pipeline for one file.

        Args:
            model: the file; a config beside it may become the reference.

        Raises:
            UnreadableModel: a file named in the request cannot be read.
            UsageError: an object named in the request cannot be built.
        """
        read = _same_for_all if self.seal else _same_for_all.__wrapped__
        own = read_evidence(None, None, self.checkpoint, self.trace)
        given = replace(
            read(self.like, self.reference, self.seal),
            checkpoint=own.checkpoint,
            trace=own.trace,
            forced=self.force,
        )
        return Options(
            parse_passes(self.passes) if isinstance(self.passes, str) else self.passes,
            **values(Writing, self) | {"inputs": read_inputs(self.inputs)},
            given=with_config(given, model) if self.config else given,
            narrow=self.narrow,
        )

    def sealed(self) -> Request:
        """Return the request with its digest, which covers all fields and the files that they name."""
        named = {
            name: _content_of(getattr(self, name))
            for name in ("inputs", "like", "reference", "checkpoint", "trace")
        }
        # The digest takes the `repr` of a pass, since the text form cannot express every glob.
        steps = self.passes if isinstance(self.passes, str) else [repr(step) for step in self.passes]
        told = asdict(replace(self, seal="", passes="")) | named | {"passes": steps}
        return replace(self, seal=digest_of(json.dumps(told, sort_keys=True).encode()))

    def config_of(self, model: Path) -> Path | None:
        """Return the config beside a model if it is to be the reference, else None."""
        return config_beside(model) if self.config and self.reference is None else None


@lru_cache(maxsize=1)
def _same_for_all(like: Path | str | None, reference: str | None, _seal: str) -> Given:
    """Read the evidence that all models of a batch share; once per process and seal."""
    return read_evidence(like, reference)


def _content_of(name: Path | str | None) -> str | None:
    """Return a text with the digest of the file it names: a path, `file.py:factory`, or a config's folder.

    Return the text alone if it names no such file.
    """
    if name is None:
        return None
    text = str(name)
    path, _, _ = text.rpartition(":")
    for candidate in (Path(text), Path(text) / "config.json", Path(path or text)):
        if candidate.is_file():
            return f"{text} {of_file(candidate)}"
    return text
