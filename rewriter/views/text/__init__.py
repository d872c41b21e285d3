"""What people read in a terminal. Needs rich, so only the command line imports it, and late."""

from rewriter.views.text.claims import print_claims
from rewriter.views.text.report import print_report, print_verification
from rewriter.views.text.tree import print_tree

__all__ = ["print_claims", "print_report", "print_tree", "print_verification"]
