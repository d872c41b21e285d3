"""The proof that nothing changed: symbolic (certificate) and by numbers (compare)."""
