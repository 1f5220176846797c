# 30 in flight per ready replica give one more, each 20 s.
use seldonlag ready=2
observe at=0s load=59 begun=1
----
2: lag below
observe at=10s load=60 begun=1
----
2: between periods
observe at=20s load=60 begun=1
----
3: lag threshold 2->3
observe at=40s load=90 begun=1
----
4: lag threshold 3->4
observe at=60s load=90 begun=1
----
4: lag below

# The last request began at 60s; ten minutes later one goes, a minute later the next.
observe at=659s load=0
----
4: lag below
observe at=660s load=0
----
3: idle 4->3
observe at=680s load=0
----
3: cooling down
observe at=720s load=0
----
3: cooling down
observe at=740s load=0
----
2: idle 3->2
observe at=800s load=0
----
2: cooling down
observe at=860s load=0
----
1: idle 2->1

# One stays.
observe at=940s load=0
----
1: never below one
observe at=960s load=0
----
1: never below one

# A second that nobody saw may have held a request.
use seldonlag ready=2
observe at=700s load=0
----
1: idle 2->1
observe at=720s load=0
----
1: never below one
observe at=740s load=0 begun=?
----
1: lag below
observe at=760s load=0
----
1: lag below
