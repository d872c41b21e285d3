"""Output for people and programs: text, JSON with its schemas, HTML, the sidecar."""
