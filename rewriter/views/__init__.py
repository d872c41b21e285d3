"""Output for people and programs: text, JSON and its schemas, HTML, the sidecar, other viewers' formats."""
