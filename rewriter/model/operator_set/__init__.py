"""What operators, their versions and types mean."""
