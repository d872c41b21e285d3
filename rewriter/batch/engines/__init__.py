"""Engines that run the work: this process, local processes, Dask or Ray. All return futures of records."""
