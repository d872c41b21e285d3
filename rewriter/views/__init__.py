"""What people see: text, JSON with its schemas, HTML, the sidecar."""
