"""The options of all verbs: a frozen dataclass for each, made of groups that verbs share.

`groups` holds what several verbs take, `look`, `write` and `compare` the verbs; `verbs` lists them. A
docstring is the help page of its verb. What a field says is read by `rewriter.declaration`.
"""
