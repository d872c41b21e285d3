"""The options of all verbs: a frozen dataclass per verb, built from groups that verbs share.

`groups` has the groups; `look`, `show`, `write`, `cut` and `compare` have the dataclasses of the verbs;
`verbs` maps each verb to its dataclass. The docstring of a dataclass is the help page of its verb.
`basics.option_declaration` reads the fields.
"""
