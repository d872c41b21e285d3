"""Laws of arithmetic on elements and on sizes."""
