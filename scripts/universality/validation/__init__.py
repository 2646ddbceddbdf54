"""Is the method itself right? Dictionaries with a known truth, through the study's own code.

This stands above the wings, as a script does: it makes features and decoders of pretended models
(`worlds`), matches them (`pipeline`), scores them, and compares what comes out with what was put
in, one file for each experiment. Each has `measure`, which returns a table, `claims`, which says
what the table must show, and a drawing in `figures`. Nothing else imports it.
"""
