# A burst, then little: the window remembers the nine for a minute.
use stabilize ready=9
observe at=0s load=85
----
9: within tolerance
observe at=30s load=30
----
9: target ratio 9->3; stabilizing 3->9
observe at=59s load=30
----
9: target ratio 9->3; stabilizing 3->9

# The nine of 0s has left, one full minute later.
observe at=60s load=30
----
3: target ratio 9->3

# Up waits twenty seconds for the lowest of them.
observe at=61s load=80
----
3: target ratio 3->8; stabilizing 8->3
observe at=70s load=60
----
3: target ratio 3->6; stabilizing 6->3
observe at=81s load=80
----
6: target ratio 3->8; stabilizing 8->6

# What is recommended again is remembered from then on.
use stabilize ready=5
observe at=0s load=50
----
5: within tolerance
observe at=50s load=50
----
5: within tolerance
observe at=70s load=30
----
5: target ratio 5->3; stabilizing 3->5
observe at=109s load=30
----
5: target ratio 5->3; stabilizing 3->5
observe at=110s load=30
----
3: target ratio 5->3
