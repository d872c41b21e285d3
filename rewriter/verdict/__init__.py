"""Verdict on two models, from the certificate and from numeric runs."""
