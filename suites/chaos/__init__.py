"""Does the link ride out what happens to links: game days, each a timeline of faults with the reactions expected of it.

Covered: the shipped game days (`hil list gamedays`), or those named with --hil-gameday. Each runs on every link of the bench
whose devices can be broken in its ways; on hardware only where the bench file says chaos = "allow", and what hardware cannot be
commanded to have is skipped with that reason. Not covered: single faults and their recovery, which the conformance suite has.

How to read failures: a reaction that came too late or not at all names what was seen and when; an invariant that was broken
names keys or blocks. An ERROR is the bench's: no steady state to begin with, a fault without evidence, a healing that was not
seen, or a day that was called off by its own abort condition.
"""
