"""The verdict on two models: the certificate and the numbers."""
