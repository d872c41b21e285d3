"""Records values inside the bodies of If, Loop and Scan, in every iteration."""
