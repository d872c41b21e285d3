"""Runs tasks in child processes, since onnx and onnxruntime can crash, hang or take all memory on a bad file.

`call.run` is the only entry point. It returns the result of the task, or `Ended`, which says how the process
ended without a result:

    task = Task("rewriter.runtime.compare.fingerprint_task:take_fingerprints")
    found = run(task, watch, {"model": model}, timeout=60)

A task is a function of a `Job`. Only the child imports the module of the task.
"""
