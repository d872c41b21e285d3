"""The options of all verbs: a frozen dataclass for each, made of groups that verbs share.

`groups` holds what several verbs take; `look`, `show`, `write`, `cut` and `compare` hold the verbs; `verbs`
tells which is where. The docstring of a verb is its help page. `basics.declaration` reads the fields.
"""
