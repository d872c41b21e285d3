"""In the child: finds inputs, then runs the model under onnxruntime's profiler."""

from __future__ import annotations

from rewriter.runtime.child.job import Job, TaskError
from rewriter.runtime.inputs.input_search import find_inputs
from rewriter.runtime.ort.sessions import ProfiledSession, Session
from rewriter.runtime.timing.kernels import Asked, KernelProfile, parse_events, read_profile


def profile_model(job: Job[Asked]) -> tuple[bytes, KernelProfile | None]:
    """Return the graph that onnxruntime optimised, without large weights, and the kernels if it was run."""
    asked = job.request
    (sent,) = job.models.values()
    sets = []
    if asked.drawing is not None:
        sets = find_inputs(job, asked.drawing, lambda: Session(sent.path, sent.folder)).feeds
    session = ProfiledSession(sent.path, sent.folder, job.folder, threads=asked.threads, profiled=bool(sets))
    optimised = (job.folder / session.OPTIMISED).read_bytes()
    if asked.drawing is None:
        return optimised, None
    for _ in range(asked.warmup + asked.rounds):
        session.run(asked.drawing.plan.inputs, sets[0])
    try:
        events = parse_events(session.end().read_text(encoding="utf-8", errors="replace"))
        return optimised, read_profile(events, warmup=asked.warmup)
    except (OSError, ValueError) as error:  # ProfileError is a ValueError
        raise TaskError(f"onnxruntime's profile cannot be read: {error}") from None
