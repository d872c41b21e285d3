"""The child process of `profiling`: finds inputs, then runs the model under onnxruntime's profiler.

Run as `python -m rewriter.runtime.profile_worker FOLDER`.
"""

from __future__ import annotations

import json

from rewriter.runtime.inputs import FeedError
from rewriter.runtime.ort import ProfiledSession, RunError
from rewriter.runtime.profiling import Asked
from rewriter.runtime.protocol import Stage
from rewriter.runtime.serving import serve
from rewriter.runtime.worker import Comparison


class Profiling(Comparison):
    """One request at work in its folder; inputs are found as for a comparison."""

    def run_profile(self) -> None:
        """Leave the profile and the optimised graph in the folder."""
        asked = Asked(**json.loads((self.folder / "asked.json").read_text(encoding="utf-8")))
        feeds = self._original()[1].feeds[0] if asked.rounds else {}
        session = ProfiledSession(
            self.folder / Stage.FIRST.model,
            self.request.folders[Stage.FIRST],
            self.folder,
            threads=asked.threads,
            profiled=asked.rounds > 0,
        )
        if not asked.rounds:
            return
        for _ in range(asked.warmup + asked.rounds):
            session.run(self.inputs, feeds)
        session.end().replace(self.folder / "profile.json")


if __name__ == "__main__":
    serve(lambda folder: Profiling(folder).run_profile(), told=(RunError, FeedError))
