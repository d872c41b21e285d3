"""How to rewrite, in words and numbers: what travels to any process, and what a result is a function of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from rewriter.batch.digests import digest_of, of_file
from rewriter.beside import config_beside, given_beside, read_inputs, with_config
from rewriter.evidence.given import Given
from rewriter.model import limits as file_limits
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.syntax import parse_passes
from rewriter.pipeline import Options
from rewriter.runtime import limits as child_limits


@dataclass(frozen=True, slots=True)
class Request:
    """How to rewrite. Equal requests give equal bytes for equal files, whoever runs them.

    Attributes:
        passes: what to do, in order; or as text, as `--passes` has it.
        numbers: whether to run both models besides the symbolic proof; None: where what is executed changed.
        optimised: whether to run them again with all of onnxruntime's optimisations.
        inputs: an `.npz` file to run them on; drawn from the signature where None.
        timeout: seconds for the numbers.
        sidecar: whether to write `<output>.modules.json`.
        copy_data: whether to copy external data where the output goes to another folder.
        min_coverage: least share of nodes to be placed, 0 to 1.
        strict: whether a refusal is a failure.
        dry_run: whether to do everything but write.
        like: the model that this one was made of, or its sidecar.
        reference: what it was built from, as `--reference` has it.
        checkpoint: a file that names its weights.
        trace: what to run beside it, as `--trace` has it.
        force: whether the tree of `like` is carried over even if that does not fit.
        config: whether a transformers config beside the model is taken for its reference.
        children: what processes that run models may take.
        files: how large a file may be.
        narrow: whether globs of passes that fit nothing in a file are left out there, and told.
        seal: the digest of all this; see `sealed`.
    """

    passes: str | tuple[Pass, ...] = (Annotate(),)
    numbers: bool | None = None
    optimised: bool = False
    inputs: str | None = None
    timeout: float = 600.0
    sidecar: bool = True
    copy_data: bool = False
    min_coverage: float = 0.0
    strict: bool = False
    dry_run: bool = False
    like: str | None = None
    reference: str | None = None
    checkpoint: str | None = None
    trace: str | None = None
    force: bool = False
    config: bool = True
    children: child_limits.Limits = field(default_factory=child_limits.current)
    files: file_limits.Limits = field(default_factory=file_limits.current)
    narrow: bool = False
    seal: str = ""

    def options(self, model: Path) -> Options:
        """What the pipeline takes for one file.

        Args:
            model: the file, beside which a config may lie.

        Raises:
            UnreadableModel: a file that is named here cannot be read.
            UsageError: something that is named here cannot be built.
        """
        read = _same_for_all if self.seal else _same_for_all.__wrapped__
        own = given_beside(None, None, self.checkpoint, self.trace)
        given = replace(
            read(self.like, self.reference, self.seal),
            checkpoint=own.checkpoint,
            trace=own.trace,
            forced=self.force,
        )
        return Options(
            passes=parse_passes(self.passes) if isinstance(self.passes, str) else self.passes,
            numbers=self.numbers,
            optimised=self.optimised,
            inputs=read_inputs(Path(self.inputs)) if self.inputs else None,
            sidecar=self.sidecar,
            copy_data=self.copy_data,
            min_coverage=self.min_coverage,
            strict=self.strict,
            dry_run=self.dry_run,
            timeout=self.timeout,
            given=with_config(given, model) if self.config else given,
            narrow=self.narrow,
        )

    def sealed(self) -> Request:
        """The same request with its digest: of all fields, and of the content of files that they name."""
        named = {
            name: _content_of(getattr(self, name))
            for name in ("inputs", "like", "reference", "checkpoint", "trace")
        }
        # A pass is told by its class and options; as text it could not hold every glob.
        steps = self.passes if isinstance(self.passes, str) else [repr(step) for step in self.passes]
        fields = asdict(replace(self, seal="", passes="")) | named | {"passes": steps}
        return replace(self, seal=digest_of(json.dumps(fields, sort_keys=True).encode()))

    def config_of(self, model: Path) -> Path | None:
        """The config beside a model that will be its reference; None where there is none, or another one."""
        return config_beside(model) if self.config and self.reference is None else None


@lru_cache(maxsize=1)
def _same_for_all(like: str | None, reference: str | None, _seal: str) -> Given:
    """What is given beside every model of a batch: read once in a process for each seal."""
    return given_beside(like, reference)


def _content_of(text: str | None) -> str | None:
    """The text, and the digest of the file that it names, also as `file.py:factory` or as a folder."""
    if text is None:
        return None
    path, _, _ = text.rpartition(":")
    for candidate in (Path(text), Path(text) / "config.json", Path(path or text)):
        if candidate.is_file():
            return f"{text} {of_file(candidate)}"
    return text
