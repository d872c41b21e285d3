"""Work in a process of its own, since onnx and onnxruntime can crash, hang or take all memory on a bad file.

`call.run` is the one way in. It gives what the task returns, or `Ended`, which says how the process ended
without a result:

    task = Task("rewriter.runtime.compare.fingerprint_task:observe")
    found = run(task, watch, {"model": model}, timeout=60)

A task is a plain function of a `Job`. The parent never imports its module; the child imports nothing else.
"""
